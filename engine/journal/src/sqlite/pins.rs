//! Which sagas are bound to which version of a component.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use wasaga_core::{Name, SagaId, Status};

use crate::error::JournalError;

use super::SqliteJournal;
use super::row::{Doing, Fields};

/// Sagas that are bound to a version and may need it, one statement for those that are not over and
/// one for those that completed inside one of these. Of all that have ever been bound to a version
/// nearly all are over, so those that are not are gone through, and the first that is bound will do.
fn live_sagas_on() -> [String; 2] {
    let live = Status::ALL.into_iter().filter(|status| !status.is_over());
    let live: Vec<_> = live.map(|status| format!("'{status}'")).collect();
    let live = format!("IN ({})", live.join(", "));
    let pin = "CROSS JOIN pins p ON p.component = ? AND p.version = ?
         AND p.created_at = s.created_at AND p.saga = s.id";
    [
        format!("SELECT s.id FROM sagas s {pin} WHERE s.status {live} LIMIT 1"),
        format!(
            "WITH RECURSIVE completed (id) AS (
                SELECT n.saga FROM sagas s CROSS JOIN nested n ON n.parent = s.id
                WHERE s.status {live}
                UNION ALL
                SELECT n.saga FROM completed c CROSS JOIN sagas s ON s.id = c.id
                CROSS JOIN nested n ON n.parent = s.id WHERE s.status = 'completed')
             SELECT s.id FROM completed c CROSS JOIN sagas s ON s.id = c.id {pin}
             WHERE s.status = 'completed' LIMIT 1"
        ),
    ]
}

impl SqliteJournal {
    pub(super) async fn find_live_saga_on(
        &self,
        component: &Name,
        version: u32,
    ) -> Result<Option<SagaId>, JournalError> {
        let doing = "looking for a saga that is bound to a version";
        let mut reader = self.readers.acquire().await.doing(doing)?;
        read_live_saga_on(&mut reader, component, version, doing).await
    }
}

/// The saga for whoever asks: a reader, or a transaction.
pub(super) async fn read_live_saga_on(
    from: &mut SqliteConnection,
    component: &Name,
    version: u32,
    doing: &'static str,
) -> Result<Option<SagaId>, JournalError> {
    for statement in live_sagas_on() {
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(component.to_string())
            .bind(i64::from(version))
            .fetch_optional(&mut *from)
            .await
            .doing(doing)?;
        if let Some(row) = &row {
            let what = "a saga's row";
            return Ok(Some(Fields { row, what }.saga("id")?));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use crate::sqlite::plan::{Plans, is_by_index};

    use super::*;

    #[tokio::test]
    async fn live_sagas_are_found_among_those_that_are_not_over() {
        let plans = Plans::new().await;
        let [outer, nested] = live_sagas_on();
        let plan = plans.of(&outer).await;
        let by = [
            "SEARCH s USING COVERING INDEX sagas_by_status (status=?)",
            "SEARCH p USING PRIMARY KEY (component=? AND version=? AND created_at=? AND saga=?)",
        ];
        assert_eq!(plan, by);
        // The sagas that were found so far, which are gone through from their first.
        let plan = plans.of(&nested).await;
        let found = |step: &&String| !step.starts_with("SCAN c");
        let rest: Vec<_> = plan.iter().filter(found).cloned().collect();
        assert!(rest.len() < plan.len(), "{plan:#?}");
        is_by_index(&nested, &rest);
    }
}
