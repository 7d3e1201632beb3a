//! What a saga's journal amounts to.

mod fold;
mod status;
mod step;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::fold::FoldError;
pub use self::status::Status;
pub use self::step::{Act, Compensation, Progress as CompensationProgress, StepState, StepStatus};

use crate::definition::Definition;
use crate::event::Record;
use crate::id::{SagaId, StepPath};
use crate::time::Timestamp;

/// A saga at one moment: the fold of its journal up to [`State::seq`].
///
/// Cheap to clone: what may be large is shared.
#[derive(Clone, Debug)]
pub struct State {
    /// Which saga.
    pub id: SagaId,
    /// What it executes.
    pub definition: Arc<Definition>,
    /// Version of the definition.
    pub version: u32,
    /// Which way it goes.
    pub phase: Phase,
    /// What was submitted.
    pub input: Arc<Value>,
    /// What the completed steps made of `{}`; always an object.
    pub context: Arc<Value>,
    /// Labels to find it by.
    pub tags: Arc<BTreeMap<String, String>>,
    /// When it has to be done.
    pub deadline: Option<Timestamp>,
    /// The first failure.
    pub error: Option<Arc<SagaError>>,
    /// The steps that were reached, in the order in which they were.
    pub steps: Vec<StepState>,
    /// Place of the last event in the journal.
    pub seq: u64,
    /// Time of the first event.
    pub created_at: Timestamp,
    /// Time of the last event.
    pub updated_at: Timestamp,
}

/// Which way a saga goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Doing.
    Forward,
    /// Undoing. Never forward again.
    Backward,
    /// Over: every step is done.
    Completed,
    /// Over: every step is undone.
    Compensated,
    /// A compensation gave up: it takes a person to go on.
    Stuck,
}

/// Why a saga did not complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SagaError {
    /// The step that failed first; absent when it was no step.
    pub step: Option<StepPath>,
    /// Stable and machine readable.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whatever else the step had to say.
    #[serde(default)]
    pub details: Option<Value>,
}

impl State {
    /// Folds a journal.
    ///
    /// # Errors
    /// When the records are not a journal that this engine, or an earlier one, wrote.
    pub fn fold(
        id: SagaId,
        definition: Arc<Definition>,
        records: &[Record],
    ) -> Result<Self, FoldError> {
        let (first, rest) = records.split_first().ok_or(FoldError::Empty { saga: id })?;
        let mut state = Self::begin(id, definition, first)?;
        rest.iter().try_for_each(|record| state.apply(record))?;
        Ok(state)
    }

    /// The step at a path, when it was reached.
    #[must_use]
    pub fn step(&self, path: &StepPath) -> Option<&StepState> {
        self.steps.iter().find(|step| step.path == *path)
    }

    /// When the saga wants to be looked at next though nothing happens to it.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let deadline = self.deadline.filter(|_| self.phase == Phase::Forward);
        self.steps
            .iter()
            .filter_map(StepState::backoff_until)
            .chain(deadline)
            .min()
    }

    /// When somebody has to look at the saga if nobody does: at once while calls run or the next
    /// step could start, at the next timer while it waits for one, never once it is settled.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        if self.status().is_settled() {
            return None;
        }
        let waits = self.steps.iter().any(|step| step.backoff_until().is_some());
        if waits && !self.is_calling() {
            self.wake_at()
        } else {
            Some(self.updated_at)
        }
    }

    /// Whether a call runs, as far as the journal knows.
    #[must_use]
    pub fn is_calling(&self) -> bool {
        self.steps.iter().any(StepState::is_running)
    }

    /// Results of the completed steps by name, for expressions.
    #[must_use]
    pub fn results(&self) -> HashMap<String, Arc<Value>> {
        self.steps
            .iter()
            .filter_map(|step| Some((step.path.as_str().to_owned(), Arc::clone(step.result()?))))
            .collect()
    }
}
