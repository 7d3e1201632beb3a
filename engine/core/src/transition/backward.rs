//! Going backward: which step is undone next, and what follows from what its compensation returned.

use super::{TransitionError, Turn};
use crate::call::{Ended, Evidence, Report};
use crate::definition::CompensateFailed;
use crate::event::{Event, SkipReason};
use crate::id::{Direction, StepPath};
use crate::state::{Act, CompensationProgress as Progress, FoldError, StepState};

/// What a step needs on the way back.
enum Need {
    Undo,
    Nothing,
    Skip(SkipReason),
}

impl Turn {
    /// Undoes what was started, in reverse order of start, one at a time, and ends the saga when
    /// nothing is left.
    pub(super) fn backward(&mut self) -> Result<(), FoldError> {
        if self.state.steps.iter().any(|step| step.act == Act::Running) {
            // Calls that were on their way when the saga turned are let finish.
            return Ok(());
        }
        for index in (0..self.state.steps.len()).rev() {
            let step = &self.state.steps[index];
            let path = step.path.clone();
            let event = match step.compensation.progress {
                Progress::Completed | Progress::Failed | Progress::Skipped(_) => continue,
                Progress::Running => return Ok(()),
                Progress::Backoff { until } if until > self.now => return Ok(()),
                Progress::Backoff { .. } => Event::CompensationStarted {
                    attempt: step.compensation.attempts + 1,
                    step: path,
                },
                Progress::None => match self.need(step) {
                    Need::Nothing => continue,
                    Need::Skip(reason) => Event::CompensationSkipped { step: path, reason },
                    Need::Undo => Event::CompensationStarted {
                        step: path,
                        attempt: 1,
                    },
                },
            };
            let waits = matches!(event, Event::CompensationStarted { .. });
            self.emit(event)?;
            if waits {
                return Ok(());
            }
        }
        let failed = |step: &StepState| step.compensation.progress == Progress::Failed;
        let stuck = self.state.steps.iter().any(failed);
        self.emit(if stuck {
            Event::SagaStuck
        } else {
            Event::SagaCompensated
        })
    }

    /// Every completed step is undone, and every step that was started and may have had an effect.
    fn need(&self, step: &StepState) -> Need {
        if step.attempts == 0 {
            return Need::Nothing;
        }
        if matches!(step.act, Act::Completed { .. }) {
            return Need::Undo;
        }
        let policy = self
            .state
            .definition
            .step_at(&step.path)
            .map(|step| step.compensate.failed);
        match (policy.unwrap_or_default(), step.evidence) {
            (CompensateFailed::Always, _) | (CompensateFailed::Auto, Evidence::Possible) => {
                Need::Undo
            }
            (CompensateFailed::Auto, Evidence::Unchanged) => Need::Skip(SkipReason::NoEffect),
            (CompensateFailed::Never, _) => Need::Skip(SkipReason::Definition),
        }
    }

    /// An attempt of a compensation ended.
    pub(super) fn compensation_returned(
        &mut self,
        step: StepPath,
        attempt: u32,
        report: Report,
    ) -> Result<(), TransitionError> {
        let not_running = || TransitionError::NotRunning {
            saga: self.state.id,
            step: step.clone(),
            attempt,
        };
        let compensation = &self.state.step(&step).ok_or_else(not_running)?.compensation;
        if compensation.progress != Progress::Running || compensation.attempts != attempt {
            return Err(not_running());
        }
        let failures = compensation.failures + 1;
        let Report {
            ended,
            metering,
            requests,
            evidence: _,
        } = report;
        let event = match ended {
            Ended::Completed(_) => Event::CompensationCompleted {
                step,
                attempt,
                metering,
                requests,
            },
            Ended::Failed { failure, certainty } => Event::CompensationFailed {
                retry_at: self.retry_at(&step, &failure, failures, Direction::Compensate),
                step,
                attempt,
                failure,
                certainty,
                metering,
                requests,
            },
        };
        Ok(self.emit(event)?)
    }
}
