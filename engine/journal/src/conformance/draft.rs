//! Short ways to say what a case needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;
use wasaga_core::{
    Candidate, ComponentInfo, Digest, Direction, Event, LogLevel, LogLine, Name, Order, Parent,
    Pin, Record, Repin, SagaId, Status, StepPath, Timestamp,
};

use crate::error::Refusal;
use crate::journal::{Activation, Journal, Made};
use crate::model::{
    Append, Claimed, ComponentVersion, Cursor, Description, Fence, Head, NewComponentVersion,
    OwnerId, Ownership, PageRequest, Switch, SwitchTo,
};

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

    /// One event more.
    fn and(mut self, event: Event) -> Self {
        let seq = self.expected + self.records.len() as u64 + 1;
        let at = time(1_000);
        let last = Record { seq, at, event };
        self.records = self.records.iter().cloned().chain([last]).collect();
        self
    }

    /// The same, new and nested in another saga.
    pub(super) fn inside(mut self, number: u64) -> Self {
        let mut records = self.records.to_vec();
        if let Event::SagaStarted { parent, .. } = &mut records[0].event {
            *parent = Some(Parent {
                saga: id(number),
                step: StepPath::root(&name("ship")),
                depth: 1,
            });
        }
        self.records = records.into();
        self
    }

    /// The same with a step that is bound to a version of a component.
    pub(super) fn bound(self, component: &str, version: u32) -> Self {
        self.and(Event::ActStarted {
            step: StepPath::root(&name(component)),
            attempt: 1,
            pin: pin(component, version),
            arguments: Arc::default(),
            previous: None,
        })
    }

    /// The same with an operator's retry on other versions.
    pub(super) fn retried_on(self, pins: &[(&str, u32)]) -> Self {
        self.and(Event::RetryOrdered {
            steps: Vec::new(),
            pins: repins(pins),
            order: order(),
        })
    }

    /// The same with an operator's change to other versions.
    pub(super) fn moved_to(self, pins: &[(&str, u32)]) -> Self {
        self.and(Event::VersionChanged {
            pins: repins(pins),
            order: order(),
        })
    }

    pub(super) fn fenced(&self) -> Refusal {
        Refusal::Fenced {
            saga: self.saga,
            expected: self.expected,
        }
    }
}

fn pin(component: &str, version: u32) -> Pin {
    Pin {
        component: name(component),
        version,
        digest: Digest::of(component.as_bytes()),
    }
}

fn repins(pins: &[(&str, u32)]) -> Vec<Repin> {
    let pins = pins.iter().map(|(component, version)| Repin {
        step: StepPath::root(&name(component)),
        pin: pin(component, *version),
    });
    pins.collect()
}

fn order() -> Order {
    Order {
        by: "alice".to_owned(),
        reason: None,
    }
}

/// Stores bytes and a version of a component with them.
pub(super) async fn upload(
    journal: &dyn Journal,
    of: &str,
    bytes: &[u8],
) -> (ComponentVersion, Made) {
    described(journal, of, bytes, Description::default()).await
}

/// The same with what people say about it.
pub(super) async fn described(
    journal: &dyn Journal,
    of: &str,
    bytes: &[u8],
    description: Description,
) -> (ComponentVersion, Made) {
    let digest = Digest::of(bytes);
    journal
        .put_blob(digest, bytes)
        .await
        .expect("the journal works");
    let info = ComponentInfo {
        imports: vec!["log".into()],
        exports: vec!["action".into()],
    };
    let new = NewComponentVersion {
        name: name(of),
        digest,
        size_bytes: bytes.len() as u64,
        info,
        description,
        at: time(7),
    };
    journal
        .put_component_version(new)
        .await
        .expect("the journal works")
}

fn switch(of: &str, to: SwitchTo) -> Switch {
    Switch {
        name: name(of),
        to,
        if_generation: None,
        order: order(),
        at: time(9),
    }
}

/// All sagas take this version.
pub(super) fn active(of: &str, version: u32) -> Switch {
    switch(of, SwitchTo::Active { version })
}

/// Some sagas take this version.
pub(super) fn shared(of: &str, version: u32, percent: u8) -> Switch {
    switch(of, SwitchTo::Shared(Candidate { version, percent }))
}

/// All sagas take the active version.
pub(super) fn unshared(of: &str) -> Switch {
    switch(of, SwitchTo::Unshared)
}

pub(super) async fn switched(journal: &dyn Journal, switch: &Switch) -> Activation {
    let answer = journal.switch(switch).await;
    answer.expect("the journal works")
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
