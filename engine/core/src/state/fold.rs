//! What each event means in each state: one match, and every pair that it does not name is an
//! error.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::change::{interrupted, unknown};
use super::context::Contexts;
use super::node::Stand;
use super::step::{Act, Asked, Child, Progress, StepState};
use super::{CommitState, Pause, Phase, SagaError, State, Stuck};
use crate::call::{Direction, Evidence};
use crate::definition::{Definition, Kind};
use crate::event::{Event, Record, SkipReason};
use crate::id::SagaId;
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
            parent,
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
            pause: None,
            input: Arc::clone(input),
            tags: Arc::new(BTreeMap::clone(tags)),
            deadline: *deadline,
            parent: parent.clone(),
            parent_told: false,
            error: None,
            pivot: None,
            commit: CommitState::Open,
            steps: Vec::new(),
            nodes: Arc::default(),
            seq: 1,
            created_at: record.at,
            updated_at: record.at,
            contexts: Contexts::new(),
            index: Arc::new(HashMap::new()),
        })
    }

    /// Takes in the next record. After an error the state is of no use any more.
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

    #[allow(
        clippy::too_many_lines,
        reason = "one match over all pairs: that none is forgotten is seen in one place"
    )]
    fn apply_event(&mut self, event: &Event, at: Timestamp) -> Result<(), String> {
        use Phase::{Backward, Confirming, Forward};
        match (self.phase, event) {
            (
                Forward,
                Event::ActStarted {
                    step,
                    attempt,
                    pin,
                    arguments,
                    previous,
                },
            ) => {
                self.unpaused()?;
                let state = self.starting(step, *attempt, at)?;
                state.act = Act::Running;
                state.attempts = *attempt;
                state.pin = Some(pin.clone());
                state.arguments = Arc::clone(arguments);
                state.previous.clone_from(previous);
            }
            (Forward, Event::OnReplyStarted { step, attempt }) => {
                self.unpaused()?;
                let state = self.starting(step, *attempt, at)?;
                if state.reply.is_none() {
                    return Err(state.words());
                }
                state.act = Act::Running;
                state.attempts = *attempt;
            }
            (Forward, Event::ActBypassed { step }) => {
                if self.step(step).is_none() {
                    self.reach(StepState::reached(step.clone(), at));
                } else if !matches!(self.step_mut(step)?.act, Act::Backoff { .. }) {
                    return Err(self.words_of(step));
                }
                let state = self.step_mut(step)?;
                state.act = Act::Bypassed;
                state.finished_at = Some(at);
            }
            (
                Forward | Backward,
                Event::ActPending {
                    step,
                    attempt,
                    payload,
                    until,
                    metering,
                    ..
                },
            ) => {
                let phase = self.phase;
                let state = self.running_act(step, *attempt)?;
                // Whoever was asked may do what it was asked for.
                state.evidence = Evidence::Possible;
                state.metering.add(metering);
                state.asked = Some(Asked {
                    with: state.reply.take(),
                    earlier_attempts: state.earlier_attempts,
                });
                state.rounds += 1;
                state.earlier_attempts = *attempt;
                state.failures = 0;
                state.crashes = 0;
                state.reply = state.early_reply.take();
                state.act = match (phase, &state.reply) {
                    (Forward, Some(_)) => Act::Backoff { until: at },
                    (Forward, None) => Act::Pending {
                        payload: Arc::clone(payload),
                        until: *until,
                    },
                    // Nobody waits for the reply any more.
                    _ => {
                        state.finished_at = Some(at);
                        Act::Failed
                    }
                };
            }
            (Forward, Event::ReplyReceived { step, reply }) => {
                let state = self.step_mut(step)?;
                match state.act {
                    Act::Pending { .. } => {
                        state.reply = Some(Arc::clone(reply));
                        state.act = Act::Backoff { until: at };
                    }
                    Act::Running | Act::Backoff { .. } if state.early_reply.is_none() => {
                        state.early_reply = Some(Arc::clone(reply));
                    }
                    _ => return Err(state.words()),
                }
            }
            (
                Forward | Backward,
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
                state.crashes = 0;
                state.metering.add(metering);
                state.finished_at = Some(at);
                if let Some(patch) = context_patch {
                    let branches = self.definition.branches_of(step);
                    self.contexts.patch(&branches, patch);
                }
                let node = self.definition.node_at(step);
                if node.is_some_and(|node| node.kind.is_pivot()) {
                    self.pivot = Some(step.clone());
                }
            }
            (
                Forward | Backward,
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
                let state = self.acting(step, *attempt)?;
                state.failures += 1;
                state.crashes = 0;
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
            (Forward, Event::ActInterrupted { step, attempt, by }) => {
                let state = self.running_act(step, *attempt)?;
                state.evidence = Evidence::Possible;
                state.cut_off(*by);
                state.act = Act::Backoff { until: at };
            }
            (Backward, Event::ActInterrupted { step, attempt, by }) => {
                let state = self.running_act(step, *attempt)?;
                state.evidence = Evidence::Possible;
                state.cut_off(*by);
                state.error = Some(Arc::new(interrupted()));
                state.act = Act::Failed;
                state.finished_at = Some(at);
            }
            (Forward, Event::StepFailed { step, failure }) => {
                let failure = Arc::new(failure.clone());
                match self.definition.node_at(step).map(|node| &node.kind) {
                    Some(Kind::Step(_) | Kind::Saga(_)) => {
                        match self.step(step) {
                            None => self.reach(StepState::reached(step.clone(), at)),
                            Some(state) if matches!(state.act, Act::Backoff { .. }) => {}
                            Some(state) => return Err(state.words()),
                        }
                        let state = self.step_mut(step)?;
                        state.act = Act::Failed;
                        state.error = Some(failure);
                        state.finished_at = Some(at);
                    }
                    Some(_) => self.stands(step, Stand::Failed { failure }, at)?,
                    None => return Err(unknown(step)),
                }
            }
            (Forward, Event::ChoiceMade { step, branch, .. }) => {
                self.stands(step, Stand::Chose { branch: *branch }, at)?;
            }
            (
                Forward,
                Event::LoopStarted {
                    step,
                    items,
                    previous,
                },
            ) => {
                let looping = Stand::Looping {
                    items: Arc::clone(items),
                    previous: previous.clone(),
                };
                self.stands(step, looping, at)?;
            }
            (
                Forward,
                Event::ParallelCompleted { step, results } | Event::LoopCompleted { step, results },
            ) => {
                let left = results.iter().map(|path| {
                    let result = path.as_ref().and_then(|path| self.result_at(path));
                    result.map_or(Value::Null, |result| Value::clone(result))
                });
                let joined = Stand::Joined {
                    results: Arc::new(left.collect()),
                };
                self.stands(step, joined, at)?;
                let outer = self.definition.branches_of(step);
                self.contexts.join(step, results.len(), &outer);
            }
            (Forward, Event::SleepStarted { step, until }) => {
                self.stands(step, Stand::Sleeping { until: *until }, at)?;
            }
            (Forward, Event::SleepCompleted { step }) => self.stands(step, Stand::Slept, at)?,
            (
                Forward,
                Event::ChildStarted {
                    step,
                    attempt,
                    child,
                    definition,
                    version,
                    input,
                },
            ) => {
                self.unpaused()?;
                let state = self.starting(step, *attempt, at)?;
                state.child = Some(Child {
                    id: *child,
                    definition: definition.clone(),
                    version: *version,
                    input: Arc::clone(input),
                });
                // A child before this one undid itself, or an operator has taken it over.
                state.evidence = Evidence::Unchanged;
                state.act = Act::Running;
                state.attempts = *attempt;
            }
            (Forward, Event::CommitAwaited { until }) => {
                if self.commit != CommitState::Open {
                    return Err("a second time".to_owned());
                }
                self.commit = CommitState::Awaited { until: *until };
            }
            (Forward, Event::SagaCommitted { .. }) => {
                if !matches!(self.commit, CommitState::Awaited { .. }) {
                    return Err("while nobody was asked to".to_owned());
                }
                self.commit = CommitState::Given;
            }
            (Forward, Event::SagaConfirming { steps }) => {
                self.every(|step| !step.is_acting())?;
                for path in steps {
                    let state = self.step_mut(path)?;
                    if state.result().is_none() {
                        return Err(state.words());
                    }
                    state.confirmation.progress = Progress::Backoff { until: at };
                }
                self.phase = Confirming;
            }
            (Confirming, Event::ConfirmationStarted { step, attempt }) => {
                self.unpaused()?;
                self.effort_started(step, Direction::Confirm, *attempt, at)?;
            }
            (
                Confirming,
                Event::ConfirmationCompleted {
                    step,
                    attempt,
                    metering,
                    ..
                },
            ) => self.effort_completed(step, Direction::Confirm, *attempt, metering, at)?,
            (
                Confirming,
                Event::ConfirmationFailed {
                    step,
                    attempt,
                    failure,
                    retry_at,
                    metering,
                    ..
                },
            ) => {
                let id = (step, Direction::Confirm, *attempt);
                self.effort_failed(id, failure, *retry_at, metering, at)?;
            }
            (Confirming, Event::ConfirmationInterrupted { step, attempt, by }) => {
                self.effort_cut_off(step, Direction::Confirm, *attempt, *by, at)?;
            }
            (Forward, Event::SagaFailed { error, .. }) => {
                if self.is_bound() {
                    return Err("for a saga that only goes forward".to_owned());
                }
                self.phase = Backward;
                self.pause = None;
                // What is undone are other calls than those that ran when the engine went down.
                self.forget_crashes();
                self.error = Some(Arc::new(error.clone()));
                // There will be no next attempt and no reply: what the last one said stands.
                let over = |step: &StepState| {
                    matches!(step.act, Act::Backoff { .. } | Act::Pending { .. })
                };
                for state in &mut self.steps {
                    if over(state) {
                        let state = Arc::make_mut(state);
                        state.act = Act::Failed;
                        state.finished_at = Some(at);
                    }
                }
            }
            (Phase::Completed, Event::SagaReversed) => {
                if self.parent.is_none() || self.pivot.is_some() {
                    return Err("for a saga that nobody can undo".to_owned());
                }
                self.phase = Backward;
                self.error = Some(Arc::new(SagaError::parent_undone()));
                self.parent_told = false;
            }
            (Backward, Event::CompensationStarted { step, attempt }) => {
                self.unpaused()?;
                if self.step_mut(step)?.is_acting() {
                    return Err(self.words_of(step));
                }
                self.effort_started(step, Direction::Compensate, *attempt, at)?;
            }
            (
                Backward,
                Event::CompensationCompleted {
                    step,
                    attempt,
                    metering,
                    ..
                },
            ) => self.effort_completed(step, Direction::Compensate, *attempt, metering, at)?,
            (
                Backward,
                Event::CompensationFailed {
                    step,
                    attempt,
                    failure,
                    retry_at,
                    metering,
                    ..
                },
            ) => {
                let id = (step, Direction::Compensate, *attempt);
                self.effort_failed(id, failure, *retry_at, metering, at)?;
            }
            (Backward, Event::CompensationInterrupted { step, attempt, by }) => {
                self.effort_cut_off(step, Direction::Compensate, *attempt, *by, at)?;
            }
            (Backward, Event::CompensationSkipped { step, reason }) => {
                let state = self.step_mut(step)?;
                let failed = matches!(state.act, Act::Failed | Act::Bypassed);
                if state.compensation.progress != Progress::None || !failed {
                    return Err(state.words());
                }
                state.compensation.progress = Progress::Skipped(*reason);
                state.compensation.finished_at = Some(at);
            }
            (Forward | Backward | Confirming, Event::SagaPaused { cause, order }) => {
                self.unpaused()?;
                self.pause = Some(Pause {
                    cause: cause.clone(),
                    order: order.clone(),
                    at,
                });
            }
            (Forward | Backward | Confirming, Event::SagaResumed { .. }) => {
                if self.pause.take().is_none() {
                    return Err("while it is not paused".to_owned());
                }
                self.forget_crashes();
            }
            (
                Forward | Backward | Confirming | Phase::Stuck(_),
                Event::RetryOrdered { steps, pins, .. },
            ) => {
                self.pause = None;
                self.forget_crashes();
                self.go_on_from_stuck();
                for path in steps {
                    self.try_again(path, at)?;
                }
                for repin in pins {
                    self.bind(repin)?;
                }
            }
            (
                Forward | Backward | Confirming | Phase::Stuck(_),
                Event::VersionChanged { pins, .. },
            ) => {
                for repin in pins {
                    self.bind(repin)?;
                }
            }
            (Phase::Stuck(stuck), Event::SkipOrdered { steps, .. }) => {
                let direction = match stuck {
                    Stuck::Confirming => Direction::Confirm,
                    Stuck::Backward => Direction::Compensate,
                };
                for path in steps {
                    let state = self.step_mut(path)?;
                    if state.effort(direction).progress != Progress::Failed {
                        return Err(state.words());
                    }
                    state.effort_mut(direction).progress = Progress::Skipped(SkipReason::Operator);
                }
                self.go_on_from_stuck();
            }
            (Forward | Backward | Confirming | Phase::Stuck(_), Event::SagaAbandoned { order }) => {
                if self.error.is_none() {
                    let first = self.first_failure();
                    let error = first.unwrap_or_else(|| SagaError::by_order("abandoned", order));
                    self.error = Some(Arc::new(error));
                }
                self.phase = Phase::Abandoned;
                self.pause = None;
                for state in &mut self.steps {
                    Arc::make_mut(state).give_up(at);
                }
            }
            (Forward, Event::SagaCompleted) => {
                self.every(|step| !step.is_acting())?;
                self.phase = Phase::Completed;
            }
            (Confirming, Event::SagaCompleted) => {
                self.every(|step| {
                    let progress = step.confirmation.progress;
                    !progress.is_busy() && progress != Progress::Failed
                })?;
                self.phase = Phase::Completed;
            }
            (Backward, Event::SagaCompensated) => {
                self.every(|step| match step.compensation.progress {
                    Progress::Completed | Progress::Skipped(_) => true,
                    Progress::None => step.attempts == 0,
                    Progress::Running | Progress::Backoff { .. } | Progress::Failed => false,
                })?;
                self.phase = Phase::Compensated;
            }
            (Backward, Event::SagaStuck) => {
                self.every(|step| !step.is_acting() && !step.compensation.progress.is_busy())?;
                self.phase = Phase::Stuck(Stuck::Backward);
            }
            (Confirming, Event::SagaStuck) => {
                self.every(|step| !step.confirmation.progress.is_busy())?;
                self.phase = Phase::Stuck(Stuck::Confirming);
            }
            (Phase::Completed | Phase::Compensated | Phase::Abandoned, Event::ParentTold)
                if self.parent.is_some() && !self.parent_told =>
            {
                self.parent_told = true
            }
            (
                Forward
                | Confirming
                | Backward
                | Phase::Completed
                | Phase::Compensated
                | Phase::Stuck(_)
                | Phase::Abandoned,
                _,
            ) => return Err(format!("while the saga is {}", self.status())),
        }
        Ok(())
    }
}
