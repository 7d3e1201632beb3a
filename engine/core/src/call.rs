//! What a call to a component leaves behind.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::id::SagaId;
use crate::path::StepPath;
use crate::recording::RequestRecord;

/// Which of an action's functions is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Does the step's work.
    Act,
    /// Turns a reply into the outcome of the work.
    OnReply,
    /// Makes the work final.
    Confirm,
    /// Undoes the work.
    Compensate,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Self; 4] = [Self::Act, Self::OnReply, Self::Confirm, Self::Compensate];

    /// The word for it, as the contract spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::OnReply => "on-reply",
            Self::Confirm => "confirm",
            Self::Compensate => "compensate",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One attempt of one call of one saga's step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallId {
    /// Which function.
    pub direction: Direction,
    /// Of which step.
    pub step: StepPath,
    /// Which attempt, counted over all calls of the step that go the same way: `act` and
    /// `on-reply` are counted together.
    pub attempt: u32,
}

/// An external system's answer to a pending action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// The work is done.
    Succeeded(Value),
    /// The work is not done.
    Failed(Failure),
}

/// What whoever replies to a pending step has to name: the saga, and the idempotency key of the
/// call that answered `pending`. A step can tell it to the outside before it answers.
///
/// Written `<saga id>.<key>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplyToken {
    /// The saga that waits.
    pub saga: SagaId,
    /// The key of the call that answered `pending`.
    pub key: Uuid,
}

/// A text that is no [`ReplyToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a reply token: expected a saga's id, a dot, and the idempotency key of the call that answered `pending`"
)]
pub struct ReplyTokenError;

impl fmt::Display for ReplyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.saga, self.key)
    }
}

impl FromStr for ReplyToken {
    type Err = ReplyTokenError;

    fn from_str(text: &str) -> Result<Self, ReplyTokenError> {
        let (saga, key) = text.split_once('.').ok_or(ReplyTokenError)?;
        Ok(Self {
            saga: saga.parse().map_err(|_| ReplyTokenError)?,
            key: Uuid::try_parse(key).map_err(|_| ReplyTokenError)?,
        })
    }
}

impl TryFrom<String> for ReplyToken {
    type Error = ReplyTokenError;

    fn try_from(text: String) -> Result<Self, ReplyTokenError> {
        text.parse()
    }
}

impl From<ReplyToken> for String {
    fn from(token: ReplyToken) -> Self {
        token.to_string()
    }
}

/// What came of one call, as the sandbox saw it.
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
    /// The action is done. A compensation and a confirmation leave an empty completion.
    Completed(Completion),
    /// The work goes on elsewhere until a reply comes. The payload is for whoever has to reply.
    /// Only `act` and `on-reply` end so.
    Pending(Value),
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

impl Failure {
    /// A failure that trying again cannot help.
    #[must_use]
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Permanent,
            code: code.to_owned(),
            message: message.into(),
            details: None,
        }
    }

    /// A failure that trying again may help.
    #[must_use]
    pub fn retryable(code: &str, message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Retryable,
            ..Self::permanent(code, message)
        }
    }
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
