//! What went wrong with a saga and what became of it, in one object.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Act, Phase, Progress, SagaError, Stand, State, StepState};
use crate::call::Failure;
use crate::event::{Order, SkipReason};
use crate::path::StepPath;

/// What went wrong with a saga that did not complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailureReport {
    /// The first failure.
    pub error: Arc<SagaError>,
    /// Steps that failed for good besides, in the order in which they were started: the fallback of
    /// the one that failed first, or a branch that ran beside it.
    pub others: Vec<StepFailure>,
    /// What became of every step that was started, in the order in which they are undone.
    pub compensations: Vec<Undo>,
}

/// A step that failed for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepFailure {
    /// Which step.
    pub step: StepPath,
    /// Its last failure.
    pub error: Arc<Failure>,
}

/// What became of the undo of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// Which step.
    pub step: StepPath,
    /// What became of it.
    pub outcome: UndoOutcome,
    /// Attempts that were started.
    pub attempts: u32,
    /// Why none was needed, when none was.
    pub reason: Option<SkipReason>,
    /// The last failure of the undo.
    pub error: Option<Arc<Failure>>,
}

/// What became of an undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoOutcome {
    /// Not begun.
    Open,
    /// Running, or between two attempts.
    Running,
    /// The step is undone.
    Undone,
    /// Given up.
    Failed,
    /// Not needed.
    Skipped,
}

impl State {
    /// What went wrong, when the saga turned back or was given up, or stands still because of it.
    #[must_use]
    pub fn failure(&self) -> Option<FailureReport> {
        let error = match &self.error {
            Some(error) => Arc::clone(error),
            None if self.waits_for_operator() => Arc::new(self.first_failure()?),
            None => return None,
        };
        let others = self
            .steps
            .iter()
            .filter(|step| step.act == Act::Failed && Some(&step.path) != error.step.as_ref())
            .filter_map(|step| {
                Some(StepFailure {
                    step: step.path.clone(),
                    error: step.error.clone()?,
                })
            })
            .collect();
        let started = |step: &&Arc<StepState>| step.attempts > 0;
        let compensations = self
            .steps
            .iter()
            .rev()
            .filter(started)
            .map(|step| undo(step))
            .collect();
        Some(FailureReport {
            error,
            others,
            compensations,
        })
    }

    /// Whether only an operator gets the saga further.
    const fn waits_for_operator(&self) -> bool {
        self.pause.is_some() || matches!(self.phase, Phase::Stuck(_))
    }

    /// What failed for good before anything else did.
    pub(crate) fn first_failure(&self) -> Option<SagaError> {
        let acts = self.steps.iter().filter(|step| step.act == Act::Failed);
        let acts =
            acts.filter_map(|step| Some((step.finished_at, &step.path, step.error.as_deref()?)));
        let confirmations = self
            .steps
            .iter()
            .map(|step| (&step.path, &step.confirmation))
            .filter(|(_, effort)| effort.progress == Progress::Failed)
            .filter_map(|(path, effort)| {
                Some((effort.finished_at, path, effort.error.as_deref()?))
            });
        let nodes = self.nodes.iter().filter_map(|(path, node)| {
            let Stand::Failed { failure } = &node.stand else {
                return None;
            };
            Some((node.finished_at, path, &**failure))
        });
        let failures = acts.chain(confirmations).chain(nodes);
        let (_, path, failure) = failures.min_by_key(|(at, path, _)| (*at, (*path).clone()))?;
        Some(SagaError::of_step(path.clone(), failure))
    }
}

impl SagaError {
    /// The failure of a node as a saga's.
    pub(crate) fn of_step(step: StepPath, failure: &Failure) -> Self {
        Self {
            step: Some(step),
            code: failure.code.clone(),
            message: failure.message.clone(),
            details: failure.details.clone(),
        }
    }

    /// An error of no step.
    pub(crate) fn of_saga(code: &str, message: String) -> Self {
        Self {
            step: None,
            code: code.to_owned(),
            message,
            details: None,
        }
    }

    /// What becomes the error of a nested saga that is undone with the one around it.
    pub(crate) fn parent_undone() -> Self {
        Self::of_saga(
            "parent-undone",
            "the saga around this one is undone".to_owned(),
        )
    }

    /// What becomes the error of a saga that an operator ends.
    pub(crate) fn by_order(code: &str, order: &Order) -> Self {
        let reason = order.reason.as_deref();
        Self::of_saga(code, reason.unwrap_or("no reason was given").to_owned())
    }
}

fn undo(step: &StepState) -> Undo {
    let effort = &step.compensation;
    let (outcome, reason) = match effort.progress {
        Progress::None => (UndoOutcome::Open, None),
        Progress::Running | Progress::Backoff { .. } => (UndoOutcome::Running, None),
        Progress::Completed => (UndoOutcome::Undone, None),
        Progress::Failed => (UndoOutcome::Failed, None),
        Progress::Skipped(reason) => (UndoOutcome::Skipped, Some(reason)),
    };
    Undo {
        step: step.path.clone(),
        outcome,
        attempts: effort.attempts,
        reason,
        error: effort.error.clone(),
    }
}
