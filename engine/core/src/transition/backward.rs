//! Undoing steps: in reverse order of start, one at a time.

use super::Turn;
use crate::call::Evidence;
use crate::definition::CompensateFailed;
use crate::event::{Event, SkipReason};
use crate::state::{Act, FoldError, Progress, State, StepState};
use crate::time::Timestamp;

/// What a step needs on the way back.
enum Need {
    Undo,
    Nothing,
    Skip(SkipReason),
}

impl Turn {
    /// Undoes what was started, and ends the saga when nothing is left.
    pub(super) fn backward(&mut self) -> Result<(), FoldError> {
        while let Some(event) = next(&self.state, self.now) {
            let goes_on = matches!(event, Event::CompensationSkipped { .. });
            self.emit(event)?;
            if !goes_on {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Whether an undo could be started, or all are over.
pub(super) fn is_ready(state: &State, now: Timestamp) -> bool {
    next(state, now).is_some()
}

/// What follows by itself for a saga that goes backward.
fn next(state: &State, now: Timestamp) -> Option<Event> {
    // Calls that were on their way when the saga turned are let finish, and nested sagas undo
    // themselves first. Then one step after the other is undone, also when an operator has one
    // tried again while another is at it.
    let is_busy = |step: &StepState| {
        step.act == Act::Running || step.compensation.progress == Progress::Running
    };
    if state.steps.iter().any(|step| is_busy(step)) {
        return None;
    }
    let mut gave_up = false;
    for step in state.steps.iter().rev() {
        let path = step.path.clone();
        match step.compensation.progress {
            Progress::Completed | Progress::Skipped(_) => {}
            Progress::Failed => gave_up = true,
            Progress::Running => return None,
            Progress::Backoff { until } if until > now => return None,
            Progress::Backoff { .. } => {
                let attempt = step.compensation.attempts + 1;
                return Some(Event::CompensationStarted {
                    step: path,
                    attempt,
                });
            }
            Progress::None => match need(state, step) {
                Need::Nothing => {}
                Need::Skip(reason) => {
                    return Some(Event::CompensationSkipped { step: path, reason });
                }
                Need::Undo => {
                    return Some(Event::CompensationStarted {
                        step: path,
                        attempt: 1,
                    });
                }
            },
        }
    }
    Some(if gave_up {
        Event::SagaStuck
    } else {
        Event::SagaCompensated
    })
}

/// Every completed step is undone, and every step that was started and may have had an effect.
fn need(state: &State, step: &StepState) -> Need {
    if step.attempts == 0 {
        return Need::Nothing;
    }
    if matches!(step.act, Act::Completed { .. }) {
        return Need::Undo;
    }
    let work = state.definition.work_at(&step.path);
    let policy = work.map(|work| work.compensate_failed).unwrap_or_default();
    match (policy, step.evidence) {
        (CompensateFailed::Always, _) | (CompensateFailed::Auto, Evidence::Possible) => Need::Undo,
        (CompensateFailed::Auto, Evidence::Unchanged) => Need::Skip(SkipReason::NoEffect),
        (CompensateFailed::Never, _) => Need::Skip(SkipReason::Definition),
    }
}
