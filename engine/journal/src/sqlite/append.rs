//! Events into the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{Sqlite, Transaction};
use wasaga_core::{Event, FORMAT, LogLine, Name, Record, SagaId, Timestamp};

use crate::error::{JournalError, Refusal};
use crate::fence::{Standing, admit};
use crate::model::{Append, Head};

use super::SqliteJournal;
use super::bulk::{Bulk, Query};
use super::row::{Doing, Fields, blob, integer, json};

const DOING: &str = "appending to the journal";

/// The statements of an append.
#[derive(Debug)]
pub(super) struct Statements {
    standings: Bulk,
    sagas: Bulk,
    tags: Bulk,
    nested: Bulk,
    pins: Bulk,
    events: Bulk,
    logs: Bulk,
}

impl Statements {
    pub(super) fn new() -> Self {
        Self {
            standings: Bulk::new(
                "SELECT id, seq, owner, epoch FROM sagas WHERE id IN (VALUES",
                1,
                ")",
            ),
            sagas: Bulk::new(
                "INSERT INTO sagas (id, seq, definition, version, status, tags, created_at,
                    updated_at, due_at, owner, epoch) VALUES",
                11,
                "ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, status = excluded.status,
                    updated_at = excluded.updated_at, due_at = excluded.due_at,
                    owner = excluded.owner",
            ),
            tags: Bulk::new(
                "INSERT INTO tags (saga, name, value, definition, status, created_at) VALUES",
                6,
                "",
            ),
            nested: Bulk::new("INSERT INTO nested (saga, parent) VALUES", 2, ""),
            pins: Bulk::new(
                "INSERT OR IGNORE INTO pins (component, version, created_at, saga) VALUES",
                4,
                "",
            ),
            events: Bulk::new(
                "INSERT INTO events (saga, seq, at, format, body) VALUES",
                5,
                "",
            ),
            logs: Bulk::new("INSERT INTO logs (saga, body) VALUES", 2, ""),
        }
    }
}

impl SqliteJournal {
    pub(super) async fn append_all(
        &self,
        appends: Vec<Append>,
    ) -> Result<Vec<Result<(), Refusal>>, JournalError> {
        // JSON is written before the turn to write comes.
        let appends = appends
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()?;
        let statements = &self.statements;
        let turn = self.writer.turn().await?;
        turn.write(DOING, async |transaction| {
            let mut standings = statements.standings(transaction, &appends).await?;
            let mut batch = Batch::default();
            let mut answers = Vec::with_capacity(appends.len());
            for prepared in &appends {
                let append = &prepared.append;
                let standing = standings.get(&append.saga).copied();
                answers.push(admit(standing, append).map(|standing| {
                    standings.insert(append.saga, standing);
                    batch.add(prepared, standing);
                }));
            }
            statements.write(transaction, &batch).await?;
            Ok(answers)
        })
        .await
    }
}

/// An append with its JSON.
struct Prepared {
    append: Append,
    tags: String,
    events: Vec<String>,
    logs: Vec<String>,
}

impl Prepared {
    fn new(append: Append) -> Result<Self, JournalError> {
        let event = |record: &Record| json("an event", &record.event);
        let line = |line: &LogLine| json("a log line", line);
        Ok(Self {
            tags: json("a saga's tags", &append.head.tags)?,
            events: append.records.iter().map(event).collect::<Result<_, _>>()?,
            logs: append.logs.iter().map(line).collect::<Result<_, _>>()?,
            append,
        })
    }
}

/// What the admitted appends write, by table.
#[derive(Default)]
struct Batch<'a> {
    /// A saga that is appended to more than once is written once, as it stands in the end.
    sagas: BTreeMap<SagaId, SagaLine<'a>>,
    /// New sagas with those around them.
    nested: Vec<(SagaId, SagaId)>,
    /// In the order of the table, each once.
    pins: BTreeSet<PinLine<'a>>,
    events: Vec<(SagaId, &'a Record, &'a String)>,
    logs: Vec<(SagaId, &'a String)>,
}

/// A version that a step is bound to: component, number, and the saga with the time of its first
/// event.
type PinLine<'a> = (&'a Name, u32, Timestamp, SagaId);

struct SagaLine<'a> {
    id: SagaId,
    standing: Standing,
    head: &'a Head,
    tags: &'a String,
    /// Labels to write: those of a new saga. What becomes of a label's status later is the work of
    /// a trigger.
    new_labels: Option<&'a BTreeMap<String, String>>,
}

impl SagaLine<'_> {
    fn labels(&self) -> impl Iterator<Item = (&Self, &String, &String)> {
        let labels = self.new_labels.into_iter().flatten();
        labels.map(move |(name, value)| (self, name, value))
    }
}

impl<'a> Batch<'a> {
    fn add(&mut self, prepared: &'a Prepared, standing: Standing) {
        let Prepared {
            append,
            tags,
            events,
            logs,
        } = prepared;
        let (id, head) = (append.saga, &append.head);
        self.sagas
            .entry(id)
            .and_modify(|line| (line.standing, line.head) = (standing, head))
            .or_insert(SagaLine {
                id,
                standing,
                head,
                tags,
                new_labels: (append.expected == 0).then_some(&head.tags),
            });
        let first = append.records.first().map(|record| &record.event);
        if let Some(Event::SagaStarted {
            parent: Some(parent),
            ..
        }) = first
            && append.expected == 0
        {
            self.nested.push((id, parent.saga));
        }
        let bound = append
            .records
            .iter()
            .flat_map(|record| record.event.binds());
        self.pins
            .extend(bound.map(|pin| (&pin.component, pin.version, head.created_at, id)));
        self.events.extend(
            append
                .records
                .iter()
                .zip(events)
                .map(|(record, body)| (id, record, body)),
        );
        self.logs.extend(logs.iter().map(|body| (id, body)));
    }
}

impl Statements {
    /// How the sagas of a batch stand, those that exist.
    async fn standings(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        appends: &[Prepared],
    ) -> Result<HashMap<SagaId, Standing>, JournalError> {
        let mut standings = HashMap::with_capacity(appends.len());
        let bind =
            |query: Query, prepared: &Prepared| query.bind(blob(prepared.append.saga.as_uuid()));
        for query in self.standings.queries(appends, bind) {
            for row in &query.fetch_all(&mut **transaction).await.doing(DOING)? {
                let fields = Fields {
                    row,
                    what: "a saga's row",
                };
                let standing = Standing {
                    seq: fields.number("seq")?,
                    owner: fields.owner("owner")?,
                    epoch: fields.number("epoch")?,
                };
                standings.insert(fields.saga("id")?, standing);
            }
        }
        Ok(standings)
    }

    async fn write(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        batch: &Batch<'_>,
    ) -> Result<(), JournalError> {
        let lines: Vec<_> = batch.sagas.values().collect();
        let labels: Vec<_> = lines.iter().flat_map(|line| line.labels()).collect();
        let sagas = self
            .sagas
            .queries(&lines, |query, line| bind_saga(query, line));
        let tags = self.tags.queries(&labels, |query, (line, name, value)| {
            query
                .bind(blob(line.id.as_uuid()))
                .bind((*name).clone())
                .bind((*value).clone())
                .bind(line.head.definition.to_string())
                .bind(line.head.status.as_str())
                .bind(line.head.created_at.unix_ms())
        });
        let nested = self.nested.queries(&batch.nested, |query, (saga, parent)| {
            query
                .bind(blob(saga.as_uuid()))
                .bind(blob(parent.as_uuid()))
        });
        let pins: Vec<_> = batch.pins.iter().collect();
        let pins = self
            .pins
            .queries(&pins, |query, (component, version, created_at, saga)| {
                query
                    .bind(component.to_string())
                    .bind(i64::from(*version))
                    .bind(created_at.unix_ms())
                    .bind(blob(saga.as_uuid()))
            });
        let events = self
            .events
            .queries(&batch.events, |query, (saga, record, body)| {
                query
                    .bind(blob(saga.as_uuid()))
                    .bind(integer(record.seq))
                    .bind(record.at.unix_ms())
                    .bind(i64::from(FORMAT))
                    .bind((*body).clone())
            });
        let logs = self.logs.queries(&batch.logs, |query, (saga, body)| {
            query.bind(blob(saga.as_uuid())).bind((*body).clone())
        });
        let heads = sagas.chain(tags).chain(nested).chain(pins);
        for query in heads.chain(events).chain(logs) {
            query.execute(&mut **transaction).await.doing(DOING)?;
        }
        Ok(())
    }
}

fn bind_saga(query: Query, line: &SagaLine<'_>) -> Query {
    let SagaLine {
        id,
        standing,
        head,
        tags,
        ..
    } = line;
    query
        .bind(blob(id.as_uuid()))
        .bind(integer(standing.seq))
        .bind(head.definition.to_string())
        .bind(i64::from(head.version))
        .bind(head.status.as_str())
        .bind((*tags).clone())
        .bind(head.created_at.unix_ms())
        .bind(head.updated_at.unix_ms())
        .bind(head.due_at.map(Timestamp::unix_ms))
        .bind(standing.owner.map(|owner| blob(&owner.0)))
        .bind(integer(standing.epoch))
}
