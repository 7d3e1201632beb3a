//! What the journal can say of a saga.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Certainty, Evidence, Failure, Metering, Reply};
use crate::id::{Digest, Name, SagaId};
use crate::path::StepPath;
use crate::recording::RequestRecord;
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

/// A step that an operator bound to another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repin {
    /// Which step.
    pub step: StepPath,
    /// What its calls run on from now on.
    #[serde(flatten)]
    pub pin: Pin,
}

/// The saga that a nested one is a step of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Which saga.
    pub saga: SagaId,
    /// Which of its steps.
    pub step: StepPath,
    /// Sagas around the nested one: 1 when the parent itself is not nested.
    pub depth: u32,
}

/// Who acted on a saga, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Who.
    pub by: String,
    /// Why, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a step that was started is not compensated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// It failed, and it is proven that nothing outside changed.
    NoEffect,
    /// It failed, and its definition says `"compensate_failed": "never"`.
    Definition,
    /// An operator said so.
    Operator,
}

/// How a call was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutOff {
    /// The engine was gone: the call may be what brought it down.
    #[default]
    Crash,
    /// The engine ended in order and did not wait longer.
    Shutdown,
}

/// Why a saga stopped for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum PauseCause {
    /// Somebody asked for it.
    Operator,
    /// A step's retries are used up, and its definition says `"on_exhausted": "pause"`.
    Exhausted {
        /// Which step.
        step: StepPath,
    },
    /// A node after the pivot failed for good: the saga can neither go on nor back by itself.
    Pivot {
        /// Which node.
        step: StepPath,
    },
    /// Calls of a step were running too often when the engine went down.
    Poison {
        /// Which step.
        step: StepPath,
    },
}

/// A condition of a choice that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The expression.
    pub when: String,
    /// What it was.
    pub value: bool,
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
        /// The saga that it is a step of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
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
        /// The node whose result this one gets as `previous`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<StepPath>,
    },
    /// A step is not tried because its circuit breaker is open: its fallback runs instead.
    ActBypassed {
        /// Which step.
        step: StepPath,
    },
    /// An attempt of a step's `on-reply` is about to run.
    OnReplyStarted {
        /// Which step.
        step: StepPath,
        /// Which attempt, counted on from those of its act.
        attempt: u32,
    },
    /// An attempt of a step's act or `on-reply` answered that a reply has to come.
    ActPending {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// What whoever replies gets to see.
        payload: Arc<Value>,
        /// Until when the reply has to come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// What the attempt used.
        metering: Metering,
        /// What it sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<RequestRecord>,
    },
    /// The reply that a step waits for, or will wait for, is there.
    ReplyReceived {
        /// Which step.
        step: StepPath,
        /// What it says.
        reply: Arc<Reply>,
    },
    /// A step is done: an attempt succeeded, or its nested saga completed.
    ActCompleted {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// What the step leaves to its compensation and to the next step.
        result: Arc<Value>,
        /// What it adds to the context.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context_patch: Option<Arc<Value>>,
        /// What the attempt used.
        metering: Metering,
        /// What it sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<RequestRecord>,
    },
    /// An attempt failed, a reply did not come in time, or a nested saga did not complete.
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
        /// What the attempt used.
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
        /// How it went away.
        #[serde(default)]
        by: CutOff,
    },
    /// A node could not be started: an expression failed, or a component has no active version.
    StepFailed {
        /// Which node.
        step: StepPath,
        /// Why.
        failure: Failure,
    },
    /// A choice took a branch, or none.
    ChoiceMade {
        /// Which choice.
        step: StepPath,
        /// The branch, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch: Option<u32>,
        /// The conditions that were looked at, in order.
        evaluated: Vec<Evaluated>,
    },
    /// All branches of a parallel are done: what they did to the context is seen by all.
    ParallelCompleted {
        /// Which parallel.
        step: StepPath,
        /// The last node with a result of each branch.
        results: Vec<Option<StepPath>>,
    },
    /// A loop knows what to run over.
    LoopStarted {
        /// Which loop.
        step: StepPath,
        /// The list.
        items: Arc<Value>,
        /// The node whose result its first steps get as `previous`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<StepPath>,
    },
    /// All rounds of a loop are done.
    LoopCompleted {
        /// Which loop.
        step: StepPath,
        /// The last node with a result of each round.
        results: Vec<Option<StepPath>>,
    },
    /// A nested saga is to run.
    ChildStarted {
        /// Which step.
        step: StepPath,
        /// 1 for the first; another one when an operator ordered it, with a new saga.
        attempt: u32,
        /// Its id.
        child: SagaId,
        /// Name of its definition.
        definition: Name,
        /// Version of its definition, when this saga's definition names one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
        /// Its input.
        input: Arc<Value>,
    },
    /// A wait has begun.
    SleepStarted {
        /// Which node.
        step: StepPath,
        /// Until when.
        until: Timestamp,
    },
    /// A wait is over.
    SleepCompleted {
        /// Which node.
        step: StepPath,
    },
    /// Every step is done, and somebody has to commit or reject the saga.
    CommitAwaited {
        /// When it is rejected if nobody does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Somebody committed the saga.
    SagaCommitted {
        /// Who and why.
        #[serde(flatten)]
        order: Order,
    },
    /// Every step is done; these are made final, in this order.
    SagaConfirming {
        /// The completed steps whose components take part.
        steps: Vec<StepPath>,
    },
    /// An attempt to make a step final is about to run.
    ConfirmationStarted {
        /// Which step.
        step: StepPath,
        /// 1 for the first.
        attempt: u32,
    },
    /// A step is final.
    ConfirmationCompleted {
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
    /// An attempt to make a step final failed.
    ConfirmationFailed {
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
    /// The engine went away while a confirmation ran.
    ConfirmationInterrupted {
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// How it went away.
        #[serde(default)]
        by: CutOff,
    },
    /// The saga will not complete. From here it goes backward.
    SagaFailed {
        /// The first failure, which stays the saga's error.
        error: SagaError,
        /// Who asked for it, when somebody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Why they did, when they said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The saga had completed, and the saga around it is undone.
    SagaReversed,
    /// An attempt of a step's compensation is about to run. For a nested saga: it is told to undo
    /// itself.
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
        /// How it went away.
        #[serde(default)]
        by: CutOff,
    },
    /// A step that was started needs no undo.
    CompensationSkipped {
        /// Which step.
        step: StepPath,
        /// Why not.
        reason: SkipReason,
    },
    /// The saga stops between two calls.
    SagaPaused {
        /// Why.
        #[serde(flatten)]
        cause: PauseCause,
        /// Who asked for it and what for, when somebody did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<Order>,
    },
    /// The saga goes on.
    SagaResumed {
        /// Who and why.
        #[serde(flatten)]
        order: Order,
    },
    /// An operator wants another attempt at once.
    RetryOrdered {
        /// What is tried again.
        steps: Vec<StepPath>,
        /// What runs on another version from now on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pins: Vec<Repin>,
        /// Who and why.
        #[serde(flatten)]
        order: Order,
    },
    /// An operator bound steps to another version: their next calls run on it.
    VersionChanged {
        /// Which steps, and to what.
        pins: Vec<Repin>,
        /// Who and why.
        #[serde(flatten)]
        order: Order,
    },
    /// An operator says that compensations or confirmations which gave up are not needed.
    SkipOrdered {
        /// Whose.
        steps: Vec<StepPath>,
        /// Who and why.
        #[serde(flatten)]
        order: Order,
    },
    /// An operator gave the saga up as it is. An end.
    SagaAbandoned {
        /// Who and why.
        #[serde(flatten)]
        order: Order,
    },
    /// Every step is done, and final. An end.
    SagaCompleted,
    /// Every step is undone. An end.
    SagaCompensated,
    /// A compensation or a confirmation gave up; all others ran.
    SagaStuck,
    /// The saga around this one knows how it ended.
    ParentTold,
}

impl Event {
    /// The versions that steps are bound to by this event and were not before.
    pub fn binds(&self) -> impl Iterator<Item = &Pin> {
        let (first, others) = match self {
            Self::ActStarted {
                attempt: 1, pin, ..
            } => (Some(pin), &[][..]),
            Self::RetryOrdered { pins, .. } | Self::VersionChanged { pins, .. } => {
                (None, pins.as_slice())
            }
            _ => (None, &[][..]),
        };
        first
            .into_iter()
            .chain(others.iter().map(|repin| &repin.pin))
    }

    /// The event's type as the journal spells it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SagaStarted { .. } => "saga_started",
            Self::ActStarted { .. } => "act_started",
            Self::ActBypassed { .. } => "act_bypassed",
            Self::OnReplyStarted { .. } => "on_reply_started",
            Self::ActPending { .. } => "act_pending",
            Self::ReplyReceived { .. } => "reply_received",
            Self::ActCompleted { .. } => "act_completed",
            Self::ActFailed { .. } => "act_failed",
            Self::ActInterrupted { .. } => "act_interrupted",
            Self::StepFailed { .. } => "step_failed",
            Self::ChoiceMade { .. } => "choice_made",
            Self::ParallelCompleted { .. } => "parallel_completed",
            Self::LoopStarted { .. } => "loop_started",
            Self::LoopCompleted { .. } => "loop_completed",
            Self::ChildStarted { .. } => "child_started",
            Self::SleepStarted { .. } => "sleep_started",
            Self::SleepCompleted { .. } => "sleep_completed",
            Self::CommitAwaited { .. } => "commit_awaited",
            Self::SagaCommitted { .. } => "saga_committed",
            Self::SagaConfirming { .. } => "saga_confirming",
            Self::ConfirmationStarted { .. } => "confirmation_started",
            Self::ConfirmationCompleted { .. } => "confirmation_completed",
            Self::ConfirmationFailed { .. } => "confirmation_failed",
            Self::ConfirmationInterrupted { .. } => "confirmation_interrupted",
            Self::SagaFailed { .. } => "saga_failed",
            Self::SagaReversed => "saga_reversed",
            Self::CompensationStarted { .. } => "compensation_started",
            Self::CompensationCompleted { .. } => "compensation_completed",
            Self::CompensationFailed { .. } => "compensation_failed",
            Self::CompensationInterrupted { .. } => "compensation_interrupted",
            Self::CompensationSkipped { .. } => "compensation_skipped",
            Self::SagaPaused { .. } => "saga_paused",
            Self::SagaResumed { .. } => "saga_resumed",
            Self::RetryOrdered { .. } => "retry_ordered",
            Self::VersionChanged { .. } => "version_changed",
            Self::SkipOrdered { .. } => "skip_ordered",
            Self::SagaAbandoned { .. } => "saga_abandoned",
            Self::SagaCompleted => "saga_completed",
            Self::SagaCompensated => "saga_compensated",
            Self::SagaStuck => "saga_stuck",
            Self::ParentTold => "parent_told",
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
