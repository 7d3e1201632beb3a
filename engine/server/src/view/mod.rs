//! Sagas, their calls and verifications, as clients see them.

mod call;
mod steps;
mod verification;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use wasaga_core::state::{CommitState, Pause, Phase};
use wasaga_core::{PauseCause, State};

pub(crate) use self::call::{call, call_summary, rerun};
pub(crate) use self::steps::steps;
pub(crate) use self::verification::verification;

use crate::wire::{ParentSaga, Paused, PausedBy, Progress, Saga, Step, Waiting};

/// Most entries of a saga's `steps`: loops in loops can have any number.
pub(crate) const MAX_STEPS: usize = 2_000;

impl From<&State> for Saga {
    fn from(state: &State) -> Self {
        saga(state, MAX_STEPS)
    }
}

/// A saga with at most `max_steps` entries of its `steps`.
pub(crate) fn saga(state: &State, max_steps: usize) -> Saga {
    let mut steps = steps(state);
    let waiting = waiting(state, &steps);
    let left_out = steps.len().saturating_sub(max_steps);
    steps.truncate(max_steps);
    let progress = state.progress();
    Saga {
        id: state.id,
        definition: state.definition.name.clone(),
        version: state.version,
        status: state.status(),
        tags: Arc::clone(&state.tags),
        input: Arc::clone(&state.input),
        context: Arc::clone(state.context()),
        error: state.error.clone(),
        failure: state.failure(),
        waiting,
        paused: state.pause.as_ref().map(paused),
        progress: Progress {
            done: progress.done,
            total: progress.total,
        },
        steps,
        steps_left_out: left_out as u64,
        parent: state.parent.as_ref().map(|parent| ParentSaga {
            saga: parent.saga,
            step: parent.step.clone(),
        }),
        deadline: state.deadline,
        created_at: state.created_at,
        updated_at: state.updated_at,
    }
}

/// What has to come before the saga goes on by itself.
fn waiting(state: &State, steps: &[Step]) -> Option<Waiting> {
    let goes_on = matches!(
        state.phase,
        Phase::Forward | Phase::Confirming | Phase::Backward
    );
    if !goes_on || state.pause.is_some() || state.is_calling() {
        return None;
    }
    match state.commit {
        CommitState::Awaited { until } if state.phase == Phase::Forward => {
            Some(Waiting::Commit { deadline: until })
        }
        _ => steps.iter().find_map(|step| step.waiting.clone()),
    }
}

fn paused(pause: &Pause) -> Paused {
    let (cause, step) = match &pause.cause {
        PauseCause::Operator => (PausedBy::Operator, None),
        PauseCause::Exhausted { step } => (PausedBy::Exhausted, Some(step)),
        PauseCause::Pivot { step } => (PausedBy::Pivot, Some(step)),
        PauseCause::Poison { step } => (PausedBy::Poison, Some(step)),
    };
    let order = pause.order.as_ref();
    Paused {
        cause,
        step: step.cloned(),
        by: order.map(|order| order.by.clone()),
        reason: order.and_then(|order| order.reason.clone()),
        at: pause.at,
    }
}
