//! Rows into values, and values into what a row holds.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use wasaga_core::{Digest, SagaId, Timestamp};

use crate::error::JournalError;
use crate::model::OwnerId;

/// Holds for sagas that are over, in the words of the partial indexes on them: SQLite uses such an
/// index for a statement that says the same.
pub(super) const OVER: &str = "status IN ('completed', 'compensated', 'abandoned')";

/// Says what was being done when the database failed.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, JournalError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, doing: &'static str) -> Result<T, JournalError> {
        self.map_err(|source| match source {
            sqlx::Error::PoolClosed => JournalError::Closed,
            source => JournalError::Database { doing, source },
        })
    }
}

/// A row, and what it is a row of.
#[derive(Clone, Copy)]
pub(super) struct Fields<'r> {
    pub(super) row: &'r SqliteRow,
    pub(super) what: &'static str,
}

impl<'r> Fields<'r> {
    pub(super) fn text(self, column: &str) -> Result<&'r str, JournalError> {
        self.row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A text that may be absent.
    pub(super) fn optional_text(self, column: &str) -> Result<Option<&'r str>, JournalError> {
        self.row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn bytes(self, column: &str) -> Result<&'r [u8], JournalError> {
        self.row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))
    }

    /// A number that has to fit its type.
    pub(super) fn number<T>(self, column: &str) -> Result<T, JournalError>
    where
        T: TryFrom<i64, Error: Display>,
    {
        let number: i64 = self
            .row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))?;
        T::try_from(number).map_err(|error| self.corrupt(column, error))
    }

    /// A number that may be absent.
    pub(super) fn optional_number<T>(self, column: &str) -> Result<Option<T>, JournalError>
    where
        T: TryFrom<i64, Error: Display>,
    {
        let number: Option<i64> = self
            .row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))?;
        number
            .map(T::try_from)
            .transpose()
            .map_err(|error| self.corrupt(column, error))
    }

    /// A value that is written as text.
    pub(super) fn parsed<T>(self, column: &str) -> Result<T, JournalError>
    where
        T: FromStr<Err: Display>,
    {
        self.text(column)?
            .parse()
            .map_err(|error| self.corrupt(column, error))
    }

    /// A value that is written as JSON.
    pub(super) fn json<T: DeserializeOwned>(self, column: &str) -> Result<T, JournalError> {
        serde_json::from_str(self.text(column)?).map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn time(self, column: &str) -> Result<Timestamp, JournalError> {
        self.number(column).map(Timestamp::from_unix_ms)
    }

    pub(super) fn saga(self, column: &str) -> Result<SagaId, JournalError> {
        self.uuid(column).map(SagaId::from_uuid)
    }

    pub(super) fn owner(self, column: &str) -> Result<Option<OwnerId>, JournalError> {
        let bytes: Option<&[u8]> = self
            .row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))?;
        bytes
            .map(|bytes| Uuid::from_slice(bytes).map(OwnerId))
            .transpose()
            .map_err(|error| self.corrupt(column, error))
    }

    pub(super) fn digest(self, column: &str) -> Result<Digest, JournalError> {
        let bytes: [u8; 32] = self
            .bytes(column)?
            .try_into()
            .map_err(|error| self.corrupt(column, error))?;
        Ok(Digest::from_bytes(bytes))
    }

    fn uuid(self, column: &str) -> Result<Uuid, JournalError> {
        Uuid::from_slice(self.bytes(column)?).map_err(|error| self.corrupt(column, error))
    }

    fn corrupt(self, column: &str, reason: impl Display) -> JournalError {
        JournalError::Corrupt {
            what: self.what.to_owned(),
            reason: format!("{column}: {reason}"),
        }
    }
}

/// A count as SQLite stores it. None that the engine counts comes near the end.
pub(super) fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A value as JSON.
pub(super) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(|error| JournalError::Corrupt {
        what: what.to_owned(),
        reason: format!("it has no JSON: {error}"),
    })
}

/// An id as SQLite stores it.
pub(super) fn blob(uuid: &Uuid) -> Vec<u8> {
    uuid.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use wasaga_core::Status;

    use super::*;

    #[test]
    fn the_indexes_hold_every_status_that_is_over() {
        let over = Status::ALL.into_iter().filter(|status| status.is_over());
        let over: Vec<_> = over.map(|status| format!("'{status}'")).collect();
        assert_eq!(OVER, format!("status IN ({})", over.join(", ")));
    }
}
