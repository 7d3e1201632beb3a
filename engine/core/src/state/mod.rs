//! What a saga's journal amounts to.

mod change;
mod context;
mod fold;
mod node;
mod progress;
mod report;
mod status;
mod step;
mod view;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use self::context::Contexts;
pub use self::fold::FoldError;
pub use self::node::{NodeState, Stand};
pub use self::progress::Progress as SagaProgress;
pub use self::report::{FailureReport, Undo, UndoOutcome};
pub use self::status::Status;
pub use self::step::{Act, Asked, Child, Effort, Progress, StepState, StepStatus};

use crate::call::Direction;
use crate::definition::Definition;
use crate::event::{Order, Parent, PauseCause, Record};
use crate::id::SagaId;
use crate::path::StepPath;
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
    /// Why it stands still, when it does.
    pub pause: Option<Pause>,
    /// What was submitted.
    pub input: Arc<Value>,
    /// Labels to find it by.
    pub tags: Arc<BTreeMap<String, String>>,
    /// When it has to be done.
    pub deadline: Option<Timestamp>,
    /// The saga that it is a step of.
    pub parent: Option<Parent>,
    /// Whether that saga knows how this one ended.
    pub parent_told: bool,
    /// The first failure.
    pub error: Option<Arc<SagaError>>,
    /// The completed step after which the saga only goes forward.
    pub pivot: Option<StepPath>,
    /// Whether somebody has to commit it.
    pub commit: CommitState,
    /// The steps that were reached, in the order in which they were.
    pub steps: Vec<Arc<StepState>>,
    /// The nodes other than steps that were reached.
    pub nodes: Arc<BTreeMap<StepPath, NodeState>>,
    /// Place of the last event in the journal.
    pub seq: u64,
    /// Time of the first event.
    pub created_at: Timestamp,
    /// Time of the last event.
    pub updated_at: Timestamp,
    pub(crate) contexts: Contexts,
    /// Place in `steps` by path.
    index: Arc<HashMap<StepPath, usize>>,
}

/// Which way a saga goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Doing.
    Forward,
    /// Done, and being made final. Never backward.
    Confirming,
    /// Undoing. Never forward again.
    Backward,
    /// Over: every step is done.
    Completed,
    /// Over: every step is undone.
    Compensated,
    /// It takes a person to go on.
    Stuck(Stuck),
    /// Over: a person gave it up as it was.
    Abandoned,
}

/// What gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// A confirmation.
    Confirming,
    /// A compensation.
    Backward,
}

/// Why a saga stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// What made it stop.
    pub cause: PauseCause,
    /// Who asked for it and what for, when somebody did.
    pub order: Option<Order>,
    /// Since when.
    pub at: Timestamp,
}

/// Whether somebody has to commit a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitState {
    /// Nobody was asked.
    Open,
    /// Somebody has to.
    Awaited {
        /// When it is rejected if nobody does.
        until: Option<Timestamp>,
    },
    /// Somebody did.
    Given,
}

/// Why a saga did not complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SagaError {
    /// The node that failed first; absent when it was none.
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
        Some(&self.steps[*self.index.get(path)?])
    }

    /// The node other than a step at a path, when it was reached.
    #[must_use]
    pub fn node(&self, path: &StepPath) -> Option<&NodeState> {
        self.nodes.get(path)
    }

    /// What the completed steps made of `{}`; always an object.
    #[must_use]
    pub const fn context(&self) -> &Arc<Value> {
        self.contexts.shared()
    }

    /// Whether a call runs, as far as the journal knows.
    #[must_use]
    pub fn is_calling(&self) -> bool {
        self.steps.iter().any(|step| step.running().is_some())
    }

    /// The most attempts in a row of one step during which the engine went down.
    #[must_use]
    pub fn crashes(&self) -> u32 {
        self.steps
            .iter()
            .map(|step| step.crashes)
            .max()
            .unwrap_or(0)
    }

    /// When something is due by itself though nothing happens to the saga: a timer, a deadline.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        if self.pause.is_some() {
            return None;
        }
        // Steps are made final, and undone, one after the other: only the first one waits, and not
        // even that while another is at it.
        let first = match self.phase {
            Phase::Forward => return self.forward_wake_at(),
            Phase::Confirming | Phase::Backward if self.is_at_it() => None,
            Phase::Confirming => {
                let mut efforts = self.steps.iter().map(|step| step.confirmation.progress);
                efforts.find(|progress| progress.is_busy())
            }
            Phase::Backward => {
                let steps = self.steps.iter().rev();
                let mut efforts = steps.map(|step| step.compensation.progress);
                efforts.find(|progress| progress.is_busy())
            }
            Phase::Completed | Phase::Compensated | Phase::Stuck(_) | Phase::Abandoned => None,
        };
        first?.backoff_until()
    }

    /// Whether something runs that the rest of the way waits for.
    fn is_at_it(&self) -> bool {
        self.steps.iter().any(|step| {
            let efforts = [step.confirmation.progress, step.compensation.progress];
            step.act == Act::Running || efforts.contains(&Progress::Running)
        })
    }

    fn forward_wake_at(&self) -> Option<Timestamp> {
        let backoffs = self.steps.iter().filter_map(|step| step.backoff_until());
        let replies = self.steps.iter().filter_map(|step| match &step.act {
            Act::Pending { until, .. } => *until,
            _ => None,
        });
        let sleeps = self.nodes.values().filter_map(|node| match node.stand {
            Stand::Sleeping { until } => Some(until),
            _ => None,
        });
        let commit = match self.commit {
            CommitState::Awaited { until } => until,
            CommitState::Open | CommitState::Given => None,
        };
        // After the pivot or a commit, and while the pivot is decided, no deadline turns the saga.
        let deadline = self.deadline.filter(|_| !self.is_bound());
        backoffs
            .chain(replies)
            .chain(sleeps)
            .chain(commit)
            .chain(deadline)
            .min()
    }

    /// Whether the saga cannot turn back: its pivot is done, or may be by now, or it is committed.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.pivot.is_some() || self.commit == CommitState::Given || self.deciding_pivot().is_some()
    }

    /// The pivot whose call, or whose nested saga, is on its way.
    #[must_use]
    pub fn deciding_pivot(&self) -> Option<&StepState> {
        let is_pivot = |step: &&Arc<StepState>| {
            let node = self.definition.node_at(&step.path);
            node.is_some_and(|node| node.kind.is_pivot())
        };
        let mut running = self.steps.iter().filter(|step| step.act == Act::Running);
        running.find(is_pivot).map(|step| &**step)
    }

    /// Which of a step's policies says how a call is made.
    #[must_use]
    pub fn policy(
        &self,
        path: &StepPath,
        direction: Direction,
    ) -> Option<&crate::definition::CallPolicy> {
        let work = self.definition.work_at(path)?;
        Some(match direction {
            Direction::Act | Direction::OnReply => &work.act,
            Direction::Confirm => &work.confirm,
            Direction::Compensate => &work.compensate,
        })
    }
}
