//! The journal in memory, for tests.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use wasaga_core::{Digest, LogLine, Name, Policy, Record, SagaId, Status, Timestamp};

use crate::cursor::{self, List};
use crate::error::{JournalError, Refusal};
use crate::fence::{Standing, admit};
use crate::journal::{Activation, Journal, Made};
use crate::model::{
    Append, Claimed, ComponentRow, ComponentVersion, DefinitionVersion, Fence, NewComponentVersion,
    OwnerId, Page, PageRequest, SagaFilter, SagaRow,
};

/// The journal in memory, for tests: nothing of it outlives the process. Several engines of one
/// process may share it, so leases count here.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    store: Mutex<Store>,
}

#[derive(Debug, Default)]
struct Store {
    closed: bool,
    leases: HashMap<OwnerId, Timestamp>,
    sagas: BTreeMap<SagaId, Saga>,
    blobs: HashMap<Digest, Vec<u8>>,
    definitions: BTreeMap<Name, Vec<DefinitionVersion>>,
    components: BTreeMap<Name, Component>,
}

#[derive(Debug)]
struct Saga {
    row: SagaRow,
    standing: Standing,
    due_at: Option<Timestamp>,
    records: Vec<Record>,
    logs: Vec<LogLine>,
}

#[derive(Debug, Default)]
struct Component {
    active: Option<u32>,
    generation: u64,
    policy: Policy,
    versions: Vec<ComponentVersion>,
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

impl Store {
    fn append(&mut self, append: Append) -> Result<(), Refusal> {
        let standing = self.sagas.get(&append.saga).map(|saga| saga.standing);
        let standing = admit(standing, &append)?;
        let Append {
            saga: id,
            records,
            logs,
            head,
            ..
        } = append;
        let saga = self.sagas.entry(id).or_insert_with(|| Saga {
            row: SagaRow {
                id,
                seq: 0,
                definition: head.definition,
                version: head.version,
                status: head.status,
                tags: head.tags,
                created_at: head.created_at,
                updated_at: head.updated_at,
            },
            standing,
            due_at: None,
            records: Vec::new(),
            logs: Vec::new(),
        });
        saga.standing = standing;
        saga.row.seq = standing.seq;
        saga.row.status = head.status;
        saga.row.updated_at = head.updated_at;
        saga.due_at = head.due_at;
        saga.records.extend(records.iter().cloned());
        saga.logs.extend(logs);
        Ok(())
    }

    /// Whether `claimant` may take over a saga of this owner.
    fn is_free(&self, owner: Option<OwnerId>, claimant: OwnerId, now: Timestamp) -> bool {
        owner.is_none_or(|owner| {
            owner != claimant && self.leases.get(&owner).is_none_or(|until| *until <= now)
        })
    }

    fn hand_over(&mut self, saga: SagaId, owner: OwnerId) -> Option<Claimed> {
        let standing = &mut self.sagas.get_mut(&saga)?.standing;
        standing.owner = Some(owner);
        standing.epoch += 1;
        Some(Claimed {
            saga,
            fence: Fence {
                owner,
                epoch: standing.epoch,
            },
        })
    }
}

impl Saga {
    fn passes(&self, filter: &SagaFilter) -> bool {
        let SagaFilter {
            status,
            definition,
            tag,
        } = filter;
        status.is_none_or(|status| status == self.row.status)
            && definition
                .as_ref()
                .is_none_or(|definition| *definition == self.row.definition)
            && tag
                .as_ref()
                .is_none_or(|(name, value)| self.row.tags.get(name) == Some(value))
    }
}

impl Component {
    fn row(&self, name: &Name) -> ComponentRow {
        ComponentRow {
            name: name.clone(),
            active: self.active,
            generation: self.generation,
            policy: self.policy.clone(),
            latest: self.versions.last().map_or(0, |version| version.version),
        }
    }

    fn version(&self, number: u32) -> Option<&ComponentVersion> {
        self.versions
            .iter()
            .find(|version| version.version == number)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn register(&self, owner: OwnerId, lease_until: Timestamp) -> Result<(), JournalError> {
        self.store()?.leases.insert(owner, lease_until);
        Ok(())
    }

    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Result<(), Refusal>>, JournalError> {
        let mut store = self.store()?;
        Ok(appends
            .into_iter()
            .map(|append| store.append(append))
            .collect())
    }

    async fn claim(
        &self,
        owner: OwnerId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, JournalError> {
        let mut store = self.store()?;
        let mut due: Vec<_> = store
            .sagas
            .iter()
            .filter(|(_, saga)| store.is_free(saga.standing.owner, owner, now))
            .filter_map(|(id, saga)| Some((saga.due_at.filter(|due_at| *due_at <= now)?, *id)))
            .collect();
        due.sort();
        due.truncate(cursor::limit(limit));
        Ok(due
            .into_iter()
            .filter_map(|(_, saga)| store.hand_over(saga, owner))
            .collect())
    }

    async fn claim_one(
        &self,
        owner: OwnerId,
        saga: SagaId,
        now: Timestamp,
    ) -> Result<Option<Claimed>, JournalError> {
        let mut store = self.store()?;
        let free = store.sagas.get(&saga).is_some_and(|saga| {
            !saga.row.status.is_settled() && store.is_free(saga.standing.owner, owner, now)
        });
        Ok(if free {
            store.hand_over(saga, owner)
        } else {
            None
        })
    }

    async fn release(
        &self,
        saga: SagaId,
        fence: Fence,
        due_at: Timestamp,
    ) -> Result<(), JournalError> {
        let mut store = self.store()?;
        if let Some(saga) = store.sagas.get_mut(&saga)
            && saga.standing.is_held_by(fence)
            && !saga.row.status.is_settled()
        {
            saga.standing.owner = None;
            saga.due_at = Some(due_at);
        }
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        let store = self.store()?;
        let unowned = store
            .sagas
            .values()
            .filter(|saga| saga.standing.owner.is_none());
        Ok(unowned.filter_map(|saga| saga.due_at).min())
    }

    async fn records(
        &self,
        saga: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, JournalError> {
        let store = self.store()?;
        let records = store.sagas.get(&saga).map_or(&[][..], |saga| &saga.records);
        let rest = records.iter().filter(|record| record.seq > after);
        Ok(rest.take(cursor::limit(limit)).cloned().collect())
    }

    async fn logs(&self, saga: SagaId, page: PageRequest) -> Result<Page<LogLine>, JournalError> {
        let after: Option<u64> = cursor::after(List::Logs, &page)?;
        let limit = cursor::limit(page.limit);
        let store = self.store()?;
        let lines = store.sagas.get(&saga).map_or(&[][..], |saga| &saga.logs);
        let rest = (1_u64..)
            .zip(lines)
            .filter(|(number, _)| *number > after.unwrap_or(0));
        let rest: Vec<_> = rest.take(limit + 1).collect();
        let Page { items, next } = cursor::page(List::Logs, rest, limit, |(number, _)| *number);
        Ok(Page {
            items: items.into_iter().map(|(_, line)| line.clone()).collect(),
            next,
        })
    }

    async fn saga(&self, saga: SagaId) -> Result<Option<SagaRow>, JournalError> {
        Ok(self.store()?.sagas.get(&saga).map(|saga| saga.row.clone()))
    }

    async fn sagas(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError> {
        let after: Option<(Timestamp, SagaId)> = cursor::after(List::Sagas, &page)?;
        let limit = cursor::limit(page.limit);
        let key = |row: &SagaRow| (row.created_at, row.id);
        let store = self.store()?;
        let passing = store.sagas.values().filter(|saga| saga.passes(&filter));
        let mut rows: Vec<_> = passing
            .map(|saga| &saga.row)
            .filter(|row| after.is_none_or(|after| key(row) < after))
            .cloned()
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(key(row)));
        rows.truncate(limit + 1);
        Ok(cursor::page(List::Sagas, rows, limit, key))
    }

    async fn count_by_status(&self) -> Result<Vec<(Status, u64)>, JournalError> {
        let mut counts = BTreeMap::new();
        for saga in self.store()?.sagas.values() {
            *counts.entry(saga.row.status).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn put_blob(&self, digest: Digest, bytes: &[u8]) -> Result<(), JournalError> {
        self.store()?
            .blobs
            .entry(digest)
            .or_insert_with(|| bytes.to_vec());
        Ok(())
    }

    async fn blob(&self, digest: Digest) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.store()?.blobs.get(&digest).cloned())
    }

    async fn put_definition(
        &self,
        name: &Name,
        digest: Digest,
        document: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(DefinitionVersion, Made), JournalError> {
        let mut store = self.store()?;
        let versions = store.definitions.entry(name.clone()).or_default();
        let version = match versions.last() {
            Some(latest) if latest.digest == digest => {
                return Ok((latest.clone(), Made::Existing));
            }
            Some(latest) => latest.version + 1,
            None => 1,
        };
        let (name, document) = (name.clone(), document.clone());
        let made = DefinitionVersion {
            name,
            version,
            digest,
            document,
            created_at: at,
        };
        versions.push(made.clone());
        Ok((made, Made::New))
    }

    async fn definition(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<Option<DefinitionVersion>, JournalError> {
        let store = self.store()?;
        let Some(versions) = store.definitions.get(name) else {
            return Ok(None);
        };
        let found = match version {
            None => versions.last(),
            Some(version) => versions.iter().find(|stored| stored.version == version),
        };
        Ok(found.cloned())
    }

    async fn definitions(
        &self,
        page: PageRequest,
    ) -> Result<Page<DefinitionVersion>, JournalError> {
        let after: Option<Name> = cursor::after(List::Definitions, &page)?;
        let limit = cursor::limit(page.limit);
        let store = self.store()?;
        let latest = store
            .definitions
            .values()
            .filter_map(|versions| versions.last());
        let rest = latest.filter(|item| after.as_ref().is_none_or(|after| item.name > *after));
        let rest = rest.take(limit + 1).cloned().collect();
        Ok(cursor::page(
            List::Definitions,
            rest,
            limit,
            |item: &DefinitionVersion| item.name.clone(),
        ))
    }

    async fn put_component_version(
        &self,
        new: NewComponentVersion,
    ) -> Result<(ComponentVersion, Made), JournalError> {
        let mut store = self.store()?;
        let component = store.components.entry(new.name.clone()).or_default();
        if let Some(same) = component
            .versions
            .iter()
            .find(|version| version.digest == new.digest)
        {
            return Ok((same.clone(), Made::Existing));
        }
        let NewComponentVersion {
            name,
            digest,
            size_bytes,
            info,
            at,
        } = new;
        let version = component
            .versions
            .last()
            .map_or(0, |version| version.version)
            + 1;
        let made = ComponentVersion {
            name,
            version,
            digest,
            size_bytes,
            info,
            created_at: at,
        };
        component.versions.push(made.clone());
        Ok((made, Made::New))
    }

    async fn component(&self, name: &Name) -> Result<Option<ComponentRow>, JournalError> {
        Ok(self
            .store()?
            .components
            .get(name)
            .map(|component| component.row(name)))
    }

    async fn components(&self, page: PageRequest) -> Result<Page<ComponentRow>, JournalError> {
        let after: Option<Name> = cursor::after(List::Components, &page)?;
        let limit = cursor::limit(page.limit);
        let store = self.store()?;
        let rows = store
            .components
            .iter()
            .map(|(name, component)| component.row(name));
        let rest = rows.filter(|row| after.as_ref().is_none_or(|after| row.name > *after));
        let rest = rest.take(limit + 1).collect();
        Ok(cursor::page(
            List::Components,
            rest,
            limit,
            |row: &ComponentRow| row.name.clone(),
        ))
    }

    async fn component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        let store = self.store()?;
        Ok(store
            .components
            .get(name)
            .and_then(|component| component.version(version))
            .cloned())
    }

    async fn component_versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        let after: Option<u64> = cursor::after(List::ComponentVersions, &page)?;
        let limit = cursor::limit(page.limit);
        let key = |version: &ComponentVersion| u64::from(version.version);
        let store = self.store()?;
        let versions = store
            .components
            .get(name)
            .map_or(&[][..], |component| &component.versions);
        let rest = versions
            .iter()
            .rev()
            .filter(|item| after.is_none_or(|after| key(item) < after));
        Ok(cursor::page(
            List::ComponentVersions,
            rest.take(limit + 1).cloned().collect(),
            limit,
            key,
        ))
    }

    async fn activate(
        &self,
        name: &Name,
        version: u32,
        if_generation: Option<u64>,
    ) -> Result<Activation, JournalError> {
        let mut store = self.store()?;
        let Some(component) = store.components.get_mut(name) else {
            return Ok(Activation::NotFound);
        };
        if component.version(version).is_none() {
            return Ok(Activation::NotFound);
        }
        let generation = component.generation;
        if if_generation.is_some_and(|seen| seen != generation) {
            return Ok(Activation::Outdated { generation });
        }
        component.active = Some(version);
        component.generation += 1;
        Ok(Activation::Done(component.row(name)))
    }

    async fn put_policy(&self, name: &Name, policy: &Policy) -> Result<(), JournalError> {
        let mut store = self.store()?;
        store.components.entry(name.clone()).or_default().policy = policy.clone();
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
