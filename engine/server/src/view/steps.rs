//! The entries of a saga's `steps`: a walk through its definition with its state beside.

use std::sync::Arc;

use serde_json::Value;
use wasaga_core::definition::{self, Choice, ForEach, Kind, Nested, Parallel, Sequence};
use wasaga_core::state::{self, Act, NodeState, Phase, Stand};
use wasaga_core::{ReplyToken, State, StepPath, StepState, StepStatus};

use crate::wire::{ActionStep, Effort, EffortStatus, NestedStep, Node, Progress, Step, Waiting};

/// All entries of a saga's `steps`, in the order of its definition.
pub(crate) fn steps(state: &State) -> Vec<Step> {
    let mut walk = Walk {
        state,
        steps: Vec::with_capacity(state.definition.nodes().len()),
    };
    walk.sequence(&state.definition.body, None, StepStatus::Pending);
    walk.steps
}

struct Walk<'a> {
    state: &'a State,
    steps: Vec<Step>,
}

impl Walk<'_> {
    /// Adds the nodes of a sequence. `unreached` is how those stand that were not reached.
    fn sequence(&mut self, sequence: &Sequence, round: Option<&StepPath>, unreached: StepStatus) {
        for id in &sequence.0 {
            self.node(*id, round, unreached);
        }
    }

    fn node(&mut self, id: definition::NodeId, round: Option<&StepPath>, unreached: StepStatus) {
        let state = self.state;
        let node = state.definition.node(id);
        let path = StepPath::within(round, &node.name);
        match &node.kind {
            Kind::Step(step) => self.step(path, step, unreached),
            Kind::Saga(nested) => self.nested(path, nested, unreached),
            Kind::Choice(choice) => self.choice(path, choice, round, unreached),
            Kind::Parallel(parallel) => self.parallel(path, parallel, round, unreached),
            Kind::ForEach(each) => self.for_each(path, each, round, unreached),
            Kind::Sleep(_) => self.sleep(path, unreached),
        }
    }

    fn step(&mut self, path: StepPath, step: &definition::Step, unreached: StepStatus) {
        let state = self.state;
        match state.step(&path) {
            Some(reached) => self.steps.push(action(state, reached, &step.work)),
            None => {
                let node = Node::Step(Box::new(ActionStep {
                    attempts: 0,
                    component: step.work.component.clone(),
                    action: step.work.action.clone(),
                    version: None,
                    digest: None,
                    metering: None,
                    confirmation: None,
                    compensation: None,
                }));
                self.steps.push(blank(path.clone(), unreached, node));
            }
        }
        if let Some(fallback) = &step.fallback
            && let Some(reached) = state.step(&path.fallback())
        {
            self.steps.push(action(state, reached, &fallback.work));
        }
    }

    fn nested(&mut self, path: StepPath, nested: &Nested, unreached: StepStatus) {
        let reached = self.state.step(&path);
        let child = reached.and_then(|step| step.child.as_ref());
        let node = Node::Saga(Box::new(NestedStep {
            attempts: reached.map_or(0, |step| step.attempts),
            definition: nested.definition.clone(),
            version: nested.version,
            saga: child.map(|child| child.id),
            compensation: reached.and_then(|step| effort(&step.compensation)),
        }));
        self.steps.push(match reached {
            Some(step) => called(self.state, step, node),
            None => blank(path, unreached, node),
        });
    }

    fn choice(
        &mut self,
        path: StepPath,
        choice: &Choice,
        round: Option<&StepPath>,
        unreached: StepStatus,
    ) {
        let reached = self.state.node(&path);
        let taken = match reached.map(|node| &node.stand) {
            Some(Stand::Chose { branch }) => Some(*branch),
            _ => None,
        };
        let node = Node::Choice {
            branch: taken.flatten(),
        };
        let status = match (reached, taken) {
            (None, _) => unreached,
            (Some(_), Some(_)) => StepStatus::Completed,
            (Some(_), None) => StepStatus::Failed,
        };
        self.steps.push(stood(path, status, reached, node));
        for (index, branch) in (0u32..).zip(&choice.branches) {
            let unreached = match taken {
                Some(taken) if taken != Some(index) => StepStatus::Skipped,
                _ => unreached,
            };
            self.sequence(&branch.steps, round, unreached);
        }
    }

    fn parallel(
        &mut self,
        path: StepPath,
        parallel: &Parallel,
        round: Option<&StepPath>,
        unreached: StepStatus,
    ) {
        let reached = self.state.node(&path);
        let node = Node::Parallel {
            branches: u32::try_from(parallel.branches.len()).unwrap_or(u32::MAX),
        };
        let place = self.steps.len();
        self.steps.push(stood(path, unreached, reached, node));
        for branch in &parallel.branches {
            self.sequence(branch, round, unreached);
        }
        // It has no event of its own before its branches are done: it began when they did.
        let (own, within) = self.steps[place..].split_at_mut(1);
        let began = within.iter().filter_map(|step| step.started_at).min();
        own[0].started_at = began.or(own[0].started_at);
        own[0].status = match reached.map(|node| &node.stand) {
            Some(stand) => container_status(stand, self.state.phase),
            None if began.is_some() => open_status(self.state.phase),
            None => unreached,
        };
    }

    fn for_each(
        &mut self,
        path: StepPath,
        each: &ForEach,
        round: Option<&StepPath>,
        unreached: StepStatus,
    ) {
        let state = self.state;
        let reached = state.node(&path);
        let status = reached.map_or(unreached, |node| container_status(&node.stand, state.phase));
        let count = reached.and_then(rounds);
        let rounds = count.map(|count| Progress {
            done: self.rounds_done(&path, each, count),
            total: count,
        });
        let node = Node::ForEach { rounds };
        self.steps.push(stood(path.clone(), status, reached, node));
        let Some(count) = count else {
            self.sequence(&each.steps, round, unreached);
            return;
        };
        // Rounds begin in order: behind one that has not, none has.
        for index in 0..count {
            let place = self.steps.len();
            self.sequence(&each.steps, Some(&path.round(index)), StepStatus::Pending);
            if self.steps[place..]
                .iter()
                .all(|step| step.started_at.is_none())
            {
                self.steps.truncate(place);
                break;
            }
        }
    }

    fn rounds_done(&self, path: &StepPath, each: &ForEach, count: u32) -> u32 {
        if self.is_joined(path) {
            return count;
        }
        let done = (0..count).filter(|index| self.is_done(&each.steps, Some(&path.round(*index))));
        u32::try_from(done.count()).unwrap_or(u32::MAX)
    }

    /// Whether everything of a sequence is done, undone or not.
    fn is_done(&self, sequence: &Sequence, round: Option<&StepPath>) -> bool {
        let state = self.state;
        sequence.0.iter().all(|id| {
            let node = state.definition.node(*id);
            let path = StepPath::within(round, &node.name);
            match (&node.kind, state.node(&path).map(|node| &node.stand)) {
                (Kind::Step(_) | Kind::Saga(_), _) => {
                    let completed =
                        |path| state.step(path).is_some_and(|step| step.result().is_some());
                    completed(&path) || completed(&path.fallback())
                }
                (Kind::Choice(choice), Some(Stand::Chose { branch })) => branch
                    .and_then(|branch| choice.branches.get(branch as usize))
                    .is_none_or(|branch| self.is_done(&branch.steps, round)),
                (_, Some(Stand::Joined { .. } | Stand::Slept)) => true,
                _ => false,
            }
        })
    }

    fn is_joined(&self, path: &StepPath) -> bool {
        let node = self.state.node(path);
        node.is_some_and(|node| matches!(node.stand, Stand::Joined { .. }))
    }

    fn sleep(&mut self, path: StepPath, unreached: StepStatus) {
        let reached = self.state.node(&path);
        let (status, until) = match reached.map(|node| &node.stand) {
            Some(Stand::Sleeping { until }) if self.state.phase == Phase::Forward => {
                (StepStatus::Waiting, Some(*until))
            }
            // The saga turned back or was given up: nobody waits for it any more.
            Some(Stand::Sleeping { .. }) => (StepStatus::Skipped, None),
            Some(Stand::Failed { .. }) => (StepStatus::Failed, None),
            Some(_) => (StepStatus::Completed, None),
            None => (unreached, None),
        };
        let waiting = until.map(|until| Waiting::Sleep {
            step: path.clone(),
            until,
        });
        let entry = stood(path, status, reached, Node::Sleep { until });
        self.steps.push(Step { waiting, ..entry });
    }
}

/// How many rounds a loop has, once it knows.
fn rounds(node: &NodeState) -> Option<u32> {
    let list = |stand: &Stand| match stand {
        Stand::Looping { items, .. } | Stand::Joined { results: items } => {
            let rounds = items.as_array().map_or(0, Vec::len);
            Some(u32::try_from(rounds).unwrap_or(u32::MAX))
        }
        _ => None,
    };
    list(&node.stand).or_else(|| node.before.as_deref().and_then(list))
}

const fn container_status(stand: &Stand, phase: Phase) -> StepStatus {
    match stand {
        Stand::Joined { .. } | Stand::Chose { .. } | Stand::Slept => StepStatus::Completed,
        Stand::Failed { .. } => StepStatus::Failed,
        Stand::Looping { .. } | Stand::Sleeping { .. } => open_status(phase),
    }
}

/// The status of a container that has begun and not ended.
const fn open_status(phase: Phase) -> StepStatus {
    match phase {
        Phase::Forward => StepStatus::Running,
        // It will not end any more.
        _ => StepStatus::Failed,
    }
}

/// An entry of something that was not reached.
const fn blank(step: StepPath, status: StepStatus, node: Node) -> Step {
    Step {
        step,
        status,
        result: None,
        error: None,
        waiting: None,
        started_at: None,
        finished_at: None,
        node,
    }
}

/// An entry of something that calls nothing.
fn stood(step: StepPath, status: StepStatus, state: Option<&NodeState>, node: Node) -> Step {
    let entry = blank(step, status, node);
    let Some(state) = state else {
        return entry;
    };
    let (result, error) = match &state.stand {
        Stand::Joined { results } => (Some(Arc::clone(results)), None),
        Stand::Failed { failure } => (None, Some(Arc::clone(failure))),
        _ => (None, None),
    };
    Step {
        result,
        error,
        started_at: Some(state.started_at),
        finished_at: state.finished_at,
        ..entry
    }
}

/// An entry of a step that calls a component.
fn action(state: &State, step: &StepState, work: &definition::Work) -> Step {
    let pin = step.pin.as_ref();
    let node = Node::Step(Box::new(ActionStep {
        attempts: step.attempts,
        component: pin.map_or_else(|| work.component.clone(), |pin| pin.component.clone()),
        action: work.action.clone(),
        version: pin.map(|pin| pin.version),
        digest: pin.map(|pin| pin.digest),
        metering: (step.attempts > 0).then_some(step.metering),
        confirmation: effort(&step.confirmation),
        compensation: effort(&step.compensation),
    }));
    called(state, step, node)
}

/// An entry of a step that calls a component, or is a nested saga.
fn called(state: &State, step: &StepState, node: Node) -> Step {
    Step {
        step: step.path.clone(),
        status: step.status(),
        result: step.result().cloned(),
        error: step.error.clone(),
        waiting: waits(state, step),
        started_at: Some(step.started_at),
        finished_at: step.finished_at,
        node,
    }
}

/// What a step waits for.
fn waits(state: &State, step: &StepState) -> Option<Waiting> {
    let path = step.path.clone();
    if let Some(until) = step.backoff_until() {
        return Some(Waiting::Backoff { step: path, until });
    }
    if let Act::Pending { payload, until } = &step.act {
        let key = state.reply_key(step)?;
        return Some(Waiting::Reply {
            step: path,
            token: ReplyToken {
                saga: state.id,
                key,
            },
            payload: Arc::<Value>::clone(payload),
            deadline: *until,
        });
    }
    let child = step.child.as_ref()?;
    let runs = step.act == Act::Running || step.compensation.progress == state::Progress::Running;
    runs.then_some(Waiting::Saga {
        step: path,
        saga: child.id,
    })
}

fn effort(effort: &state::Effort) -> Option<Effort> {
    let (status, reason) = match effort.progress {
        state::Progress::None => return None,
        state::Progress::Running => (EffortStatus::Running, None),
        state::Progress::Backoff { .. } => (EffortStatus::Waiting, None),
        state::Progress::Completed => (EffortStatus::Completed, None),
        state::Progress::Failed => (EffortStatus::Failed, None),
        state::Progress::Skipped(reason) => (EffortStatus::Skipped, Some(reason)),
    };
    Some(Effort {
        status,
        attempts: effort.attempts,
        reason,
        error: effort.error.clone(),
        finished_at: effort.finished_at,
        metering: effort.metering,
    })
}
