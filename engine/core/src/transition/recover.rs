//! What follows from the end of the engine that drove a saga.

use super::{Env, Turn};
use crate::call::Direction;
use crate::event::{CutOff, Event, PauseCause};
use crate::state::{FoldError, Phase};

impl Turn {
    /// Marks every call that ran as cut off. A saga whose calls ran too often when the engine went
    /// down may be what brings it down: it stops, and the others go on.
    pub(super) fn recover(&mut self, by: CutOff, env: &Env<'_>) -> Result<(), FoldError> {
        let steps = self.state.steps.iter();
        let running: Vec<_> = steps
            .filter_map(|step| Some((step.path.clone(), step.running()?)))
            .collect();
        for (step, (direction, attempt)) in running {
            self.emit(match direction {
                Direction::Act | Direction::OnReply => Event::ActInterrupted { step, attempt, by },
                Direction::Confirm => Event::ConfirmationInterrupted { step, attempt, by },
                Direction::Compensate => Event::CompensationInterrupted { step, attempt, by },
            })?;
        }
        let goes_on = matches!(
            self.state.phase,
            Phase::Forward | Phase::Confirming | Phase::Backward
        );
        if !goes_on || self.state.pause.is_some() {
            return Ok(());
        }
        let poison = self
            .state
            .steps
            .iter()
            .find(|step| step.crashes >= env.bounds.max_crashes.max(1));
        match poison {
            Some(step) => {
                let step = step.path.clone();
                self.pause(PauseCause::Poison { step })
            }
            None => Ok(()),
        }
    }
}
