//! Short ways to say what a case needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;
use wasaga_core::{
    Direction, Event, LogLevel, LogLine, Name, Record, SagaId, Status, StepPath, Timestamp,
};

use crate::error::Refusal;
use crate::journal::Journal;
use crate::model::{Append, Claimed, Cursor, Fence, Head, OwnerId, Ownership, PageRequest};

pub(super) const ALICE: OwnerId = OwnerId(Uuid::from_u128(0xa11ce));
pub(super) const BOB: OwnerId = OwnerId(Uuid::from_u128(0xb0b));

pub(super) fn time(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub(super) fn id(number: u64) -> SagaId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    SagaId::from_parts(number, &random)
}

pub(super) fn first(limit: u32) -> PageRequest {
    PageRequest { after: None, limit }
}

pub(super) fn behind(cursor: Option<Cursor>, limit: u32) -> PageRequest {
    PageRequest {
        after: Some(cursor.expect("there is another page")),
        limit,
    }
}

pub(super) fn records(after: u64, count: u64) -> Vec<Record> {
    let numbers = after + 1..=after + count;
    numbers
        .map(|seq| Record {
            seq,
            at: time(1_000),
            event: event(seq),
        })
        .collect()
}

fn event(number: u64) -> Event {
    Event::SagaStarted {
        definition: name("order"),
        version: 1,
        input: Arc::new(json!({ "number": number })),
        tags: BTreeMap::new(),
        deadline: None,
        parent: None,
    }
}

pub(super) fn line(message: &str) -> LogLine {
    LogLine {
        at: time(1_000),
        step: StepPath::root(&name("pay")),
        direction: Direction::Act,
        attempt: 1,
        level: LogLevel::Info,
        message: message.to_owned(),
    }
}

/// A saga that Alice starts with one event: of the definition `order`, running, not due, hers.
pub(super) fn start(number: u64) -> Append {
    Append {
        saga: id(number),
        expected: 0,
        fence: Fence {
            owner: ALICE,
            epoch: 1,
        },
        records: records(0, 1).into(),
        logs: Vec::new(),
        head: Head {
            definition: name("order"),
            version: 1,
            status: Status::Running,
            tags: BTreeMap::new(),
            created_at: time(1_000),
            updated_at: time(1_000),
            due_at: None,
            ownership: Ownership::Keep,
        },
    }
}

impl Append {
    /// The same saga's next append, of `count` events.
    pub(super) fn next(&self, count: u64) -> Self {
        let expected = self.expected + self.records.len() as u64;
        Self {
            expected,
            records: records(expected, count).into(),
            logs: Vec::new(),
            ..self.clone()
        }
    }

    /// The same with the fence of a claim.
    pub(super) fn under(mut self, claimed: Claimed) -> Self {
        self.fence = claimed.fence;
        self
    }

    pub(super) fn due(mut self, ms: i64) -> Self {
        self.head.due_at = Some(time(ms));
        self
    }

    pub(super) fn released(mut self) -> Self {
        self.head.ownership = Ownership::Release;
        self
    }

    pub(super) fn status(mut self, status: Status) -> Self {
        self.head.status = status;
        self
    }

    pub(super) fn created(mut self, ms: i64) -> Self {
        self.head.created_at = time(ms);
        self
    }

    pub(super) fn definition(mut self, definition: &str) -> Self {
        self.head.definition = name(definition);
        self
    }

    pub(super) fn tag(mut self, name: &str, value: &str) -> Self {
        self.head.tags.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn fenced(&self) -> Refusal {
        Refusal::Fenced {
            saga: self.saga,
            expected: self.expected,
        }
    }
}

/// Appends, one call each, and expects that all are made.
pub(super) async fn made(journal: &dyn Journal, appends: impl IntoIterator<Item = Append>) {
    for append in appends {
        assert_eq!(answer(journal, append).await, Ok(()));
    }
}

/// Appends and answers what came of it.
pub(super) async fn answer(journal: &dyn Journal, append: Append) -> Result<(), Refusal> {
    let mut answers = journal
        .append(vec![append])
        .await
        .expect("the journal works");
    assert_eq!(answers.len(), 1, "one answer for one append");
    answers.remove(0)
}

/// Which sagas were claimed.
pub(super) fn ids(claimed: &[Claimed]) -> Vec<SagaId> {
    claimed.iter().map(|claimed| claimed.saga).collect()
}
