//! Components: what the store has of them, and what sagas see of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `upload` | taking a version in |
//! | `switch` | which version sagas take |
//! | `removal` | taking a version out |
//! | `policy` | what a component is granted |
//! | `seen` | what transitions see, which cannot wait for the store |

mod policy;
mod removal;
mod seen;
mod switch;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use wasaga_core::{Active, Digest, Name, Pin, Policy, SagaId};
use wasaga_host::Host;
use wasaga_journal::{
    ComponentRow, ComponentVersion, Description, Journal, JournalError, Page, PageRequest, Switched,
};

pub use self::removal::{RemoveError, Removed};
pub use self::switch::{SwitchError, SwitchRequest};
pub use self::upload::{Activate, Upload, Uploaded};

use self::seen::Seen;

/// Rows read at a time when the coordinator opens.
const PAGE: u32 = 500;

/// What to say about a version from now on.
#[derive(Clone, Debug, Default)]
pub struct Describe {
    /// A text; an empty one removes it.
    pub note: Option<String>,
    /// Labels in place of those that it has.
    pub labels: Option<BTreeMap<String, String>>,
}

/// The components of a coordinator.
pub struct Components {
    journal: Arc<dyn Journal>,
    host: Host,
    seen: Seen,
    /// Held over a change in the store and in `seen`, so that both see the same order.
    changing: Mutex<()>,
    /// Said when sagas take another version than before: others may be of no use any more.
    pub(crate) switched: tokio::sync::Notify,
}

impl Components {
    pub(crate) async fn open(journal: Arc<dyn Journal>, host: Host) -> Result<Self, JournalError> {
        let components = Self {
            journal,
            host,
            seen: Seen::default(),
            changing: Mutex::new(()),
            switched: tokio::sync::Notify::new(),
        };
        let mut after = None;
        loop {
            let page = components.list(PageRequest { after, limit: PAGE }).await?;
            for row in &page.items {
                components.remember_versions(&row.name).await?;
                components.seen.component(row);
            }
            after = page.next;
            if after.is_none() {
                return Ok(components);
            }
        }
    }

    async fn remember_versions(&self, name: &Name) -> Result<(), JournalError> {
        let mut after = None;
        loop {
            let page = PageRequest { after, limit: PAGE };
            let page = self.journal.component_versions(name, page).await?;
            for version in &page.items {
                self.seen.version(version);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A component.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn get(&self, name: &Name) -> Result<Option<ComponentRow>, JournalError> {
        self.journal.component(name).await
    }

    /// Components, by name.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn list(&self, page: PageRequest) -> Result<Page<ComponentRow>, JournalError> {
        self.journal.components(page).await
    }

    /// Versions of a component, the latest first.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        self.journal.component_versions(name, page).await
    }

    /// A version of a component.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        self.journal.component_version(name, version).await
    }

    /// Changes what people say about a version; what is absent stays as it is. `None` when there is no
    /// such version.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn describe(
        &self,
        name: &Name,
        version: u32,
        change: Describe,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        let _changing = self.changing.lock().await;
        let Some(found) = self.journal.component_version(name, version).await? else {
            return Ok(None);
        };
        let Description { note, labels } = found.description;
        let description = Description {
            note: change.note.unwrap_or(note),
            labels: change.labels.unwrap_or(labels),
        };
        self.journal
            .describe_component_version(name, version, &description)
            .await
    }

    /// The changes of which version sagas take, the latest first.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn switches(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<Switched>, JournalError> {
        self.journal.switches(name, page).await
    }

    /// A version's bytes, as they were uploaded.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn wasm(&self, digest: Digest) -> Result<Option<Vec<u8>>, JournalError> {
        self.journal.blob(digest).await
    }

    /// What a component is granted.
    pub(crate) fn policy(&self, name: &Name) -> Arc<Policy> {
        self.seen.policy(name)
    }

    /// Whether anybody ever uploaded it.
    pub(crate) fn exists(&self, name: &Name) -> bool {
        self.seen.exists(name)
    }

    /// The version that a saga's step takes when it first starts.
    pub(crate) fn active(&self, name: &Name, saga: SagaId) -> Option<Active> {
        self.seen.active(name, saga)
    }

    /// Whether a version takes part in two phases.
    pub(crate) fn confirms(&self, pin: &Pin) -> bool {
        self.seen.confirms(pin)
    }

    /// A version that a saga is about to be bound to: nobody removes it for a moment.
    pub(crate) async fn keep(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        let _changing = self.changing.lock().await;
        let found = self.journal.component_version(name, version).await?;
        if found.is_some() {
            self.seen.keep(name, version);
        }
        Ok(found)
    }

    /// Drops from memory what no saga needs: versions that sagas take, or that one which is not over
    /// is bound to, stay. What is needed again is loaded again.
    pub(crate) async fn unload_unused(&self) -> Result<(), JournalError> {
        for digest in self.host.loaded() {
            // So that sagas do not begin to take it in between.
            let _changing = self.changing.lock().await;
            if !self.is_used(digest).await? {
                self.host.unload(digest);
                tracing::debug!(%digest, "no saga needs it: unloaded");
            }
        }
        Ok(())
    }

    async fn is_used(&self, digest: Digest) -> Result<bool, JournalError> {
        if self.seen.is_taken(digest) {
            return Ok(true);
        }
        for (name, version) in self.seen.versions_of(digest) {
            if self.journal.live_saga_on(&name, version).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
