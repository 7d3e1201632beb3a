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
mod switch;

pub use self::error::{JournalError, Refusal};
pub use self::journal::{Activation, Journal, Made, Removal};
pub use self::memory::MemoryJournal;
pub use self::model::{
    Append, BreakerRow, Claimed, ComponentRow, ComponentVersion, Cursor, DefinitionVersion,
    Description, FeedEntry, Fence, Head, NewComponentVersion, OwnerId, Ownership, Page,
    PageRequest, Prune, SagaFilter, SagaRow, Switch, SwitchTo, Switched,
};
pub use self::sqlite::SqliteJournal;

/// Most rows of one page, and most records of one read: who asks for more gets this many.
pub const PAGE_LIMIT: u32 = 1_000;

/// Most bytes of one page of events or log lines, as JSON: a page ends before the row with which it
/// would be larger, but has one row at least.
pub const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Most circuit breakers that are read: those that come first by component and action.
pub const BREAKER_LIMIT: u32 = 10_000;

/// Most changes of which version sagas take that are remembered of one component: the latest.
pub const SWITCH_LIMIT: u32 = 1_000;
