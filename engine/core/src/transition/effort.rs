//! What follows from what `confirm` and `compensate` returned.

use super::Turn;
use crate::call::{CallId, Direction, Ended, FailureKind, Report};
use crate::event::Event;
use crate::state::FoldError;

impl Turn {
    /// An attempt to make a step final, or to undo it, ended.
    pub(super) fn effort_returned(
        &mut self,
        call: CallId,
        report: Report,
    ) -> Result<(), FoldError> {
        let CallId {
            direction,
            step,
            attempt,
        } = call;
        let Report {
            ended,
            metering,
            requests,
            evidence: _,
        } = report;
        let (failure, certainty) = match ended {
            // Neither of them can be pending: the contract has no such answer.
            Ended::Completed(_) | Ended::Pending(_) => {
                return self.emit(match direction {
                    Direction::Confirm => Event::ConfirmationCompleted {
                        step,
                        attempt,
                        metering,
                        requests,
                    },
                    Direction::Act | Direction::OnReply | Direction::Compensate => {
                        Event::CompensationCompleted {
                            step,
                            attempt,
                            metering,
                            requests,
                        }
                    }
                });
            }
            Ended::Failed { failure, certainty } => (failure, certainty),
        };
        let failures = self
            .state
            .step(&step)
            .map_or(0, |step| step.effort(direction).failures)
            + 1;
        let policy = self.state.policy(&step, direction);
        let retry_at = policy
            .filter(|_| failure.kind == FailureKind::Retryable)
            .and_then(|policy| {
                policy
                    .retry
                    .wait_after(failures, self.state.id, &step, direction)
            })
            .map(|wait| self.now.after(wait));
        self.emit(match direction {
            Direction::Confirm => Event::ConfirmationFailed {
                step,
                attempt,
                failure,
                certainty,
                retry_at,
                metering,
                requests,
            },
            Direction::Act | Direction::OnReply | Direction::Compensate => {
                Event::CompensationFailed {
                    step,
                    attempt,
                    failure,
                    certainty,
                    retry_at,
                    metering,
                    requests,
                }
            }
        })
    }
}
