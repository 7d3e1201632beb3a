//! Who drives which saga.
//!
//! One process has the file open. So leases need no table: whoever registers takes the sagas of all
//! owners before it, and from then on an owner in a saga's row is one that lives.

use std::sync::PoisonError;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteRow;
use wasaga_core::{SagaId, Status, Timestamp};

use crate::cursor;
use crate::error::JournalError;
use crate::model::{Claimed, Fence, OwnerId};

use super::SqliteJournal;
use super::row::{Doing, Fields, OVER, blob, integer};

const DUE: &str = "SELECT id FROM sagas WHERE owner IS NULL AND due_at IS NOT NULL AND due_at <= ?
     ORDER BY due_at, id LIMIT ?";

const NEXT_DUE: &str = "SELECT due_at FROM sagas WHERE owner IS NULL AND due_at IS NOT NULL
     ORDER BY due_at LIMIT 1";

impl SqliteJournal {
    pub(super) async fn take_from_others(&self, owner: OwnerId) -> Result<(), JournalError> {
        const DOING: &str = "registering at the journal";
        let registered = *self
            .registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if registered == Some(owner) {
            return Ok(());
        }
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            for take in [take_unfinished(), take_finished()] {
                sqlx::query(AssertSqlSafe(take))
                    .bind(blob(&owner.0))
                    .execute(&mut **transaction)
                    .await
                    .doing(DOING)?;
            }
            Ok(())
        })
        .await?;
        *self
            .registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(owner);
        Ok(())
    }

    pub(super) async fn claim_due(
        &self,
        owner: OwnerId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, JournalError> {
        const DOING: &str = "claiming sagas";
        let turn = self.writer.turn().await?;
        let rows = turn
            .write(DOING, async |transaction| {
                sqlx::query(AssertSqlSafe(format!(
                    "UPDATE sagas SET owner = ?, epoch = epoch + 1 WHERE id IN ({DUE})
                     RETURNING id, epoch, due_at"
                )))
                .bind(blob(&owner.0))
                .bind(now.unix_ms())
                .bind(integer(cursor::limit(limit) as u64))
                .fetch_all(&mut **transaction)
                .await
                .doing(DOING)
            })
            .await?;
        let mut claimed = rows
            .iter()
            .map(|row| {
                let due_at = Fields {
                    row,
                    what: "a saga's row",
                }
                .time("due_at")?;
                Ok((due_at, claimed(row, owner)?))
            })
            .collect::<Result<Vec<_>, JournalError>>()?;
        // RETURNING has no order of its own.
        claimed.sort_by_key(|(due_at, claimed)| (*due_at, claimed.saga));
        Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
    }

    pub(super) async fn claim_saga(
        &self,
        owner: OwnerId,
        saga: SagaId,
    ) -> Result<Option<Claimed>, JournalError> {
        const DOING: &str = "claiming a saga";
        let turn = self.writer.turn().await?;
        let row = turn
            .write(DOING, async |transaction| {
                sqlx::query(
                    "UPDATE sagas SET owner = ?, epoch = epoch + 1
                     WHERE id = ? AND owner IS NULL
                     RETURNING id, epoch",
                )
                .bind(blob(&owner.0))
                .bind(blob(saga.as_uuid()))
                .fetch_optional(&mut **transaction)
                .await
                .doing(DOING)
            })
            .await?;
        row.map(|row| claimed(&row, owner)).transpose()
    }

    pub(super) async fn release_saga(
        &self,
        saga: SagaId,
        fence: Fence,
        due_at: Timestamp,
    ) -> Result<(), JournalError> {
        const DOING: &str = "letting go of a saga";
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            sqlx::query(
                "UPDATE sagas SET owner = NULL, due_at = ?
                 WHERE id = ? AND owner = ? AND epoch = ?",
            )
            .bind(due_at.unix_ms())
            .bind(blob(saga.as_uuid()))
            .bind(blob(&fence.owner.0))
            .bind(integer(fence.epoch))
            .execute(&mut **transaction)
            .await
            .doing(DOING)
        })
        .await?;
        Ok(())
    }

    pub(super) async fn first_due(&self) -> Result<Option<Timestamp>, JournalError> {
        let row = sqlx::query(NEXT_DUE)
            .fetch_optional(&self.readers)
            .await
            .doing("looking for the next saga that is due")?;
        row.map(|row| {
            Fields {
                row: &row,
                what: "a saga's row",
            }
            .time("due_at")
        })
        .transpose()
    }
}

/// Takes sagas that are not over from their owners. They are found by their status: there is no
/// index on owners, which every append would have to write.
fn take_unfinished() -> String {
    let unfinished = Status::ALL.into_iter().filter(|status| !status.is_over());
    let unfinished: Vec<_> = unfinished.map(|status| format!("'{status}'")).collect();
    format!(
        "UPDATE sagas SET owner = NULL WHERE status IN ({}) AND owner IS NOT NULL AND owner <> ?",
        unfinished.join(", ")
    )
}

/// Takes sagas that are over from their owners: those that had to tell how they ended, or were about
/// to be undone. There may be millions that are over, but few of them have an owner.
fn take_finished() -> String {
    format!(
        "UPDATE sagas INDEXED BY sagas_over_and_owned SET owner = NULL
         WHERE {OVER} AND owner IS NOT NULL AND owner <> ?"
    )
}

fn claimed(row: &SqliteRow, owner: OwnerId) -> Result<Claimed, JournalError> {
    let fields = Fields {
        row,
        what: "a saga's row",
    };
    let fence = Fence {
        owner,
        epoch: fields.number("epoch")?,
    };
    Ok(Claimed {
        saga: fields.saga("id")?,
        fence,
    })
}

#[cfg(test)]
mod tests {
    use crate::sqlite::plan::{Plans, is_by_index};

    use super::*;

    #[tokio::test]
    async fn claims_and_the_next_due_time_go_by_an_index() {
        let plans = Plans::new().await;
        for query in [DUE, NEXT_DUE] {
            is_by_index(query, &plans.of(query).await);
        }
    }

    #[tokio::test]
    async fn registering_reads_no_finished_saga_that_nobody_owns() {
        let plans = Plans::new().await;
        let unfinished = plans.of(&take_unfinished()).await;
        is_by_index("unfinished", &unfinished);
        assert_eq!(
            plans.of(&take_finished()).await,
            ["SEARCH sagas USING INDEX sagas_over_and_owned (owner>?)"]
        );
    }
}
