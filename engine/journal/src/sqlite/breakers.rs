//! How circuit breakers stand.

use wasaga_core::{Name, Timestamp};

use crate::BREAKER_LIMIT;
use crate::error::JournalError;
use crate::model::BreakerRow;

use super::SqliteJournal;
use super::row::{Doing, Fields};

impl SqliteJournal {
    pub(super) async fn set_breaker(&self, row: &BreakerRow) -> Result<(), JournalError> {
        const DOING: &str = "storing a circuit breaker";
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            sqlx::query(
                "INSERT INTO breakers (component, action, failures, opened_at, reset_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (component, action) DO UPDATE SET failures = excluded.failures,
                    opened_at = excluded.opened_at, reset_at = excluded.reset_at,
                    updated_at = excluded.updated_at",
            )
            .bind(row.component.to_string())
            .bind(row.action.to_string())
            .bind(i64::from(row.failures))
            .bind(row.opened_at.map(Timestamp::unix_ms))
            .bind(row.reset_at.map(Timestamp::unix_ms))
            .bind(row.updated_at.unix_ms())
            .execute(&mut **transaction)
            .await
            .doing(DOING)
        })
        .await?;
        Ok(())
    }

    pub(super) async fn list_breakers(&self) -> Result<Vec<BreakerRow>, JournalError> {
        let rows = sqlx::query(
            "SELECT component, action, failures, opened_at, reset_at, updated_at FROM breakers
             ORDER BY component, action LIMIT ?",
        )
        .bind(i64::from(BREAKER_LIMIT))
        .fetch_all(&self.readers)
        .await
        .doing("reading circuit breakers")?;
        let breakers = rows.iter().map(|row| {
            let fields = Fields {
                row,
                what: "a circuit breaker",
            };
            let time = |column| {
                let ms: Option<i64> = fields.optional_number(column)?;
                Ok::<_, JournalError>(ms.map(Timestamp::from_unix_ms))
            };
            Ok(BreakerRow {
                component: fields.parsed("component")?,
                action: fields.parsed("action")?,
                failures: fields.number("failures")?,
                opened_at: time("opened_at")?,
                reset_at: time("reset_at")?,
                updated_at: fields.time("updated_at")?,
            })
        });
        breakers.collect()
    }

    pub(super) async fn delete_breaker(
        &self,
        component: &Name,
        action: &Name,
    ) -> Result<(), JournalError> {
        const DOING: &str = "removing a circuit breaker";
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            sqlx::query("DELETE FROM breakers WHERE component = ? AND action = ?")
                .bind(component.to_string())
                .bind(action.to_string())
                .execute(&mut **transaction)
                .await
                .doing(DOING)
        })
        .await?;
        Ok(())
    }
}
