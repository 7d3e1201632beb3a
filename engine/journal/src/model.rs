//! What goes into a store and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use wasaga_core::{
    Candidate, ComponentInfo, Digest, LogLine, Name, Order, Policy, Record, SagaId, Status,
    Timestamp,
};

use crate::error::JournalError;

/// A running engine. Each start of a process is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OwnerId(pub Uuid);

/// Proof of owning a saga: an append under an older epoch, or by another owner, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Who owns the saga.
    pub owner: OwnerId,
    /// How often the saga has changed hands; 1 for who started it.
    pub epoch: u64,
}

/// Events to add to one saga's journal, with what the store keeps beside them.
#[derive(Clone, Debug)]
pub struct Append {
    /// Which saga.
    pub saga: SagaId,
    /// The last event that the appender knows of; 0 makes a new saga.
    pub expected: u64,
    /// The appender's right to append.
    pub fence: Fence,
    /// What happened, numbered from `expected + 1`. None, to change nothing but the head; a new
    /// saga has one at least.
    pub records: Arc<[Record]>,
    /// What was logged since the last append.
    pub logs: Vec<LogLine>,
    /// The saga after these events.
    pub head: Head,
}

/// What lists and claims need to know of a saga without reading its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Name of its definition.
    pub definition: Name,
    /// Version of its definition.
    pub version: u32,
    /// Its status.
    pub status: Status,
    /// Labels to find it by; stored with the first append, whatever later ones say.
    pub tags: BTreeMap<String, String>,
    /// Time of the first event, the same in every append.
    pub created_at: Timestamp,
    /// Time of the last event.
    pub updated_at: Timestamp,
    /// When somebody has to look at it, if nobody owns it; `None` when nobody needs to look by
    /// itself. It does not follow from the status: a nested saga that is over may still have to tell
    /// its parent, and one that is stuck waits for an operator.
    pub due_at: Option<Timestamp>,
    /// Whether the appender lets go of it with this append.
    pub ownership: Ownership,
}

/// What becomes of a saga's owner with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The appender goes on with it.
    Keep,
    /// Nobody owns it: whoever claims it first once it is due.
    Release,
}

/// A saga that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Which saga.
    pub saga: SagaId,
    /// The claimant's right to append.
    pub fence: Fence,
}

/// A saga as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct SagaRow {
    /// Which saga.
    pub id: SagaId,
    /// Place of the last event in its journal.
    pub seq: u64,
    /// Name of its definition.
    pub definition: Name,
    /// Version of its definition.
    pub version: u32,
    /// Its status.
    pub status: Status,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// Time of the first event.
    pub created_at: Timestamp,
    /// Time of the last event.
    pub updated_at: Timestamp,
}

/// Which sagas a list shows; all conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct SagaFilter {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only of this definition.
    pub definition: Option<Name>,
    /// Only with this label and value.
    pub tag: Option<(String, String)>,
    /// Only those of which a step is, or was, bound to this version of this component.
    pub bound_to: Option<(Name, u32)>,
}

/// An event of any saga, and its place among the events of all.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedEntry {
    /// Its place: higher than that of each event that was written before. No place is used twice;
    /// there are gaps where sagas were removed.
    pub position: u64,
    /// Whose event it is.
    pub saga: SagaId,
    /// What happened.
    pub record: Record,
}

/// Which finished sagas to remove.
#[derive(Clone, Debug)]
pub struct Prune {
    /// Only of these statuses, each of which has to be one of a saga that is over.
    pub statuses: Vec<Status>,
    /// Only those whose last event is older than this.
    pub updated_before: Timestamp,
    /// Most sagas to remove, up to [`PAGE_LIMIT`](crate::PAGE_LIMIT).
    pub limit: u32,
}

impl Prune {
    /// The statuses, each once.
    pub(crate) fn statuses(&self) -> Result<BTreeSet<Status>, JournalError> {
        let statuses = self.statuses.iter().copied();
        let checked = statuses.map(|status| match status.is_over() {
            true => Ok(status),
            false => Err(JournalError::NotOver { status }),
        });
        checked.collect()
    }
}

/// A circuit breaker as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerRow {
    /// Which component it guards.
    pub component: Name,
    /// Which action of it.
    pub action: Name,
    /// Failures in a row that counted.
    pub failures: u32,
    /// Since when it is open; `None` while it is closed.
    pub opened_at: Option<Timestamp>,
    /// From when on a call is let through to try; `None` while it is closed.
    pub reset_at: Option<Timestamp>,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// Where a page of a list starts: behind the row with this key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// Behind which row to start; from the beginning when absent.
    pub after: Option<Cursor>,
    /// Most rows of the page, from 1 to [`PAGE_LIMIT`](crate::PAGE_LIMIT).
    pub limit: u32,
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; absent when there is none.
    pub next: Option<Cursor>,
}

/// A version of a definition.
#[derive(Clone, Debug, PartialEq)]
pub struct DefinitionVersion {
    /// Name of the definition.
    pub name: Name,
    /// Number of the version, from 1.
    pub version: u32,
    /// Digest of its content.
    pub digest: Digest,
    /// The document as it was applied.
    pub document: Value,
    /// When it was applied.
    pub created_at: Timestamp,
}

/// A component version to be.
#[derive(Clone, Debug)]
pub struct NewComponentVersion {
    /// Name of the component.
    pub name: Name,
    /// Digest of its bytes, which are stored as a blob already.
    pub digest: Digest,
    /// Size of its bytes.
    pub size_bytes: u64,
    /// What is in it.
    pub info: ComponentInfo,
    /// What people say about it.
    pub description: Description,
    /// When it was uploaded.
    pub at: Timestamp,
}

/// What people say about a version of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// A text; empty when there is none.
    pub note: String,
    /// Labels with their values.
    pub labels: BTreeMap<String, String>,
}

/// A version of a component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentVersion {
    /// Name of the component.
    pub name: Name,
    /// Number of the version, from 1.
    pub version: u32,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Size of its bytes.
    pub size_bytes: u64,
    /// What is in it.
    pub info: ComponentInfo,
    /// What people say about it.
    pub description: Description,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// A component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentRow {
    /// Its name.
    pub name: Name,
    /// Number of the active version, when one is.
    pub active: Option<u32>,
    /// A version that shares its sagas with the active one, when one does.
    pub candidate: Option<Candidate>,
    /// Counts changes of the active version, of the candidate and of the policy: who makes one says
    /// which count it saw.
    pub generation: u64,
    /// What the operator grants it.
    pub policy: Policy,
    /// The highest number that was given to a version of it, which may be gone; 0 when it has a policy
    /// and never had a version.
    pub latest: u32,
}

/// Which version sagas take, from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The component.
    pub name: Name,
    /// What becomes of it.
    pub to: SwitchTo,
    /// Only while the component's generation is this one.
    pub if_generation: Option<u64>,
    /// Who and why.
    pub order: Order,
    /// When.
    pub at: Timestamp,
}

/// What becomes of a component with a [`Switch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum SwitchTo {
    /// All sagas take this version; nothing is shared any more.
    Active {
        /// Its number.
        version: u32,
    },
    /// Some sagas take another version than the active one, which there has to be.
    Shared(Candidate),
    /// All sagas take the active version again.
    Unshared,
}

/// A change of which version sagas take, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    /// The component's generation after it.
    pub generation: u64,
    /// What became of the component.
    pub to: SwitchTo,
    /// Who and why.
    pub order: Order,
    /// When.
    pub at: Timestamp,
}
