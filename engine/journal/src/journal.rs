//! What a store has to do.

use async_trait::async_trait;
use wasaga_core::{Digest, LogLine, Name, Policy, Record, SagaId, Timestamp};

use crate::error::{JournalError, Refusal};
use crate::model::{
    Append, Claimed, ComponentRow, ComponentVersion, DefinitionVersion, Fence, NewComponentVersion,
    OwnerId, Page, PageRequest, SagaFilter, SagaRow,
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
    /// gets its own sagas only after it released them.
    async fn claim(
        &self,
        owner: OwnerId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, JournalError>;

    /// Takes over one saga that is not settled, due or not, unless somebody with a lease owns it.
    async fn claim_one(
        &self,
        owner: OwnerId,
        saga: SagaId,
        now: Timestamp,
    ) -> Result<Option<Claimed>, JournalError>;

    /// Lets go of a saga without adding to its journal: nobody owns it, and it is due then. Does
    /// nothing unless this owner and epoch own it, or when it is settled.
    async fn release(
        &self,
        saga: SagaId,
        fence: Fence,
        due_at: Timestamp,
    ) -> Result<(), JournalError>;

    /// When the next saga that nobody owns becomes due.
    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError>;

    /// A saga's records with a number above `after`, at most `limit` and at most
    /// [`PAGE_LIMIT`](crate::PAGE_LIMIT), in order.
    async fn records(
        &self,
        saga: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, JournalError>;

    /// A saga's log lines, in the order in which they were written.
    async fn logs(&self, saga: SagaId, page: PageRequest) -> Result<Page<LogLine>, JournalError>;

    /// One saga as lists show it.
    async fn saga(&self, saga: SagaId) -> Result<Option<SagaRow>, JournalError>;

    /// Sagas, the latest first.
    async fn sagas(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError>;

    /// How many sagas there are of each status. Statuses without sagas are left out.
    async fn count_by_status(&self) -> Result<Vec<(wasaga_core::Status, u64)>, JournalError>;

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

    /// Makes a version the active one and counts the component's generation up. With `if_generation`,
    /// only while the generation is that one.
    async fn activate(
        &self,
        name: &Name,
        version: u32,
        if_generation: Option<u64>,
    ) -> Result<Activation, JournalError>;

    /// Sets what the operator grants a component; makes the component if there is none.
    async fn put_policy(&self, name: &Name, policy: &Policy) -> Result<(), JournalError>;

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

/// What came of an activation.
#[derive(Clone, Debug, PartialEq)]
pub enum Activation {
    /// The version is active.
    Done(ComponentRow),
    /// There is no such component or version.
    NotFound,
    /// Somebody else changed it: the component's generation is this one.
    Outdated {
        /// The present generation.
        generation: u64,
    },
}
