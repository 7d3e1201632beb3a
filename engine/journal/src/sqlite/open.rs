//! Opening and closing: the folder, its lock, and the connections' settings.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use crate::error::JournalError;

use super::SqliteJournal;
use super::append::Statements;
use super::prune::Deletes;
use super::row::Doing;
use super::writer::Writer;

/// The database's file in its folder.
const DATABASE: &str = "wasaga.db";

/// The file whose lock says that the folder is in use.
const LOCK: &str = "wasaga.lock";

/// Before it, a WAL that several connections write could be corrupted.
const OLDEST_SQLITE: &str = "3.51.3";

/// Connections that read. Reads are short, and each connection is a thread.
const READERS: u32 = 4;

/// How long a connection waits for another's lock. Only checkpoints and closing hold one that is in
/// the way, so whoever waits longer is stuck.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Statements that a connection keeps prepared: more than there are, sizes of bulk statements
/// included.
const STATEMENTS: usize = 256;

/// Rows that a connection reads ahead of who asked for them. Events may have a megabyte each.
const ROWS_AHEAD: usize = 16;

pub(super) async fn open(dir: &Path) -> Result<SqliteJournal, JournalError> {
    let lock = lock(dir)?;
    let options = options(dir);
    let mut first = options.connect().await.doing("opening the journal")?;
    check_version(&mut first).await?;
    sqlx::migrate!("./migrations")
        .run(&mut first)
        .await
        .map_err(sqlx::Error::from)
        .doing("bringing the journal's tables up to date")?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .connect_with(options.clone().read_only(true).pragma("query_only", "1"))
        .await
        .doing("opening the journal for reading")?;
    Ok(SqliteJournal {
        writer: Writer::new(options, first, lock),
        readers,
        statements: Statements::new(),
        deletes: Deletes::new(),
        registered: Mutex::new(None),
    })
}

impl SqliteJournal {
    pub(super) async fn check(&self) -> Result<(), JournalError> {
        sqlx::query("SELECT 1")
            .execute(&self.readers)
            .await
            .doing("asking the journal")?;
        Ok(())
    }

    pub(super) async fn shut(&self) {
        // Readers first: the write-ahead log can only be emptied when nobody reads from it.
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| JournalError::File { path, source }
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed(dir))?;
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked {
            path: dir.display().to_string(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(&path)(source)),
    }
}

fn options(dir: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(dir.join(DATABASE))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(ROWS_AHEAD)
        // 64 MiB (a negative number counts KiB): the part of the journal that live sagas use.
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "memory")
        // 16 MiB between checkpoints: fewer of them, and pages that change often are copied once.
        .pragma("wal_autocheckpoint", "4096")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), JournalError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(connection)
        .await
        .doing("asking for SQLite's version")?;
    if numbers(&found) < numbers(OLDEST_SQLITE) {
        return Err(JournalError::SqliteVersion {
            found,
            needed: OLDEST_SQLITE,
        });
    }
    Ok(())
}

/// A version's parts; a part that is no number is older than any.
fn numbers(version: &str) -> Vec<Option<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("3.51.3") >= numbers(OLDEST_SQLITE));
        assert!(numbers("3.52.0") > numbers(OLDEST_SQLITE));
        assert!(numbers("3.9.9") < numbers(OLDEST_SQLITE));
        assert!(numbers("3.51.2") < numbers(OLDEST_SQLITE));
        assert!(numbers("3.51") < numbers(OLDEST_SQLITE));
        assert!(numbers("unknown") < numbers(OLDEST_SQLITE));
    }
}
