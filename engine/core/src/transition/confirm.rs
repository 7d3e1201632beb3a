//! Making steps final, once every step is done: one after the other, in the order in which they
//! were started.

use super::Turn;
use crate::event::Event;
use crate::state::{FoldError, Progress};
use crate::time::Timestamp;

impl Turn {
    pub(super) fn confirm(&mut self) -> Result<(), FoldError> {
        let mut gave_up = false;
        for step in &self.state.steps {
            match step.confirmation.progress {
                Progress::None | Progress::Completed | Progress::Skipped(_) => {}
                Progress::Failed => gave_up = true,
                Progress::Running => return Ok(()),
                Progress::Backoff { until } if until > self.now => return Ok(()),
                Progress::Backoff { .. } => {
                    let (step, attempt) = (step.path.clone(), step.confirmation.attempts + 1);
                    return self.emit(Event::ConfirmationStarted { step, attempt });
                }
            }
        }
        self.emit(if gave_up {
            Event::SagaStuck
        } else {
            Event::SagaCompleted
        })
    }
}

/// Whether a confirmation could be started, or all are over.
pub(super) fn is_ready(state: &crate::State, now: Timestamp) -> bool {
    !state
        .steps
        .iter()
        .any(|step| match step.confirmation.progress {
            Progress::Running => true,
            Progress::Backoff { until } => until > now,
            _ => false,
        })
}
