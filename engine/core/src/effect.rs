//! What a state asks of the outside. Derived, never stored: recovery needs nothing else.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::event::Pin;
use crate::id::{Direction, Name, SagaId, StepPath, idempotency_key};
use crate::limits::Limits;
use crate::state::{Act, CompensationProgress, State, StepState};
use crate::time::Timestamp;

/// Something to do for a saga.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Call a component, and say what came of it with an `Input` of the same direction.
    Call(Box<Call>),
    /// Say `Input::Tick` then.
    WakeAt(Timestamp),
}

/// One call of a component.
#[derive(Clone, Debug)]
pub struct Call {
    /// The saga.
    pub saga: SagaId,
    /// Name of its definition.
    pub definition: Name,
    /// The step.
    pub step: StepPath,
    /// Which way.
    pub direction: Direction,
    /// 1 for the first.
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
    /// Result of the step before.
    pub previous: Option<Arc<Value>>,
    /// For a compensation: what the act left, when that is known.
    pub result: Option<Arc<Value>>,
    /// Wall time the call may take.
    pub timeout: Duration,
    /// What the call may use.
    pub limits: Limits,
}

/// Everything that has to be done for a saga in this state. Nothing, when it is over.
#[must_use]
pub fn effects(state: &State) -> Vec<Effect> {
    let calls = state
        .steps
        .iter()
        .filter_map(|step| call(state, step).map(|call| Effect::Call(Box::new(call))));
    calls.chain(state.wake_at().map(Effect::WakeAt)).collect()
}

fn call(state: &State, step: &StepState) -> Option<Call> {
    let definition = state.definition.step_at(&step.path)?;
    let (direction, attempt) = if step.act == Act::Running {
        (Direction::Act, step.attempts)
    } else if step.compensation.progress == CompensationProgress::Running {
        (Direction::Compensate, step.compensation.attempts)
    } else {
        return None;
    };
    let (timeout, limits) = match direction {
        Direction::Act => (definition.timeout, definition.limits),
        Direction::Compensate => (definition.compensate.timeout, definition.compensate.limits),
    };
    let previous = step
        .previous
        .as_ref()
        .and_then(|path| state.step(path)?.result().cloned());
    Some(Call {
        saga: state.id,
        definition: state.definition.name.clone(),
        step: step.path.clone(),
        direction,
        attempt,
        pin: step.pin.clone()?,
        action: definition.action.clone(),
        idempotency_key: idempotency_key(state.id, &step.path, direction),
        input: Arc::clone(&state.input),
        context: Arc::clone(&state.context),
        arguments: Arc::clone(&step.arguments),
        previous,
        result: step
            .result()
            .cloned()
            .filter(|_| direction == Direction::Compensate),
        timeout,
        limits,
    })
}
