//! Finished sagas out of the journal.
//!
//! Their pages are free then, and what is written next takes them: the file does not shrink.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Sqlite, Transaction};
use wasaga_core::{SagaId, Timestamp};

use crate::PAGE_LIMIT;
use crate::error::JournalError;
use crate::model::Prune;

use super::SqliteJournal;
use super::bulk::Bulk;
use super::row::{Doing, Fields, OVER, blob};

const DOING: &str = "removing finished sagas";

/// The statements that remove sagas, one for each table. Pins go first: the events and the saga say
/// which they are.
#[derive(Debug)]
pub(super) struct Deletes([Bulk; 6]);

impl Deletes {
    pub(super) fn new() -> Self {
        let pins = "DELETE FROM pins WHERE (component, version, created_at, saga) IN (
                SELECT b.component, b.version, s.created_at, b.saga
                FROM bindings b CROSS JOIN sagas s ON s.id = b.saga
                WHERE b.saga IN (VALUES";
        let from = |table_and_column: &str| {
            let before = format!("DELETE FROM {table_and_column} IN (VALUES");
            Bulk::new(&before, 1, ")")
        };
        Self([
            Bulk::new(pins, 1, "))"),
            from("events WHERE saga"),
            from("logs WHERE saga"),
            from("tags WHERE saga"),
            from("nested WHERE saga"),
            from("sagas WHERE id"),
        ])
    }
}

/// The oldest sagas of a status that may be removed. The one with the latest event of all may not:
/// the next event's position is the one after it. Nor may a nested one while the saga around it is
/// there, which may want it undone.
fn removable() -> String {
    format!(
        "SELECT id, updated_at FROM sagas INDEXED BY sagas_removable
         WHERE status = ? AND updated_at < ? AND due_at IS NULL AND owner IS NULL AND {OVER}
            AND id <> (SELECT saga FROM events ORDER BY rowid DESC LIMIT 1)
            AND NOT EXISTS (
                SELECT 1 FROM nested n CROSS JOIN sagas p ON p.id = n.parent
                WHERE n.saga = sagas.id)
         ORDER BY updated_at, id LIMIT ?"
    )
}

impl SqliteJournal {
    pub(super) async fn remove_sagas(&self, prune: &Prune) -> Result<u64, JournalError> {
        let statuses = prune.statuses()?;
        let limit = prune.limit.min(PAGE_LIMIT);
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let mut sagas = Vec::new();
            for status in statuses {
                let rows = sqlx::query(AssertSqlSafe(removable()))
                    .bind(status.as_str())
                    .bind(prune.updated_before.unix_ms())
                    .bind(i64::from(limit))
                    .fetch_all(&mut **transaction)
                    .await
                    .doing(DOING)?;
                for row in &rows {
                    sagas.push(candidate(row)?);
                }
            }
            sagas.sort();
            sagas.truncate(limit as usize);
            self.deletes.run(transaction, &sagas).await?;
            Ok(sagas.len() as u64)
        })
        .await
    }
}

impl Deletes {
    async fn run(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        sagas: &[(Timestamp, SagaId)],
    ) -> Result<(), JournalError> {
        for statement in &self.0 {
            let queries =
                statement.queries(sagas, |query, (_, saga)| query.bind(blob(saga.as_uuid())));
            for query in queries {
                query.execute(&mut **transaction).await.doing(DOING)?;
            }
        }
        Ok(())
    }
}

fn candidate(row: &SqliteRow) -> Result<(Timestamp, SagaId), JournalError> {
    let fields = Fields {
        row,
        what: "a saga's row",
    };
    Ok((fields.time("updated_at")?, fields.saga("id")?))
}

#[cfg(test)]
mod tests {
    use sqlx::Execute;

    use crate::sqlite::plan::{Plans, is_by_index};

    use super::*;

    #[tokio::test]
    async fn what_may_be_removed_is_found_by_an_index() {
        let plans = Plans::new().await;
        let plan = plans.of(&removable()).await;
        let by = "SEARCH sagas USING INDEX sagas_removable (status=? AND updated_at<?)";
        assert_eq!(plan[0], by, "{plan:#?}");
        assert!(
            !plan.iter().any(|step| step.contains("TEMP B-TREE")),
            "{plan:#?}"
        );
    }

    #[tokio::test]
    async fn what_is_removed_is_found_by_its_saga() {
        let plans = Plans::new().await;
        for statement in &Deletes::new().0 {
            let query = statement.queries(&[(), ()], |query, ()| query).next();
            let query = query.expect("a statement").sql();
            let plan = plans.of(query.as_str()).await;
            is_by_index(query.as_str(), &plan);
            if query.as_str().contains("FROM pins") {
                let by = "SEARCH pins USING PRIMARY KEY \
                          (component=? AND version=? AND created_at=? AND saga=?)";
                assert_eq!(plan[0], by, "{plan:#?}");
            }
        }
    }
}
