//! What went wrong with a saga and what became of it, in one object.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Act, Progress, SagaError, State, StepState};
use crate::call::Failure;
use crate::event::SkipReason;
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
    /// What went wrong, when the saga turned back or was given up.
    #[must_use]
    pub fn failure(&self) -> Option<FailureReport> {
        let error = Arc::clone(self.error.as_ref()?);
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
