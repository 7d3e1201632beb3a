//! Components: their bytes, and what they are granted.

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, SqliteExecutor, Transaction};
use wasaga_core::{Candidate, Digest, Name, Policy};

use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::model::{ComponentRow, Page, PageRequest};

use super::SqliteJournal;
use super::row::{Doing, Fields, integer, json};

impl SqliteJournal {
    pub(super) async fn insert_blob(
        &self,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<(), JournalError> {
        const DOING: &str = "storing a component's bytes";
        let bytes = bytes.to_vec();
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            sqlx::query("INSERT INTO blobs (digest, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING")
                .bind(digest.as_bytes().to_vec())
                .bind(bytes)
                .execute(&mut **transaction)
                .await
                .doing(DOING)
        })
        .await?;
        Ok(())
    }

    pub(super) async fn find_blob(&self, digest: Digest) -> Result<Option<Vec<u8>>, JournalError> {
        sqlx::query_scalar("SELECT bytes FROM blobs WHERE digest = ?")
            .bind(digest.as_bytes().to_vec())
            .fetch_optional(&self.readers)
            .await
            .doing("reading a component's bytes")
    }

    pub(super) async fn find_component(
        &self,
        name: &Name,
    ) -> Result<Option<ComponentRow>, JournalError> {
        read_component(&self.readers, name, "reading a component").await
    }

    pub(super) async fn list_components(
        &self,
        page: PageRequest,
    ) -> Result<Page<ComponentRow>, JournalError> {
        let after: Option<Name> = cursor::after(List::Components, &page)?;
        let limit = cursor::limit(page.limit);
        let rows = sqlx::query(
            "SELECT name, active, candidate, candidate_percent, generation, policy, latest
             FROM components WHERE name > ? ORDER BY name LIMIT ?",
        )
        .bind(after.map_or_else(String::new, |name| name.to_string()))
        .bind(integer(limit as u64 + 1))
        .fetch_all(&self.readers)
        .await
        .doing("listing components")?;
        let components = rows.iter().map(component).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::page(List::Components, components, limit, |item| {
            item.name.clone()
        }))
    }

    pub(super) async fn set_policy(
        &self,
        name: &Name,
        policy: &Policy,
    ) -> Result<(), JournalError> {
        const DOING: &str = "storing a component's policy";
        let policy = json("a policy", policy)?;
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            make_component(transaction, name, DOING).await?;
            sqlx::query(
                "UPDATE components SET policy = ?, generation = generation + 1 WHERE name = ?",
            )
            .bind(policy)
            .bind(name.to_string())
            .execute(&mut **transaction)
            .await
            .doing(DOING)
        })
        .await?;
        Ok(())
    }
}

/// A component as it stands for whoever asks: a reader, or a transaction.
pub(super) async fn read_component(
    from: impl SqliteExecutor<'_>,
    name: &Name,
    doing: &'static str,
) -> Result<Option<ComponentRow>, JournalError> {
    let row = sqlx::query(
        "SELECT name, active, candidate, candidate_percent, generation, policy, latest
         FROM components WHERE name = ?",
    )
    .bind(name.to_string())
    .fetch_optional(from)
    .await
    .doing(doing)?;
    row.as_ref().map(component).transpose()
}

/// Makes a component to which nothing is granted, unless there is one of that name.
pub(super) async fn make_component(
    transaction: &mut Transaction<'_, Sqlite>,
    name: &Name,
    doing: &'static str,
) -> Result<(), JournalError> {
    sqlx::query("INSERT INTO components (name, policy) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(name.to_string())
        .bind(json("a policy", &Policy::default())?)
        .execute(&mut **transaction)
        .await
        .doing(doing)?;
    Ok(())
}

fn component(row: &SqliteRow) -> Result<ComponentRow, JournalError> {
    let fields = Fields {
        row,
        what: "a component",
    };
    let candidate = fields.optional_number("candidate")?;
    let percent = fields.optional_number("candidate_percent")?;
    Ok(ComponentRow {
        name: fields.parsed("name")?,
        active: fields.optional_number("active")?,
        candidate: candidate
            .zip(percent)
            .map(|(version, percent)| Candidate { version, percent }),
        generation: fields.number("generation")?,
        policy: fields.json("policy")?,
        latest: fields.number("latest")?,
    })
}
