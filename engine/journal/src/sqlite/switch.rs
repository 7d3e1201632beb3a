//! Which version of a component sagas take, and who changed it.

use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, Transaction};
use wasaga_core::{Name, Order};

use crate::SWITCH_LIMIT;
use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::journal::Activation;
use crate::model::{ComponentRow, Page, PageRequest, Switch, Switched};
use crate::switch::Decision;

use super::SqliteJournal;
use super::components::read_component;
use super::row::{Doing, Fields, integer, json};
use super::versions::read_version;

const DOING: &str = "changing which version of a component sagas take";

impl SqliteJournal {
    pub(super) async fn make_switch(&self, switch: &Switch) -> Result<Activation, JournalError> {
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let name = &switch.name;
            let Some(before) = read_component(&mut **transaction, name, DOING).await? else {
                return Ok(Activation::NotFound);
            };
            if let Some(version) = switch.version() {
                let stored = read_version(&mut **transaction, name, version, DOING).await?;
                if stored.is_none() {
                    return Ok(Activation::NotFound);
                }
            }
            let after = match switch.decide(before) {
                Decision::Change(after) => after,
                Decision::Answer(answer) => return Ok(answer),
            };
            store(transaction, &after).await?;
            remember(transaction, switch, after.generation).await?;
            Ok(Activation::Done(after))
        })
        .await
    }

    pub(super) async fn list_switches(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<Switched>, JournalError> {
        let after: Option<u64> = cursor::after(List::Switches, &page)?;
        let limit = cursor::limit(page.limit);
        let rows = sqlx::query(
            "SELECT generation, change, ordered_by, reason, at FROM switches
             WHERE component = ? AND generation < ? ORDER BY generation DESC LIMIT ?",
        )
        .bind(name.to_string())
        .bind(after.map_or(i64::MAX, integer))
        .bind(integer(limit as u64 + 1))
        .fetch_all(&self.readers)
        .await
        .doing("listing changes of which version of a component sagas take")?;
        let switches = rows.iter().map(switched).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::page(List::Switches, switches, limit, |item| {
            item.generation
        }))
    }
}

/// Stores which versions sagas take.
async fn store(
    transaction: &mut Transaction<'_, Sqlite>,
    after: &ComponentRow,
) -> Result<(), JournalError> {
    sqlx::query(
        "UPDATE components
         SET active = ?, candidate = ?, candidate_percent = ?, generation = ? WHERE name = ?",
    )
    .bind(after.active.map(i64::from))
    .bind(
        after
            .candidate
            .map(|candidate| i64::from(candidate.version)),
    )
    .bind(
        after
            .candidate
            .map(|candidate| i64::from(candidate.percent)),
    )
    .bind(integer(after.generation))
    .bind(after.name.to_string())
    .execute(&mut **transaction)
    .await
    .doing(DOING)?;
    Ok(())
}

/// Writes a change down, and removes the one that is too old with it.
async fn remember(
    transaction: &mut Transaction<'_, Sqlite>,
    switch: &Switch,
    generation: u64,
) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO switches (component, generation, change, ordered_by, reason, at)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(switch.name.to_string())
    .bind(integer(generation))
    .bind(json("a change of the version that sagas take", &switch.to)?)
    .bind(switch.order.by.clone())
    .bind(switch.order.reason.clone())
    .bind(switch.at.unix_ms())
    .execute(&mut **transaction)
    .await
    .doing(DOING)?;
    sqlx::query("DELETE FROM switches WHERE component = ? AND generation <= ?")
        .bind(switch.name.to_string())
        .bind(integer(generation) - i64::from(SWITCH_LIMIT))
        .execute(&mut **transaction)
        .await
        .doing(DOING)?;
    Ok(())
}

fn switched(row: &SqliteRow) -> Result<Switched, JournalError> {
    let fields = Fields {
        row,
        what: "a change of the version that sagas take",
    };
    Ok(Switched {
        generation: fields.number("generation")?,
        to: fields.json("change")?,
        order: Order {
            by: fields.text("ordered_by")?.to_owned(),
            reason: fields.optional_text("reason")?.map(str::to_owned),
        },
        at: fields.time("at")?,
    })
}
