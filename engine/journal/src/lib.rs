//! Where sagas are written down.
//!
//! [`Journal`] is what a store has to do; [`SqliteJournal`] does it in a file, [`MemoryJournal`] for
//! tests, and [`mod@conformance`] holds every implementation to the same behaviour.
//!
//! SQLite serves one process: a lock file keeps all others out, so leases do not count there.

pub mod conformance;
mod cursor;
mod error;
mod fence;
mod journal;
mod memory;
mod model;
mod sqlite;

pub use self::error::{JournalError, Refusal};
pub use self::journal::{Activation, Journal, Made};
pub use self::memory::MemoryJournal;
pub use self::model::{
    Append, Claimed, ComponentRow, ComponentVersion, Cursor, DefinitionVersion, Fence, Head,
    NewComponentVersion, OwnerId, Ownership, Page, PageRequest, SagaFilter, SagaRow,
};
pub use self::sqlite::SqliteJournal;

/// Most rows of one page, and most records of one read: who asks for more gets this many.
pub const PAGE_LIMIT: u32 = 1_000;
