//! What follows from what `act` and `on-reply` returned.

use std::sync::Arc;

use super::Turn;
use super::begin::check_context;
use crate::call::{CallId, Certainty, Direction, Ended, Evidence, Failure, FailureKind, Report};
use crate::definition::OnExhausted;
use crate::event::Event;
use crate::path::StepPath;
use crate::state::{FoldError, Phase, Stand};
use crate::time::Timestamp;

/// Failures in a row after which a step behind the pivot waits for an operator: a journal does not
/// grow for ever.
const MAX_FORWARD_FAILURES: u32 = 1_000;

impl Turn {
    /// An attempt of an act ended.
    pub(super) fn act_returned(&mut self, call: CallId, report: Report) -> Result<(), FoldError> {
        let CallId { step, attempt, .. } = call;
        let Report {
            ended,
            metering,
            requests,
            mut evidence,
        } = report;
        let (failure, certainty) = match ended {
            Ended::Completed(completion) => {
                let patch = completion.context_patch.map(Arc::new);
                match self.oversized(&step, patch.as_deref()) {
                    None => {
                        let conflict = self.conflict(&step, patch.as_deref());
                        self.emit(Event::ActCompleted {
                            step,
                            attempt,
                            result: Arc::new(completion.result),
                            context_patch: patch,
                            metering,
                            requests,
                        })?;
                        return conflict.map_or(Ok(()), |event| self.emit(event));
                    }
                    Some(failure) => {
                        // The act is done though the saga cannot take what it left: undo it.
                        evidence = Evidence::Possible;
                        (failure, Certainty::Uncertain)
                    }
                }
            }
            Ended::Pending(payload) => {
                let timeout = self.state.definition.step_at(&step);
                let timeout = timeout.and_then(|step| step.reply_timeout);
                return self.emit(Event::ActPending {
                    step,
                    attempt,
                    payload: Arc::new(payload),
                    until: timeout.map(|timeout| self.now.after(timeout)),
                    metering,
                    requests,
                });
            }
            Ended::Failed { failure, certainty } => (failure, certainty),
        };
        let failures = self.state.step(&step).map_or(0, |step| step.failures) + 1;
        let retry_at = self.act_retry_at(&step, &failure, failures, call.direction);
        self.emit(Event::ActFailed {
            step,
            attempt,
            failure,
            certainty,
            evidence,
            retry_at,
            metering,
            requests,
        })
    }

    /// When a failed act is tried again, if it is.
    fn act_retry_at(
        &self,
        path: &StepPath,
        failure: &Failure,
        failures: u32,
        direction: Direction,
    ) -> Option<Timestamp> {
        // Once the saga goes backward there is no next attempt of an act.
        if self.state.phase != Phase::Forward || failure.kind == FailureKind::Permanent {
            return None;
        }
        let policy = &self.state.policy(path, direction)?.retry;
        let step = self.state.definition.step_at(path)?;
        let fallback = step.fallback.as_ref();
        let other_way = (!path.is_fallback() && fallback.is_some_and(|other| other.takes(failure)))
            || step.on_exhausted == OnExhausted::Pause;
        let goes_on = self.state.pivot.is_some() && failures < MAX_FORWARD_FAILURES;
        let wait = if goes_on && !other_way {
            // There is no way back: it is tried until it succeeds or an operator steps in.
            policy.interval(failures, self.state.id, path, direction)
        } else {
            policy.wait_after(failures, self.state.id, path, direction)?
        };
        Some(self.now.after(wait))
    }

    /// The failure of a step whose patch would make the context too large.
    fn oversized(&self, path: &StepPath, patch: Option<&serde_json::Value>) -> Option<Failure> {
        let patch = patch?;
        let mut context = serde_json::Value::clone(&self.state.context_at(path));
        json_patch::merge(&mut context, patch);
        check_context(&context).err()
    }

    /// The failure of a parallel or a loop whose branches touch the same place of the context.
    fn conflict(&self, path: &StepPath, patch: Option<&serde_json::Value>) -> Option<Event> {
        if self.state.phase != Phase::Forward {
            return None;
        }
        let branches = self.state.definition.branches_of(path);
        let conflict = self.state.contexts.conflict(&branches, patch?)?;
        let stand = self.state.node(&conflict.of).map(|node| &node.stand);
        if matches!(stand, Some(Stand::Failed { .. })) {
            return None;
        }
        let message = format!(
            "step `{path}` changes `{}` of the context, and so did another branch: let one of them \
             do it, or let both leave a result and join them in a step behind",
            conflict.pointer
        );
        Some(Event::StepFailed {
            step: conflict.of,
            failure: Failure::permanent("context-conflict", message),
        })
    }
}
