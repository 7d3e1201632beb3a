//! A tree of sagas: what a walk knows.

use rand::rngs::StdRng;
use wasaga_core::event::PauseCause;
use wasaga_core::state::{Act, Phase, Progress};
use wasaga_core::{Record, SagaId, State, Status, StepPath, Timestamp};

use super::expect::Expected;
use super::plan::{CallKey, Plan};
use super::stage::Stage;

/// A saga of the tree.
pub(crate) struct Saga {
    /// Where it is nested, as in [`CallKey::saga`].
    pub(crate) label: String,
    /// Everything that a crash leaves of it.
    pub(crate) journal: Vec<Record>,
    pub(crate) state: State,
}

/// A call that came to an end.
pub(crate) struct Made {
    pub(crate) call: CallKey,
    /// Whether its saga, or one around it, could not turn back any more.
    pub(crate) is_bound: bool,
}

/// A saga that stood still until an operator said that it is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) saga: String,
    pub(crate) status: Status,
    /// What it says that it stopped at.
    pub(crate) step: Option<StepPath>,
}

/// A saga, and those nested in it.
pub(crate) struct Tree<'a> {
    pub(super) stage: &'a Stage,
    pub(super) plan: &'a Plan,
    /// The outermost first, each before those within it.
    pub(crate) sagas: Vec<Saga>,
    /// Batches of records that were committed.
    pub(crate) commits: u64,
    pub(crate) made: Vec<Made>,
    pub(crate) stops: Vec<Stop>,
    pub(crate) expected: Expected,
    /// For each fault, how many attempts have failed by it.
    pub(crate) failed: Vec<u32>,
    pub(super) now: Timestamp,
    pub(super) random: Option<StdRng>,
}

impl Tree<'_> {
    /// The outermost saga.
    pub(crate) fn root(&self) -> &State {
        &self.sagas[0].state
    }

    /// Each saga with its status, and how its steps stand.
    pub(super) fn portrait(&self) -> String {
        let sagas = self.sagas.iter().map(|saga| {
            let steps = saga.state.steps.iter();
            let steps: Vec<_> = steps
                .map(|step| format!("{} {:?}", step.path, step.status()))
                .collect();
            let status = saga.state.status();
            format!("`{}` is {status} ({})", saga.label, steps.join(", "))
        });
        sagas.collect::<Vec<_>>().join("; ")
    }

    pub(super) fn find(&self, id: SagaId) -> Option<usize> {
        self.sagas.iter().position(|saga| saga.state.id == id)
    }
}

impl Saga {
    /// Why it stands still, when it takes an operator to go on.
    pub(super) fn stop(&self) -> Option<Stop> {
        let state = &self.state;
        let step = match (&state.pause, state.phase) {
            (Some(pause), _) => match &pause.cause {
                PauseCause::Operator => None,
                PauseCause::Exhausted { step }
                | PauseCause::Pivot { step }
                | PauseCause::Poison { step } => Some(step.clone()),
            },
            (None, Phase::Stuck(_)) => {
                let gave_up = state.steps.iter().find(|step| {
                    let efforts = [&step.confirmation, &step.compensation];
                    efforts
                        .iter()
                        .any(|effort| effort.progress == Progress::Failed)
                });
                gave_up.map(|step| step.path.clone())
            }
            (None, _) => return None,
        };
        Some(Stop {
            saga: self.label.clone(),
            status: state.status(),
            step,
        })
    }
}

/// Whether a step's act is done.
pub(super) const fn is_completed(act: &Act) -> bool {
    matches!(act, Act::Completed { .. })
}
