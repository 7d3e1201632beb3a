//! What may happen next to a saga.
//!
//! [`transition`] takes a state and an input and answers with the events that follow, together
//! with the state that they lead to. Events that follow from one another come together, so that
//! they are committed together: the completion of a step and the start of the next are one batch.
//!
//! | file | what it decides |
//! |---|---|
//! | `input` | what can happen to a saga |
//! | `start` | how a saga begins |
//! | `forward` | which nodes can start, and what it means when none can |
//! | `begin` | what starting a node is |
//! | `act` | what follows from what `act` and `on-reply` returned |
//! | `reply` | replies to pending steps |
//! | `child` | nested sagas |
//! | `confirm` | making steps final |
//! | `backward` | undoing steps |
//! | `effort` | what follows from what `confirm` and `compensate` returned |
//! | `recover` | what follows from the end of the engine |
//! | `operator` | cancel, pause, resume, retry, skip, change of version, abandon, commit, reject |

mod act;
mod backward;
mod begin;
mod child;
mod confirm;
mod effort;
mod forward;
mod input;
mod operator;
mod recover;
mod reply;
mod start;

pub use self::child::ChildEnd;
pub use self::input::{Active, Bounds, Env, Input, Starts, World};
pub use self::operator::{Verb, Version};
pub use self::start::{NewSaga, StartError, start};

use crate::call::CallId;
use crate::event::{Event, PauseCause, Record};
use crate::id::SagaId;
use crate::path::StepPath;
use crate::state::{FoldError, Phase, SagaError, State, Status};
use crate::time::Timestamp;

/// Largest context of a saga, in bytes of JSON.
pub const MAX_CONTEXT_BYTES: usize = 1024 * 1024;

/// Most rounds of all loops of a saga together.
pub const MAX_ROUNDS: usize = 10_000;

/// Largest result of a loop, a parallel or a nested saga, in bytes of JSON.
pub const MAX_COLLECTED_BYTES: usize = 1024 * 1024;

/// The events that follow from an input, and the state after them.
#[derive(Clone, Debug)]
pub struct Turn {
    /// To be committed in one batch before anything depends on them. May be empty.
    pub records: Vec<Record>,
    /// The fold of the journal with them.
    pub state: State,
    now: Timestamp,
}

/// An input that does not fit a state. The state stands as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// A call returned that, by the journal, does not run.
    #[error("saga {saga}: attempt {} of {} of step `{}` returned, but does not run", .call.attempt, .call.direction, .call.step)]
    NotRunning {
        /// Which saga.
        saga: SagaId,
        /// Which call.
        call: CallId,
    },
    /// The saga's status does not allow it.
    #[error("saga {saga} is {status}: only a saga that is {} can be {verb}", words(.allowed))]
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
    /// The saga's status allows it, and something else does not.
    #[error("saga {saga} cannot be {verb}: {reason}")]
    Unfit {
        /// Which saga.
        saga: SagaId,
        /// What was asked for, as a participle.
        verb: &'static str,
        /// What stands against it, and what to do.
        reason: String,
    },
    /// The saga's pivot is done, or may be by now: it only goes forward.
    #[error("saga {saga} cannot be {verb}: {}", pivot(.step, .done))]
    Bound {
        /// Which saga.
        saga: SagaId,
        /// What was asked for, as a participle.
        verb: &'static str,
        /// The pivot.
        step: StepPath,
        /// Whether it is done.
        done: Pivot,
    },
    /// Nothing of the saga has waited, waits or will wait for this reply.
    #[error("saga {saga} has no step that waits for a reply with this token")]
    NotAsked {
        /// Which saga.
        saga: SagaId,
    },
    /// The reply was given already, or nobody waits for it any more.
    #[error("saga {saga}: {}", replied(.step, .over))]
    NotAwaited {
        /// Which saga.
        saga: SagaId,
        /// Which step had asked for it.
        step: StepPath,
        /// Why it is not awaited.
        over: Awaited,
    },
    /// The state machine contradicts itself.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// How far a pivot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pivot {
    /// It runs: its outcome decides.
    Running,
    /// It is done.
    Done,
}

/// Why a reply is not awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A reply is there.
    Replied,
    /// The step ended without it: it took too long, or the saga turned back.
    Ended,
}

fn words(statuses: &[Status]) -> String {
    let words: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

fn pivot(step: &StepPath, done: &Pivot) -> String {
    match done {
        Pivot::Running => {
            format!("its pivot `{step}` runs, and what comes of that decides: ask again then")
        }
        Pivot::Done => format!("its pivot `{step}` is done, and from there it only goes forward"),
    }
}

fn replied(step: &StepPath, over: &Awaited) -> String {
    match over {
        Awaited::Replied => format!("step `{step}` has its reply already"),
        Awaited::Ended => format!("step `{step}` does not wait for a reply any more"),
    }
}

/// Whether something follows by itself for a saga that goes somewhere.
pub(crate) fn is_ready(state: &State, now: Timestamp) -> bool {
    match state.phase {
        Phase::Forward => forward::is_ready(state, now),
        Phase::Confirming => confirm::is_ready(state, now),
        Phase::Backward => backward::is_ready(state, now),
        Phase::Completed | Phase::Compensated | Phase::Stuck(_) | Phase::Abandoned => false,
    }
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
        Input::Returned { call, report } => turn.returned(call, report)?,
        Input::Tick => {}
        Input::Recover { by } => turn.recover(by, env)?,
        Input::Reply { key, reply } => turn.reply(key, reply)?,
        Input::ChildEnded { step, child, end } => turn.child_ended(&step, child, end)?,
        Input::ParentTold => turn.parent_told()?,
        Input::Undo => turn.undo()?,
        Input::Order { verb, order } => turn.order(verb, order, env)?,
    }
    turn.check_deadlines()?;
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
        loop {
            if self.state.pause.is_some() {
                return Ok(());
            }
            let phase = self.state.phase;
            match phase {
                Phase::Forward => self.forward(env)?,
                Phase::Confirming => self.confirm()?,
                Phase::Backward => self.backward()?,
                Phase::Completed | Phase::Compensated | Phase::Stuck(_) | Phase::Abandoned => {}
            }
            if self.state.phase == phase {
                return Ok(());
            }
        }
    }

    fn returned(&mut self, call: CallId, report: crate::Report) -> Result<(), TransitionError> {
        let running = self.state.step(&call.step).and_then(|step| step.running());
        if running != Some((call.direction, call.attempt)) {
            return Err(TransitionError::NotRunning {
                saga: self.state.id,
                call,
            });
        }
        match call.direction {
            crate::Direction::Act | crate::Direction::OnReply => self.act_returned(call, report)?,
            crate::Direction::Confirm | crate::Direction::Compensate => {
                self.effort_returned(call, report)?;
            }
        }
        Ok(())
    }

    /// Turns a saga back whose time is over.
    fn check_deadlines(&mut self) -> Result<(), FoldError> {
        if self.state.phase != Phase::Forward || self.state.pause.is_some() || self.state.is_bound()
        {
            return Ok(());
        }
        if let Some(deadline) = self.state.deadline.filter(|deadline| *deadline <= self.now) {
            let message = format!("the saga was not done by {deadline}");
            return self.fail(SagaError::of_saga("deadline-exceeded", message));
        }
        self.check_commit_deadline()
    }

    /// Turns the saga back by itself.
    fn fail(&mut self, error: SagaError) -> Result<(), FoldError> {
        self.emit(Event::SagaFailed {
            error,
            by: None,
            reason: None,
        })
    }

    fn pause(&mut self, cause: PauseCause) -> Result<(), FoldError> {
        self.emit(Event::SagaPaused { cause, order: None })
    }
}
