//! A step going forward: starting it, and what follows from what its act returned.

use std::collections::HashMap;
use std::sync::Arc;

use super::forward::{Progress, Ready};
use super::{Env, MAX_CONTEXT_BYTES, TransitionError, Turn};
use crate::call::{Certainty, Ended, Evidence, Failure, FailureKind, Report};
use crate::definition::Step;
use crate::event::{Event, Pin};
use crate::expression::Scope;
use crate::id::{Direction, StepPath};
use crate::state::{Act, FoldError, Phase, SagaError, State};
use crate::time::Timestamp;

pub(super) fn progress<'a>(
    step: &'a Step,
    previous: Option<StepPath>,
    state: &State,
    now: Timestamp,
) -> Progress<'a> {
    let path = StepPath::root(&step.name);
    let Some(reached) = state.step(&path) else {
        return Progress::Ready(vec![Ready {
            step,
            path,
            previous,
        }]);
    };
    match &reached.act {
        Act::Running => Progress::Busy,
        Act::Backoff { until } if *until <= now => Progress::Ready(vec![Ready {
            step,
            path,
            previous,
        }]),
        Act::Backoff { .. } => Progress::Busy,
        Act::Completed { .. } => Progress::Done(Some(path)),
        Act::Failed => {
            let failure = reached.error.as_deref();
            Progress::Failed(SagaError {
                code: failure.map_or_else(|| "failed".to_owned(), |failure| failure.code.clone()),
                message: failure.map_or_else(String::new, |failure| failure.message.clone()),
                details: failure.and_then(|failure| failure.details.clone()),
                step: Some(path),
            })
        }
    }
}

impl Turn {
    /// Starts a step's next attempt, or fails the step when it cannot be started.
    pub(super) fn begin(&mut self, ready: Ready<'_>, env: &Env<'_>) -> Result<(), FoldError> {
        let Ready {
            step,
            path,
            previous,
        } = ready;
        let before = self.state.step(&path);
        let event = match before.and_then(|step| Some((step, step.pin.as_ref()?))) {
            // Retries keep version and arguments: an attempt is the same call once more.
            Some((before, pin)) => Event::ActStarted {
                attempt: before.attempts + 1,
                pin: pin.clone(),
                arguments: Arc::clone(&before.arguments),
                previous: before.previous.clone(),
                step: path,
            },
            None => match self.first_attempt(step, path.clone(), previous, env) {
                Ok(event) => event,
                Err(failure) => Event::StepFailed {
                    step: path,
                    failure,
                },
            },
        };
        self.emit(event)
    }

    fn first_attempt(
        &self,
        step: &Step,
        path: StepPath,
        previous: Option<StepPath>,
        env: &Env<'_>,
    ) -> Result<Event, Failure> {
        // Most arguments are literals: they need no look at what the other steps left.
        let steps = if step.arguments.is_literal() {
            HashMap::new()
        } else {
            self.state.results()
        };
        let scope = Scope {
            input: &self.state.input,
            context: &self.state.context,
            steps: &steps,
        };
        let arguments = step
            .arguments
            .evaluate(scope)
            .map_err(|error| permanent("expression-failed", error.to_string()))?;
        let (version, digest) = env
            .components
            .active(&step.component, self.state.id)
            .ok_or_else(|| {
                permanent(
                    "component-unavailable",
                    format!(
                        "component `{}` has no active version: upload or activate one",
                        step.component
                    ),
                )
            })?;
        let pin = Pin {
            component: step.component.clone(),
            version,
            digest,
        };
        Ok(Event::ActStarted {
            step: path,
            attempt: 1,
            pin,
            arguments,
            previous,
        })
    }

    /// An attempt of an act ended.
    pub(super) fn act_returned(
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
        let reached = self.state.step(&step).ok_or_else(not_running)?;
        if reached.act != Act::Running || reached.attempts != attempt {
            return Err(not_running());
        }
        let failures = reached.failures + 1;
        let Report {
            ended,
            metering,
            requests,
            mut evidence,
        } = report;
        let (failure, certainty) = match ended {
            Ended::Completed(completion) => match self.oversized(completion.context_patch.as_ref())
            {
                None => {
                    return Ok(self.emit(Event::ActCompleted {
                        step,
                        attempt,
                        result: Arc::new(completion.result),
                        context_patch: completion.context_patch,
                        metering,
                        requests,
                    })?);
                }
                Some(failure) => {
                    // The act is done though the saga cannot take what it left: undo it.
                    evidence = Evidence::Possible;
                    (failure, Certainty::Uncertain)
                }
            },
            Ended::Failed { failure, certainty } => (failure, certainty),
        };
        let retry_at = self.retry_at(&step, &failure, failures, Direction::Act);
        Ok(self.emit(Event::ActFailed {
            step,
            attempt,
            failure,
            certainty,
            evidence,
            retry_at,
            metering,
            requests,
        })?)
    }

    /// When a failed call is tried again, if it is.
    pub(super) fn retry_at(
        &self,
        path: &StepPath,
        failure: &Failure,
        failures: u32,
        direction: Direction,
    ) -> Option<Timestamp> {
        let step = self.state.definition.step_at(path)?;
        let policy = match direction {
            // Once the saga goes backward there is no next attempt of an act.
            Direction::Act if self.state.phase != Phase::Forward => return None,
            Direction::Act => &step.retry,
            Direction::Compensate => &step.compensate.retry,
        };
        if failure.kind == FailureKind::Permanent {
            return None;
        }
        let wait = policy.wait_after(failures, self.state.id, path, direction)?;
        Some(self.now.after(wait))
    }

    fn oversized(&self, patch: Option<&serde_json::Value>) -> Option<Failure> {
        let mut context = serde_json::Value::clone(&self.state.context);
        json_patch::merge(&mut context, patch?);
        let bytes = context.to_string().len();
        (bytes > MAX_CONTEXT_BYTES).then(|| {
            permanent(
                "context-too-large",
                format!("the context would grow to {bytes} bytes; the most is {MAX_CONTEXT_BYTES}: keep large values outside and refer to them"),
            )
        })
    }
}

fn permanent(code: &str, message: String) -> Failure {
    Failure {
        kind: FailureKind::Permanent,
        code: code.to_owned(),
        message,
        details: None,
    }
}
