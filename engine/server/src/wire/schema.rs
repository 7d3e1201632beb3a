//! What the core's types look like in JSON.
//!
//! The core knows nothing of OpenAPI. These types stand in for its types in the API's description
//! and are never made; the tests of the description hold them to what the core writes.
#![allow(
    missing_docs,
    reason = "the core's types have the words; these have the shape"
)]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A name: ASCII letters, digits, `_`, `-` or `.`, the first a letter or a digit.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]*$", example = "order")]
pub struct Name(pub String);

/// Id of a saga: a UUID.
#[derive(ToSchema)]
#[schema(value_type = String, format = "uuid", example = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f")]
pub struct SagaId(pub String);

/// The sha256 of some bytes.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
pub struct Digest(pub String);

/// A point in time, in UTC.
#[derive(Serialize, ToSchema)]
#[schema(value_type = String, format = "date-time", example = "2026-11-21T08:00:00.000Z")]
pub struct Timestamp(pub String);

/// How a saga stands.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum SagaStatus {
    Running,
    Waiting,
    Compensating,
    Completed,
    Compensated,
    Stuck,
}

/// How a step stands.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum StepStatus {
    Pending,
    Running,
    Waiting,
    Completed,
    Failed,
    Compensating,
    Compensated,
    CompensationFailed,
    Skipped,
}

/// Whether trying again may help.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum FailureKind {
    Retryable,
    Permanent,
}

/// Why a call did not succeed.
#[derive(ToSchema)]
pub struct Failure {
    pub kind: FailureKind,
    /// Stable and machine readable, for example `insufficient-funds` or `out-of-fuel`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whatever else the component had to say.
    #[schema(required = false)]
    pub details: Value,
}

/// Why a saga did not complete.
#[derive(ToSchema)]
pub struct SagaError {
    /// The step that failed first; null when it was no step.
    pub step: Option<Name>,
    /// Stable and machine readable.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whatever else the step had to say.
    pub details: Value,
}

/// What calls used.
#[derive(ToSchema)]
pub struct Metering {
    /// Units of fuel.
    pub fuel: u64,
    /// Largest size of all linear memories together.
    pub memory_bytes: u64,
    /// Wall time.
    pub duration_ms: f64,
    /// Outgoing requests.
    pub requests: u32,
}

/// What one call may use. Sizes are strings with a unit, for example `32MiB`.
#[derive(ToSchema)]
pub struct Limits {
    /// Units of fuel; about one for each WebAssembly instruction.
    #[schema(required = false)]
    pub fuel: Option<u64>,
    /// All linear memories together.
    #[schema(required = false, example = "32MiB")]
    pub memory: Option<String>,
    /// A result, a context patch, or failure details.
    #[schema(required = false, example = "256KiB")]
    pub payload: Option<String>,
    /// What a call may write to the saga's log.
    #[schema(required = false, example = "64KiB")]
    pub log: Option<String>,
    /// The body of a response to an outgoing request.
    #[schema(required = false, example = "1MiB")]
    pub response: Option<String>,
    /// Outgoing requests.
    #[schema(required = false)]
    pub requests: Option<u32>,
}

/// What an operator grants a component. Nothing, by default.
#[derive(ToSchema)]
pub struct Policy {
    /// Hosts it may send requests to: `example.com`, `example.com:8443`, `*.example.com`.
    #[schema(required = false)]
    pub allowed_hosts: Vec<String>,
    /// Networks that are not global and that it may reach all the same, in CIDR form.
    #[schema(required = false)]
    pub allowed_networks: Vec<String>,
    /// What `config` answers.
    #[schema(required = false)]
    pub config: BTreeMap<String, String>,
    /// What its calls may use, where the definition does not say.
    #[schema(required = false)]
    pub limits: Limits,
}

/// An event of a saga's journal. The fields beside these depend on `type`.
#[derive(Serialize, ToSchema)]
pub struct Event {
    /// Place in the journal, from 1, without gaps.
    pub seq: u64,
    /// When the engine decided it.
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "act_completed")]
    pub kind: String,
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// Which way a step went.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Direction {
    Act,
    Compensate,
}

/// How much a log line matters; `stdout` and `stderr` are lines that a component printed.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Stdout,
    Stderr,
}

/// One line of a saga's log.
#[derive(ToSchema)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// By which step.
    pub step: Name,
    pub direction: Direction,
    /// In which attempt.
    pub attempt: u32,
    pub level: LogLevel,
    /// What was written.
    pub message: String,
}
