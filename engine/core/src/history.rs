//! The calls of a saga, as its journal has them: what went in, what came out, and what was sent
//! meanwhile.
//!
//! Nothing of what goes into a call is stored beside it: it follows from the events before it, as it
//! did when the call was made.

use std::collections::HashMap;

use serde_json::Value;

use crate::call::{CallId, Completion, Direction, Ended, Metering};
use crate::effect::{self, Call};
use crate::event::{CutOff, Event, Record};
use crate::path::StepPath;
use crate::recording::RequestRecord;
use crate::state::{FoldError, State};
use crate::time::Timestamp;

/// One attempt of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    /// Place in the journal of the event that started it: it tells the saga's calls apart.
    pub seq: u64,
    /// What went in.
    pub call: Box<Call>,
    /// What came of it; absent while it runs.
    pub end: Option<RecordedEnd>,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEnd {
    /// Place in the journal of the event that says so.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: RecordedOutcome,
    /// What it used.
    pub metering: Metering,
    /// What it sent.
    pub requests: Vec<RequestRecord>,
}

/// How a recorded call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordedOutcome {
    /// As the sandbox saw it, or as the engine judged it.
    Ended(Ended),
    /// The engine went away meanwhile.
    Interrupted(CutOff),
    /// The saga was given up meanwhile.
    Abandoned,
}

/// Reads a saga's journal for its calls.
#[derive(Debug)]
pub struct History {
    state: State,
    calls: Vec<RecordedCall>,
    /// Places in `calls` of those that run.
    running: HashMap<CallId, usize>,
}

impl History {
    /// Starts behind the first record, which `state` is the fold of.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self {
            state,
            calls: Vec::new(),
            running: HashMap::new(),
        }
    }

    /// Takes in the next record. After an error the history is of no use any more.
    ///
    /// # Errors
    /// When the record cannot stand there.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        self.state.apply(record)?;
        if let Event::SagaAbandoned { .. } = &record.event {
            for (_, index) in self.running.drain() {
                let end = RecordedEnd::cut_off(record, RecordedOutcome::Abandoned);
                self.calls[index].end = Some(end);
            }
        } else if let Some((calls, end)) = ended(record) {
            let ended = calls
                .into_iter()
                .find_map(|call| self.running.remove(&call));
            // What ends without a call is a nested saga, or the wait for a reply.
            if let Some(index) = ended {
                self.calls[index].end = Some(end);
            }
        }
        if let Some(call) = self.started(&record.event) {
            self.running.insert(call.id.clone(), self.calls.len());
            self.calls.push(RecordedCall {
                seq: record.seq,
                call: Box::new(call),
                end: None,
            });
        }
        Ok(())
    }

    /// The saga after the last record.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The calls in the order in which they were started.
    #[must_use]
    pub fn calls(&self) -> &[RecordedCall] {
        &self.calls
    }

    /// The calls in the order in which they were started.
    #[must_use]
    pub fn into_calls(self) -> Vec<RecordedCall> {
        self.calls
    }

    /// The call that an event started: what went in follows from the state behind it.
    fn started(&self, event: &Event) -> Option<Call> {
        let (Event::ActStarted { step, .. }
        | Event::OnReplyStarted { step, .. }
        | Event::ConfirmationStarted { step, .. }
        | Event::CompensationStarted { step, .. }) = event
        else {
            return None;
        };
        effect::call(&self.state, self.state.step(step)?)
    }
}

impl RecordedEnd {
    /// An end of which nothing is known but that it came.
    fn cut_off(record: &Record, outcome: RecordedOutcome) -> Self {
        Self {
            seq: record.seq,
            at: record.at,
            outcome,
            metering: Metering::default(),
            requests: Vec::new(),
        }
    }
}

/// What call a record ends, and how. It is one of those that are named: `act` and `on-reply` have
/// the same events.
fn ended(record: &Record) -> Option<(Vec<CallId>, RecordedEnd)> {
    let (step, attempt, ended, used) = match &record.event {
        Event::ActCompleted {
            step,
            attempt,
            result,
            context_patch,
            metering,
            requests,
        } => {
            let completion = Completion {
                result: Value::clone(result),
                context_patch: context_patch.as_deref().cloned(),
            };
            let ended = Ended::Completed(completion);
            (step, attempt, ended, (metering, requests))
        }
        Event::ActPending {
            step,
            attempt,
            payload,
            metering,
            requests,
            ..
        } => {
            let ended = Ended::Pending(Value::clone(payload));
            (step, attempt, ended, (metering, requests))
        }
        Event::ConfirmationCompleted {
            step,
            attempt,
            metering,
            requests,
        }
        | Event::CompensationCompleted {
            step,
            attempt,
            metering,
            requests,
        } => {
            let ended = Ended::Completed(Completion::default());
            (step, attempt, ended, (metering, requests))
        }
        Event::ActFailed {
            step,
            attempt,
            failure,
            certainty,
            metering,
            requests,
            ..
        }
        | Event::ConfirmationFailed {
            step,
            attempt,
            failure,
            certainty,
            metering,
            requests,
            ..
        }
        | Event::CompensationFailed {
            step,
            attempt,
            failure,
            certainty,
            metering,
            requests,
            ..
        } => {
            let ended = Ended::Failed {
                failure: failure.clone(),
                certainty: *certainty,
            };
            (step, attempt, ended, (metering, requests))
        }
        Event::ActInterrupted { step, attempt, by }
        | Event::ConfirmationInterrupted { step, attempt, by }
        | Event::CompensationInterrupted { step, attempt, by } => {
            let end = RecordedEnd::cut_off(record, RecordedOutcome::Interrupted(*by));
            return Some((calls(&record.event, step, *attempt), end));
        }
        _ => return None,
    };
    let (metering, requests) = used;
    let end = RecordedEnd {
        metering: *metering,
        requests: requests.clone(),
        ..RecordedEnd::cut_off(record, RecordedOutcome::Ended(ended))
    };
    Some((calls(&record.event, step, *attempt), end))
}

/// The calls of a step that an event of the end of one may be about.
fn calls(event: &Event, step: &StepPath, attempt: u32) -> Vec<CallId> {
    let directions: &[Direction] = match event {
        Event::ConfirmationCompleted { .. }
        | Event::ConfirmationFailed { .. }
        | Event::ConfirmationInterrupted { .. } => &[Direction::Confirm],
        Event::CompensationCompleted { .. }
        | Event::CompensationFailed { .. }
        | Event::CompensationInterrupted { .. } => &[Direction::Compensate],
        _ => &[Direction::Act, Direction::OnReply],
    };
    let call = |direction: &Direction| CallId {
        direction: *direction,
        step: step.clone(),
        attempt,
    };
    directions.iter().map(call).collect()
}
