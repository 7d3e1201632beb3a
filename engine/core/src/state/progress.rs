//! How far a saga is.

use serde::{Deserialize, Serialize};

use super::{Act, Stand, State};
use crate::definition::{Kind, Sequence};
use crate::path::StepPath;

/// How far a saga is, in leaves of its definition: steps, nested sagas and sleeps.
///
/// A loop counts its leaves once for each round as soon as it knows its list, and once before. A
/// choice counts those of the branch it took, and of its longest one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Leaves that are done, undone or not.
    pub done: u32,
    /// All leaves, as far as is known.
    pub total: u32,
}

impl Progress {
    const fn plus(self, more: Self) -> Self {
        Self {
            done: self.done.saturating_add(more.done),
            total: self.total.saturating_add(more.total),
        }
    }

    fn leaf(done: bool) -> Self {
        Self {
            done: u32::from(done),
            total: 1,
        }
    }
}

impl State {
    /// How far the saga is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress_of(&self.definition.body, None)
    }

    fn progress_of(&self, sequence: &Sequence, round: Option<&StepPath>) -> Progress {
        let sum = |of: &Sequence, round: Option<&StepPath>| self.progress_of(of, round);
        let nodes = sequence.0.iter().map(|id| {
            let node = self.definition.node(*id);
            let path = StepPath::within(round, &node.name);
            match &node.kind {
                Kind::Step(_) | Kind::Saga(_) => Progress::leaf(self.is_done(&path)),
                Kind::Sleep(_) => {
                    let stand = self.node(&path).map(|node| &node.stand);
                    Progress::leaf(stand == Some(&Stand::Slept))
                }
                Kind::Parallel(parallel) => parallel
                    .branches
                    .iter()
                    .map(|branch| sum(branch, round))
                    .fold(Progress::default(), Progress::plus),
                Kind::Choice(choice) => match self.node(&path).map(|node| &node.stand) {
                    Some(Stand::Chose { branch }) => branch
                        .and_then(|branch| choice.branches.get(branch as usize))
                        .map(|branch| sum(&branch.steps, round))
                        .unwrap_or_default(),
                    _ => choice
                        .branches
                        .iter()
                        .map(|branch| sum(&branch.steps, round))
                        .max_by_key(|progress| progress.total)
                        .unwrap_or_default(),
                },
                Kind::ForEach(each) => match self.node(&path).map(|node| &node.stand) {
                    Some(Stand::Looping { items, .. } | Stand::Joined { results: items }) => {
                        let rounds = items.as_array().map_or(0, Vec::len);
                        (0..u32::try_from(rounds).unwrap_or(u32::MAX))
                            .map(|index| sum(&each.steps, Some(&path.round(index))))
                            .fold(Progress::default(), Progress::plus)
                    }
                    _ => sum(&each.steps, Some(&path.round(0))),
                },
            }
        });
        nodes.fold(Progress::default(), Progress::plus)
    }

    fn is_done(&self, path: &StepPath) -> bool {
        let completed = |path: &StepPath| {
            self.step(path)
                .is_some_and(|step| matches!(step.act, Act::Completed { .. }))
        };
        completed(path) || completed(&path.fallback())
    }
}
