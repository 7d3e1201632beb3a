//! Which version of a component sagas take.

use wasaga_core::{Name, Order};
use wasaga_host::LoadError;
use wasaga_journal::{Activation, JournalError, Switch, SwitchTo};

use super::Components;
use crate::clock;

/// A change of which version sagas take.
#[derive(Clone, Debug)]
pub struct SwitchRequest {
    /// Of which component.
    pub name: Name,
    /// What becomes of it.
    pub to: SwitchTo,
    /// Only while the component's generation is this one.
    pub if_generation: Option<u64>,
    /// Who and why.
    pub order: Order,
}

/// A version that sagas cannot take.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// It imports what the component's policy does not grant.
    #[error(
        "version {version} of component `{name}` imports `{}`, which its policy does not grant: add \
         it to allowed_imports, or activate another version", .imports.join("`, `")
    )]
    NotGranted {
        /// The component.
        name: Name,
        /// The version.
        version: u32,
        /// All imports that are not granted.
        imports: Vec<String>,
    },
    /// It cannot be made ready.
    #[error("the version cannot be loaded: {0}")]
    Load(#[from] LoadError),
    /// The store did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Components {
    /// Changes which version steps take that start from now on; steps that have started keep theirs.
    /// The version is made ready first, so that no call waits for it.
    ///
    /// # Errors
    /// When the version cannot be taken, or the store does not answer. Nothing has changed then.
    pub async fn switch(&self, request: SwitchRequest) -> Result<Activation, SwitchError> {
        let SwitchRequest {
            name,
            to,
            if_generation,
            order,
        } = request;
        let version = match to {
            SwitchTo::Active { version } => Some(version),
            SwitchTo::Shared(candidate) => Some(candidate.version),
            SwitchTo::Unshared => None,
        };
        if let Some(number) = version {
            let Some(version) = self.journal.component_version(&name, number).await? else {
                return Ok(Activation::NotFound);
            };
            self.host.load(version.digest).await?;
        }
        let _changing = self.changing.lock().await;
        if let Some(number) = version {
            // Whatever the policy was while the version was made ready.
            let Some(version) = self.journal.component_version(&name, number).await? else {
                return Ok(Activation::NotFound);
            };
            let imports = wasaga_host::not_granted(&version.info, &self.seen.policy(&name));
            if !imports.is_empty() {
                return Err(SwitchError::NotGranted {
                    name,
                    version: number,
                    imports,
                });
            }
            // It may have left memory since, as nobody took it yet.
            self.host.load(version.digest).await?;
        }
        let switch = Switch {
            name,
            to,
            if_generation,
            order,
            at: clock::now(),
        };
        Ok(self.switch_and_remember(&switch).await?)
    }

    /// Writes a change and lets sagas see it; for whoever holds `changing`.
    pub(super) async fn switch_and_remember(
        &self,
        switch: &Switch,
    ) -> Result<Activation, JournalError> {
        let activation = self.journal.switch(switch).await?;
        if let Activation::Done(row) = &activation {
            self.seen.component(row);
            self.switched.notify_one();
        }
        Ok(activation)
    }
}
