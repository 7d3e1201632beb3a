//! Definitions.

use sqlx::sqlite::SqliteRow;
use wasaga_core::{Digest, Name, Timestamp};

use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::journal::Made;
use crate::model::{DefinitionVersion, Page, PageRequest};

use super::SqliteJournal;
use super::row::{Doing, Fields, integer, json};

const LATEST: &str = "SELECT name, version, digest, document, created_at FROM definitions
     WHERE name = ? ORDER BY version DESC LIMIT 1";

impl SqliteJournal {
    pub(super) async fn insert_definition(
        &self,
        name: &Name,
        digest: Digest,
        document: &serde_json::Value,
        at: Timestamp,
    ) -> Result<(DefinitionVersion, Made), JournalError> {
        const DOING: &str = "storing a definition";
        let text = json("a definition", document)?;
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let latest = sqlx::query(LATEST)
                .bind(name.to_string())
                .fetch_optional(&mut **transaction)
                .await
                .doing(DOING)?;
            let latest = latest.as_ref().map(definition).transpose()?;
            let version = match latest {
                Some(latest) if latest.digest == digest => return Ok((latest, Made::Existing)),
                Some(latest) => latest.version + 1,
                None => 1,
            };
            sqlx::query(
                "INSERT INTO definitions (name, version, digest, document, created_at)
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(name.to_string())
            .bind(i64::from(version))
            .bind(digest.as_bytes().to_vec())
            .bind(text)
            .bind(at.unix_ms())
            .execute(&mut **transaction)
            .await
            .doing(DOING)?;
            let (name, document) = (name.clone(), document.clone());
            let made = DefinitionVersion {
                name,
                version,
                digest,
                document,
                created_at: at,
            };
            Ok((made, Made::New))
        })
        .await
    }

    pub(super) async fn find_definition(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<Option<DefinitionVersion>, JournalError> {
        let query = match version {
            None => sqlx::query(LATEST).bind(name.to_string()),
            Some(version) => sqlx::query(
                "SELECT name, version, digest, document, created_at FROM definitions
                 WHERE name = ? AND version = ?",
            )
            .bind(name.to_string())
            .bind(i64::from(version)),
        };
        let row = query
            .fetch_optional(&self.readers)
            .await
            .doing("reading a definition")?;
        row.as_ref().map(definition).transpose()
    }

    pub(super) async fn list_definitions(
        &self,
        page: PageRequest,
    ) -> Result<Page<DefinitionVersion>, JournalError> {
        let after: Option<Name> = cursor::after(List::Definitions, &page)?;
        let limit = cursor::limit(page.limit);
        // Beside max(), SQLite takes the other columns from the row that has the maximum.
        let rows = sqlx::query(
            "SELECT name, max(version) AS version, digest, document, created_at
             FROM definitions WHERE name > ? GROUP BY name ORDER BY name LIMIT ?",
        )
        .bind(after.map_or_else(String::new, |name| name.to_string()))
        .bind(integer(limit as u64 + 1))
        .fetch_all(&self.readers)
        .await
        .doing("listing definitions")?;
        let definitions = rows.iter().map(definition).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::page(
            List::Definitions,
            definitions,
            limit,
            |item| item.name.clone(),
        ))
    }
}

fn definition(row: &SqliteRow) -> Result<DefinitionVersion, JournalError> {
    let fields = Fields {
        row,
        what: "a definition",
    };
    Ok(DefinitionVersion {
        name: fields.parsed("name")?,
        version: fields.number("version")?,
        digest: fields.digest("digest")?,
        document: fields.json("document")?,
        created_at: fields.time("created_at")?,
    })
}
