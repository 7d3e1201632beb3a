//! Sagas, their records and their log lines out of the journal.

use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};
use wasaga_core::{FORMAT, LogLine, Record, SagaId, Status, Timestamp};

use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::model::{Page, PageRequest, SagaFilter, SagaRow};

use super::SqliteJournal;
use super::row::{Doing, Fields, blob, integer};

impl SqliteJournal {
    pub(super) async fn read_records(
        &self,
        saga: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Record>, JournalError> {
        let rows = sqlx::query(
            "SELECT seq, at, format, body FROM events WHERE saga = ? AND seq > ?
             ORDER BY seq LIMIT ?",
        )
        .bind(blob(saga.as_uuid()))
        .bind(integer(after))
        .bind(integer(cursor::limit(limit) as u64))
        .fetch_all(&self.readers)
        .await
        .doing("reading a saga's events")?;
        rows.iter().map(|row| record(saga, row)).collect()
    }

    pub(super) async fn list_logs(
        &self,
        saga: SagaId,
        page: PageRequest,
    ) -> Result<Page<LogLine>, JournalError> {
        let after: Option<u64> = cursor::after(List::Logs, &page)?;
        let limit = cursor::limit(page.limit);
        let rows = sqlx::query(
            "SELECT number, body FROM logs WHERE saga = ? AND number > ? ORDER BY number LIMIT ?",
        )
        .bind(blob(saga.as_uuid()))
        .bind(integer(after.unwrap_or(0)))
        .bind(integer(limit as u64 + 1))
        .fetch_all(&self.readers)
        .await
        .doing("reading a saga's log")?;
        let lines = rows.iter().map(|row| {
            let fields = Fields {
                row,
                what: "a log line",
            };
            Ok((fields.number("number")?, fields.json("body")?))
        });
        let lines = lines.collect::<Result<Vec<(u64, LogLine)>, JournalError>>()?;
        let Page { items, next } = cursor::page(List::Logs, lines, limit, |(number, _)| *number);
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

    pub(super) async fn list_sagas(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError> {
        let after: Option<(Timestamp, SagaId)> = cursor::after(List::Sagas, &page)?;
        let limit = cursor::limit(page.limit);
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT s.id, s.seq, s.definition, s.version, s.status, s.tags, s.created_at,
             s.updated_at FROM ",
        );
        // The list's order is that of an index: a label's, when one is asked for, or the sagas'
        // own. CROSS JOIN keeps SQLite from starting at the other end.
        let (created_at, id) = match filter.tag {
            Some((name, value)) => {
                query.push("tags t CROSS JOIN sagas s ON s.id = t.saga WHERE t.name = ");
                query
                    .push_bind(name)
                    .push(" AND t.value = ")
                    .push_bind(value);
                ("t.created_at", "t.saga")
            }
            None => {
                query.push("sagas s WHERE TRUE");
                ("s.created_at", "s.id")
            }
        };
        if let Some(status) = filter.status {
            query.push(" AND s.status = ").push_bind(status.as_str());
        }
        if let Some(definition) = filter.definition {
            query
                .push(" AND s.definition = ")
                .push_bind(definition.to_string());
        }
        if let Some((last_created_at, last_id)) = after {
            query.push(format_args!(" AND ({created_at}, {id}) < ("));
            query.push_bind(last_created_at.unix_ms()).push(", ");
            query.push_bind(blob(last_id.as_uuid())).push(")");
        }
        query.push(format_args!(
            " ORDER BY {created_at} DESC, {id} DESC LIMIT "
        ));
        query.push_bind(integer(limit as u64 + 1));
        let rows = query
            .build()
            .fetch_all(&self.readers)
            .await
            .doing("listing sagas")?;
        let sagas = rows.iter().map(saga_row).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::page(List::Sagas, sagas, limit, |saga| {
            (saga.created_at, saga.id)
        }))
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

fn record(saga: SagaId, row: &SqliteRow) -> Result<Record, JournalError> {
    let fields = Fields {
        row,
        what: "an event",
    };
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

fn saga_row(row: &SqliteRow) -> Result<SagaRow, JournalError> {
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
