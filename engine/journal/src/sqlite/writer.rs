//! The one connection that writes.

use std::fs::File;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use crate::error::JournalError;

use super::row::Doing;

/// The one connection that writes. SQLite lets one write at a time anyway; waiting for a mutex is
/// fair, waiting for SQLite's lock is not.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Ready, unless a write failed: its connection is gone, and the next write makes another.
    Open {
        connection: Option<SqliteConnection>,
        lock: File,
    },
    Closed,
}

impl Writer {
    pub(super) fn new(options: SqliteConnectOptions, first: SqliteConnection, lock: File) -> Self {
        Self {
            options,
            state: Mutex::new(State::Open {
                connection: Some(first),
                lock,
            }),
        }
    }

    /// Waits for its turn to write.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, JournalError> {
        let mut state = self.state.lock().await;
        match &mut *state {
            State::Closed => return Err(JournalError::Closed),
            State::Open {
                connection: Some(_),
                ..
            } => {}
            State::Open { connection, .. } => {
                let again = self.options.connect().await;
                *connection = Some(again.doing("opening the journal again")?);
            }
        }
        Ok(Turn { state })
    }

    /// Brings what is in the write-ahead log into the database, closes it and unlocks the folder.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        let State::Open { connection, lock } = std::mem::replace(&mut *state, State::Closed) else {
            return;
        };
        if let Some(mut connection) = connection {
            // Nothing is lost when this fails: the next start reads the write-ahead log.
            let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&mut connection)
                .await;
            if let Err(error) = emptied {
                tracing::warn!(%error, "the write-ahead log was not emptied");
            }
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "the journal was not closed in order");
            }
        }
        drop(lock);
    }
}

/// A turn to write.
pub(super) struct Turn<'w> {
    state: MutexGuard<'w, State>,
}

impl Turn<'_> {
    /// Runs `work` in a transaction: all of it is durable afterwards, or nothing of it happened.
    pub(super) async fn write<T>(
        mut self,
        doing: &'static str,
        work: impl AsyncFnOnce(&mut Transaction<'_, Sqlite>) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let State::Open { connection, .. } = &mut *self.state else {
            return Err(JournalError::Closed);
        };
        let Some(open) = connection else {
            return Err(JournalError::Closed);
        };
        let done = async {
            let mut transaction = open.begin_with("BEGIN IMMEDIATE").await.doing(doing)?;
            let done = work(&mut transaction).await?;
            transaction.commit().await.doing(doing)?;
            Ok(done)
        }
        .await;
        // After an error nobody knows whether a transaction is still open in there.
        if done.is_err() {
            *connection = None;
        }
        done
    }
}
