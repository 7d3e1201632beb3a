//! The calls of a saga, as its journal has them: what went in, what came out, and what was sent
//! meanwhile.
//!
//! Nothing of what goes into a call is stored beside it: it follows from the events before it, as it
//! did when the call was made.

use std::collections::HashMap;

use crate::call::Certainty;
use crate::call::{CallId, Completion, Direction, Ended, Failure, Metering};
use crate::effect::{self, Call};
use crate::event::{CutOff, Event, Record};
use crate::path::StepPath;
use crate::recording::RequestRecord;
use crate::state::{FoldError, State};
use crate::time::Timestamp;

/// One attempt of a call.
#[derive(Clone, Debug)]
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
        if let Some((call, end)) = end(record) {
            self.end(&call, end);
        }
        self.state.apply(record)?;
        if let Some(step) = started(&record.event) {
            let call = self
                .state
                .step(step)
                .and_then(|step| effect::call(&self.state, step));
            if let Some(call) = call {
                self.running.insert(call.id.clone(), self.calls.len());
                self.calls.push(RecordedCall {
                    seq: record.seq,
                    call: Box::new(call),
                    end: None,
                });
            }
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

    fn end(&mut self, ended: &Ending<'_>, end: RecordedEnd) {
        let directions: &[Direction] = match ended.directions {
            Directions::Act => &[Direction::Act, Direction::OnReply],
            Directions::Confirm => &[Direction::Confirm],
            Directions::Compensate => &[Direction::Compensate],
            Directions::All => {
                for (_, index) in self.running.drain() {
                    self.calls[index].end = Some(end.clone());
                }
                return;
            }
        };
        let found = directions.iter().find_map(|direction| {
            self.running.remove(&CallId {
                direction: *direction,
                step: ended.step?.clone(),
                attempt: ended.attempt,
            })
        });
        if let Some(index) = found {
            self.calls[index].end = Some(end);
        }
    }
}

/// Which calls an event ends.
struct Ending<'a> {
    directions: Directions,
    step: Option<&'a StepPath>,
    attempt: u32,
}

enum Directions {
    /// `act` or `on-reply`, which are counted together.
    Act,
    Confirm,
    Compensate,
    /// Whatever runs.
    All,
}

/// The step of which an event starts a call.
const fn started(event: &Event) -> Option<&StepPath> {
    match event {
        Event::ActStarted { step, .. }
        | Event::OnReplyStarted { step, .. }
        | Event::ConfirmationStarted { step, .. }
        | Event::CompensationStarted { step, .. } => Some(step),
        _ => None,
    }
}

/// What call a record ends, and how.
fn end(record: &Record) -> Option<(Ending<'_>, RecordedEnd)> {
    use Directions::{Act, All, Compensate, Confirm};
    let failed = |failure: &Failure, certainty: Certainty| {
        RecordedOutcome::Ended(Ended::Failed {
            failure: failure.clone(),
            certainty,
        })
    };
    let done = || RecordedOutcome::Ended(Ended::Completed(Completion::default()));
    let (directions, step, attempt, outcome, used) = match &record.event {
        Event::ActCompleted {
            step,
            attempt,
            result,
            context_patch,
            metering,
            requests,
        } => {
            let completion = Completion {
                result: serde_json::Value::clone(result),
                context_patch: context_patch.as_deref().cloned(),
            };
            let outcome = RecordedOutcome::Ended(Ended::Completed(completion));
            (
                Act,
                Some(step),
                *attempt,
                outcome,
                Some((metering, requests)),
            )
        }
        Event::ActPending {
            step,
            attempt,
            payload,
            metering,
            requests,
            ..
        } => {
            let pending = Ended::Pending(serde_json::Value::clone(payload));
            let outcome = RecordedOutcome::Ended(pending);
            (
                Act,
                Some(step),
                *attempt,
                outcome,
                Some((metering, requests)),
            )
        }
        Event::ActFailed {
            step,
            attempt,
            failure,
            certainty,
            metering,
            requests,
            ..
        } => {
            let outcome = failed(failure, *certainty);
            (
                Act,
                Some(step),
                *attempt,
                outcome,
                Some((metering, requests)),
            )
        }
        Event::ConfirmationCompleted {
            step,
            attempt,
            metering,
            requests,
        } => (
            Confirm,
            Some(step),
            *attempt,
            done(),
            Some((metering, requests)),
        ),
        Event::CompensationCompleted {
            step,
            attempt,
            metering,
            requests,
        } => (
            Compensate,
            Some(step),
            *attempt,
            done(),
            Some((metering, requests)),
        ),
        Event::ConfirmationFailed {
            step,
            attempt,
            failure,
            certainty,
            metering,
            requests,
            ..
        } => {
            let outcome = failed(failure, *certainty);
            (
                Confirm,
                Some(step),
                *attempt,
                outcome,
                Some((metering, requests)),
            )
        }
        Event::CompensationFailed {
            step,
            attempt,
            failure,
            certainty,
            metering,
            requests,
            ..
        } => {
            let outcome = failed(failure, *certainty);
            (
                Compensate,
                Some(step),
                *attempt,
                outcome,
                Some((metering, requests)),
            )
        }
        Event::ActInterrupted { step, attempt, by } => (
            Act,
            Some(step),
            *attempt,
            RecordedOutcome::Interrupted(*by),
            None,
        ),
        Event::ConfirmationInterrupted { step, attempt, by } => (
            Confirm,
            Some(step),
            *attempt,
            RecordedOutcome::Interrupted(*by),
            None,
        ),
        Event::CompensationInterrupted { step, attempt, by } => (
            Compensate,
            Some(step),
            *attempt,
            RecordedOutcome::Interrupted(*by),
            None,
        ),
        Event::SagaAbandoned { .. } => (All, None, 0, RecordedOutcome::Abandoned, None),
        _ => return None,
    };
    let (metering, requests) = used.map_or_else(Default::default, |(metering, requests)| {
        (*metering, requests.clone())
    });
    let ending = Ending {
        directions,
        step,
        attempt,
    };
    let end = RecordedEnd {
        seq: record.seq,
        at: record.at,
        outcome,
        metering,
        requests,
    };
    Some((ending, end))
}
