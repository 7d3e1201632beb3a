//! How fast the SQLite journal appends: sagas of four appends with two records each, of which one
//! binds a step to a version, in groups.
//!
//! `cargo run --release -p wasaga-journal --example append_rate [FOLDER]`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;
use wasaga_core::{Digest, Event, Name, Pin, Record, SagaId, Status, StepPath, Timestamp};
use wasaga_journal::{
    Append, Fence, Head, Journal, JournalError, OwnerId, Ownership, SqliteJournal,
};

const APPENDS: u64 = 4;
const RECORDS: u64 = 2;
const MEASURED: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), JournalError> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    println!(
        "{:>6} {:>12} {:>14} {:>10} {:>10}",
        "group", "appends/s", "records/s", "p50 us", "p99 us"
    );
    for group in [1, 8, 64, 256, 1_000] {
        let dir = folder.join(format!("append-rate-{}", Uuid::now_v7()));
        let result = measure(&dir, group).await;
        let _ = std::fs::remove_dir_all(&dir);
        result?;
    }
    Ok(())
}

/// Runs groups of sagas side by side, each group's appends in one call.
async fn measure(dir: &Path, group: usize) -> Result<(), JournalError> {
    let journal = SqliteJournal::open(dir).await?;
    let owner = OwnerId(Uuid::now_v7());
    journal
        .register(owner, now().after(Duration::from_secs(60)))
        .await?;
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < MEASURED {
        let sagas: Vec<_> = (0..group)
            .map(|_| SagaId::from_uuid(Uuid::now_v7()))
            .collect();
        for turn in 0..APPENDS {
            let appends = sagas
                .iter()
                .map(|saga| append(*saga, owner, turn))
                .collect();
            let before = Instant::now();
            let answers = journal.append(appends).await?;
            times.push(before.elapsed());
            assert!(answers.iter().all(Result::is_ok), "an append was refused");
        }
    }
    let busy: Duration = times.iter().sum();
    let appends = (times.len() * group) as f64 / busy.as_secs_f64();
    times.sort();
    println!(
        "{group:>6} {appends:>12.0} {:>14.0} {:>10} {:>10}",
        appends * RECORDS as f64,
        times[times.len() / 2].as_micros(),
        times[times.len() * 99 / 100].as_micros(),
    );
    journal.close().await;
    Ok(())
}

fn append(saga: SagaId, owner: OwnerId, turn: u64) -> Append {
    let now = now();
    let last = turn + 1 == APPENDS;
    let expected = turn * RECORDS;
    let started = Event::SagaStarted {
        definition: name("order"),
        version: 1,
        input: Arc::new(serde_json::json!({
            "order_id": saga.to_string(),
            "items": [{ "sku": "product_1", "quantity": 2 }],
            "address": { "street": "Long Lane 7", "town": "Somewhere" },
        })),
        tags: BTreeMap::new(),
        deadline: None,
        parent: None,
    };
    let component = name(&format!("step-{turn}"));
    let bound = Event::ActStarted {
        step: StepPath::root(&component),
        attempt: 1,
        pin: Pin {
            component,
            version: 1,
            digest: Digest::of(b"bytes"),
        },
        arguments: Arc::default(),
        previous: None,
    };
    let records = (1..=RECORDS).map(|n| Record {
        seq: expected + n,
        at: now,
        event: if n == RECORDS { &bound } else { &started }.clone(),
    });
    Append {
        saga,
        expected,
        fence: Fence { owner, epoch: 1 },
        records: records.collect(),
        logs: Vec::new(),
        head: Head {
            definition: name("order"),
            version: 1,
            status: if last {
                Status::Completed
            } else {
                Status::Running
            },
            tags: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            due_at: if last { None } else { Some(now) },
            ownership: if last {
                Ownership::Release
            } else {
                Ownership::Keep
            },
        },
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
