//! Which sagas are bound to which version of a component.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteExecutor};
use wasaga_core::{Name, SagaId, Status};

use crate::error::JournalError;

use super::SqliteJournal;
use super::row::{Doing, Fields};

/// A saga that is not over and bound to a version. Of all that have ever been bound to it nearly all
/// are over, so those that are not are gone through, and the first that is bound will do.
fn live_saga_on() -> String {
    let live = Status::ALL.into_iter().filter(|status| !status.is_over());
    let live: Vec<_> = live.map(|status| format!("'{status}'")).collect();
    format!(
        "SELECT s.id FROM sagas s CROSS JOIN pins p ON p.component = ? AND p.version = ?
            AND p.created_at = s.created_at AND p.saga = s.id
         WHERE s.status IN ({}) LIMIT 1",
        live.join(", ")
    )
}

impl SqliteJournal {
    pub(super) async fn find_live_saga_on(
        &self,
        component: &Name,
        version: u32,
    ) -> Result<Option<SagaId>, JournalError> {
        let doing = "looking for a saga that is bound to a version";
        read_live_saga_on(&self.readers, component, version, doing).await
    }
}

/// The saga for whoever asks: a reader, or a transaction.
pub(super) async fn read_live_saga_on(
    from: impl SqliteExecutor<'_>,
    component: &Name,
    version: u32,
    doing: &'static str,
) -> Result<Option<SagaId>, JournalError> {
    let row = sqlx::query(AssertSqlSafe(live_saga_on()))
        .bind(component.to_string())
        .bind(i64::from(version))
        .fetch_optional(from)
        .await
        .doing(doing)?;
    let saga = |row: &SqliteRow| {
        let what = "a saga's row";
        Fields { row, what }.saga("id")
    };
    row.as_ref().map(saga).transpose()
}

#[cfg(test)]
mod tests {
    use crate::sqlite::plan::{Plans, is_by_index};

    use super::*;

    #[tokio::test]
    async fn a_live_saga_is_found_among_those_that_are_not_over() {
        let plans = Plans::new().await;
        let plan = plans.of(&live_saga_on()).await;
        is_by_index("a live saga", &plan);
        let by = [
            "SEARCH s USING COVERING INDEX sagas_by_status (status=?)",
            "SEARCH p USING PRIMARY KEY (component=? AND version=? AND created_at=? AND saga=?)",
        ];
        assert_eq!(plan, by);
    }
}
