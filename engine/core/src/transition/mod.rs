//! What may happen next to a saga.
//!
//! [`transition`] takes a state and an input and answers with the events that follow, together
//! with the state that they lead to. Events that follow from one another come together, so that
//! they are committed together: the completion of a step and the start of the next are one batch.

mod backward;
mod forward;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::call::Report;
use crate::definition::{Definition, Problem};
use crate::event::{Event, Record};
use crate::id::{Digest, Name, SagaId, StepPath};
use crate::json;
use crate::state::{FoldError, Phase, SagaError, State, Status};
use crate::time::Timestamp;

/// Largest context of a saga, in bytes of JSON.
pub const MAX_CONTEXT_BYTES: usize = 1024 * 1024;

/// What the outside looks like at the moment of a transition.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The time.
    pub now: Timestamp,
    /// The components.
    pub components: &'a dyn Components,
    /// Whether calls may be started.
    pub starts: Starts,
}

/// Whether a transition may start calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// Whatever is ready is started.
    Allowed,
    /// Nothing is started: the engine is full, or about to end. The saga stands between two calls
    /// until somebody says [`Input::Recover`].
    Held,
}

/// Knows which version of each component is active.
pub trait Components: Sync {
    /// Number and digest of the version that a saga's step takes when it first starts. `None` when
    /// there is no such component, or none of its versions is active.
    fn active(&self, component: &Name, saga: SagaId) -> Option<(u32, Digest)>;
}

/// What can happen to a saga.
#[derive(Clone, Debug)]
pub enum Input {
    /// A call of `act` ended.
    ActReturned {
        /// Which step's.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// What came of it.
        report: Report,
    },
    /// A call of `compensate` ended.
    CompensationReturned {
        /// Which step's.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
        /// What came of it.
        report: Report,
    },
    /// Time went by.
    Tick,
    /// Whoever ran the saga's calls is gone; the caller goes on in its place.
    Recover,
    /// Somebody wants it undone.
    Cancel {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
}

/// The events that follow from an input, and the state after them.
#[derive(Clone, Debug)]
pub struct Turn {
    /// To be committed in one batch before anything depends on them. May be empty.
    pub records: Vec<Record>,
    /// The fold of the journal with them.
    pub state: State,
    now: Timestamp,
}

/// A saga to be.
#[derive(Clone, Debug)]
pub struct NewSaga {
    /// Its id.
    pub id: SagaId,
    /// Version of the definition.
    pub version: u32,
    /// What is submitted.
    pub input: Arc<Value>,
    /// Labels to find it by.
    pub tags: BTreeMap<String, String>,
}

/// A saga that cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The input is not as the definition's schema wants it.
    #[error("the input does not fit the definition's input_schema: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Input {
        /// Every problem, with its place in the input.
        problems: Vec<Problem>,
    },
    /// The state machine contradicts itself.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// An input that does not fit a state. The state stands as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// A call returned that, by the journal, does not run.
    #[error("saga {saga}: attempt {attempt} of step `{step}` returned, but does not run")]
    NotRunning {
        /// Which saga.
        saga: SagaId,
        /// Which step.
        step: StepPath,
        /// Which attempt.
        attempt: u32,
    },
    /// The saga's status does not allow it.
    #[error("saga {saga} is {status}: only a saga that is {} can be {verb}", .allowed.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or "))]
    Status {
        /// Which saga.
        saga: SagaId,
        /// Its status.
        status: Status,
        /// What was asked for, as a participle.
        verb: &'static str,
        /// The statuses that allow it.
        allowed: &'static [Status],
    },
    /// The state machine contradicts itself.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// Starts a saga.
///
/// # Errors
/// When the input does not fit the definition.
pub fn start(
    definition: &Arc<Definition>,
    saga: NewSaga,
    env: &Env<'_>,
) -> Result<Turn, StartError> {
    json::check_depth(&saga.input).map_err(|message| StartError::Input {
        problems: vec![Problem::new("", message)],
    })?;
    if let Some(schema) = &definition.input_schema {
        schema
            .check(&saga.input)
            .map_err(|problems| StartError::Input { problems })?;
    }
    let event = Event::SagaStarted {
        definition: definition.name.clone(),
        version: saga.version,
        input: saga.input,
        tags: saga.tags,
        deadline: definition.deadline.map(|length| env.now.after(length)),
    };
    let record = Record {
        seq: 1,
        at: env.now,
        event,
    };
    let state = State::begin(saga.id, Arc::clone(definition), &record)?;
    let mut turn = Turn {
        records: vec![record],
        state,
        now: env.now,
    };
    turn.advance(env)?;
    Ok(turn)
}

/// Decides what an input means for a saga.
///
/// # Errors
/// When the input does not fit the state. Nothing has changed then.
pub fn transition(state: &State, input: Input, env: &Env<'_>) -> Result<Turn, TransitionError> {
    let mut turn = Turn {
        records: Vec::new(),
        state: state.clone(),
        now: env.now,
    };
    match input {
        Input::ActReturned {
            step,
            attempt,
            report,
        } => turn.act_returned(step, attempt, report)?,
        Input::CompensationReturned {
            step,
            attempt,
            report,
        } => {
            turn.compensation_returned(step, attempt, report)?;
        }
        Input::Tick => {}
        Input::Recover => turn.recover()?,
        Input::Cancel { by, reason } => turn.cancel(by, reason)?,
    }
    turn.check_deadline()?;
    turn.advance(env)?;
    Ok(turn)
}

impl Turn {
    /// The turn in which nothing happens.
    #[must_use]
    pub fn nothing(state: &State) -> Self {
        Self {
            records: Vec::new(),
            state: state.clone(),
            now: state.updated_at,
        }
    }

    /// Decides an event: it is recorded, and the state is what it makes of it.
    fn emit(&mut self, event: Event) -> Result<(), FoldError> {
        let record = Record {
            seq: self.state.seq + 1,
            at: self.now,
            event,
        };
        self.state.apply(&record)?;
        self.records.push(record);
        Ok(())
    }

    /// Decides everything that follows by itself.
    fn advance(&mut self, env: &Env<'_>) -> Result<(), FoldError> {
        if env.starts == Starts::Held {
            return Ok(());
        }
        if self.state.phase == Phase::Forward {
            self.forward(env)?;
        }
        if self.state.phase == Phase::Backward {
            self.backward()?;
        }
        Ok(())
    }

    fn check_deadline(&mut self) -> Result<(), FoldError> {
        let Some(deadline) = self.state.deadline.filter(|deadline| *deadline <= self.now) else {
            return Ok(());
        };
        if self.state.phase != Phase::Forward {
            return Ok(());
        }
        let error = SagaError {
            step: None,
            code: "deadline-exceeded".to_owned(),
            message: format!("the saga was not done by {deadline}"),
            details: None,
        };
        self.emit(Event::SagaFailed { error, by: None })
    }

    fn cancel(&mut self, by: String, reason: Option<String>) -> Result<(), TransitionError> {
        if self.state.phase != Phase::Forward {
            return Err(TransitionError::Status {
                saga: self.state.id,
                status: self.state.status(),
                verb: "cancelled",
                allowed: &[Status::Running, Status::Waiting],
            });
        }
        let message = reason.unwrap_or_else(|| "no reason was given".to_owned());
        let error = SagaError {
            step: None,
            code: "cancelled".to_owned(),
            message,
            details: None,
        };
        Ok(self.emit(Event::SagaFailed {
            error,
            by: Some(by),
        })?)
    }

    /// Marks every call that ran as cut off.
    fn recover(&mut self) -> Result<(), FoldError> {
        use crate::state::{Act, CompensationProgress};
        let cut_off: Vec<Event> = self
            .state
            .steps
            .iter()
            .filter_map(|step| {
                let path = step.path.clone();
                if step.act == Act::Running {
                    Some(Event::ActInterrupted {
                        step: path,
                        attempt: step.attempts,
                    })
                } else if step.compensation.progress == CompensationProgress::Running {
                    let attempt = step.compensation.attempts;
                    Some(Event::CompensationInterrupted {
                        step: path,
                        attempt,
                    })
                } else {
                    None
                }
            })
            .collect();
        cut_off.into_iter().try_for_each(|event| self.emit(event))
    }
}
