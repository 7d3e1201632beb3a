//! The events of sagas, straight to the journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use uuid::Uuid;
use wasaga_core::{SagaId, State, Turn};
use wasaga_journal::{Append, Fence, Head, Journal, OwnerId, Ownership, SqliteJournal};

use super::super::report::per_second;
use super::super::walk::now;

/// Sagas whose appends make one transaction.
const GROUP: usize = 64;
/// Longer than any measurement.
const LEASE: Duration = Duration::from_hours(24);

/// Writes the journals of sagas that have these turns, turn by turn in groups of [`GROUP`] sagas. What is
/// counted is durable.
pub(super) async fn sagas_per_s(
    dir: &Path,
    turns: &[Turn],
    duration: Duration,
) -> anyhow::Result<f64> {
    let journal = SqliteJournal::open(dir).await?;
    let fence = Fence {
        owner: OwnerId(Uuid::now_v7()),
        epoch: 1,
    };
    journal.register(fence.owner, now().after(LEASE)).await?;
    let begin = Instant::now();
    let mut sagas = 0;
    while begin.elapsed() < duration {
        let group: Vec<SagaId> = (0..GROUP)
            .map(|_| SagaId::from_uuid(Uuid::now_v7()))
            .collect();
        for turn in turns {
            let appends = group
                .iter()
                .map(|saga| append(*saga, fence, turn))
                .collect();
            for appended in journal.append(appends).await? {
                appended?;
            }
        }
        sagas += group.len();
    }
    let per_s = per_second(sagas, begin.elapsed());
    journal.close().await;
    Ok(per_s)
}

/// What the engine appends for a turn.
pub(in crate::bench) fn append(saga: SagaId, fence: Fence, turn: &Turn) -> Append {
    let state: &State = &turn.state;
    let status = state.status();
    let (ownership, due_at) = if status.is_settled() {
        (Ownership::Release, None)
    } else {
        (Ownership::Keep, Some(state.updated_at))
    };
    Append {
        saga,
        expected: turn
            .records
            .first()
            .map_or(state.seq, |record| record.seq - 1),
        fence,
        records: turn.records.clone().into(),
        logs: Vec::new(),
        head: Head {
            definition: state.definition.name.clone(),
            version: state.version,
            status,
            tags: BTreeMap::new(),
            created_at: state.created_at,
            updated_at: state.updated_at,
            due_at,
            ownership,
        },
    }
}
