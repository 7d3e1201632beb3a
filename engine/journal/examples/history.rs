//! How long pages of lists take with many finished sagas, and how fast such a history is written and
//! removed.
//!
//! `cargo run --release -p wasaga-journal --example history [SAGAS] [FOLDER]`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;
use wasaga_core::{
    Digest, Event, Metering, Name, Pin, Record, SagaId, Status, StepPath, Timestamp,
};
use wasaga_journal::{
    Append, Cursor, Fence, Head, Journal, JournalError, OwnerId, Ownership, PageRequest, Prune,
    SagaFilter, SqliteJournal,
};

const BATCH: u64 = 1_000;
const EVENTS: u64 = 6;
const PAGE: u32 = 100;
/// One in so many sagas was abandoned, one is a refund, and one is bound to version 2. None is two of
/// these, and no abandoned one is of the region that half of them have.
const RARE: u64 = 100_000;

#[tokio::main]
async fn main() -> Result<(), JournalError> {
    let mut arguments = std::env::args_os().skip(1);
    let sagas = arguments
        .next()
        .and_then(|count| count.to_str()?.parse().ok())
        .unwrap_or(1_000_000);
    let folder = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = folder.join(format!("history-{}", Uuid::now_v7()));
    let result = run(&dir, sagas).await;
    let _ = std::fs::remove_dir_all(&dir);
    result
}

async fn run(dir: &Path, sagas: u64) -> Result<(), JournalError> {
    let journal = SqliteJournal::open(dir).await?;
    let owner = OwnerId(Uuid::now_v7());
    journal.register(owner, Timestamp::from_unix_ms(0)).await?;
    let start = Instant::now();
    for first in (0..sagas).step_by(usize::try_from(BATCH).unwrap_or(usize::MAX)) {
        let numbers = first..sagas.min(first + BATCH);
        let appends = numbers.map(|number| finished(number, owner)).collect();
        let answers = journal.append(appends).await?;
        assert!(answers.iter().all(Result::is_ok), "an append was refused");
    }
    let rate = sagas as f64 / start.elapsed().as_secs_f64();
    println!("{sagas} finished sagas written, {rate:.0} each second");

    let cursors = walk(&journal, sagas).await?;
    println!("pages of {PAGE}: the first, and those behind these cursors");
    for filter in filters() {
        page_times(&journal, &filter, &cursors).await?;
    }

    let start = Instant::now();
    journal
        .register(OwnerId(Uuid::now_v7()), Timestamp::from_unix_ms(0))
        .await?;
    println!("registering: {:.1} ms", ms(start.elapsed()));
    for version in [1, 2] {
        let start = Instant::now();
        let live = journal.live_saga_on(&name("pay"), version).await?;
        let found = live.map_or("none".to_owned(), |saga| saga.to_string());
        println!(
            "a live saga on version {version}: {found}, {:.1} ms",
            ms(start.elapsed())
        );
    }
    let start = Instant::now();
    let entries = journal.feed(journal.feed_end().await? / 2, PAGE).await?;
    println!(
        "{} entries of the feed: {:.1} ms",
        entries.len(),
        ms(start.elapsed())
    );
    let start = Instant::now();
    let prune = Prune {
        statuses: vec![Status::Completed, Status::Compensated, Status::Abandoned],
        updated_before: Timestamp::from_unix_ms(i64::MAX),
        limit: 100,
    };
    let removed = journal.prune(&prune).await?;
    println!("{removed} sagas removed: {:.1} ms", ms(start.elapsed()));
    journal.close().await;
    Ok(())
}

/// Reads the whole list in pages. Answers cursors in its middle and near its end.
async fn walk(journal: &SqliteJournal, sagas: u64) -> Result<Vec<Cursor>, JournalError> {
    let marks = [sagas / 2, sagas - sagas / 100, sagas - u64::from(PAGE)];
    let mut cursors = Vec::new();
    let mut longest = Duration::ZERO;
    let mut seen = 0;
    let mut after = None;
    loop {
        let start = Instant::now();
        let request = PageRequest {
            after: after.take(),
            limit: 10 * PAGE,
        };
        let page = journal.sagas(SagaFilter::default(), request).await?;
        longest = longest.max(start.elapsed());
        seen += page.items.len() as u64;
        if let (Some(cursor), Some(mark)) = (&page.next, marks.get(cursors.len()))
            && seen >= *mark
        {
            cursors.push(cursor.clone());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    println!(
        "{seen} sagas listed in pages of {}: the longest took {:.1} ms",
        10 * PAGE,
        ms(longest)
    );
    Ok(cursors)
}

/// Prints how long pages at several depths take.
async fn page_times(
    journal: &SqliteJournal,
    filter: &SagaFilter,
    cursors: &[Cursor],
) -> Result<(), JournalError> {
    let mut times = Vec::new();
    let mut rows = 0;
    let depths = [None].into_iter().chain(cursors.iter().cloned().map(Some));
    for after in depths {
        let request = PageRequest { after, limit: PAGE };
        let start = Instant::now();
        let page = journal.sagas(filter.clone(), request).await?;
        times.push(format!("{:>6.1}", ms(start.elapsed())));
        rows += page.items.len();
    }
    let status = filter.status.map_or("any", Status::as_str);
    let definition = filter
        .definition
        .as_ref()
        .map_or("any", |name| name.as_str());
    let (label, value) = match &filter.tag {
        Some((label, value)) => (label.as_str(), value.as_str()),
        None => ("no", "label"),
    };
    let version = match &filter.bound_to {
        Some((_, version)) => version.to_string(),
        None => "any".to_owned(),
    };
    println!(
        "{status:>11} {definition:>6} {label:>8} {value:<7} version {version:<3} {} ms, {rows} rows",
        times.join(" ")
    );
    Ok(())
}

fn filters() -> Vec<SagaFilter> {
    let statuses = [
        None,
        Some(Status::Completed),
        Some(Status::Abandoned),
        Some(Status::Running),
    ];
    let definitions = [None, Some("order"), Some("refund")];
    let labels = [
        None,
        Some(("region", "eu")),
        Some(("customer", "c7")),
        Some(("region", "mars")),
    ];
    let mut filters = Vec::new();
    for label in labels {
        for definition in definitions {
            for status in statuses {
                filters.push(SagaFilter {
                    status,
                    definition: definition.map(name),
                    tag: label.map(|(name, value)| (name.to_owned(), value.to_owned())),
                    bound_to: None,
                });
            }
        }
    }
    let unbound = filters.clone();
    for version in [1, 2] {
        filters.extend(unbound.iter().cloned().map(|filter| SagaFilter {
            bound_to: Some((name("pay"), version)),
            ..filter
        }));
    }
    filters
}

/// A saga that is over, as one append: of these events, with two labels.
fn finished(number: u64, owner: OwnerId) -> Append {
    // Ten are started each millisecond.
    let at = Timestamp::from_unix_ms(1_700_000_000_000 + i64::try_from(number / 10).unwrap_or(0));
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let definition = name(if number % RARE == 8 {
        "refund"
    } else {
        "order"
    });
    let status = match number {
        number if number % RARE == 7 => Status::Abandoned,
        number if number % 10 == 0 => Status::Compensated,
        _ => Status::Completed,
    };
    let region = if number.is_multiple_of(2) { "eu" } else { "us" };
    let tags = BTreeMap::from([
        ("region".to_owned(), region.to_owned()),
        ("customer".to_owned(), format!("c{}", number % 10_000)),
    ]);
    let started = Event::SagaStarted {
        definition: definition.clone(),
        version: 1,
        input: Arc::new(serde_json::json!({
            "order_id": number,
            "items": [{ "sku": "product_1", "quantity": 2 }],
            "address": { "street": "Long Lane 7", "town": "Somewhere" },
        })),
        tags: tags.clone(),
        deadline: None,
        parent: None,
    };
    let act = Event::ActStarted {
        step: StepPath::root(&name("pay")),
        attempt: 1,
        pin: Pin {
            component: name("pay"),
            version: if number % RARE == 9 { 2 } else { 1 },
            digest: Digest::of(b"pay"),
        },
        arguments: Arc::default(),
        previous: None,
    };
    let completed = Event::ActCompleted {
        step: StepPath::root(&name("pay")),
        attempt: 1,
        result: Arc::new(serde_json::json!({ "receipt": format!("receipt_{number}") })),
        context_patch: Some(std::sync::Arc::new(serde_json::json!({ "paid": true }))),
        metering: Metering::default(),
        requests: Vec::new(),
    };
    let records = (1..=EVENTS).map(|seq| Record {
        seq,
        at,
        event: match seq {
            1 => started.clone(),
            2 => act.clone(),
            _ => completed.clone(),
        },
    });
    Append {
        saga: SagaId::from_parts(at.unix_ms().cast_unsigned(), &random),
        expected: 0,
        fence: Fence { owner, epoch: 1 },
        records: records.collect(),
        logs: Vec::new(),
        head: Head {
            definition,
            version: 1,
            status,
            tags,
            created_at: at,
            updated_at: at,
            due_at: None,
            ownership: Ownership::Release,
        },
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
