//! What a call to a component leaves behind.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What came of one call of `act` or `compensate`, as the sandbox saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How the call ended.
    pub ended: Ended,
    /// What it used.
    pub metering: Metering,
    /// The requests it sent, in order.
    pub requests: Vec<RequestRecord>,
    /// Whether anything outside may have changed.
    pub evidence: Evidence,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    /// The action is done. A compensation leaves an empty completion.
    Completed(Completion),
    /// The action did not succeed.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether the component itself said so.
        certainty: Certainty,
    },
}

/// What a finished action leaves behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completion {
    /// The step's result.
    pub result: Value,
    /// An RFC 7396 merge patch for the saga's context; always an object.
    pub context_patch: Option<Value>,
}

/// Whether a failure says that the action did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The component returned the failure.
    Definite,
    /// The call was cut off: a trap, an exhausted limit, a timeout, a crash.
    Uncertain,
}

/// Whether a call may have changed anything outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Proven: no request left that is not safe (GET, HEAD, OPTIONS).
    Unchanged,
    /// A request that is not safe was sent, or nobody knows.
    Possible,
}

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// Trying again may help.
    Retryable,
    /// Trying again cannot help.
    Permanent,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Whether trying again may help.
    pub kind: FailureKind,
    /// Stable and machine readable, for example `insufficient-funds` or `out-of-fuel`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whatever else the component had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metering {
    /// Units of fuel.
    pub fuel: u64,
    /// Largest size of all linear memories together.
    pub memory_bytes: u64,
    /// Wall time, to the microsecond.
    pub duration_ms: f64,
    /// Outgoing requests.
    pub requests: u32,
}

/// One outgoing request of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// GET, POST and so on.
    pub method: String,
    /// Where it went.
    pub url: String,
    /// Status of the response, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// From the start of the request to the end of the response's body.
    pub duration_ms: f64,
    /// Size of the request's body.
    pub request_bytes: u64,
    /// Size of the response's body.
    pub response_bytes: u64,
}
