//! What is different when a recorded call is run again on another version, with its requests
//! answered from the record.
//!
//! | file | what it compares |
//! |---|---|
//! | `json` | two JSON values, place by place |
//! | `request` | the requests of two calls, and two requests part by part |
//! | `text` | two texts, shortened to where they differ |
//! | `incomparable` | nothing: it says which recorded calls cannot be run again |
//!
//! What is compared is what others get to see: how the call ended, what it left, what it sent. Fuel
//! and memory are no differences, they are numbers beside them.
//!
//! A request that was never recorded has no true answer. What a call does after one follows from a
//! made-up answer: nothing of it is compared, and the comparison says where that is
//! ([`Comparison::diverged_at`]).

mod incomparable;
mod json;
mod request;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use incomparable::{Incomparable, comparable};
pub use json::{Change, Changes};
pub use request::{HeaderChange, HeaderChanges, Part, ShownBody};

use crate::call::{Certainty, Completion, Ended, Failure, FailureKind, Report};
use crate::history::{RecordedEnd, RecordedOutcome};

/// Most differences of one call that are shown.
pub const MAX_DIFFERENCES: usize = 32;
/// Most changes of one difference that are shown.
pub const MAX_CHANGES: usize = 50;
/// Longest value or text that is shown, in bytes of its text.
pub const MAX_SHOWN_BYTES: usize = 512;

/// A recorded call beside the same call on another version, the candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What is different, at most [`MAX_DIFFERENCES`]. Empty: nothing that others see.
    pub differences: Vec<Difference>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// The first of the candidate's requests that was never recorded, counted from 0: what comes
    /// after it is not compared, and neither is how the call ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged_at: Option<usize>,
    /// Units of fuel.
    pub fuel: Compared,
    /// Largest size of all linear memories together.
    pub memory_bytes: Compared,
}

/// The same thing of both calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared<T = u64> {
    /// Of the recorded call.
    pub recorded: T,
    /// Of the candidate's.
    pub candidate: T,
}

/// One thing that is different.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Difference {
    /// The call ended in another way.
    Outcome(Compared<Outcome>),
    /// Both completed, with different results.
    Result(Changes),
    /// Both completed, and change the context differently.
    ContextPatch(Changes),
    /// Both wait for a reply, and show something else to whoever replies.
    PendingPayload(Changes),
    /// Both failed in the same way, and say something else about it.
    Failure {
        /// The message, when it is different.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Compared<String>>,
        /// The details.
        #[serde(default, skip_serializing_if = "Changes::is_empty")]
        details: Changes,
    },
    /// Recorded requests were sent in another order.
    Order {
        /// The places of the recorded requests, in the order in which the candidate sent them; at
        /// most [`MAX_CHANGES`], from the first one that comes too early.
        sent: Vec<usize>,
    },
    /// A request that was recorded is sent, and is not the same in all its parts.
    Request {
        /// Its place among the candidate's requests, from 0.
        index: usize,
        /// The place of the recorded one among those of its call.
        recorded_index: usize,
        /// Method of the recorded one.
        method: String,
        /// URL of the recorded one.
        url: String,
        /// What is different.
        parts: Vec<Part>,
    },
    /// A request that was never recorded.
    UnrecordedRequest {
        /// Its place among the candidate's requests, from 0.
        index: usize,
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
        recorded_index: usize,
        /// Its method.
        method: String,
        /// Where it went.
        url: String,
        /// What it says.
        body: ShownBody,
    },
}

/// How a call ended, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it is for.
    Completed,
    /// It waits for a reply.
    Pending,
    /// It did not succeed.
    Failed {
        /// Whether trying again may help.
        kind: FailureKind,
        /// Whether the component itself said so.
        certainty: Certainty,
        /// Why, for programs.
        code: String,
        /// Why, for people, shortened. It does not count: two failures with the same code are the
        /// same outcome.
        message: String,
    },
}

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// How the call ended, and what it said about that.
    Outcome,
    /// What it does to the context.
    ContextPatch,
    /// What it sends, and in which order.
    Requests,
}

/// Compares what came of a recorded call with what came of the same call on another version.
///
/// `report.requests` are the candidate's requests, each recorded in full. `answered_from` has, for
/// each of them, the place of the recorded request whose response it was answered with, and `None`
/// for one that was never recorded; what is beyond its end was not recorded either.
///
/// Meant for calls that are [`comparable`]: how a call ended that was cut off is not compared.
#[must_use]
pub fn compare(
    recorded: &RecordedEnd,
    report: &Report,
    answered_from: &[Option<usize>],
) -> Comparison {
    let requests = request::compare(&recorded.requests, &report.requests, answered_from);
    let mut differences = match &recorded.outcome {
        RecordedOutcome::Ended(ended) if requests.diverged_at.is_none() => {
            outcomes(ended, &report.ended)
        }
        _ => Vec::new(),
    };
    differences.extend(requests.differences);
    let more = differences.len().saturating_sub(MAX_DIFFERENCES);
    differences.truncate(MAX_DIFFERENCES);
    Comparison {
        differences,
        more,
        diverged_at: requests.diverged_at,
        fuel: Compared {
            recorded: recorded.metering.fuel,
            candidate: report.metering.fuel,
        },
        memory_bytes: Compared {
            recorded: recorded.metering.memory_bytes,
            candidate: report.metering.memory_bytes,
        },
    }
}

fn outcomes(recorded: &Ended, candidate: &Ended) -> Vec<Difference> {
    let changes = |difference: fn(Changes) -> Difference, changes: Changes| {
        (!changes.is_empty()).then(|| difference(changes))
    };
    let found = match (recorded, candidate) {
        (Ended::Completed(recorded), Ended::Completed(candidate)) => {
            let results = Changes::between(&recorded.result, &candidate.result);
            [
                changes(Difference::Result, results),
                changes(Difference::ContextPatch, patches(recorded, candidate)),
            ]
        }
        (Ended::Pending(recorded), Ended::Pending(candidate)) => {
            let payloads = Changes::between(recorded, candidate);
            [changes(Difference::PendingPayload, payloads), None]
        }
        (
            Ended::Failed {
                failure: recorded,
                certainty: first,
            },
            Ended::Failed {
                failure: candidate,
                certainty: second,
            },
        ) if (recorded.kind, &recorded.code, first)
            == (candidate.kind, &candidate.code, second) =>
        {
            [failures(recorded, candidate), None]
        }
        _ => [
            Some(Difference::Outcome(Compared {
                recorded: Outcome::of(recorded),
                candidate: Outcome::of(candidate),
            })),
            None,
        ],
    };
    found.into_iter().flatten().collect()
}

/// A patch that is not there changes as little as an empty one.
fn patches(recorded: &Completion, candidate: &Completion) -> Changes {
    let nothing = Value::Object(serde_json::Map::new());
    let [recorded, candidate] =
        [recorded, candidate].map(|completion| completion.context_patch.as_ref());
    Changes::between(recorded.unwrap_or(&nothing), candidate.unwrap_or(&nothing))
}

fn failures(recorded: &Failure, candidate: &Failure) -> Option<Difference> {
    let message = text::compared(&recorded.message, &candidate.message);
    let details = Changes::between_options(recorded.details.as_ref(), candidate.details.as_ref());
    let differs = message.is_some() || !details.is_empty();
    differs.then_some(Difference::Failure { message, details })
}

impl Comparison {
    /// Whether the candidate does what the recorded call did, as far as others see it.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }

    /// Whether nothing is different in this. Of a call that diverged, only the requests were
    /// compared: it is known to be the same in nothing.
    #[must_use]
    pub fn is_same_in(&self, aspect: Aspect) -> bool {
        self.diverged_at.is_none()
            && !self
                .differences
                .iter()
                .any(|difference| difference.aspect() == aspect)
    }
}

impl Difference {
    /// What it is about.
    #[must_use]
    pub const fn aspect(&self) -> Aspect {
        match self {
            Self::Outcome(_) | Self::Result(_) | Self::PendingPayload(_) | Self::Failure { .. } => {
                Aspect::Outcome
            }
            Self::ContextPatch(_) => Aspect::ContextPatch,
            Self::Order { .. }
            | Self::Request { .. }
            | Self::UnrecordedRequest { .. }
            | Self::MissingRequest { .. } => Aspect::Requests,
        }
    }
}

impl Outcome {
    fn of(ended: &Ended) -> Self {
        match ended {
            Ended::Completed(_) => Self::Completed,
            Ended::Pending(_) => Self::Pending,
            Ended::Failed { failure, certainty } => Self::Failed {
                kind: failure.kind,
                certainty: *certainty,
                code: text::shortened(&failure.code),
                message: text::shortened(&failure.message),
            },
        }
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests;
