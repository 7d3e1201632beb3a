//! Components: their bytes, their versions, and which one is active.

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};
use wasaga_core::{Digest, Name, Policy};

use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::journal::{Activation, Made};
use crate::model::{ComponentRow, ComponentVersion, NewComponentVersion, Page, PageRequest};

use super::SqliteJournal;
use super::row::{Doing, Fields, integer, json};

const COMPONENT: &str = "SELECT name, active, generation, policy,
     (SELECT coalesce(max(v.version), 0) FROM component_versions v WHERE v.name = c.name) AS latest
     FROM components c WHERE name = ?";

const VERSION: &str = "SELECT name, version, digest, size_bytes, info, created_at
     FROM component_versions WHERE name = ? AND version = ?";

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

    pub(super) async fn insert_component_version(
        &self,
        new: NewComponentVersion,
    ) -> Result<(ComponentVersion, Made), JournalError> {
        const DOING: &str = "storing a version of a component";
        let info = json("what is known of a component", &new.info)?;
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let same = sqlx::query(
                "SELECT name, version, digest, size_bytes, info, created_at
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
            let row = sqlx::query(
                "INSERT INTO component_versions (name, version, digest, size_bytes, info, created_at)
                 SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5
                 FROM component_versions WHERE name = ?1
                 RETURNING name, version, digest, size_bytes, info, created_at",
            )
            .bind(new.name.to_string())
            .bind(new.digest.as_bytes().to_vec())
            .bind(integer(new.size_bytes))
            .bind(info)
            .bind(new.at.unix_ms())
            .fetch_one(&mut **transaction)
            .await
            .doing(DOING)?;
            Ok((component_version(&row)?, Made::New))
        })
        .await
    }

    pub(super) async fn find_component(
        &self,
        name: &Name,
    ) -> Result<Option<ComponentRow>, JournalError> {
        let row = sqlx::query(COMPONENT)
            .bind(name.to_string())
            .fetch_optional(&self.readers)
            .await
            .doing("reading a component")?;
        row.as_ref().map(component).transpose()
    }

    pub(super) async fn list_components(
        &self,
        page: PageRequest,
    ) -> Result<Page<ComponentRow>, JournalError> {
        let after: Option<Name> = cursor::after(List::Components, &page)?;
        let limit = cursor::limit(page.limit);
        let rows = sqlx::query(
            "SELECT name, active, generation, policy,
                (SELECT coalesce(max(v.version), 0) FROM component_versions v
                 WHERE v.name = c.name) AS latest
             FROM components c WHERE name > ? ORDER BY name LIMIT ?",
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

    pub(super) async fn find_component_version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        let row = sqlx::query(VERSION)
            .bind(name.to_string())
            .bind(i64::from(version))
            .fetch_optional(&self.readers)
            .await
            .doing("reading a version of a component")?;
        row.as_ref().map(component_version).transpose()
    }

    pub(super) async fn list_component_versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        let after: Option<u64> = cursor::after(List::ComponentVersions, &page)?;
        let limit = cursor::limit(page.limit);
        let rows = sqlx::query(
            "SELECT name, version, digest, size_bytes, info, created_at FROM component_versions
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

    pub(super) async fn activate_version(
        &self,
        name: &Name,
        version: u32,
        if_generation: Option<u64>,
    ) -> Result<Activation, JournalError> {
        const DOING: &str = "activating a version of a component";
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let stored = sqlx::query(VERSION)
                .bind(name.to_string())
                .bind(i64::from(version))
                .fetch_optional(&mut **transaction)
                .await
                .doing(DOING)?;
            if stored.is_none() {
                return Ok(Activation::NotFound);
            }
            let row = sqlx::query(COMPONENT)
                .bind(name.to_string())
                .fetch_one(&mut **transaction)
                .await
                .doing(DOING)?;
            let before = component(&row)?;
            if if_generation.is_some_and(|generation| generation != before.generation) {
                return Ok(Activation::Outdated {
                    generation: before.generation,
                });
            }
            let after = ComponentRow {
                active: Some(version),
                generation: before.generation + 1,
                ..before
            };
            sqlx::query("UPDATE components SET active = ?, generation = ? WHERE name = ?")
                .bind(i64::from(version))
                .bind(integer(after.generation))
                .bind(name.to_string())
                .execute(&mut **transaction)
                .await
                .doing(DOING)?;
            Ok(Activation::Done(after))
        })
        .await
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
            sqlx::query("UPDATE components SET policy = ? WHERE name = ?")
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

/// Makes a component to which nothing is granted, unless there is one of that name.
async fn make_component(
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
    Ok(ComponentRow {
        name: fields.parsed("name")?,
        active: fields.optional_number("active")?,
        generation: fields.number("generation")?,
        policy: fields.json("policy")?,
        latest: fields.number("latest")?,
    })
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
        created_at: fields.time("created_at")?,
    })
}
