//! What is written of a saga: its events, and the head that lists and claims read.

use std::collections::BTreeMap;

use wasaga_core::{LogLine, Record, State};
use wasaga_journal::{Append, Fence, Head, Ownership};

/// Whether the engine goes on with a saga in this state. It lets go of one that is settled and of
/// one that has nothing to do but wait: that needs no memory.
pub(crate) fn ownership(state: &State) -> Ownership {
    if !state.status().is_settled() && state.is_calling() {
        Ownership::Keep
    } else {
        Ownership::Release
    }
}

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
        due_at: state.due_at(),
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
