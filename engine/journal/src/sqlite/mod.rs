//! The journal in a SQLite file.
//!
//! | file | what it holds |
//! |---|---|
//! | `open` | the folder, its lock, and the connections' settings |
//! | `writer` | the one connection that writes |
//! | `bulk` | statements for many rows at once |
//! | `append` | events into the journal |
//! | `claim` | who drives which saga |
//! | `sagas` | one saga, its records and log lines out of it |
//! | `list` | lists of sagas |
//! | `feed` | the events of all sagas |
//! | `prune` | finished sagas away |
//! | `breakers` | circuit breakers |
//! | `definitions`, `components`, `versions` | what sagas are made of |
//! | `switch` | which version of a component sagas take |
//! | `pins` | which sagas are bound to which version |
//! | `row` | rows into values |

mod append;
mod breakers;
mod bulk;
mod claim;
mod components;
mod definitions;
mod feed;
mod list;
mod open;
mod pins;
#[cfg(test)]
mod plan;
mod prune;
mod row;
mod sagas;
mod switch;
mod versions;
mod writer;

use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use sqlx::SqlitePool;
use wasaga_core::{Digest, LogLine, Name, Policy, Record, SagaId, Status, Timestamp};

use crate::error::{JournalError, Refusal};
use crate::journal::{Activation, Journal, Made, Removal};
use crate::model::{
    Append, BreakerRow, Claimed, ComponentRow, ComponentVersion, DefinitionVersion, Description,
    FeedEntry, Fence, NewComponentVersion, OwnerId, Page, PageRequest, Prune, SagaFilter, SagaRow,
    Switch, Switched,
};

use self::append::Statements;
use self::prune::Deletes;
use self::writer::Writer;

/// The journal in a SQLite file, which one process has open at a time.
///
/// Writes pass one connection, in the order in which they come; `synchronous=FULL`, so that what was
/// answered survives a loss of power. Reads have connections of their own and do not wait for writes.
///
/// Leases do not count here, because the lock file in the folder proves what they would: that no
/// other process has a saga in hand. An engine keeps its sagas until it lets go of them or another
/// one registers, however late its lease is renewed.
///
/// Never run `VACUUM` on the file: it may number the events anew, and their numbers are the positions
/// that readers of the feed go on from. Nothing is gained by it either, as new events take the room of
/// those that were removed.
#[derive(Debug)]
pub struct SqliteJournal {
    writer: Writer,
    readers: SqlitePool,
    statements: Statements,
    deletes: Deletes,
    /// Who registered last: a renewal of the same owner's lease has nothing to do.
    registered: Mutex<Option<OwnerId>>,
}

impl SqliteJournal {
    /// Opens the journal in a folder, and makes the folder and the journal when there is none.
    ///
    /// # Errors
    /// [`JournalError::Locked`] while another process, or another journal of this one, has it open;
    /// [`JournalError::File`] when the folder cannot be used; [`JournalError::SqliteVersion`] when
    /// the program was linked with a SQLite that is too old; [`JournalError::Database`] for the rest.
    pub async fn open(dir: &Path) -> Result<Self, JournalError> {
        open::open(dir).await
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn register(&self, owner: OwnerId, _lease_until: Timestamp) -> Result<(), JournalError> {
        self.take_from_others(owner).await
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Result<(), Refusal>>, JournalError> {
        self.append_all(appends).await
    }

    async fn claim(
        &self,
        owner: OwnerId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, JournalError> {
        self.claim_due(owner, now, limit).await
    }

    async fn claim_one(
        &self,
        owner: OwnerId,
        saga: SagaId,
        _now: Timestamp,
    ) -> Result<Option<Claimed>, JournalError> {
        self.claim_saga(owner, saga).await
    }

    async fn release(
        &self,
        saga: SagaId,
        fence: Fence,
        due_at: Timestamp,
    ) -> Result<(), JournalError> {
        self.release_saga(saga, fence, due_at).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        self.first_due().await
    }

    async fn records(
        &self,
        saga: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, JournalError> {
        self.read_records(saga, after, limit).await
    }

    async fn logs(&self, saga: SagaId, page: PageRequest) -> Result<Page<LogLine>, JournalError> {
        self.list_logs(saga, page).await
    }

    async fn feed(&self, after: u64, limit: u32) -> Result<Vec<FeedEntry>, JournalError> {
        self.read_feed(after, limit).await
    }

    async fn feed_end(&self) -> Result<u64, JournalError> {
        self.end_of_feed().await
    }

    async fn saga(&self, saga: SagaId) -> Result<Option<SagaRow>, JournalError> {
        self.find_saga(saga).await
    }

    async fn sagas(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError> {
        self.list_sagas(filter, page).await
    }

    async fn count_by_status(&self) -> Result<Vec<(Status, u64)>, JournalError> {
        self.count_sagas().await
    }

    async fn prune(&self, prune: &Prune) -> Result<u64, JournalError> {
        self.remove_sagas(prune).await
    }

    async fn put_blob(&self, digest: Digest, bytes: &[u8]) -> Result<(), JournalError> {
        self.insert_blob(digest, bytes).await
    }

    async fn blob(&self, digest: Digest) -> Result<Option<Vec<u8>>, JournalError> {
        self.find_blob(digest).await
    }

    async fn put_definition(
        &self,
        name: &Name,
        digest: Digest,
        document: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(DefinitionVersion, Made), JournalError> {
        self.insert_definition(name, digest, document, at).await
    }

    async fn definition(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<Option<DefinitionVersion>, JournalError> {
        self.find_definition(name, version).await
    }

    async fn definitions(
        &self,
        page: PageRequest,
    ) -> Result<Page<DefinitionVersion>, JournalError> {
        self.list_definitions(page).await
    }

    async fn put_component_version(
        &self,
        new: NewComponentVersion,
    ) -> Result<(ComponentVersion, Made), JournalError> {
        self.insert_component_version(new).await
    }

    async fn component(&self, name: &Name) -> Result<Option<ComponentRow>, JournalError> {
        self.find_component(name).await
    }

    async fn components(&self, page: PageRequest) -> Result<Page<ComponentRow>, JournalError> {
        self.list_components(page).await
    }

    async fn component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        self.find_component_version(name, version).await
    }

    async fn component_versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        self.list_component_versions(name, page).await
    }

    async fn describe_component_version(
        &self,
        name: &Name,
        version: u32,
        description: &Description,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        self.set_description(name, version, description).await
    }

    async fn remove_component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Removal, JournalError> {
        self.delete_component_version(name, version).await
    }

    async fn switch(&self, switch: &Switch) -> Result<Activation, JournalError> {
        self.make_switch(switch).await
    }

    async fn switches(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<Switched>, JournalError> {
        self.list_switches(name, page).await
    }

    async fn live_saga_on(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<SagaId>, JournalError> {
        self.find_live_saga_on(name, version).await
    }

    async fn put_policy(&self, name: &Name, policy: &Policy) -> Result<(), JournalError> {
        self.set_policy(name, policy).await
    }

    async fn put_breaker(&self, row: &BreakerRow) -> Result<(), JournalError> {
        self.set_breaker(row).await
    }

    async fn breakers(&self) -> Result<Vec<BreakerRow>, JournalError> {
        self.list_breakers().await
    }

    async fn remove_breaker(&self, component: &Name, action: &Name) -> Result<(), JournalError> {
        self.delete_breaker(component, action).await
    }

    async fn ping(&self) -> Result<(), JournalError> {
        self.check().await
    }

    async fn close(&self) {
        self.shut().await;
    }
}
