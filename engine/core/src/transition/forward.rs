//! Going forward: which nodes can start, and what it means when none can.

use std::sync::Arc;

use super::{Env, Turn};
use crate::call::FailureKind;
use crate::definition::{Commit, Fallback, ForEach, Kind, Node, OnExhausted, Sequence, Step};
use crate::event::{Event, PauseCause};
use crate::path::StepPath;
use crate::state::{
    Act, CommitState, FoldError, NodeState, Phase, SagaError, Stand, State, StepState,
};
use crate::time::Timestamp;

/// How far a node is.
pub(super) enum Progress {
    /// Done. Carries the node whose result is `previous` for what comes after.
    Done(Option<StepPath>),
    /// Something of it runs or waits.
    Busy,
    /// These can be done now.
    Ready(Vec<Ready>),
    /// It failed.
    Failed(Failed),
}

/// Something that can be done now. Each changes the state by one event.
pub(super) enum Ready {
    /// A step's next call, of its own work or its fallback's.
    Attempt {
        path: StepPath,
        previous: Option<StepPath>,
    },
    /// The reply that a step waits for did not come in time.
    ReplyTimeout { path: StepPath },
    /// A nested saga.
    Child { path: StepPath },
    /// A choice.
    Choose { path: StepPath },
    /// A parallel or a loop whose branches or rounds are done, with what their last nodes are.
    Join {
        path: StepPath,
        results: Vec<Option<StepPath>>,
    },
    /// A loop.
    Loop {
        path: StepPath,
        previous: Option<StepPath>,
    },
    /// A sleep that begins.
    Sleep { path: StepPath },
    /// A sleep that is over.
    Wake { path: StepPath },
}

/// A node that failed.
pub(super) struct Failed {
    error: SagaError,
    /// Whether the step says that an operator has to look at it.
    pauses: Option<StepPath>,
}

impl Turn {
    /// Starts what is ready until nothing is, and ends or turns the saga.
    pub(super) fn forward(&mut self, env: &Env<'_>) -> Result<(), FoldError> {
        let definition = Arc::clone(&self.state.definition);
        while self.state.phase == Phase::Forward && self.state.pause.is_none() {
            match walk(&self.state, self.now) {
                Progress::Busy => return Ok(()),
                Progress::Done(_) => return self.finish(definition.commit, env),
                Progress::Failed(failed) => return self.node_failed(failed),
                // Each of these changes the state, so this ends.
                Progress::Ready(ready) => {
                    for ready in ready {
                        self.begin(ready, env)?;
                        if self.has_just_failed() {
                            // What else was ready is not started any more.
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn has_just_failed(&self) -> bool {
        matches!(
            self.records.last().map(|record| &record.event),
            Some(Event::StepFailed { .. } | Event::ActFailed { .. })
        )
    }

    /// A node failed for good: the saga turns back, unless it cannot or shall not.
    fn node_failed(&mut self, failed: Failed) -> Result<(), FoldError> {
        if self.state.pivot.is_some()
            && let Some(step) = failed.error.step
        {
            return self.pause(PauseCause::Pivot { step });
        }
        match failed.pauses {
            Some(step) => self.pause(PauseCause::Exhausted { step }),
            None => self.fail(failed.error),
        }
    }

    /// Every node is done: somebody commits the saga, then it is made final.
    fn finish(&mut self, commit: Commit, env: &Env<'_>) -> Result<(), FoldError> {
        match (commit, self.state.commit) {
            (Commit::Manual { timeout }, CommitState::Open) => {
                let until = timeout.map(|timeout| self.now.after(timeout));
                self.emit(Event::CommitAwaited { until })
            }
            (_, CommitState::Awaited { .. }) => Ok(()),
            (Commit::Automatic, CommitState::Open) | (_, CommitState::Given) => {
                let steps = self.state.steps.iter();
                let steps: Vec<_> = steps
                    .filter(|step| step.result().is_some())
                    .filter(|step| step.pin.as_ref().is_some_and(|pin| env.world.confirms(pin)))
                    .map(|step| step.path.clone())
                    .collect();
                self.emit(if steps.is_empty() {
                    Event::SagaCompleted
                } else {
                    Event::SagaConfirming { steps }
                })
            }
        }
    }

    /// A saga that nobody committed in time is rejected.
    pub(super) fn check_commit_deadline(&mut self) -> Result<(), FoldError> {
        match self.state.commit {
            CommitState::Awaited { until: Some(until) } if until <= self.now => {
                let message = format!("nobody committed the saga by {until}");
                self.fail(SagaError::of_saga("commit-timeout", message))
            }
            _ => Ok(()),
        }
    }
}

/// Whether something could be started for a saga that goes forward.
pub(super) fn is_ready(state: &State, now: Timestamp) -> bool {
    match walk(state, now) {
        Progress::Busy => false,
        Progress::Done(_) => !matches!(state.commit, CommitState::Awaited { .. }),
        Progress::Ready(_) | Progress::Failed(_) => true,
    }
}

fn walk(state: &State, now: Timestamp) -> Progress {
    let walk = Walk { state, now };
    walk.sequence(&state.definition.body, None, None)
}

/// A look at all nodes.
struct Walk<'a> {
    state: &'a State,
    now: Timestamp,
}

impl Walk<'_> {
    /// A sequence is as far as the first of its nodes that is not done.
    fn sequence(
        &self,
        sequence: &Sequence,
        round: Option<&StepPath>,
        mut previous: Option<StepPath>,
    ) -> Progress {
        for id in &sequence.0 {
            let node = self.state.definition.node(*id);
            match self.node(node, round, previous.clone()) {
                Progress::Done(last) => previous = last,
                unfinished => return unfinished,
            }
        }
        Progress::Done(previous)
    }

    fn node(&self, node: &Node, round: Option<&StepPath>, previous: Option<StepPath>) -> Progress {
        let path = StepPath::within(round, &node.name);
        let stand = self.state.node(&path);
        if let Some(NodeState {
            stand: Stand::Failed { failure },
            ..
        }) = stand
        {
            return Progress::Failed(Failed {
                error: SagaError::of_step(path, failure),
                pauses: None,
            });
        }
        let stand = stand.map(|node| &node.stand);
        match &node.kind {
            Kind::Step(step) => self.step(step, path, previous),
            Kind::Saga(_) => self.saga(path),
            Kind::Choice(choice) => match stand {
                Some(Stand::Chose { branch }) => {
                    let branch = branch.and_then(|branch| choice.branches.get(branch as usize));
                    match branch {
                        Some(branch) => self.sequence(&branch.steps, round, previous),
                        None => Progress::Done(previous),
                    }
                }
                _ => ready(Ready::Choose { path }),
            },
            Kind::Parallel(parallel) => match stand {
                Some(_) => Progress::Done(Some(path)),
                None => {
                    let branches = parallel.branches.iter();
                    let branches =
                        branches.map(|branch| self.sequence(branch, round, previous.clone()));
                    all(branches, path, previous.as_ref())
                }
            },
            Kind::ForEach(each) => match stand {
                None => ready(Ready::Loop { path, previous }),
                Some(Stand::Looping { items, previous }) => {
                    let rounds = items.as_array().map_or(0, Vec::len);
                    self.rounds(each, rounds, path, previous.as_ref())
                }
                Some(_) => Progress::Done(Some(path)),
            },
            Kind::Sleep(_) => match stand {
                None => ready(Ready::Sleep { path }),
                Some(Stand::Sleeping { until }) if *until <= self.now => {
                    ready(Ready::Wake { path })
                }
                Some(Stand::Sleeping { .. }) => Progress::Busy,
                Some(_) => Progress::Done(previous),
            },
        }
    }

    /// At most `max_concurrency` rounds run at the same time.
    fn rounds(
        &self,
        each: &ForEach,
        rounds: usize,
        path: StepPath,
        previous: Option<&StepPath>,
    ) -> Progress {
        let mut open = 0;
        let looked_at = (0..u32::try_from(rounds).unwrap_or(u32::MAX)).map_while(|index| {
            if open == each.max_concurrency {
                return None;
            }
            let round = path.round(index);
            let progress = self.sequence(&each.steps, Some(&round), previous.cloned());
            if !matches!(progress, Progress::Done(_)) {
                open += 1;
            }
            Some(progress)
        });
        all(looked_at, path.clone(), previous)
    }

    fn step(&self, step: &Step, path: StepPath, previous: Option<StepPath>) -> Progress {
        let Some(own) = self.state.step(&path) else {
            return ready(Ready::Attempt { path, previous });
        };
        let failed = matches!(own.act, Act::Failed | Act::Bypassed);
        match &step.fallback {
            Some(fallback) if failed && is_for(fallback, own) => {
                let path = path.fallback();
                match self.state.step(&path) {
                    None => ready(Ready::Attempt { path, previous }),
                    Some(other) => self.attempts(step, other, own, previous),
                }
            }
            _ => self.attempts(step, own, own, previous),
        }
    }

    /// How far the calls of a step are that count now; `own` are those of its own work.
    fn attempts(
        &self,
        step: &Step,
        counts: &StepState,
        own: &StepState,
        previous: Option<StepPath>,
    ) -> Progress {
        let path = counts.path.clone();
        match &counts.act {
            Act::Running => Progress::Busy,
            Act::Backoff { until } if *until <= self.now => {
                ready(Ready::Attempt { path, previous })
            }
            Act::Backoff { .. } => Progress::Busy,
            Act::Pending {
                until: Some(until), ..
            } if *until <= self.now => ready(Ready::ReplyTimeout { path }),
            Act::Pending { .. } => Progress::Busy,
            Act::Completed { .. } => Progress::Done(Some(path)),
            Act::Failed | Act::Bypassed => {
                let pauses = is_exhausted(step, counts);
                // What failed first is the error; that there was no way around it is told beside it.
                let first = if own.act == Act::Bypassed && own.error.is_none() {
                    counts
                } else {
                    own
                };
                Progress::Failed(Failed {
                    error: match first.error.as_deref() {
                        Some(failure) => SagaError::of_step(first.path.clone(), failure),
                        None => SagaError {
                            step: Some(first.path.clone()),
                            ..SagaError::of_saga("failed", String::new())
                        },
                    },
                    pauses: pauses.then_some(path),
                })
            }
        }
    }

    fn saga(&self, path: StepPath) -> Progress {
        let Some(step) = self.state.step(&path) else {
            return ready(Ready::Child { path });
        };
        match &step.act {
            Act::Backoff { until } if *until <= self.now => ready(Ready::Child { path }),
            Act::Completed { .. } => Progress::Done(Some(path)),
            Act::Failed | Act::Bypassed => Progress::Failed(Failed {
                error: match step.error.as_deref() {
                    Some(failure) => SagaError::of_step(path, failure),
                    None => SagaError {
                        step: Some(path),
                        ..SagaError::of_saga("failed", String::new())
                    },
                },
                pauses: None,
            }),
            Act::Running | Act::Backoff { .. } | Act::Pending { .. } => Progress::Busy,
        }
    }
}

fn ready(ready: Ready) -> Progress {
    Progress::Ready(vec![ready])
}

/// Branches are done when all are, and failed as soon as one is. `before` is the node whose result
/// they began with: a branch that ends with it has left nothing.
fn all(
    branches: impl Iterator<Item = Progress>,
    path: StepPath,
    before: Option<&StepPath>,
) -> Progress {
    let mut results = Vec::new();
    let mut open = Vec::new();
    let mut busy = false;
    for branch in branches {
        match branch {
            Progress::Failed(failed) => return Progress::Failed(failed),
            Progress::Ready(ready) => open.extend(ready),
            Progress::Busy => busy = true,
            Progress::Done(last) => results.push(last.filter(|last| Some(last) != before)),
        }
    }
    if !open.is_empty() {
        Progress::Ready(open)
    } else if busy {
        Progress::Busy
    } else {
        ready(Ready::Join { path, results })
    }
}

/// Whether a step that failed stops its saga for an operator: its retries are used up.
pub(super) fn is_exhausted(step: &Step, own: &StepState) -> bool {
    let last = own.error.as_deref();
    let exhausted = last.is_some_and(|error| error.kind == FailureKind::Retryable);
    exhausted && step.on_exhausted == OnExhausted::Pause
}

/// Whether a fallback is there for what went wrong.
pub(super) fn is_for(fallback: &Fallback, own: &StepState) -> bool {
    own.act == Act::Bypassed
        || own
            .error
            .as_ref()
            .is_some_and(|error| fallback.takes(error))
}
