//! What a state asks of the outside. Derived, never stored: recovery needs nothing else.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::call::{CallId, Direction, Reply};
use crate::event::{Parent, Pin};
use crate::id::{Name, SagaId, idempotency_key};
use crate::limits::Limits;
use crate::path::StepPath;
use crate::state::{Act, Child, Phase, Progress, State, StepState};
use crate::time::Timestamp;
use crate::transition::{self, ChildEnd};

/// Something to do for a saga.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Call a component, and say what came of it with [`Input::Returned`](crate::Input).
    Call(Box<Call>),
    /// See to it that a nested saga runs, or undoes itself. It tells by itself how it ended.
    Child(Box<ChildOrder>),
    /// Tell the saga around this one how it ended, then say
    /// [`Input::ParentTold`](crate::Input).
    TellParent(Box<Told>),
    /// Say [`Input::Tick`](crate::Input) then.
    WakeAt(Timestamp),
}

/// One call of a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The saga.
    pub saga: SagaId,
    /// Name of its definition.
    pub definition: Name,
    /// Which call of it this is.
    pub id: CallId,
    /// 1 for the first attempt of this call, as the contract counts: each reply makes a new call.
    pub attempt: u32,
    /// The version to run.
    pub pin: Pin,
    /// Which of its actions.
    pub action: Name,
    /// The same for every attempt.
    pub idempotency_key: Uuid,
    /// The saga's input.
    pub input: Arc<Value>,
    /// The saga's context.
    pub context: Arc<Value>,
    /// The step's arguments.
    pub arguments: Arc<Value>,
    /// Result of the node before.
    pub previous: Option<Arc<Value>>,
    /// For a compensation: what the act left, when that is known. For a confirmation: what it left.
    pub result: Option<Arc<Value>>,
    /// For `on-reply`: the reply.
    pub reply: Option<Arc<Reply>>,
    /// Wall time the call may take.
    pub timeout: Duration,
    /// What the call may use.
    pub limits: Limits,
    /// When this attempt was started, by the journal.
    pub started_at: Timestamp,
}

/// What is wanted of a nested saga.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildOrder {
    /// The nested saga.
    pub child: Child,
    /// The saga around it.
    pub parent: Parent,
    /// What is wanted.
    pub want: Want,
    /// Which attempt of that it is, as the parent counts.
    pub attempt: u32,
    /// Whether the parent only goes forward once the child is done. Only then the child may have a
    /// pivot itself: otherwise it has to be one that can be undone.
    pub is_pivot: bool,
}

/// What is wanted of a nested saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// That it runs.
    Run,
    /// That it is undone.
    Undo,
}

/// How a nested saga ended, for the saga around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The nested saga.
    pub child: SagaId,
    /// The saga around it.
    pub parent: Parent,
    /// How it ended.
    pub end: ChildEnd,
}

/// Everything that has to be done for a saga in this state. Nothing, when it is over.
#[must_use]
pub fn effects(state: &State) -> Vec<Effect> {
    let mut effects = Vec::new();
    for step in &state.steps {
        if let Some(call) = call(state, step) {
            effects.push(Effect::Call(Box::new(call)));
        } else if let Some(order) = child_order(state, step) {
            effects.push(Effect::Child(Box::new(order)));
        }
    }
    if let (Some(parent), Some(end)) = (&state.parent, state.untold_end()) {
        effects.push(Effect::TellParent(Box::new(Told {
            child: state.id,
            parent: parent.clone(),
            end,
        })));
    }
    effects.extend(state.wake_at().map(Effect::WakeAt));
    effects
}

/// When somebody has to look at a saga that nobody drives: at once when there is something to do,
/// at the next timer while it only waits, and never when it goes on only once somebody asks.
#[must_use]
pub fn due_at(state: &State) -> Option<Timestamp> {
    let now = state.updated_at;
    let at_once = match state.phase {
        _ if state.is_calling() => true,
        Phase::Forward | Phase::Confirming | Phase::Backward => {
            state.pause.is_none() && transition::is_ready(state, now)
        }
        Phase::Completed | Phase::Compensated | Phase::Abandoned => state.untold_end().is_some(),
        Phase::Stuck(_) => false,
    };
    if at_once { Some(now) } else { state.wake_at() }
}

/// The call of a step that runs, by the journal.
pub(crate) fn call(state: &State, step: &StepState) -> Option<Call> {
    let (direction, attempt) = step.running()?;
    let work = state.definition.work_at(&step.path)?;
    let policy = state.policy(&step.path, direction)?;
    let (round, earlier) = match direction {
        Direction::OnReply => (step.rounds, step.earlier_attempts),
        Direction::Act => (0, step.earlier_attempts),
        Direction::Confirm | Direction::Compensate => (0, 0),
    };
    let previous = step
        .previous
        .as_ref()
        .and_then(|path| state.result_at(path));
    Some(Call {
        saga: state.id,
        definition: state.definition.name.clone(),
        attempt: attempt - earlier,
        pin: step.pin.clone()?,
        action: work.action.clone(),
        idempotency_key: idempotency_key(state.id, &step.path, direction, round),
        input: Arc::clone(&state.input),
        context: state.context_at(&step.path),
        arguments: Arc::clone(&step.arguments),
        previous: previous.cloned(),
        result: step.result().cloned(),
        reply: step
            .reply
            .clone()
            .filter(|_| direction == Direction::OnReply),
        timeout: policy.timeout,
        limits: policy.limits,
        started_at: step.attempted_at,
        id: CallId {
            direction,
            step: step.path.clone(),
            attempt,
        },
    })
}

fn child_order(state: &State, step: &StepState) -> Option<ChildOrder> {
    let child = step.child.as_ref()?;
    let (want, attempt) = match (state.phase, &step.act, step.compensation.progress) {
        (Phase::Forward, Act::Running, _) => (Want::Run, step.attempts),
        (Phase::Backward, Act::Running, _) | (Phase::Backward, _, Progress::Running) => {
            (Want::Undo, step.compensation.attempts)
        }
        _ => return None,
    };
    let depth = state.parent.as_ref().map_or(0, |parent| parent.depth) + 1;
    let node = state.definition.node_at(&step.path)?;
    Some(ChildOrder {
        is_pivot: node.kind.is_pivot(),
        child: child.clone(),
        parent: Parent {
            saga: state.id,
            step: step.path.clone(),
            depth,
        },
        want,
        attempt,
    })
}

impl Call {
    /// Name of the step, unique in the definition.
    #[must_use]
    pub fn step_name(&self) -> &str {
        self.id.step.name()
    }

    /// The path of the step.
    #[must_use]
    pub const fn step(&self) -> &StepPath {
        &self.id.step
    }
}
