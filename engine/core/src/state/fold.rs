//! What each event means in each state: one match, and every pair that it does not name is an
//! error.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::step::{Act, Progress, StepState};
use super::{Phase, State};
use crate::call::{Evidence, Failure, FailureKind};
use crate::definition::Definition;
use crate::event::{Event, Record};
use crate::id::{SagaId, StepPath};
use crate::time::Timestamp;

/// Records that are no journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// There are no records.
    #[error("the journal of saga {saga} is empty")]
    Empty {
        /// Which saga.
        saga: SagaId,
    },
    /// A record is missing or out of order.
    #[error("the journal of saga {saga} has record {found} where {expected} should stand")]
    Gap {
        /// Which saga.
        saga: SagaId,
        /// The number that should stand there.
        expected: u64,
        /// The number that does.
        found: u64,
    },
    /// An event does not fit the state before it.
    #[error("saga {saga}, record {seq}: `{event}` cannot happen {state}")]
    Illegal {
        /// Which saga.
        saga: SagaId,
        /// Which record.
        seq: u64,
        /// The event's type.
        event: &'static str,
        /// The state, in words.
        state: String,
    },
}

impl State {
    /// The state after a saga's first record.
    ///
    /// # Errors
    /// When the record is not the first one of a journal.
    pub fn begin(
        id: SagaId,
        definition: Arc<Definition>,
        record: &Record,
    ) -> Result<Self, FoldError> {
        if record.seq != 1 {
            return Err(FoldError::Gap {
                saga: id,
                expected: 1,
                found: record.seq,
            });
        }
        let Event::SagaStarted {
            version,
            input,
            tags,
            deadline,
            ..
        } = &record.event
        else {
            return Err(FoldError::Illegal {
                saga: id,
                seq: 1,
                event: record.event.kind(),
                state: "before the saga was started".to_owned(),
            });
        };
        Ok(Self {
            id,
            definition,
            version: *version,
            phase: Phase::Forward,
            input: Arc::clone(input),
            context: Arc::new(Value::Object(Map::new())),
            tags: Arc::new(BTreeMap::clone(tags)),
            deadline: *deadline,
            error: None,
            steps: Vec::new(),
            seq: 1,
            created_at: record.at,
            updated_at: record.at,
        })
    }

    /// Takes in the next record. On an error the state is as it was.
    ///
    /// # Errors
    /// When the record cannot stand there.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        if record.seq != self.seq + 1 {
            return Err(FoldError::Gap {
                saga: self.id,
                expected: self.seq + 1,
                found: record.seq,
            });
        }
        self.apply_event(&record.event, record.at)
            .map_err(|state| FoldError::Illegal {
                saga: self.id,
                seq: record.seq,
                event: record.event.kind(),
                state,
            })?;
        self.seq = record.seq;
        self.updated_at = record.at;
        Ok(())
    }

    fn apply_event(&mut self, event: &Event, at: Timestamp) -> Result<(), String> {
        let phase = self.phase;
        match (phase, event) {
            (
                Phase::Forward,
                Event::ActStarted {
                    step,
                    attempt,
                    pin,
                    arguments,
                    previous,
                },
            ) => {
                match self.step(step) {
                    Some(state) => {
                        let waits = matches!(state.act, Act::Backoff { .. });
                        if !waits || *attempt != state.attempts + 1 {
                            return Err(state.words());
                        }
                    }
                    None if *attempt == 1 => self.steps.push(StepState::reached(step.clone(), at)),
                    None => return Err(format!("for step `{step}`, which was not reached")),
                }
                let state = self.step_mut(step)?;
                state.act = Act::Running;
                state.attempts = *attempt;
                state.pin = Some(pin.clone());
                state.arguments = Arc::clone(arguments);
                state.previous.clone_from(previous);
            }
            (
                Phase::Forward | Phase::Backward,
                Event::ActCompleted {
                    step,
                    attempt,
                    result,
                    context_patch,
                    metering,
                    requests: _,
                },
            ) => {
                let state = self.running_act(step, *attempt)?;
                state.act = Act::Completed {
                    result: Arc::clone(result),
                };
                state.metering.add(metering);
                state.finished_at = Some(at);
                if let Some(patch) = context_patch {
                    json_patch::merge(Arc::make_mut(&mut self.context), patch);
                }
            }
            (
                Phase::Forward | Phase::Backward,
                Event::ActFailed {
                    step,
                    attempt,
                    failure,
                    evidence,
                    retry_at,
                    metering,
                    ..
                },
            ) => {
                let state = self.running_act(step, *attempt)?;
                state.failures += 1;
                state.error = Some(Arc::new(failure.clone()));
                state.metering.add(metering);
                if *evidence == Evidence::Possible {
                    state.evidence = Evidence::Possible;
                }
                match retry_at {
                    Some(until) => state.act = Act::Backoff { until: *until },
                    None => {
                        state.act = Act::Failed;
                        state.finished_at = Some(at);
                    }
                }
            }
            (Phase::Forward, Event::ActInterrupted { step, attempt }) => {
                let state = self.running_act(step, *attempt)?;
                state.evidence = Evidence::Possible;
                state.act = Act::Backoff { until: at };
            }
            (Phase::Backward, Event::ActInterrupted { step, attempt }) => {
                let state = self.running_act(step, *attempt)?;
                state.evidence = Evidence::Possible;
                state.error = Some(Arc::new(interrupted()));
                state.act = Act::Failed;
                state.finished_at = Some(at);
            }
            (Phase::Forward, Event::StepFailed { step, failure }) => {
                if let Some(state) = self.step(step) {
                    return Err(state.words());
                }
                let mut state = StepState::reached(step.clone(), at);
                state.error = Some(Arc::new(failure.clone()));
                state.finished_at = Some(at);
                self.steps.push(state);
            }
            (Phase::Forward, Event::SagaFailed { error, by: _ }) => {
                self.phase = Phase::Backward;
                self.error = Some(Arc::new(error.clone()));
                // There will be no next attempt: what the last one said stands.
                for state in &mut self.steps {
                    if matches!(state.act, Act::Backoff { .. }) {
                        state.act = Act::Failed;
                        state.finished_at = Some(at);
                    }
                }
            }
            (Phase::Backward, Event::CompensationStarted { step, attempt }) => {
                let state = self.step_mut(step)?;
                let ready = matches!(
                    state.compensation.progress,
                    Progress::None | Progress::Backoff { .. }
                );
                let over = matches!(state.act, Act::Completed { .. } | Act::Failed);
                if !(ready && over) || *attempt != state.compensation.attempts + 1 {
                    return Err(state.words());
                }
                state.compensation.progress = Progress::Running;
                state.compensation.attempts = *attempt;
            }
            (
                Phase::Backward,
                Event::CompensationCompleted {
                    step,
                    attempt,
                    metering,
                    requests: _,
                },
            ) => {
                let state = self.running_compensation(step, *attempt)?;
                state.compensation.progress = Progress::Completed;
                state.compensation.metering.add(metering);
                state.compensation.finished_at = Some(at);
            }
            (
                Phase::Backward,
                Event::CompensationFailed {
                    step,
                    attempt,
                    failure,
                    retry_at,
                    metering,
                    ..
                },
            ) => {
                let state = self.running_compensation(step, *attempt)?;
                let compensation = &mut state.compensation;
                compensation.failures += 1;
                compensation.error = Some(Arc::new(failure.clone()));
                compensation.metering.add(metering);
                match retry_at {
                    Some(until) => compensation.progress = Progress::Backoff { until: *until },
                    None => {
                        compensation.progress = Progress::Failed;
                        compensation.finished_at = Some(at);
                    }
                }
            }
            (Phase::Backward, Event::CompensationInterrupted { step, attempt }) => {
                let state = self.running_compensation(step, *attempt)?;
                state.compensation.progress = Progress::Backoff { until: at };
            }
            (Phase::Backward, Event::CompensationSkipped { step, reason }) => {
                let state = self.step_mut(step)?;
                if state.compensation.progress != Progress::None || state.act != Act::Failed {
                    return Err(state.words());
                }
                state.compensation.progress = Progress::Skipped(*reason);
                state.compensation.finished_at = Some(at);
            }
            (Phase::Forward, Event::SagaCompleted) => {
                self.every(|step| matches!(step.act, Act::Completed { .. }))?;
                self.phase = Phase::Completed;
            }
            (Phase::Backward, Event::SagaCompensated) => {
                self.every(|step| match step.compensation.progress {
                    Progress::Completed | Progress::Skipped(_) => true,
                    Progress::None => step.attempts == 0,
                    Progress::Running | Progress::Backoff { .. } | Progress::Failed => false,
                })?;
                self.phase = Phase::Compensated;
            }
            (Phase::Backward, Event::SagaStuck) => {
                self.every(|step| !step.is_running() && step.backoff_until().is_none())?;
                self.phase = Phase::Stuck;
            }
            (
                Phase::Forward
                | Phase::Backward
                | Phase::Completed
                | Phase::Compensated
                | Phase::Stuck,
                _,
            ) => return Err(format!("while the saga is {}", self.status())),
        }
        Ok(())
    }

    /// Checks that something holds for every step that was reached.
    fn every(&self, holds: impl Fn(&StepState) -> bool) -> Result<(), String> {
        match self.steps.iter().find(|step| !holds(step)) {
            Some(step) => Err(step.words()),
            None => Ok(()),
        }
    }

    fn step_mut(&mut self, path: &StepPath) -> Result<&mut StepState, String> {
        self.steps
            .iter_mut()
            .find(|step| step.path == *path)
            .ok_or_else(|| format!("for step `{path}`, which was not reached"))
    }

    fn running_act(&mut self, path: &StepPath, attempt: u32) -> Result<&mut StepState, String> {
        let step = self.step_mut(path)?;
        if step.act == Act::Running && step.attempts == attempt {
            Ok(step)
        } else {
            Err(step.words())
        }
    }

    fn running_compensation(
        &mut self,
        path: &StepPath,
        attempt: u32,
    ) -> Result<&mut StepState, String> {
        let step = self.step_mut(path)?;
        if step.compensation.progress == Progress::Running && step.compensation.attempts == attempt
        {
            Ok(step)
        } else {
            Err(step.words())
        }
    }
}

impl StepState {
    fn words(&self) -> String {
        format!(
            "while step `{}` is {:?} after {} attempts of act and {} of compensate",
            self.path,
            self.status(),
            self.attempts,
            self.compensation.attempts
        )
    }
}

fn interrupted() -> Failure {
    Failure {
        kind: FailureKind::Retryable,
        code: "interrupted".to_owned(),
        message: "the engine ended while the attempt ran, and the saga was going backward"
            .to_owned(),
        details: None,
    }
}
