//! What can go wrong with a store.

use wasaga_core::{SagaId, Status};

/// A store that did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store's library is too old to be trusted.
    #[error(
        "SQLite {found} can corrupt a database that several connections write: {needed} or later is needed"
    )]
    SqliteVersion {
        /// The version that was found.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// Another process has the store open.
    #[error("another process uses the data in {path}: end it, or choose another folder")]
    Locked {
        /// The folder or file.
        path: String,
    },
    /// What was read is not what this engine or an earlier one wrote.
    #[error("{what} cannot be read: {reason}")]
    Corrupt {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An event was written by a later engine.
    #[error(
        "saga {saga} has events of format {found}; this engine reads up to {known}: use a later one"
    )]
    Format {
        /// Which saga.
        saga: SagaId,
        /// The format that was found.
        found: u16,
        /// The latest that this engine knows.
        known: u16,
    },
    /// A page was asked for with a cursor that did not come with a page of the same list.
    #[error("not a cursor of this list: use the `next_cursor` of the page before")]
    Cursor,
    /// Sagas that are not over were to be removed.
    #[error(
        "sagas that are {status} are not over and cannot be removed: name completed, compensated or abandoned ones"
    )]
    NotOver {
        /// The status that was named.
        status: Status,
    },
    /// The store was closed.
    #[error("the journal is closed: nothing more can be read or written")]
    Closed,
    /// The database did not do its work.
    #[error("{doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A file could not be used.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why an append, or another change with a condition, was not made. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The saga has other events after the expected one, or another owner or epoch: whoever
    /// appends no longer owns it.
    #[error(
        "saga {saga} is not at event {expected} under this owner and epoch: somebody else took it over"
    )]
    Fenced {
        /// Which saga.
        saga: SagaId,
        /// The last event that the appender knew of.
        expected: u64,
    },
    /// A saga of that id exists.
    #[error("saga {saga} exists already")]
    Exists {
        /// Which saga.
        saga: SagaId,
    },
}
