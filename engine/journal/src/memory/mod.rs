//! The journal in memory, for tests.

mod sagas;
mod stock;
mod switch;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use wasaga_core::{Digest, LogLine, Name, Policy, Record, SagaId, Status, Timestamp};

use crate::BREAKER_LIMIT;
use crate::error::{JournalError, Refusal};
use crate::journal::{Activation, Journal, Made, Removal};
use crate::model::{
    Append, BreakerRow, Claimed, ComponentRow, ComponentVersion, DefinitionVersion, Description,
    FeedEntry, Fence, NewComponentVersion, OwnerId, Page, PageRequest, Prune, SagaFilter, SagaRow,
    Switch, Switched,
};

use self::sagas::Sagas;
use self::stock::Stock;

/// The journal in memory, for tests: nothing of it outlives the process. Several engines of one
/// process may share it, so leases count here.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    closed: bool,
    sagas: Sagas,
    stock: Stock,
    breakers: BTreeMap<(Name, Name), BreakerRow>,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn store(&self) -> Result<MutexGuard<'_, Store>, JournalError> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if store.closed {
            Err(JournalError::Closed)
        } else {
            Ok(store)
        }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn register(&self, owner: OwnerId, lease_until: Timestamp) -> Result<(), JournalError> {
        self.store()?.sagas.leases.insert(owner, lease_until);
        Ok(())
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Result<(), Refusal>>, JournalError> {
        let sagas = &mut self.store()?.sagas;
        Ok(appends
            .into_iter()
            .map(|append| sagas.append(append))
            .collect())
    }

    async fn claim(
        &self,
        owner: OwnerId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, JournalError> {
        Ok(self.store()?.sagas.claim(owner, now, limit))
    }

    async fn claim_one(
        &self,
        owner: OwnerId,
        saga: SagaId,
        now: Timestamp,
    ) -> Result<Option<Claimed>, JournalError> {
        Ok(self.store()?.sagas.claim_one(owner, saga, now))
    }

    async fn release(
        &self,
        saga: SagaId,
        fence: Fence,
        due_at: Timestamp,
    ) -> Result<(), JournalError> {
        self.store()?.sagas.release(saga, fence, due_at);
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        Ok(self.store()?.sagas.next_due())
    }

    async fn records(
        &self,
        saga: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, JournalError> {
        Ok(self.store()?.sagas.records(saga, after, limit))
    }

    async fn logs(&self, saga: SagaId, page: PageRequest) -> Result<Page<LogLine>, JournalError> {
        self.store()?.sagas.logs(saga, &page)
    }

    async fn feed(&self, after: u64, limit: u32) -> Result<Vec<FeedEntry>, JournalError> {
        Ok(self.store()?.sagas.feed(after, limit))
    }

    async fn feed_end(&self) -> Result<u64, JournalError> {
        Ok(self.store()?.sagas.feed_end())
    }

    async fn saga(&self, saga: SagaId) -> Result<Option<SagaRow>, JournalError> {
        Ok(self.store()?.sagas.row(saga))
    }

    async fn sagas(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError> {
        self.store()?.sagas.list(&filter, &page)
    }

    async fn count_by_status(&self) -> Result<Vec<(Status, u64)>, JournalError> {
        Ok(self.store()?.sagas.count_by_status())
    }

    async fn prune(&self, prune: &Prune) -> Result<u64, JournalError> {
        self.store()?.sagas.prune(prune)
    }

    async fn put_blob(&self, digest: Digest, bytes: &[u8]) -> Result<(), JournalError> {
        self.store()?.stock.put_blob(digest, bytes);
        Ok(())
    }

    async fn blob(&self, digest: Digest) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.store()?.stock.blob(digest))
    }

    async fn put_definition(
        &self,
        name: &Name,
        digest: Digest,
        document: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(DefinitionVersion, Made), JournalError> {
        Ok(self
            .store()?
            .stock
            .put_definition(name, digest, document, at))
    }

    async fn definition(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<Option<DefinitionVersion>, JournalError> {
        Ok(self.store()?.stock.definition(name, version))
    }

    async fn definitions(
        &self,
        page: PageRequest,
    ) -> Result<Page<DefinitionVersion>, JournalError> {
        self.store()?.stock.definitions(&page)
    }

    async fn put_component_version(
        &self,
        new: NewComponentVersion,
    ) -> Result<(ComponentVersion, Made), JournalError> {
        Ok(self.store()?.stock.put_component_version(new))
    }

    async fn component(&self, name: &Name) -> Result<Option<ComponentRow>, JournalError> {
        Ok(self.store()?.stock.component(name))
    }

    async fn components(&self, page: PageRequest) -> Result<Page<ComponentRow>, JournalError> {
        self.store()?.stock.components(&page)
    }

    async fn component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        Ok(self.store()?.stock.component_version(name, version))
    }

    async fn component_versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        self.store()?.stock.component_versions(name, &page)
    }

    async fn describe_component_version(
        &self,
        name: &Name,
        version: u32,
        description: &Description,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        let stock = &mut self.store()?.stock;
        Ok(stock.describe_component_version(name, version, description))
    }

    async fn remove_component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Removal, JournalError> {
        let store = &mut *self.store()?;
        let bound = store.sagas.live_on(name, version);
        Ok(store.stock.remove_component_version(name, version, bound))
    }

    async fn switch(&self, switch: &Switch) -> Result<Activation, JournalError> {
        Ok(self.store()?.stock.switch(switch))
    }

    async fn switches(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<Switched>, JournalError> {
        self.store()?.stock.switches(name, &page)
    }

    async fn live_saga_on(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<SagaId>, JournalError> {
        Ok(self.store()?.sagas.live_on(name, version))
    }

    async fn put_policy(&self, name: &Name, policy: &Policy) -> Result<(), JournalError> {
        self.store()?.stock.put_policy(name, policy);
        Ok(())
    }

    async fn put_breaker(&self, row: &BreakerRow) -> Result<(), JournalError> {
        let key = (row.component.clone(), row.action.clone());
        self.store()?.breakers.insert(key, row.clone());
        Ok(())
    }

    async fn breakers(&self) -> Result<Vec<BreakerRow>, JournalError> {
        let store = self.store()?;
        let first = store.breakers.values().take(BREAKER_LIMIT as usize);
        Ok(first.cloned().collect())
    }

    async fn remove_breaker(&self, component: &Name, action: &Name) -> Result<(), JournalError> {
        let key = (component.clone(), action.clone());
        self.store()?.breakers.remove(&key);
        Ok(())
    }

    async fn ping(&self) -> Result<(), JournalError> {
        self.store().map(drop)
    }

    async fn close(&self) {
        self.store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
    }
}
