//! Moving sagas that wait or are stuck to another version of a component.

use wasaga_core::{
    Active, ComponentInfo, Input, Name, Order, SagaId, State, Status, Verb, transition::Version,
};
use wasaga_journal::{ComponentVersion, Cursor, PageRequest, SagaFilter};

use crate::error::{CommandError, MoveError};
use crate::sagas::Sagas;

/// Most sagas that one request moves.
pub const MAX_MOVED: u32 = 200;

/// The start of the names of the contract's interfaces.
const CONTRACT: &str = "wasaga:saga/";

/// Which sagas are to run on another version.
#[derive(Clone, Debug)]
pub struct Move {
    /// Of which component.
    pub component: Name,
    /// Only what is bound to this version.
    pub from: u32,
    /// The version to run on; the one that is active for the saga when absent.
    pub to: Option<u32>,
    /// Which sagas.
    pub which: Which,
    /// Whether what waits for its next attempt, or gave up, is tried again at once.
    pub then: Then,
    /// Who and why.
    pub order: Order,
}

/// Which sagas are moved.
#[derive(Clone, Debug)]
pub enum Which {
    /// These.
    Ids(Vec<SagaId>),
    /// Those that a list shows, from a place on: at most [`MAX_MOVED`].
    Filter {
        /// Their status: `waiting`, `paused` or `stuck`.
        status: Status,
        /// Only of this definition.
        definition: Option<Name>,
        /// Only with this label and value.
        tag: Option<(String, String)>,
        /// Where to go on.
        after: Option<Cursor>,
    },
}

/// What follows a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the saga goes on when it would have.
    Wait,
    /// Another attempt at once.
    Retry,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// The sagas that run on the other version from now on.
    pub moved: Vec<SagaId>,
    /// The others, and why not.
    pub left: Vec<(SagaId, String)>,
    /// Where to go on, when there may be more.
    pub next: Option<Cursor>,
}

impl Sagas {
    /// Binds steps of sagas that wait or are stuck to another version of their component; each saga's
    /// journal says who did it.
    ///
    /// # Errors
    /// When there is no such version, it lacks what the present one exports of the contract, or its
    /// imports are not granted: no saga was moved then. When the store does not answer: sagas that were
    /// moved before stay so.
    pub async fn change_version(&self, request: Move) -> Result<Moved, MoveError> {
        let present = self.version(&request.component, request.from).await?;
        let (ids, next) = self.chosen(&request).await?;
        let wanted = self.wanted(&request, &present, &ids).await?;
        let mut moved = Moved {
            next,
            ..Moved::default()
        };
        for (id, to) in ids.into_iter().zip(wanted) {
            match self.change_one(id, &request, to).await {
                Ok(_) => moved.moved.push(id),
                Err(
                    error @ (CommandError::NotFound(_)
                    | CommandError::Transition(_)
                    | CommandError::Elsewhere(_)),
                ) => moved.left.push((id, error.to_string())),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(moved)
    }

    /// The version that each of these sagas is to run on. All are looked at before the first saga is
    /// moved.
    async fn wanted(
        &self,
        request: &Move,
        present: &ComponentVersion,
        ids: &[SagaId],
    ) -> Result<Vec<Active>, MoveError> {
        let component = &request.component;
        let mut fit: Vec<Active> = Vec::new();
        if let Some(number) = request.to {
            let wanted = self.kept(component, number).await?;
            self.check(present, &wanted)?;
            fit.push(active(&wanted));
        }
        let mut wanted = Vec::with_capacity(ids.len());
        for id in ids {
            let to = match request.to {
                Some(_) => fit.first().copied(),
                None => self.0.components.active(component, *id),
            };
            let to = to.ok_or_else(|| MoveError::NoActive(component.clone()))?;
            // At most two: the active one and the candidate.
            if !fit.contains(&to) {
                self.check(present, &self.kept(component, to.version).await?)?;
                fit.push(to);
            }
            wanted.push(to);
        }
        Ok(wanted)
    }

    /// Checks that a version can be called in all ways in which the present one can, and may have what
    /// it imports.
    fn check(
        &self,
        present: &ComponentVersion,
        wanted: &ComponentVersion,
    ) -> Result<(), MoveError> {
        let component = &wanted.name;
        let lacks = lacks(&present.info, &wanted.info);
        if !lacks.is_empty() {
            return Err(MoveError::Lacks {
                component: component.clone(),
                from: present.version,
                to: wanted.version,
                exports: lacks,
            });
        }
        let policy = self.0.components.policy(component);
        let imports = wasaga_host::not_granted(&wanted.info, &policy);
        if !imports.is_empty() {
            return Err(MoveError::NotGranted {
                component: component.clone(),
                version: wanted.version,
                imports,
            });
        }
        Ok(())
    }

    async fn change_one(
        &self,
        id: SagaId,
        request: &Move,
        to: Active,
    ) -> Result<State, CommandError> {
        let change = Verb::ChangeVersion {
            component: request.component.clone(),
            from: Some(request.from),
            to,
        };
        let ordered = |verb| Input::Order {
            verb,
            order: request.order.clone(),
        };
        let state = self.command(id, ordered(change)).await?;
        if request.then == Then::Wait {
            return Ok(state);
        }
        let retry = Verb::Retry {
            step: None,
            version: Version::Pinned,
        };
        match self.command(id, ordered(retry)).await {
            // It waits for something else, went on by itself meanwhile, or somebody else has it: it has
            // moved all the same.
            Err(
                CommandError::Transition(_)
                | CommandError::Elsewhere(_)
                | CommandError::NotFound(_),
            ) => Ok(state),
            other => other,
        }
    }

    async fn chosen(&self, request: &Move) -> Result<(Vec<SagaId>, Option<Cursor>), MoveError> {
        match &request.which {
            Which::Ids(ids) => Ok((ids.clone(), None)),
            Which::Filter {
                status,
                definition,
                tag,
                after,
            } => {
                let filter = SagaFilter {
                    status: Some(*status),
                    definition: definition.clone(),
                    tag: tag.clone(),
                    bound_to: Some((request.component.clone(), request.from)),
                };
                let page = PageRequest {
                    after: after.clone(),
                    limit: MAX_MOVED,
                };
                let page = self.0.journal.sagas(filter, page).await?;
                let ids = page.items.iter().map(|row| row.id).collect();
                Ok((ids, page.next))
            }
        }
    }

    /// A version that sagas are moved to.
    async fn kept(&self, component: &Name, version: u32) -> Result<ComponentVersion, MoveError> {
        let found = self.0.components.keep(component, version).await?;
        found.ok_or_else(|| MoveError::NoVersion {
            component: component.clone(),
            version,
        })
    }

    async fn version(&self, component: &Name, version: u32) -> Result<ComponentVersion, MoveError> {
        let found = self.0.components.version(component, version).await?;
        found.ok_or_else(|| MoveError::NoVersion {
            component: component.clone(),
            version,
        })
    }
}

const fn active(version: &ComponentVersion) -> Active {
    Active {
        version: version.version,
        digest: version.digest,
    }
}

/// What the present version exports of the contract and the wanted one does not.
fn lacks(present: &ComponentInfo, wanted: &ComponentInfo) -> Vec<String> {
    let contract = present.exports.iter();
    let contract = contract.filter(|export| export.starts_with(CONTRACT));
    contract
        .filter(|export| !wanted.exports.contains(export))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_lacks_what_the_present_one_exports_of_the_contract_and_nothing_else() {
        let info = |exports: &[&str]| ComponentInfo {
            imports: Vec::new(),
            exports: exports.iter().map(|export| (*export).to_owned()).collect(),
        };
        let action = "wasaga:saga/action@0.1.0";
        let callback = "wasaga:saga/callback@0.1.0";
        let present = info(&[action, callback, "acme:other/thing@1.0.0"]);
        assert!(lacks(&present, &info(&[callback, action])).is_empty());
        assert_eq!(lacks(&present, &info(&[action])), [callback]);
    }
}
