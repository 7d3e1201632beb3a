//! One saga, its records and its log lines out of the journal.

use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use wasaga_core::{FORMAT, LogLine, Record, SagaId, Status};

use crate::cursor::{self, List, Room};
use crate::error::JournalError;
use crate::model::{Page, PageRequest, SagaRow};

use super::SqliteJournal;
use super::row::{Doing, Fields, blob, integer};

impl SqliteJournal {
    pub(super) async fn read_records(
        &self,
        saga: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, JournalError> {
        let limit = cursor::limit(limit);
        let mut rows = sqlx::query(
            "SELECT seq, at, format, body FROM events WHERE saga = ? AND seq > ?
             ORDER BY seq LIMIT ?",
        )
        .bind(blob(saga.as_uuid()))
        .bind(integer(after))
        .bind(integer(limit as u64))
        .fetch(&self.readers);
        let mut room = Room::new(limit);
        let mut records = Vec::new();
        while let Some(row) = rows.try_next().await.doing("reading a saga's events")? {
            if !room.takes(Fields::event(&row).text("body")?.len()) {
                break;
            }
            records.push(record(saga, &row)?);
        }
        Ok(records)
    }

    pub(super) async fn list_logs(
        &self,
        saga: SagaId,
        page: PageRequest,
    ) -> Result<Page<LogLine>, JournalError> {
        let after: Option<u64> = cursor::after(List::Logs, &page)?;
        let limit = cursor::limit(page.limit);
        let mut rows = sqlx::query(
            "SELECT number, body FROM logs WHERE saga = ? AND number > ? ORDER BY number LIMIT ?",
        )
        .bind(blob(saga.as_uuid()))
        .bind(integer(after.unwrap_or(0)))
        .bind(integer(limit as u64 + 1))
        .fetch(&self.readers);
        let mut room = Room::new(limit);
        let mut lines: Vec<(u64, LogLine)> = Vec::new();
        let mut more = false;
        while let Some(row) = rows.try_next().await.doing("reading a saga's log")? {
            let fields = Fields {
                row: &row,
                what: "a log line",
            };
            if !room.takes(fields.text("body")?.len()) {
                more = true;
                break;
            }
            lines.push((fields.number("number")?, fields.json("body")?));
        }
        let Page { items, next } = cursor::cut(List::Logs, lines, more, |(number, _)| *number);
        Ok(Page {
            items: items.into_iter().map(|(_, line)| line).collect(),
            next,
        })
    }

    pub(super) async fn find_saga(&self, saga: SagaId) -> Result<Option<SagaRow>, JournalError> {
        let row = sqlx::query(
            "SELECT id, seq, definition, version, status, tags, created_at, updated_at
             FROM sagas WHERE id = ?",
        )
        .bind(blob(saga.as_uuid()))
        .fetch_optional(&self.readers)
        .await
        .doing("reading a saga")?;
        row.as_ref().map(saga_row).transpose()
    }

    pub(super) async fn count_sagas(&self) -> Result<Vec<(Status, u64)>, JournalError> {
        let rows = sqlx::query("SELECT status, sagas FROM status_counts WHERE sagas > 0")
            .fetch_all(&self.readers)
            .await
            .doing("counting sagas")?;
        let counts = rows.iter().map(|row| {
            let fields = Fields {
                row,
                what: "a count of sagas",
            };
            Ok((fields.parsed("status")?, fields.number("sagas")?))
        });
        counts.collect()
    }
}

impl<'r> Fields<'r> {
    pub(super) fn event(row: &'r SqliteRow) -> Self {
        Self {
            row,
            what: "an event",
        }
    }
}

pub(super) fn record(saga: SagaId, row: &SqliteRow) -> Result<Record, JournalError> {
    let fields = Fields::event(row);
    let seq = fields.number("seq")?;
    let found = fields.number("format")?;
    if found > FORMAT {
        return Err(JournalError::Format {
            saga,
            found,
            known: FORMAT,
        });
    }
    let event =
        serde_json::from_str(fields.text("body")?).map_err(|error| JournalError::Corrupt {
            what: format!("event {seq} of saga {saga}"),
            reason: error.to_string(),
        })?;
    Ok(Record {
        seq,
        at: fields.time("at")?,
        event,
    })
}

pub(super) fn saga_row(row: &SqliteRow) -> Result<SagaRow, JournalError> {
    let fields = Fields {
        row,
        what: "a saga's row",
    };
    Ok(SagaRow {
        id: fields.saga("id")?,
        seq: fields.number("seq")?,
        definition: fields.parsed("definition")?,
        version: fields.number("version")?,
        status: fields.parsed("status")?,
        tags: fields.json("tags")?,
        created_at: fields.time("created_at")?,
        updated_at: fields.time("updated_at")?,
    })
}
