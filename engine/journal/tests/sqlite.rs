//! The journal in a SQLite file does what a journal has to do, and what only a file can.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;
use wasaga_core::{
    Candidate, ComponentInfo, Digest, Event, FORMAT, Name, Order, Parent, Pin, Record, Repin,
    SagaId, Status, StepPath, Timestamp,
};
use wasaga_journal::conformance::{Fixture, Sharing};
use wasaga_journal::{
    Activation, Append, BREAKER_LIMIT, Description, Fence, Head, Journal, JournalError,
    NewComponentVersion, OwnerId, Ownership, PageRequest, Removal, SagaFilter, SqliteJournal,
    Switch, SwitchTo, Switched,
};

async fn open() -> Fixture {
    let dir = folder();
    Fixture {
        journal: Arc::new(journal(&dir).await),
        sharing: Sharing::OneEngine,
        keep: Box::new(dir),
    }
}

wasaga_journal::conformance!(open);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn journal(dir: &TempDir) -> SqliteJournal {
    SqliteJournal::open(dir.path())
        .await
        .expect("the journal opens")
}

/// The database itself, as only somebody who goes around the journal sees it.
async fn database(dir: &TempDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(dir.path().join("wasaga.db"));
    SqliteConnection::connect_with(&options)
        .await
        .expect("the database opens")
}

const OWNER: OwnerId = OwnerId(Uuid::from_u128(1));

fn saga(number: u64) -> SagaId {
    SagaId::from_parts(number, &[0; 10])
}

fn start(number: u64) -> Append {
    let at = Timestamp::from_unix_ms(1_000);
    let definition = Name::new("order").expect("a name");
    let event = Event::SagaStarted {
        definition: definition.clone(),
        version: 1,
        input: Arc::new(serde_json::json!({ "number": number })),
        tags: BTreeMap::new(),
        deadline: None,
        parent: None,
    };
    Append {
        saga: saga(number),
        expected: 0,
        fence: Fence {
            owner: OWNER,
            epoch: 1,
        },
        records: [Record { seq: 1, at, event }].into(),
        logs: Vec::new(),
        head: Head {
            definition,
            version: 1,
            status: Status::Running,
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            created_at: at,
            updated_at: at,
            due_at: Some(at),
            ownership: Ownership::Keep,
        },
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_new_start() {
    let dir = folder();
    let digest = Digest::of(b"bytes");
    let first = journal(&dir).await;
    first
        .register(OWNER, Timestamp::from_unix_ms(i64::MAX))
        .await
        .expect("registered");
    assert_eq!(
        first.append(vec![start(1)]).await.expect("appended"),
        [Ok(())]
    );
    first.put_blob(digest, b"bytes").await.expect("stored");
    first.close().await;
    drop(first);

    let second = journal(&dir).await;
    let records = second.records(saga(1), 0, 10).await.expect("records");
    assert_eq!(records, *start(1).records);
    assert_eq!(
        second.blob(digest).await.expect("a blob").as_deref(),
        Some(&b"bytes"[..])
    );
    let owner = OwnerId(Uuid::from_u128(2));
    let now = Timestamp::from_unix_ms(1_000);
    second.register(owner, now).await.expect("registered");
    let claimed = second.claim(owner, now, 10).await.expect("claimed");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].fence, Fence { owner, epoch: 2 });
}

#[tokio::test]
async fn what_was_answered_is_there_without_an_orderly_end() {
    let dir = folder();
    let first = journal(&dir).await;
    assert_eq!(
        first.append(vec![start(1)]).await.expect("appended"),
        [Ok(())]
    );
    // A copy of the files is what a process that was killed leaves behind.
    let copy = folder();
    for file in ["wasaga.db", "wasaga.db-wal"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).expect("a copy");
    }
    let second = journal(&copy).await;
    assert_eq!(
        second.records(saga(1), 0, 10).await.expect("records"),
        *start(1).records
    );
}

#[tokio::test]
async fn a_folder_that_is_in_use_is_locked() {
    let dir = folder();
    let first = journal(&dir).await;
    let error = SqliteJournal::open(dir.path())
        .await
        .expect_err("the folder is in use");
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(&dir.path().display().to_string()),
        "{error}"
    );
    first.close().await;
    SqliteJournal::open(dir.path())
        .await
        .expect("a closed journal is not in the way");
}

#[tokio::test]
async fn closing_leaves_one_database_file() {
    let dir = folder();
    let first = journal(&dir).await;
    assert_eq!(
        first.append(vec![start(1)]).await.expect("appended"),
        [Ok(())]
    );
    assert_eq!(
        first
            .sagas(SagaFilter::default(), page())
            .await
            .expect("a page")
            .items
            .len(),
        1
    );
    first.close().await;
    let mut files: Vec<_> = std::fs::read_dir(dir.path())
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    files.sort();
    assert_eq!(files, ["wasaga.db", "wasaga.lock"]);
}

fn page() -> PageRequest {
    PageRequest {
        after: None,
        limit: 10,
    }
}

#[tokio::test]
async fn a_new_folder_is_only_its_owners() {
    let dir = folder();
    let inner = dir.path().join("a/b");
    let opened = SqliteJournal::open(&inner)
        .await
        .expect("the journal opens");
    let mode = std::fs::metadata(&inner)
        .expect("the folder")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    opened.close().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let dir = folder();
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let error = SqliteJournal::open(&file)
        .await
        .expect_err("a file is no folder");
    assert!(matches!(error, JournalError::File { .. }), "{error}");
    assert!(error.to_string().contains("file"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let dir = folder();
    std::fs::write(dir.path().join("wasaga.db"), "no database ".repeat(1_000)).expect("a file");
    let error = SqliteJournal::open(dir.path())
        .await
        .expect_err("no database");
    assert!(matches!(error, JournalError::Database { .. }), "{error}");
}

#[tokio::test]
async fn an_event_of_a_later_engine_is_not_guessed_at() {
    let dir = folder();
    let journal = journal(&dir).await;
    assert_eq!(
        journal.append(vec![start(1)]).await.expect("appended"),
        [Ok(())]
    );
    sqlx::query("UPDATE events SET format = format + 1, body = '{\"type\":\"news\"}'")
        .execute(&mut database(&dir).await)
        .await
        .expect("changed");
    let error = journal
        .records(saga(1), 0, 10)
        .await
        .expect_err("a later format");
    let JournalError::Format {
        saga: of,
        found,
        known,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!((of, found, known), (saga(1), FORMAT + 1, FORMAT));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_named() {
    let dir = folder();
    let journal = journal(&dir).await;
    assert_eq!(
        journal.append(vec![start(1)]).await.expect("appended"),
        [Ok(())]
    );
    sqlx::query("UPDATE events SET body = '{\"type\":'")
        .execute(&mut database(&dir).await)
        .await
        .expect("changed");
    let error = journal.records(saga(1), 0, 10).await.expect_err("no JSON");
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("event 1 of saga {}", saga(1))),
        "{error}"
    );
}

/// After a failed write nothing of it is there, and the next one is made.
#[tokio::test]
async fn a_write_that_fails_leaves_nothing_and_the_next_one_is_made() {
    let dir = folder();
    let journal = journal(&dir).await;
    let mut database = database(&dir).await;
    sqlx::query(
        "CREATE TRIGGER fails BEFORE INSERT ON events WHEN new.seq = 1
         BEGIN SELECT raise(ABORT, 'the disk is full'); END",
    )
    .execute(&mut database)
    .await
    .expect("made");
    let error = journal
        .append(vec![start(1)])
        .await
        .expect_err("the write fails");
    assert!(matches!(error, JournalError::Database { .. }), "{error}");
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(
        journal.saga(saga(1)).await.expect("the journal works"),
        None
    );
    sqlx::query("DROP TRIGGER fails")
        .execute(&mut database)
        .await
        .expect("removed");
    assert_eq!(
        journal.append(vec![start(1)]).await.expect("appended"),
        [Ok(())]
    );
    assert_eq!(
        journal.records(saga(1), 0, 10).await.expect("records"),
        *start(1).records
    );
}

/// A caller may go away at any moment: its batch is then there or not, never in between, and the
/// journal goes on.
#[tokio::test]
async fn an_append_that_is_given_up_is_made_whole_or_not_at_all() {
    let dir = folder();
    let journal = journal(&dir).await;
    let made = AtomicU32::new(0);
    for number in 0..200_u64 {
        let batch = vec![start(2 * number), start(2 * number + 1)];
        let append = async {
            journal.append(batch).await.expect("appended");
            made.fetch_add(1, Ordering::Relaxed);
        };
        tokio::select! {
            biased;
            () = append => {}
            () = yields(number) => {}
        }
    }
    for number in 0..200_u64 {
        let one = journal
            .saga(saga(2 * number))
            .await
            .expect("the journal works");
        let two = journal
            .saga(saga(2 * number + 1))
            .await
            .expect("the journal works");
        assert_eq!(
            one.is_some(),
            two.is_some(),
            "half of batch {number} is there"
        );
    }
    assert_eq!(
        journal.append(vec![start(1_000)]).await.expect("appended"),
        [Ok(())]
    );
}

/// Gives way some times, a few more with each round, so that every point of an append is met.
async fn yields(count: u64) {
    for _ in 0..count % 50 {
        tokio::task::yield_now().await;
    }
}

/// A journal as the first version left it, with a labelled saga of each kind, is brought up to date.
#[tokio::test]
async fn a_journal_of_the_first_version_keeps_its_labels() {
    let dir = folder();
    let options = SqliteConnectOptions::new()
        .filename(dir.path().join("wasaga.db"))
        .create_if_missing(true);
    let mut database = SqliteConnection::connect_with(&options)
        .await
        .expect("the database opens");
    sqlx::migrate!("./migrations")
        .run_to(1, &mut database)
        .await
        .expect("the first version");
    for (number, status) in [(1, "completed"), (2, "waiting")] {
        let id = saga(number).as_uuid().as_bytes().to_vec();
        sqlx::query(
            "INSERT INTO sagas VALUES (?, 1, 'order', 1, ?, '{\"a\":\"b\"}', 5, 6, NULL, NULL, 1)",
        )
        .bind(id.clone())
        .bind(status)
        .execute(&mut database)
        .await
        .expect("a saga");
        sqlx::query("INSERT INTO tags VALUES ('a', 'b', 5, ?)")
            .bind(id)
            .execute(&mut database)
            .await
            .expect("a label");
    }
    database.close().await.expect("closed");

    let journal = journal(&dir).await;
    let cases = [
        (None, vec![saga(2), saga(1)]),
        (Some(Status::Completed), vec![saga(1)]),
        (Some(Status::Waiting), vec![saga(2)]),
        (Some(Status::Running), vec![]),
    ];
    for (status, expected) in cases {
        for definition in [None, Some(Name::new("order").expect("a name"))] {
            let filter = SagaFilter {
                status,
                definition,
                tag: Some(("a".to_owned(), "b".to_owned())),
                bound_to: None,
            };
            let shown = journal.sagas(filter, page()).await.expect("a page");
            let shown: Vec<_> = shown.items.iter().map(|row| row.id).collect();
            assert_eq!(shown, expected, "{status:?}");
        }
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn pin(component: &str, version: u32) -> Pin {
    Pin {
        component: name(component),
        version,
        digest: Digest::of(component.as_bytes()),
    }
}

fn act(component: &str, version: u32, attempt: u32) -> Event {
    Event::ActStarted {
        step: StepPath::root(&name(component)),
        attempt,
        pin: pin(component, version),
        arguments: Arc::default(),
        previous: None,
    }
}

fn order(by: &str) -> Order {
    Order {
        by: by.to_owned(),
        reason: Some("a \"reason\"".to_owned()),
    }
}

/// The events of a saga as an earlier version wrote them, whose sagas had no pins yet.
async fn write_down(database: &mut SqliteConnection, number: u64, status: &str, events: &[Event]) {
    let id = saga(number).as_uuid().as_bytes().to_vec();
    sqlx::query("INSERT INTO sagas VALUES (?, ?, 'order', 1, ?, '{}', 5, 6, NULL, NULL, 1)")
        .bind(id.clone())
        .bind(i64::try_from(events.len()).expect("a few"))
        .bind(status)
        .execute(&mut *database)
        .await
        .expect("a saga");
    for (seq, event) in (1_i64..).zip(events) {
        sqlx::query("INSERT INTO events VALUES (?, ?, 5, 1, ?)")
            .bind(id.clone())
            .bind(seq)
            .bind(serde_json::to_string(event).expect("JSON"))
            .execute(&mut *database)
            .await
            .expect("an event");
    }
}

/// A journal as it was before sagas were found by the version they are bound to is brought up to
/// date: with the pins of its sagas, the numbers of its versions, and which sagas are nested.
#[tokio::test]
async fn a_journal_of_the_second_version_gets_its_pins() {
    let dir = folder();
    let options = SqliteConnectOptions::new()
        .filename(dir.path().join("wasaga.db"))
        .create_if_missing(true);
    let mut database = SqliteConnection::connect_with(&options)
        .await
        .expect("the database opens");
    sqlx::migrate!("./migrations")
        .run_to(2, &mut database)
        .await
        .expect("the second version");
    let started = |number, parent| {
        let mut first = start(number).records[0].event.clone();
        if let Event::SagaStarted { parent: around, .. } = &mut first {
            *around = parent;
        }
        first
    };
    let retried = Event::RetryOrdered {
        steps: Vec::new(),
        pins: [("ship", 4), ("mail", 1)]
            .map(|(component, version)| Repin {
                step: StepPath::root(&name(component)),
                pin: pin(component, version),
            })
            .into(),
        order: order("alice"),
    };
    let live = [
        started(1, None),
        act("pay", 1, 1),
        act("ship", 3, 1),
        act("pay", 1, 2),
        retried,
    ];
    write_down(&mut database, 1, "waiting", &live).await;
    let over = [started(2, None), act("pay", 1, 1), act("pay", 2, 1)];
    write_down(&mut database, 2, "completed", &over).await;
    let around = Parent {
        saga: saga(1),
        step: StepPath::root(&name("ship")),
        depth: 1,
    };
    let nested = [started(3, Some(around)), act("nested", 1, 1)];
    write_down(&mut database, 3, "completed", &nested).await;
    for statement in [
        "INSERT INTO blobs VALUES (zeroblob(32), x'00')",
        "INSERT INTO components (name, active, generation, policy) VALUES ('pay', 3, 7,
            '{\"allowed_hosts\":[],\"allowed_networks\":[],\"config\":{},\"limits\":{}}')",
        "INSERT INTO component_versions VALUES
            ('pay', 3, zeroblob(32), 1, '{\"imports\":[],\"exports\":[]}', 5)",
    ] {
        sqlx::query(statement)
            .execute(&mut database)
            .await
            .expect("a component");
    }
    database.close().await.expect("closed");

    let journal = journal(&dir).await;
    let cases = [
        ("pay", 1, vec![saga(2), saga(1)], Some(saga(1))),
        ("pay", 2, vec![saga(2)], None),
        ("ship", 3, vec![saga(1)], Some(saga(1))),
        ("ship", 4, vec![saga(1)], Some(saga(1))),
        ("mail", 1, vec![saga(1)], Some(saga(1))),
        ("nested", 1, vec![saga(3)], Some(saga(3))),
        ("order", 1, vec![], None),
    ];
    for (component, version, bound, live) in cases {
        let component = name(component);
        let filter = SagaFilter {
            bound_to: Some((component.clone(), version)),
            ..SagaFilter::default()
        };
        let shown = journal.sagas(filter, page()).await.expect("a page");
        let shown: Vec<_> = shown.items.iter().map(|row| row.id).collect();
        assert_eq!(shown, bound, "{component} {version}");
        let found = journal.live_saga_on(&component, version).await;
        assert_eq!(found.expect("an answer"), live, "{component} {version}");
    }
    let row = journal.component(&name("pay")).await.expect("an answer");
    let row = row.expect("a component");
    assert_eq!((row.latest, row.generation), (3, 7));
    assert_eq!((row.active, row.candidate), (Some(3), None));
    let version = journal.component_version(&name("pay"), 3).await;
    let version = version.expect("an answer").expect("a version");
    assert_eq!(version.description, Description::default());
}

#[tokio::test]
async fn what_became_of_a_component_is_there_after_a_new_start() {
    let dir = folder();
    let first = journal(&dir).await;
    let (pay, at) = (name("pay"), Timestamp::from_unix_ms(9));
    for bytes in [b"1", b"2", b"3"] {
        let digest = Digest::of(bytes);
        first.put_blob(digest, bytes).await.expect("stored");
        let new = NewComponentVersion {
            name: pay.clone(),
            digest,
            size_bytes: 1,
            info: ComponentInfo::default(),
            description: Description::default(),
            at,
        };
        first.put_component_version(new).await.expect("stored");
    }
    let candidate = Candidate {
        version: 2,
        percent: 10,
    };
    let changes = [SwitchTo::Active { version: 1 }, SwitchTo::Shared(candidate)];
    for to in changes {
        let switch = Switch {
            name: pay.clone(),
            to,
            if_generation: None,
            order: order("alice"),
            at,
        };
        let done = first.switch(&switch).await.expect("switched");
        assert!(matches!(done, Activation::Done(_)), "{done:?}");
    }
    let removed = first.remove_component_version(&pay, 3).await;
    assert_eq!(removed.expect("removed"), Removal::Done);
    let mut bound = start(1);
    let event = act("pay", 1, 1);
    let second = Record { seq: 2, at, event };
    bound.records = [bound.records[0].clone(), second].into();
    let answers = first.append(vec![bound]).await.expect("appended");
    assert_eq!(answers, [Ok(())]);
    first.close().await;
    drop(first);

    let second = journal(&dir).await;
    let row = second.component(&pay).await.expect("an answer");
    let row = row.expect("a component");
    assert_eq!((row.active, row.candidate), (Some(1), Some(candidate)));
    assert_eq!((row.generation, row.latest), (2, 3));
    let history = second.switches(&pay, page()).await.expect("a page").items;
    let expected = [(2, changes[1]), (1, changes[0])].map(|(generation, to)| Switched {
        generation,
        to,
        order: order("alice"),
        at,
    });
    assert_eq!(history, expected);
    let live = second.live_saga_on(&pay, 1).await.expect("an answer");
    assert_eq!(live, Some(saga(1)));
}

#[tokio::test]
async fn no_more_circuit_breakers_are_read_than_the_limit() {
    let dir = folder();
    let journal = journal(&dir).await;
    sqlx::query(
        "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
         INSERT INTO breakers (component, action, failures, updated_at)
         SELECT 'pay', format('a%05d', n), n, 0 FROM numbers",
    )
    .bind(BREAKER_LIMIT)
    .execute(&mut database(&dir).await)
    .await
    .expect("one more than the limit");
    let read = journal.breakers().await.expect("breakers");
    assert_eq!(read.len(), BREAKER_LIMIT as usize);
    let last = read.last().map(|row| row.failures);
    assert_eq!(last, Some(BREAKER_LIMIT - 1));
}
