//! Nested sagas, seen from both sides.
//!
//! A child is a saga of its own. Its parent says in its journal that the child is to run, or to be
//! undone; the child tells its parent when it has ended, and says in its own journal that it has
//! told. So after a crash each side knows from its journal what it still owes the other.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::begin::too_large;
use super::{MAX_COLLECTED_BYTES, Pivot, TransitionError, Turn};
use crate::call::{Certainty, Evidence, Failure, Metering};
use crate::event::Event;
use crate::id::SagaId;
use crate::json;
use crate::path::StepPath;
use crate::state::{Act, FoldError, Phase, Progress, SagaError, State};

/// Deepest nesting of what a nested saga leaves. Each saga and each loop around a result nests it
/// deeper, and the reader of JSON gives up at 128: the journal would never be read again.
const MAX_COLLECTED_DEPTH: usize = 100;

/// How a nested saga ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildEnd {
    /// Every step is done. Carries what they left, by name.
    Completed {
        /// Results by name of the step.
        results: HashMap<String, Arc<Value>>,
    },
    /// Every step is undone.
    Compensated {
        /// Why it did not complete, when that is known: a child that had completed has no error.
        error: Option<Arc<SagaError>>,
    },
    /// An operator gave it up.
    Abandoned,
    /// It could not be started: nothing of it happened.
    Refused {
        /// Why.
        failure: Failure,
    },
    /// It cannot be undone.
    Irreversible {
        /// Why.
        failure: Failure,
    },
}

impl State {
    /// How the saga ended, when it has and the saga around it does not know.
    #[must_use]
    pub fn untold_end(&self) -> Option<ChildEnd> {
        if self.parent.is_none() || self.parent_told {
            return None;
        }
        match self.phase {
            Phase::Completed => Some(ChildEnd::Completed {
                results: self.results(),
            }),
            Phase::Compensated => Some(ChildEnd::Compensated {
                error: self.error.clone(),
            }),
            Phase::Abandoned => Some(ChildEnd::Abandoned),
            Phase::Forward | Phase::Confirming | Phase::Backward | Phase::Stuck(_) => None,
        }
    }
}

impl Turn {
    /// A nested saga ended. What the saga knows already changes nothing: a child tells until it has
    /// heard that it was understood.
    pub(super) fn child_ended(
        &mut self,
        path: &StepPath,
        child: SagaId,
        end: ChildEnd,
    ) -> Result<(), FoldError> {
        let Some(step) = self.state.step(path) else {
            return Ok(());
        };
        if step.child.as_ref().map(|child| child.id) != Some(child) {
            return Ok(());
        }
        let (path, attempt) = (path.clone(), step.attempts);
        if step.act == Act::Running {
            let event = acted(path, attempt, child, end);
            return event.map_or(Ok(()), |event| self.emit(event));
        }
        if step.compensation.progress == Progress::Running {
            let attempt = step.compensation.attempts;
            let event = undone(path, attempt, end);
            return event.map_or(Ok(()), |event| self.emit(event));
        }
        Ok(())
    }

    /// The saga around this one has understood how it ended.
    pub(super) fn parent_told(&mut self) -> Result<(), FoldError> {
        match self.state.untold_end() {
            Some(_) => self.emit(Event::ParentTold),
            None => Ok(()),
        }
    }

    /// The saga around this one is undone.
    pub(super) fn undo(&mut self) -> Result<(), TransitionError> {
        match self.state.phase {
            Phase::Completed | Phase::Forward if self.state.pivot.is_some() => {
                Err(self.bound("undone"))
            }
            Phase::Forward if self.state.deciding_pivot().is_some() => Err(self.bound("undone")),
            // Committed, and about to become final.
            Phase::Forward if self.state.is_bound() => Ok(()),
            Phase::Completed => Ok(self.emit(Event::SagaReversed)?),
            Phase::Forward => Ok(self.fail(SagaError::parent_undone())?),
            Phase::Abandoned => Err(TransitionError::Unfit {
                saga: self.state.id,
                verb: "undone",
                reason: "an operator has given it up".to_owned(),
            }),
            // It undoes itself already, has done so, or cannot before it has become final.
            Phase::Confirming | Phase::Backward | Phase::Compensated | Phase::Stuck(_) => Ok(()),
        }
    }

    /// The refusal of what would turn a saga back that only goes forward.
    pub(super) fn bound(&self, verb: &'static str) -> TransitionError {
        let (step, done) = match (&self.state.pivot, self.state.deciding_pivot()) {
            (Some(pivot), _) => (pivot.clone(), Pivot::Done),
            (None, Some(step)) => (step.path.clone(), Pivot::Running),
            (None, None) => {
                return TransitionError::Unfit {
                    saga: self.state.id,
                    verb,
                    reason: "it is committed, and from there it only goes forward".to_owned(),
                };
            }
        };
        TransitionError::Bound {
            saga: self.state.id,
            verb,
            step,
            done,
        }
    }
}

/// What the end of a child means for a step that waits for it to complete.
fn acted(step: StepPath, attempt: u32, child: SagaId, end: ChildEnd) -> Option<Event> {
    let failed = |step, failure, evidence| Event::ActFailed {
        step,
        attempt,
        failure,
        certainty: Certainty::Definite,
        evidence,
        retry_at: None,
        metering: Metering::default(),
        requests: Vec::new(),
    };
    Some(match end {
        ChildEnd::Completed { results } => {
            let results: serde_json::Map<String, Value> = results
                .into_iter()
                .map(|(name, result)| (name, Value::clone(&result)))
                .collect();
            let results = Value::Object(results);
            let bytes = results.to_string().len();
            let depth = json::depth(&results);
            // The child is done though the saga cannot take what it left: undo it.
            if bytes > MAX_COLLECTED_BYTES {
                let failure = too_large("the results of its steps", bytes);
                failed(step, failure, Evidence::Possible)
            } else if depth > MAX_COLLECTED_DEPTH {
                failed(step, too_deep(depth), Evidence::Possible)
            } else {
                Event::ActCompleted {
                    step,
                    attempt,
                    result: Arc::new(results),
                    context_patch: None,
                    metering: Metering::default(),
                    requests: Vec::new(),
                }
            }
        }
        ChildEnd::Compensated { error } => failed(
            step,
            child_failure(child, error.as_deref()),
            Evidence::Unchanged,
        ),
        // What it left is the operator's; that it is not undone must not be lost.
        ChildEnd::Abandoned => failed(step, abandoned(child), Evidence::Possible),
        ChildEnd::Refused { failure } => failed(step, failure, Evidence::Unchanged),
        // Its pivot is done, or may be: it goes on, and then says how it ended.
        ChildEnd::Irreversible { .. } => return None,
    })
}

/// What the end of a child means for a step that waits for it to be undone.
fn undone(step: StepPath, attempt: u32, end: ChildEnd) -> Option<Event> {
    let failed = |step, failure| Event::CompensationFailed {
        step,
        attempt,
        failure,
        certainty: Certainty::Definite,
        retry_at: None,
        metering: Metering::default(),
        requests: Vec::new(),
    };
    match end {
        ChildEnd::Compensated { .. } => Some(Event::CompensationCompleted {
            step,
            attempt,
            metering: Metering::default(),
            requests: Vec::new(),
        }),
        ChildEnd::Abandoned => {
            let message = "an operator has given the nested saga up as it was";
            Some(failed(step, Failure::permanent("child-abandoned", message)))
        }
        ChildEnd::Irreversible { failure } | ChildEnd::Refused { failure } => {
            Some(failed(step, failure))
        }
        // Told before it heard that it is to be undone.
        ChildEnd::Completed { .. } => None,
    }
}

/// A child's failure with its own words, and where to read more.
fn child_failure(child: SagaId, error: Option<&SagaError>) -> Failure {
    let details = json!({
        "saga": child,
        "step": error.and_then(|error| error.step.as_ref()),
        "details": error.and_then(|error| error.details.as_ref()),
    });
    let code = error.map_or("child-compensated", |error| &error.code);
    let message = error.map_or("it was undone", |error| &error.message);
    Failure {
        details: Some(details),
        ..Failure::permanent(
            code,
            format!("nested saga {child} did not complete: {message}"),
        )
    }
}

fn too_deep(depth: usize) -> Failure {
    let message = format!(
        "the results of its steps are nested {depth} deep; the most is {MAX_COLLECTED_DEPTH}"
    );
    Failure::permanent("result-too-deep", message)
}

fn abandoned(child: SagaId) -> Failure {
    let message = format!("nested saga {child} was given up by an operator");
    Failure::permanent("child-abandoned", message)
}
