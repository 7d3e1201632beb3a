//! The versions of components.

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, SqliteExecutor, Transaction};
use wasaga_core::{Digest, Name};

use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::journal::{Made, Removal};
use crate::model::{ComponentVersion, Description, NewComponentVersion, Page, PageRequest};

use super::SqliteJournal;
use super::components::{make_component, read_component};
use super::pins::read_live_saga_on;
use super::row::{Doing, Fields, integer, json};

/// Bytes that no version of any component has.
const DELETE_BYTES: &str = "DELETE FROM blobs WHERE digest = ?1
     AND NOT EXISTS (SELECT 1 FROM component_versions WHERE digest = ?1)";

impl SqliteJournal {
    pub(super) async fn insert_component_version(
        &self,
        new: NewComponentVersion,
    ) -> Result<(ComponentVersion, Made), JournalError> {
        const DOING: &str = "storing a version of a component";
        let info = json("what is known of a component", &new.info)?;
        let description = json("what is said of a component", &new.description)?;
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let same = sqlx::query(
                "SELECT name, version, digest, size_bytes, info, description, created_at
                 FROM component_versions WHERE name = ? AND digest = ?",
            )
            .bind(new.name.to_string())
            .bind(new.digest.as_bytes().to_vec())
            .fetch_optional(&mut **transaction)
            .await
            .doing(DOING)?;
            if let Some(same) = same {
                return Ok((component_version(&same)?, Made::Existing));
            }
            make_component(transaction, &new.name, DOING).await?;
            let version: i64 = sqlx::query_scalar(
                "UPDATE components SET latest = latest + 1 WHERE name = ? RETURNING latest",
            )
            .bind(new.name.to_string())
            .fetch_one(&mut **transaction)
            .await
            .doing(DOING)?;
            let row = sqlx::query(
                "INSERT INTO component_versions
                    (name, version, digest, size_bytes, info, description, created_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?)
                 RETURNING name, version, digest, size_bytes, info, description, created_at",
            )
            .bind(new.name.to_string())
            .bind(version)
            .bind(new.digest.as_bytes().to_vec())
            .bind(integer(new.size_bytes))
            .bind(info)
            .bind(description)
            .bind(new.at.unix_ms())
            .fetch_one(&mut **transaction)
            .await
            .doing(DOING)?;
            Ok((component_version(&row)?, Made::New))
        })
        .await
    }

    pub(super) async fn find_component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        let doing = "reading a version of a component";
        read_version(&self.readers, name, version, doing).await
    }

    pub(super) async fn list_component_versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        let after: Option<u64> = cursor::after(List::ComponentVersions, &page)?;
        let limit = cursor::limit(page.limit);
        let rows = sqlx::query(
            "SELECT name, version, digest, size_bytes, info, description, created_at
             FROM component_versions
             WHERE name = ? AND version < ? ORDER BY version DESC LIMIT ?",
        )
        .bind(name.to_string())
        .bind(after.map_or(i64::MAX, integer))
        .bind(integer(limit as u64 + 1))
        .fetch_all(&self.readers)
        .await
        .doing("listing versions of a component")?;
        let versions = rows
            .iter()
            .map(component_version)
            .collect::<Result<Vec<_>, _>>()?;
        let key = |item: &ComponentVersion| u64::from(item.version);
        Ok(cursor::page(List::ComponentVersions, versions, limit, key))
    }

    pub(super) async fn set_description(
        &self,
        name: &Name,
        version: u32,
        description: &Description,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        const DOING: &str = "storing what is said of a version of a component";
        let description = json("what is said of a component", description)?;
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let row = sqlx::query(
                "UPDATE component_versions SET description = ? WHERE name = ? AND version = ?
                 RETURNING name, version, digest, size_bytes, info, description, created_at",
            )
            .bind(description)
            .bind(name.to_string())
            .bind(i64::from(version))
            .fetch_optional(&mut **transaction)
            .await
            .doing(DOING)?;
            row.as_ref().map(component_version).transpose()
        })
        .await
    }

    pub(super) async fn delete_component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Removal, JournalError> {
        const DOING: &str = "removing a version of a component";
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let component = read_component(&mut **transaction, name, DOING).await?;
            let stored = read_version(&mut **transaction, name, version, DOING).await?;
            let Some((component, stored)) = component.zip(stored) else {
                return Ok(Removal::NotFound);
            };
            if component.takes(version) {
                return Ok(Removal::Taken);
            }
            let bound = read_live_saga_on(transaction, name, version, DOING).await?;
            if let Some(saga) = bound {
                return Ok(Removal::Bound(saga));
            }
            delete(transaction, name, version, stored.digest, DOING).await?;
            Ok(Removal::Done)
        })
        .await
    }
}

/// A version as it stands for whoever asks: a reader, or a transaction.
pub(super) async fn read_version(
    from: impl SqliteExecutor<'_>,
    name: &Name,
    version: u32,
    doing: &'static str,
) -> Result<Option<ComponentVersion>, JournalError> {
    let row = sqlx::query(
        "SELECT name, version, digest, size_bytes, info, description, created_at
         FROM component_versions WHERE name = ? AND version = ?",
    )
    .bind(name.to_string())
    .bind(i64::from(version))
    .fetch_optional(from)
    .await
    .doing(doing)?;
    row.as_ref().map(component_version).transpose()
}

async fn delete(
    transaction: &mut Transaction<'_, Sqlite>,
    name: &Name,
    version: u32,
    digest: Digest,
    doing: &'static str,
) -> Result<(), JournalError> {
    sqlx::query("DELETE FROM component_versions WHERE name = ? AND version = ?")
        .bind(name.to_string())
        .bind(i64::from(version))
        .execute(&mut **transaction)
        .await
        .doing(doing)?;
    sqlx::query(DELETE_BYTES)
        .bind(digest.as_bytes().to_vec())
        .execute(&mut **transaction)
        .await
        .doing(doing)?;
    Ok(())
}

fn component_version(row: &SqliteRow) -> Result<ComponentVersion, JournalError> {
    let fields = Fields {
        row,
        what: "a version of a component",
    };
    Ok(ComponentVersion {
        name: fields.parsed("name")?,
        version: fields.number("version")?,
        digest: fields.digest("digest")?,
        size_bytes: fields.number("size_bytes")?,
        info: fields.json("info")?,
        description: fields.json("description")?,
        created_at: fields.time("created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use crate::sqlite::plan::{Plans, is_by_index};

    use super::*;

    #[tokio::test]
    async fn bytes_without_a_version_are_found_by_their_digest() {
        let plans = Plans::new().await;
        is_by_index(DELETE_BYTES, &plans.of(DELETE_BYTES).await);
    }
}
