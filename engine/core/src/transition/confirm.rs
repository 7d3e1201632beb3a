//! Making steps final, once every step is done: one after the other, in the order in which they
//! were started.

use super::Turn;
use crate::event::Event;
use crate::state::{FoldError, Progress, State, StepState};
use crate::time::Timestamp;

impl Turn {
    pub(super) fn confirm(&mut self) -> Result<(), FoldError> {
        match next(&self.state, self.now) {
            Some(event) => self.emit(event),
            None => Ok(()),
        }
    }
}

/// Whether a confirmation could be started, or all are over.
pub(super) fn is_ready(state: &State, now: Timestamp) -> bool {
    next(state, now).is_some()
}

/// What follows by itself for a saga that is being made final.
fn next(state: &State, now: Timestamp) -> Option<Event> {
    let is_busy = |step: &StepState| step.confirmation.progress == Progress::Running;
    if state.steps.iter().any(|step| is_busy(step)) {
        return None;
    }
    let mut gave_up = false;
    for step in &state.steps {
        match step.confirmation.progress {
            Progress::None | Progress::Completed | Progress::Skipped(_) => {}
            Progress::Failed => gave_up = true,
            Progress::Running => return None,
            Progress::Backoff { until } if until > now => return None,
            Progress::Backoff { .. } => {
                let (step, attempt) = (step.path.clone(), step.confirmation.attempts + 1);
                return Some(Event::ConfirmationStarted { step, attempt });
            }
        }
    }
    Some(if gave_up {
        Event::SagaStuck
    } else {
        Event::SagaCompleted
    })
}
