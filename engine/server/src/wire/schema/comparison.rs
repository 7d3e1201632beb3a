//! What is different when a recorded call is run again.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Digest, FailureKind};

/// A recorded call beside the same call on another version, the candidate.
#[derive(ToSchema)]
pub struct Comparison {
    /// What is different, at most 32 of it. Empty: nothing that others see.
    pub differences: Vec<Difference>,
    /// How many more there are.
    #[schema(required = false)]
    pub more: u32,
    /// The first of the candidate's requests that was never recorded, counted from 0: what comes after
    /// it is not compared, and neither is how the call ended.
    #[schema(required = false)]
    pub diverged_at: Option<u32>,
    /// Units of fuel.
    pub fuel: Compared,
    /// Largest size of all linear memories together.
    pub memory_bytes: Compared,
}

/// The same number of both calls.
#[derive(ToSchema)]
pub struct Compared {
    /// Of the recorded call.
    pub recorded: u64,
    /// Of the candidate's.
    pub candidate: u64,
}

/// One thing that is different.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Difference {
    /// The call ended in another way.
    Outcome {
        recorded: CallEnd,
        candidate: CallEnd,
    },
    /// Both completed, with different results.
    Result {
        changes: Vec<ValueChange>,
        /// How many more there are.
        #[schema(required = false)]
        more: u32,
    },
    /// Both completed, and change the context differently.
    ContextPatch {
        changes: Vec<ValueChange>,
        /// How many more there are.
        #[schema(required = false)]
        more: u32,
    },
    /// Both wait for a reply, and show something else to whoever replies.
    PendingPayload {
        changes: Vec<ValueChange>,
        /// How many more there are.
        #[schema(required = false)]
        more: u32,
    },
    /// Both failed in the same way, and say something else about it.
    Failure {
        /// The message, when it is different.
        #[schema(required = false)]
        message: Option<ComparedText>,
        /// The details, when they are.
        #[schema(required = false)]
        details: Option<ValueChanges>,
    },
    /// Recorded requests were sent in another order.
    Order {
        /// The places of the recorded requests, in the order in which the candidate sent them, from
        /// the first one that comes too early.
        sent: Vec<u32>,
    },
    /// A request that was recorded is sent, and is not the same in all its parts.
    Request {
        /// Its place among the candidate's requests, from 0.
        index: u32,
        /// The place of the recorded one among those of its call.
        recorded_index: u32,
        /// Method of the recorded one.
        method: String,
        /// URL of the recorded one.
        url: String,
        /// What is different.
        parts: Vec<RequestPart>,
    },
    /// A request that was never recorded.
    UnrecordedRequest {
        /// Its place among the candidate's requests, from 0.
        index: u32,
        /// Its method.
        method: String,
        /// Where it was to go.
        url: String,
        /// What it says.
        body: ShownBody,
    },
    /// A recorded request that the candidate does not send.
    MissingRequest {
        /// Its place among the recorded ones, from 0.
        recorded_index: u32,
        /// Its method.
        method: String,
        /// Where it went.
        url: String,
        /// What it says.
        body: ShownBody,
    },
}

/// How a call ended, in short.
#[derive(Serialize, ToSchema)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum CallEnd {
    /// It did what it is for.
    Completed,
    /// It waits for a reply.
    Pending,
    /// It did not succeed.
    Failed {
        kind: FailureKind,
        certainty: Certainty,
        /// Why, for programs.
        code: String,
        /// Why, for people, shortened.
        message: String,
    },
}

/// Whether a failure says that the action did not happen.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The component returned the failure.
    Definite,
    /// The call was cut off: a trap, an exhausted limit, a timeout, a crash.
    Uncertain,
}

/// The places where two JSON values are different.
#[derive(Serialize, ToSchema)]
pub struct ValueChanges {
    /// At most 50 of them.
    pub changes: Vec<ValueChange>,
    /// How many more there are.
    #[schema(required = false)]
    pub more: u32,
}

/// One place where two JSON values are different. A long value is shown as a string with a part of its
/// text.
#[derive(Serialize, ToSchema)]
pub struct ValueChange {
    /// Where: a JSON pointer (RFC 6901), empty for the whole value.
    pub pointer: String,
    /// What was there in the recorded call, if anything.
    #[schema(required = false)]
    pub recorded: Value,
    /// What is there in the candidate's, if anything.
    #[schema(required = false)]
    pub candidate: Value,
}

/// The same text of both calls, shortened to where they differ.
#[derive(Serialize, ToSchema)]
pub struct ComparedText {
    /// Of the recorded call.
    pub recorded: String,
    /// Of the candidate's.
    pub candidate: String,
}

/// A part of a request that is different.
#[derive(Serialize, ToSchema)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum RequestPart {
    /// The method.
    Method { recorded: String, candidate: String },
    /// The URL.
    Url { recorded: String, candidate: String },
    /// Headers, but for those that differ from run to run.
    Headers {
        changes: Vec<HeaderChange>,
        /// How many more there are.
        #[schema(required = false)]
        more: u32,
    },
    /// Bodies that are both JSON objects or arrays.
    JsonBody {
        changes: Vec<ValueChange>,
        /// How many more there are.
        #[schema(required = false)]
        more: u32,
    },
    /// Other bodies.
    Body {
        recorded: ShownBody,
        candidate: ShownBody,
    },
}

/// A header that is different.
#[derive(Serialize, ToSchema)]
pub struct HeaderChange {
    /// Its name in lower case.
    pub name: String,
    /// Its value in the recorded request, when that has it.
    #[schema(required = false)]
    pub recorded: Option<String>,
    /// Its value in the candidate's, when that has it.
    #[schema(required = false)]
    pub candidate: Option<String>,
}

/// A body as it is shown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShownBody {
    /// There is none.
    Empty,
    /// Text, shortened.
    Text(String),
    /// The digest of anything else, and of what is too large to be recorded.
    Digest(Digest),
}
