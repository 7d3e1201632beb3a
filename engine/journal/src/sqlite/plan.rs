//! How SQLite goes about a statement, for tests: with a million sagas none may look at all of them.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _};
use tempfile::TempDir;

use super::SqliteJournal;

/// An empty journal whose plans are asked for. What a journal holds does not change them: SQLite
/// plans by statistics only after `ANALYZE`, which never runs.
pub(super) struct Plans {
    dir: TempDir,
    _journal: SqliteJournal,
}

impl Plans {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = SqliteJournal::open(dir.path()).await;
        Self {
            _journal: journal.expect("the journal opens"),
            dir,
        }
    }

    /// The steps of a statement.
    pub(super) async fn of(&self, statement: &str) -> Vec<String> {
        let options = SqliteConnectOptions::new().filename(self.dir.path().join("wasaga.db"));
        let mut connection = options.connect().await.expect("the database opens");
        let explained = format!("EXPLAIN QUERY PLAN {statement}");
        sqlx::query(AssertSqlSafe(explained))
            .fetch_all(&mut connection)
            .await
            .expect("a plan")
            .iter()
            .map(|row| row.get("detail"))
            .collect()
    }
}

/// Holds a plan to finding its rows by an index and in the order that was asked for.
pub(super) fn is_by_index(statement: &str, plan: &[String]) {
    assert!(!plan.is_empty(), "{statement} has no plan");
    for step in plan {
        assert!(!step.contains("TEMP B-TREE"), "{statement}: {plan:#?}");
        // What a statement or a row carries itself, and the index of what is due from its beginning.
        let carried = step.ends_with("VALUES CLAUSE") || step.contains("VIRTUAL TABLE");
        let short = carried || step.ends_with("INDEX sagas_due");
        assert!(!step.starts_with("SCAN") || short, "{statement}: {plan:#?}");
    }
}
