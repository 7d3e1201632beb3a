//! The calls that a saga has made.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use wasaga_core::comparison::Comparison;
use wasaga_core::{
    Certainty, Digest, Direction, Failure, LogLine, Metering, Name, Reply, RequestRecord, SagaId,
    StepPath, Timestamp,
};

use super::schema;

/// A call in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallSummary {
    /// Which of the saga's calls: the number of the event that started it.
    pub seq: u64,
    /// Of which step.
    #[schema(value_type = schema::StepPath)]
    pub step: StepPath,
    /// Which function.
    #[schema(value_type = schema::Direction)]
    pub direction: Direction,
    /// Which attempt of this direction, 1 for the first.
    pub attempt: u32,
    /// The component.
    #[schema(value_type = schema::Name)]
    pub component: Name,
    /// The version that it ran on.
    pub version: u32,
    /// Digest of that version's bytes.
    #[schema(value_type = schema::Digest)]
    pub digest: Digest,
    /// Which of the component's actions.
    #[schema(value_type = schema::Name)]
    pub action: Name,
    /// When it was started.
    #[schema(value_type = schema::Timestamp)]
    pub started_at: Timestamp,
    /// When the journal says that it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Timestamp>)]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: CallOutcome,
    /// What it used.
    #[schema(value_type = schema::Metering)]
    pub metering: Metering,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallOutcome {
    /// It has not, yet.
    Running,
    /// The action is done.
    Completed,
    /// A reply has to come.
    Pending,
    /// It did not succeed.
    Failed,
    /// The engine went away meanwhile.
    Interrupted,
    /// The saga was given up meanwhile.
    Abandoned,
}

/// A call with all that went in and came out. `wasaga component call` runs it on a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// Which call it is.
    #[serde(flatten)]
    pub summary: CallSummary,
    /// What went in.
    pub input: CallInput,
    /// What came out; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<CallOutput>,
}

/// What goes into a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallInput {
    /// The saga.
    #[schema(value_type = schema::SagaId)]
    pub saga: SagaId,
    /// Name of its definition.
    #[schema(value_type = schema::Name)]
    pub definition: Name,
    /// Which attempt, as the component is told.
    pub attempt: u32,
    /// The same for every attempt.
    #[schema(value_type = String, format = "uuid")]
    pub idempotency_key: Uuid,
    /// The saga's input.
    pub input: Value,
    /// The saga's context.
    pub context: Value,
    /// The step's arguments.
    pub arguments: Value,
    /// Result of the node before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Value>,
    /// For a compensation or a confirmation: what the act left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// For `on-reply`: the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reply>)]
    pub reply: Option<Reply>,
}

/// What comes out of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallOutput {
    /// What the action left, when it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What it adds to the context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_patch: Option<Value>,
    /// What whoever replies gets to see, when a reply has to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Value>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Failure>)]
    pub failure: Option<Failure>,
    /// Whether the component itself said so, or was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Certainty>)]
    pub certainty: Option<Certainty>,
    /// What it sent, and what it was answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::RequestRecord>)]
    pub requests: Vec<RequestRecord>,
}

/// On which version to run a call again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RerunCall {
    /// A version of the same component; the one that it ran on unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// What came of running a call again. Nothing was sent, and the saga was not touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rerun {
    /// The version that it was run on.
    pub version: u32,
    /// Digest of that version's bytes.
    #[schema(value_type = schema::Digest)]
    pub digest: Digest,
    /// How it ended.
    pub outcome: CallOutcome,
    /// What came out.
    pub output: CallOutput,
    /// What it used.
    #[schema(value_type = schema::Metering)]
    pub metering: Metering,
    /// What it logged.
    #[schema(value_type = Vec<schema::LogLine>)]
    pub logs: Vec<LogLine>,
    /// What is different from the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Comparison>)]
    pub comparison: Option<Comparison>,
    /// Why it cannot be compared with the record, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomparable: Option<String>,
}
