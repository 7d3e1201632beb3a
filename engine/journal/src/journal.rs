//! What a store has to do.

use async_trait::async_trait;
use wasaga_core::{Digest, LogLine, Name, Policy, Record, SagaId, Status, Timestamp};

use crate::error::{JournalError, Refusal};
use crate::model::{
    Append, BreakerRow, Claimed, ComponentRow, ComponentVersion, DefinitionVersion, Description,
    FeedEntry, Fence, NewComponentVersion, OwnerId, Page, PageRequest, Prune, SagaFilter, SagaRow,
    Switch, Switched,
};

/// A store of sagas, definitions and components.
///
/// Everything that a method has answered is durable. One store may serve many engines: each
/// registers as an owner with a lease, and a saga belongs to at most one of them, which proves it
/// with the saga's epoch at each append.
///
/// Whether leases count depends on the store. [`SqliteJournal`](crate::SqliteJournal) serves one
/// process, and one engine in it: its lock file proves that all others are gone, so a lease says
/// nothing there, neither when it runs nor when it has ended.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Makes `owner` known until `lease_until`, or extends its lease. A store that only one
    /// process can open knows that all others are gone: whoever registers takes what they owned
    /// from them, whatever their leases say.
    async fn register(&self, owner: OwnerId, lease_until: Timestamp) -> Result<(), JournalError>;

    /// Adds to many sagas' journals in one transaction. The answers are in the order of `appends`;
    /// one that is refused does not keep the others from being made.
    async fn append(&self, appends: Vec<Append>) -> Result<Vec<Result<(), Refusal>>, JournalError>;

    /// Takes over at most `limit` sagas that are due at `now` and that nobody owns, or whose owner's
    /// lease has ended, in the order in which they became due. Their epochs go up by one. An owner
    /// gets its own sagas only after it released them. The status does not matter: a saga that is
    /// over or stuck is claimed when it is due, and no other is when it is not.
    async fn claim(
        &self,
        owner: OwnerId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, JournalError>;

    /// Takes over one saga, due or not and whatever its status, unless somebody with a lease owns
    /// it. Whoever asks has looked at the status before, and looks again at what was claimed.
    async fn claim_one(
        &self,
        owner: OwnerId,
        saga: SagaId,
        now: Timestamp,
    ) -> Result<Option<Claimed>, JournalError>;

    /// Lets go of a saga without adding to its journal: nobody owns it, and it is due then, whatever
    /// its status. Does nothing unless this owner and epoch own it.
    async fn release(
        &self,
        saga: SagaId,
        fence: Fence,
        due_at: Timestamp,
    ) -> Result<(), JournalError>;

    /// When the next saga that nobody owns becomes due.
    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError>;

    /// A saga's records with a number above `after`, in order: at most `limit`, at most
    /// [`PAGE_LIMIT`](crate::PAGE_LIMIT) and [`PAGE_BYTES`](crate::PAGE_BYTES). None, when there are
    /// none: fewer than were asked for say nothing.
    async fn records(
        &self,
        saga: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, JournalError>;

    /// A saga's log lines, in the order in which they were written. A page has at most
    /// [`PAGE_BYTES`](crate::PAGE_BYTES).
    async fn logs(&self, saga: SagaId, page: PageRequest) -> Result<Page<LogLine>, JournalError>;

    /// The events of all sagas behind the position `after`, in the order in which they were written:
    /// at most `limit`, at most [`PAGE_LIMIT`](crate::PAGE_LIMIT) and
    /// [`PAGE_BYTES`](crate::PAGE_BYTES). None, when there are none. Who reads on behind the last one
    /// misses none: an event never becomes visible after one with a higher position.
    async fn feed(&self, after: u64, limit: u32) -> Result<Vec<FeedEntry>, JournalError>;

    /// The position of the latest event of all sagas, 0 when there is none.
    async fn feed_end(&self) -> Result<u64, JournalError>;

    /// One saga as lists show it.
    async fn saga(&self, saga: SagaId) -> Result<Option<SagaRow>, JournalError>;

    /// Sagas, the latest first.
    async fn sagas(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError>;

    /// How many sagas there are of each status. Statuses without sagas are left out.
    async fn count_by_status(&self) -> Result<Vec<(Status, u64)>, JournalError>;

    /// Removes finished sagas, those with the oldest last event first, with their events, log lines
    /// and labels, in one transaction. Answers how many. A saga that is due or that somebody owns
    /// stays, and so does the one with the latest event of all, from which positions go on.
    ///
    /// # Errors
    /// [`JournalError::NotOver`] when a status is none of a saga that is over.
    async fn prune(&self, prune: &Prune) -> Result<u64, JournalError>;

    /// Stores bytes under their digest. Storing them again changes nothing.
    async fn put_blob(&self, digest: Digest, bytes: &[u8]) -> Result<(), JournalError>;

    /// Bytes by digest.
    async fn blob(&self, digest: Digest) -> Result<Option<Vec<u8>>, JournalError>;

    /// Stores a definition. When the latest version has the same digest, that version is answered
    /// and nothing changes; the flag says whether a version was made.
    async fn put_definition(
        &self,
        name: &Name,
        digest: Digest,
        document: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(DefinitionVersion, Made), JournalError>;

    /// A version of a definition, the latest when none is named.
    async fn definition(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<Option<DefinitionVersion>, JournalError>;

    /// The latest version of each definition, by name.
    async fn definitions(&self, page: PageRequest)
    -> Result<Page<DefinitionVersion>, JournalError>;

    /// Stores a version of a component. When a version of it has the same digest, that version is
    /// answered and nothing changes. The first version makes the component.
    async fn put_component_version(
        &self,
        new: NewComponentVersion,
    ) -> Result<(ComponentVersion, Made), JournalError>;

    /// A component.
    async fn component(&self, name: &Name) -> Result<Option<ComponentRow>, JournalError>;

    /// Components, by name.
    async fn components(&self, page: PageRequest) -> Result<Page<ComponentRow>, JournalError>;

    /// A version of a component.
    async fn component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError>;

    /// Versions of a component, the latest first.
    async fn component_versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError>;

    /// Changes what people say about a version. `None` when there is none.
    async fn describe_component_version(
        &self,
        name: &Name,
        version: u32,
        description: &Description,
    ) -> Result<Option<ComponentVersion>, JournalError>;

    /// Removes a version, and its bytes unless another version has the same. Not while sagas take it,
    /// or one may need it as [`live_saga_on`](Self::live_saga_on) says. Its number is never given out again. Who stores a
    /// version of the same bytes at that moment may have to store the bytes again.
    async fn remove_component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Removal, JournalError>;

    /// Changes which version sagas take, counts the component's generation up, and remembers who did
    /// it: one change, or none. Of each component the latest [`SWITCH_LIMIT`](crate::SWITCH_LIMIT)
    /// changes are remembered. When nothing is shared, [`SwitchTo::Unshared`](crate::SwitchTo) is
    /// done without one: nothing is counted or remembered.
    async fn switch(&self, switch: &Switch) -> Result<Activation, JournalError>;

    /// The changes of which version sagas take, the latest first: at most
    /// [`SWITCH_LIMIT`](crate::SWITCH_LIMIT).
    async fn switches(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<Switched>, JournalError>;

    /// A saga that may need this version: a step of it is, or was, bound to it, and it is not over, or
    /// it completed inside one that is not over and may want it undone.
    async fn live_saga_on(&self, name: &Name, version: u32)
    -> Result<Option<SagaId>, JournalError>;

    /// Sets what the operator grants a component, and counts its generation up; makes the component if
    /// there is none.
    async fn put_policy(&self, name: &Name, policy: &Policy) -> Result<(), JournalError>;

    /// Stores how a circuit breaker stands, in place of how it stood.
    async fn put_breaker(&self, row: &BreakerRow) -> Result<(), JournalError>;

    /// Circuit breakers by component and action, at most [`BREAKER_LIMIT`](crate::BREAKER_LIMIT).
    async fn breakers(&self) -> Result<Vec<BreakerRow>, JournalError>;

    /// Forgets a circuit breaker. Does nothing when there is none.
    async fn remove_breaker(&self, component: &Name, action: &Name) -> Result<(), JournalError>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), JournalError>;

    /// Writes what is left and lets go of the store's files.
    async fn close(&self);
}

/// Whether a call made something or found it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    New,
    /// It was there already.
    Existing,
}

/// What came of a [`Switch`].
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each order of an operator"
)]
pub enum Activation {
    /// It is done.
    Done(ComponentRow),
    /// There is no such component or version.
    NotFound,
    /// A version is to share sagas with the active one, and there is no active one, or it is that one.
    Unshareable,
    /// Somebody else changed it: the component's generation is this one.
    Outdated {
        /// The present generation.
        generation: u64,
    },
}

/// What came of removing a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Done,
    /// There is no such component or version.
    NotFound,
    /// Sagas take it: it is the active one or the candidate.
    Taken,
    /// A saga that may need it is bound to it.
    Bound(SagaId),
}
