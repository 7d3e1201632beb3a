//! What the core's types look like in JSON.
//!
//! The core knows nothing of OpenAPI. These types stand in for its types in the API's description
//! and are never made; the tests of the description hold them to what the core writes.
#![allow(
    missing_docs,
    reason = "the core's types have the words; these have the shape"
)]

mod comparison;
mod recording;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub use self::comparison::*;
pub use self::recording::*;

/// A name: ASCII letters, digits, `_`, `-` or `.`, the first a letter or a digit.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]*$", example = "order")]
pub struct Name(pub String);

/// Where a step stands in a saga: its name, with the rounds of the loops around it; a fallback has
/// `:fallback` behind it.
#[derive(ToSchema)]
#[schema(value_type = String, example = "picks[3].pick")]
pub struct StepPath(pub String);

/// Id of a saga: a UUID.
#[derive(ToSchema)]
#[schema(value_type = String, format = "uuid", example = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f")]
pub struct SagaId(pub String);

/// What whoever replies to a pending step has to name.
#[derive(ToSchema)]
#[schema(value_type = String, example = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f.5b0e9c4e-2c1c-5d7d-8f36-0e6d3f8a1b2c")]
pub struct ReplyToken(pub String);

/// The sha256 of some bytes.
#[derive(Serialize, ToSchema)]
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
    /// Going forward.
    Running,
    /// Going forward once a timer fires, a reply arrives, or a nested saga ends.
    Waiting,
    /// Stopped between two calls until an operator says how to go on.
    Paused,
    /// Every step is done and being made final.
    Confirming,
    /// Undoing what was done.
    Compensating,
    /// Over: every step is done.
    Completed,
    /// Over: every step is undone.
    Compensated,
    /// A compensation or a confirmation gave up: an operator has to act.
    Stuck,
    /// Over: an operator gave it up as it was.
    Abandoned,
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
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    Retryable,
    Permanent,
}

/// Why a call did not succeed.
#[derive(Serialize, ToSchema)]
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

/// An external system's answer to a pending action.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// The work is done.
    Succeeded(Value),
    /// The work is not done.
    Failed(Failure),
}

/// Why a saga did not complete.
#[derive(ToSchema)]
pub struct SagaError {
    /// The step that failed first; null when it was no step.
    pub step: Option<StepPath>,
    /// Stable and machine readable.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whatever else the step had to say.
    pub details: Value,
}

/// What went wrong with a saga that did not complete.
#[derive(ToSchema)]
pub struct FailureReport {
    /// The first failure.
    pub error: SagaError,
    /// Steps that failed for good besides, in the order in which they were started.
    pub others: Vec<StepFailure>,
    /// What became of every step that was started, in the order in which they are undone.
    pub compensations: Vec<Undo>,
}

/// A step that failed for good.
#[derive(ToSchema)]
pub struct StepFailure {
    /// Which step.
    pub step: StepPath,
    /// Its last failure.
    pub error: Failure,
}

/// What became of the undo of a step.
#[derive(ToSchema)]
pub struct Undo {
    /// Which step.
    pub step: StepPath,
    /// What became of it.
    pub outcome: UndoOutcome,
    /// Attempts that were started.
    pub attempts: u32,
    /// Why none was needed, when none was.
    pub reason: Option<SkipReason>,
    /// The last failure of the undo.
    pub error: Option<Failure>,
}

/// What became of an undo.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum UndoOutcome {
    /// Not begun.
    Open,
    /// Running, or between two attempts.
    Running,
    /// The step is undone.
    Undone,
    /// Given up.
    Failed,
    /// Not needed.
    Skipped,
}

/// Why a step needs no undo, or is not made final.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It is proven that nothing outside changed.
    NoEffect,
    /// Its definition says so.
    Definition,
    /// An operator said so.
    Operator,
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
    /// Interfaces that its active version may import: `wasaga:saga/http` in any version of the
    /// interface, or `wasi:io/*` for all of a package. Absent: every interface that the engine has,
    /// none of which gives anything by itself.
    #[schema(required = false)]
    pub allowed_imports: Option<Vec<String>>,
    /// Hosts it may send requests to: `example.com`, `example.com:8443`, `*.example.com`, with
    /// `https://` before it if only that is meant.
    #[schema(required = false)]
    pub allowed_hosts: Vec<String>,
    /// Networks that are not global and that it may reach all the same, in CIDR form.
    #[schema(required = false)]
    pub allowed_networks: Vec<String>,
    /// What `config` answers.
    #[schema(required = false)]
    pub config: BTreeMap<String, String>,
    /// Secrets by the name that the component asks `config` for. It gets a placeholder, which the
    /// engine replaces in requests to the hosts named here.
    #[schema(required = false)]
    pub secrets: BTreeMap<String, SecretGrant>,
    /// What its calls may use, where the definition does not say.
    #[schema(required = false)]
    pub limits: Limits,
    /// How much of its requests the journal keeps.
    #[schema(required = false)]
    pub record: Recording,
}

/// A secret of the server that a component may use without knowing it.
#[derive(ToSchema)]
pub struct SecretGrant {
    /// Name of the secret in the server's configuration.
    pub secret: String,
    /// Hosts that its value is sent to, in the form of `allowed_hosts`; they have to be allowed there
    /// as well. A name without a scheme means https: `http://` before it has to be meant.
    pub hosts: Vec<String>,
}

/// How much of a component's requests the journal keeps.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Recording {
    /// That they were sent and how many, nothing else.
    None,
    /// Method, URL, status, duration and sizes of each.
    Summary,
    /// Headers and bodies as well, up to a bound: what it takes to run the call again without sending
    /// anything. This is the default.
    Full,
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

/// Which of an action's functions was called.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum Direction {
    Act,
    OnReply,
    Confirm,
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
    pub step: StepPath,
    pub direction: Direction,
    /// In which attempt.
    pub attempt: u32,
    pub level: LogLevel,
    /// What was written.
    pub message: String,
}
