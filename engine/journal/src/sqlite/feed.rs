//! The events of all sagas, in the order in which they were written.
//!
//! An event's position is its rowid. SQLite gives a new row the one after the highest, and one
//! connection writes, so positions become visible in their order. They are never given twice because
//! the row with the highest one is never removed, see `prune`.

use futures::TryStreamExt;

use crate::cursor::{self, Room};
use crate::error::JournalError;
use crate::model::FeedEntry;

use super::SqliteJournal;
use super::row::{Doing, Fields, integer};
use super::sagas::record;

const ENTRIES: &str = "SELECT rowid AS position, saga, seq, at, format, body FROM events
     WHERE rowid > ? ORDER BY rowid LIMIT ?";

const END: &str = "SELECT coalesce(max(rowid), 0) AS position FROM events";

impl SqliteJournal {
    pub(super) async fn read_feed(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<FeedEntry>, JournalError> {
        let limit = cursor::limit(limit);
        let mut rows = sqlx::query(ENTRIES)
            .bind(integer(after))
            .bind(integer(limit as u64))
            .fetch(&self.readers);
        let mut room = Room::new(limit);
        let mut entries = Vec::new();
        while let Some(row) = rows.try_next().await.doing("reading all sagas' events")? {
            let fields = Fields::event(&row);
            if !room.takes(fields.text("body")?.len()) {
                break;
            }
            let saga = fields.saga("saga")?;
            entries.push(FeedEntry {
                position: fields.number("position")?,
                saga,
                record: record(saga, &row)?,
            });
        }
        Ok(entries)
    }

    pub(super) async fn end_of_feed(&self) -> Result<u64, JournalError> {
        let row = sqlx::query(END)
            .fetch_one(&self.readers)
            .await
            .doing("looking for the latest event")?;
        Fields::event(&row).number("position")
    }
}

#[cfg(test)]
mod tests {
    use crate::sqlite::plan::Plans;

    use super::*;

    #[tokio::test]
    async fn the_feed_is_read_from_where_it_is_asked_for() {
        let plans = Plans::new().await;
        assert_eq!(
            plans.of(ENTRIES).await,
            ["SEARCH events USING INTEGER PRIMARY KEY (rowid>?)"]
        );
        assert_eq!(plans.of(END).await, ["SEARCH events"]);
    }
}
