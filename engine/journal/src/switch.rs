//! The rule by which a change of the version that sagas take is made, the same in every store.

use wasaga_core::Candidate;

use crate::journal::Activation;
use crate::model::{ComponentRow, Switch, SwitchTo};

/// What a store has to do for a [`Switch`].
#[derive(Debug)]
pub(crate) enum Decision {
    /// Store the component like this, and remember the change.
    Change(ComponentRow),
    /// Nothing.
    Answer(Activation),
}

impl Switch {
    /// The version that it needs.
    pub(crate) const fn version(&self) -> Option<u32> {
        match self.to {
            SwitchTo::Active { version } | SwitchTo::Shared(Candidate { version, .. }) => {
                Some(version)
            }
            SwitchTo::Unshared => None,
        }
    }

    /// Decides on it for a component that stands like this and has the version that it needs.
    pub(crate) fn decide(&self, before: ComponentRow) -> Decision {
        let generation = before.generation;
        if self.if_generation.is_some_and(|seen| seen != generation) {
            return Decision::Answer(Activation::Outdated { generation });
        }
        let (active, candidate) = match self.to {
            SwitchTo::Active { version } => (Some(version), None),
            SwitchTo::Shared(candidate) => match before.active {
                Some(active) if active != candidate.version => (Some(active), Some(candidate)),
                _ => return Decision::Answer(Activation::Unshareable),
            },
            SwitchTo::Unshared if before.candidate.is_none() => {
                return Decision::Answer(Activation::Done(before));
            }
            SwitchTo::Unshared => (before.active, None),
        };
        Decision::Change(ComponentRow {
            active,
            candidate,
            generation: generation + 1,
            ..before
        })
    }
}

impl ComponentRow {
    /// Whether sagas take this version.
    pub(crate) fn takes(&self, version: u32) -> bool {
        let candidate = self.candidate.map(|candidate| candidate.version);
        [self.active, candidate].contains(&Some(version))
    }
}
