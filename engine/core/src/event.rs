//! What the journal can say of a saga.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Certainty, Evidence, Failure, Metering, RequestRecord};
use crate::id::{Digest, Name, StepPath};
use crate::state::SagaError;
use crate::time::Timestamp;

/// Version of the format of [`Event`]s, stored with each: a later engine reads earlier journals.
pub const FORMAT: u16 = 1;

/// An event at its place in a saga's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Place in the journal, from 1, without gaps.
    pub seq: u64,
    /// When the engine decided it.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A component version that a step is bound to: its retries and its compensation run on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Name of the component.
    pub component: Name,
    /// Number of the version.
    pub version: u32,
    /// Digest of its bytes.
    pub digest: Digest,
}

/// Why a step that was started is not compensated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It failed, and it is proven that nothing outside changed.
    NoEffect,
    /// It failed, and its definition says `"compensate_failed": "never"`.
    Definition,
}

/// What happened to a saga. The journal is a sequence of these; a saga's state is their fold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The saga exists. Always the first event, and never again.
    SagaStarted {
        /// Name of its definition.
        definition: Name,
        /// Version of its definition.
        version: u32,
        /// What was submitted.
        input: Arc<Value>,
        /// Labels to find it by.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        tags: BTreeMap<String, String>,
        /// When it has to be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// An attempt of a step's act is about to run.
    ActStarted {
        /// Which step.
        step: StepPath,
        /// 1 for the first.
        attempt: u32,
        /// The version that this and all later calls of the step run on.
        #[serde(flatten)]
        pin: Pin,
        /// The step's arguments with their expressions evaluated.
        #[serde(default, skip_serializing_if = "is_null")]
        arguments: Arc<Value>,
        /// The step whose result this one gets as `previous`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<StepPath>,
    },
    /// An attempt succeeded.
    ActCompleted {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// What the step leaves to its compensation and to the next step.
        result: Arc<Value>,
        /// What it adds to the context.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context_patch: Option<Value>,
        /// What it used.
        metering: Metering,
        /// What it sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<RequestRecord>,
    },
    /// An attempt failed.
    ActFailed {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether the component itself said so.
        certainty: Certainty,
        /// Whether anything outside may have changed.
        evidence: Evidence,
        /// When the next attempt starts; absent when this was the last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
        /// What it used.
        metering: Metering,
        /// What it sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<RequestRecord>,
    },
    /// The engine went away while an attempt ran: what came of it is not known.
    ActInterrupted {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
    },
    /// A step could not be started: an expression failed, or its component has no active version.
    StepFailed {
        /// Which step.
        step: StepPath,
        /// Why.
        failure: Failure,
    },
    /// The saga will not complete. From here it goes backward.
    SagaFailed {
        /// The first failure, which stays the saga's error.
        error: SagaError,
        /// Who asked for it, when somebody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// An attempt of a step's compensation is about to run.
    CompensationStarted {
        /// Which step.
        step: StepPath,
        /// 1 for the first.
        attempt: u32,
    },
    /// A step is undone.
    CompensationCompleted {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// What it used.
        metering: Metering,
        /// What it sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<RequestRecord>,
    },
    /// An attempt to undo a step failed.
    CompensationFailed {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether the component itself said so.
        certainty: Certainty,
        /// When the next attempt starts; absent when this was the last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
        /// What it used.
        metering: Metering,
        /// What it sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<RequestRecord>,
    },
    /// The engine went away while a compensation ran.
    CompensationInterrupted {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
    },
    /// A step that was started needs no undo.
    CompensationSkipped {
        /// Which step.
        step: StepPath,
        /// Why not.
        reason: SkipReason,
    },
    /// Every step is done.
    SagaCompleted,
    /// Every step is undone.
    SagaCompensated,
    /// A compensation gave up; all others ran.
    SagaStuck,
}

impl Event {
    /// The event's type as the journal spells it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SagaStarted { .. } => "saga_started",
            Self::ActStarted { .. } => "act_started",
            Self::ActCompleted { .. } => "act_completed",
            Self::ActFailed { .. } => "act_failed",
            Self::ActInterrupted { .. } => "act_interrupted",
            Self::StepFailed { .. } => "step_failed",
            Self::SagaFailed { .. } => "saga_failed",
            Self::CompensationStarted { .. } => "compensation_started",
            Self::CompensationCompleted { .. } => "compensation_completed",
            Self::CompensationFailed { .. } => "compensation_failed",
            Self::CompensationInterrupted { .. } => "compensation_interrupted",
            Self::CompensationSkipped { .. } => "compensation_skipped",
            Self::SagaCompleted => "saga_completed",
            Self::SagaCompensated => "saga_compensated",
            Self::SagaStuck => "saga_stuck",
        }
    }
}

fn is_null(value: &Arc<Value>) -> bool {
    value.is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_s_kind_is_the_type_it_is_written_with() {
        let event = Event::CompensationSkipped {
            step: StepPath::root(&Name::new("pay").expect("a name")),
            reason: SkipReason::NoEffect,
        };
        let record = Record {
            seq: 4,
            at: Timestamp::from_unix_ms(0),
            event,
        };
        let json = serde_json::to_value(&record).expect("JSON");
        assert_eq!(json["type"], record.event.kind());
        assert_eq!(json["reason"], "no-effect");
        assert_eq!(
            serde_json::from_value::<Record>(json).expect("a record"),
            record
        );
    }
}
