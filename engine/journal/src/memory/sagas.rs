//! Sagas in memory, with their records and log lines.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use wasaga_core::{Event, LogLine, Name, Record, SagaId, Status, Timestamp};

use crate::PAGE_LIMIT;
use crate::cursor::{self, List, Room};
use crate::error::{JournalError, Refusal};
use crate::fence::{Standing, admit};
use crate::model::{
    Append, Claimed, FeedEntry, Fence, OwnerId, Page, PageRequest, Prune, SagaFilter, SagaRow,
};

#[derive(Debug, Default)]
pub(super) struct Sagas {
    pub(super) leases: HashMap<OwnerId, Timestamp>,
    sagas: BTreeMap<SagaId, Saga>,
    /// Whose event, and which of its own, is at each position.
    feed: BTreeMap<u64, (SagaId, u64)>,
}

#[derive(Debug)]
struct Saga {
    row: SagaRow,
    standing: Standing,
    due_at: Option<Timestamp>,
    records: Vec<Record>,
    logs: Vec<LogLine>,
}

impl Sagas {
    pub(super) fn append(&mut self, append: Append) -> Result<(), Refusal> {
        let standing = self.sagas.get(&append.saga).map(|saga| saga.standing);
        let standing = admit(standing, &append)?;
        let Append {
            saga: id,
            records,
            logs,
            head,
            ..
        } = append;
        let next = self.feed_end() + 1;
        let positions = (next..).zip(records.iter().map(|record| (id, record.seq)));
        self.feed.extend(positions);
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

    pub(super) fn claim(&mut self, owner: OwnerId, now: Timestamp, limit: u32) -> Vec<Claimed> {
        let free = self
            .sagas
            .iter()
            .filter(|(_, saga)| self.is_free(saga, owner, now));
        let mut due: Vec<_> = free
            .filter_map(|(id, saga)| Some((saga.due_at.filter(|due_at| *due_at <= now)?, *id)))
            .collect();
        due.sort();
        due.truncate(cursor::limit(limit));
        due.into_iter()
            .filter_map(|(_, saga)| self.hand_over(saga, owner))
            .collect()
    }

    pub(super) fn claim_one(
        &mut self,
        owner: OwnerId,
        saga: SagaId,
        now: Timestamp,
    ) -> Option<Claimed> {
        let free = self.is_free(self.sagas.get(&saga)?, owner, now);
        free.then(|| self.hand_over(saga, owner)).flatten()
    }

    /// Whether `claimant` may take over a saga.
    fn is_free(&self, saga: &Saga, claimant: OwnerId, now: Timestamp) -> bool {
        saga.standing.owner.is_none_or(|owner| {
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

    pub(super) fn release(&mut self, saga: SagaId, fence: Fence, due_at: Timestamp) {
        if let Some(saga) = self.sagas.get_mut(&saga)
            && saga.standing.is_held_by(fence)
        {
            saga.standing.owner = None;
            saga.due_at = Some(due_at);
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let sagas = self.sagas.values();
        let unowned = sagas.filter(|saga| saga.standing.owner.is_none());
        unowned.filter_map(|saga| saga.due_at).min()
    }

    pub(super) fn records(&self, saga: SagaId, after: u64, limit: u32) -> Vec<Record> {
        let records = self.sagas.get(&saga).map_or(&[][..], |saga| &saga.records);
        let mut room = Room::new(cursor::limit(limit));
        let rest = records.iter().filter(|record| record.seq > after);
        rest.take_while(|record| room.takes(size(&record.event)))
            .cloned()
            .collect()
    }

    pub(super) fn logs(
        &self,
        saga: SagaId,
        page: &PageRequest,
    ) -> Result<Page<LogLine>, JournalError> {
        let after: Option<u64> = cursor::after(List::Logs, page)?;
        let lines = self.sagas.get(&saga).map_or(&[][..], |saga| &saga.logs);
        let rest = || {
            let numbered = (1_u64..).zip(lines);
            numbered.filter(|(number, _)| *number > after.unwrap_or(0))
        };
        let mut room = Room::new(cursor::limit(page.limit));
        let shown: Vec<_> = rest()
            .take_while(|(_, line)| room.takes(size(line)))
            .collect();
        let more = rest().count() > shown.len();
        let Page { items, next } = cursor::cut(List::Logs, shown, more, |(number, _)| *number);
        Ok(Page {
            items: items.into_iter().map(|(_, line)| line.clone()).collect(),
            next,
        })
    }

    pub(super) fn feed(&self, after: u64, limit: u32) -> Vec<FeedEntry> {
        let mut room = Room::new(cursor::limit(limit));
        let rest = self.feed.range(after.saturating_add(1)..);
        let entries = rest.filter_map(|(position, (saga, seq))| {
            let records = &self.sagas.get(saga)?.records;
            Some(FeedEntry {
                position: *position,
                saga: *saga,
                record: records.iter().find(|record| record.seq == *seq)?.clone(),
            })
        });
        entries
            .take_while(|entry| room.takes(size(&entry.record.event)))
            .collect()
    }

    pub(super) fn feed_end(&self) -> u64 {
        self.feed
            .last_key_value()
            .map_or(0, |(position, _)| *position)
    }

    pub(super) fn row(&self, saga: SagaId) -> Option<SagaRow> {
        self.sagas.get(&saga).map(|saga| saga.row.clone())
    }

    pub(super) fn list(
        &self,
        filter: &SagaFilter,
        page: &PageRequest,
    ) -> Result<Page<SagaRow>, JournalError> {
        let after: Option<(Timestamp, SagaId)> = cursor::after(List::Sagas, page)?;
        let limit = cursor::limit(page.limit);
        let key = |row: &SagaRow| (row.created_at, row.id);
        let passing = self.sagas.values().filter(|saga| saga.passes(filter));
        let mut rows: Vec<_> = passing
            .map(|saga| &saga.row)
            .filter(|row| after.is_none_or(|after| key(row) < after))
            .cloned()
            .collect();
        rows.sort_by_key(|row| Reverse(key(row)));
        rows.truncate(limit + 1);
        Ok(cursor::page(List::Sagas, rows, limit, key))
    }

    pub(super) fn count_by_status(&self) -> Vec<(Status, u64)> {
        let mut counts = BTreeMap::new();
        for saga in self.sagas.values() {
            *counts.entry(saga.row.status).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    /// A saga that is bound to this version and may need it.
    pub(super) fn live_on(&self, component: &Name, version: u32) -> Option<SagaId> {
        let live = self.sagas.values().filter(|saga| self.is_live(saga));
        let mut bound = live.filter(|saga| saga.is_bound_to(component, version));
        bound.next().map(|saga| saga.row.id)
    }

    /// Whether a saga is not over, or completed inside one that is not.
    fn is_live(&self, saga: &Saga) -> bool {
        let completed = saga.row.status == Status::Completed;
        let around = || self.around(saga).is_some_and(|saga| self.is_live(saga));
        !saga.row.status.is_over() || (completed && around())
    }

    /// The saga around this one, if it is nested and the other is there.
    fn around(&self, saga: &Saga) -> Option<&Saga> {
        match &saga.records.first()?.event {
            Event::SagaStarted { parent, .. } => self.sagas.get(&parent.as_ref()?.saga),
            _ => None,
        }
    }

    pub(super) fn prune(&mut self, prune: &Prune) -> Result<u64, JournalError> {
        let statuses = prune.statuses()?;
        let latest = self.feed.last_key_value().map(|(_, (saga, _))| *saga);
        let removable = self.sagas.values().filter(|saga| {
            statuses.contains(&saga.row.status)
                && saga.row.updated_at < prune.updated_before
                && saga.due_at.is_none()
                && saga.standing.owner.is_none()
                && latest != Some(saga.row.id)
                // The saga around it may want it undone.
                && self.around(saga).is_none()
        });
        let mut oldest: Vec<_> = removable
            .map(|saga| (saga.row.updated_at, saga.row.id))
            .collect();
        oldest.sort();
        oldest.truncate(prune.limit.min(PAGE_LIMIT) as usize);
        let removed: BTreeSet<_> = oldest.into_iter().map(|(_, saga)| saga).collect();
        self.sagas.retain(|saga, _| !removed.contains(saga));
        self.feed.retain(|_, (saga, _)| !removed.contains(saga));
        Ok(removed.len() as u64)
    }
}

impl Saga {
    fn passes(&self, filter: &SagaFilter) -> bool {
        let SagaFilter {
            status,
            definition,
            tag,
            bound_to,
        } = filter;
        status.is_none_or(|status| status == self.row.status)
            && definition
                .as_ref()
                .is_none_or(|definition| *definition == self.row.definition)
            && tag
                .as_ref()
                .is_none_or(|(name, value)| self.row.tags.get(name) == Some(value))
            && bound_to
                .as_ref()
                .is_none_or(|(component, version)| self.is_bound_to(component, *version))
    }

    /// Whether a step is, or was, bound to this version.
    fn is_bound_to(&self, component: &Name, version: u32) -> bool {
        let mut pins = self.records.iter().flat_map(|record| record.event.binds());
        pins.any(|pin| pin.component == *component && pin.version == version)
    }
}

/// How many bytes something has as JSON. What cannot be written has none: nobody stored it.
fn size(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |bytes| bytes.len())
}
