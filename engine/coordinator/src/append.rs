//! What is written of a saga: its events, and the head that lists and claims read.

use std::collections::BTreeMap;

use wasaga_core::{LogLine, Record, State, due_at};
use wasaga_journal::{Append, Fence, Head, Ownership};

/// The append that takes a saga from `expected`, the last event that the journal has, to `state`.
pub(crate) fn append(
    fence: Fence,
    expected: u64,
    state: &State,
    records: Vec<Record>,
    logs: Vec<LogLine>,
    ownership: Ownership,
) -> Append {
    // Tags never change: they are written once.
    let tags = if expected == 0 {
        BTreeMap::clone(&state.tags)
    } else {
        BTreeMap::new()
    };
    let head = Head {
        definition: state.definition.name.clone(),
        version: state.version,
        status: state.status(),
        tags,
        created_at: state.created_at,
        updated_at: state.updated_at,
        due_at: match ownership {
            // Whoever finds that its owner is gone has to look at once.
            Ownership::Keep => Some(state.updated_at),
            Ownership::Release => due_at(state),
        },
        ownership,
    };
    Append {
        saga: state.id,
        expected,
        fence,
        records: records.into(),
        logs,
        head,
    }
}
