//! A saga from its journal.

use wasaga_core::{Event, SagaId, State};

use crate::engine::Engine;
use crate::error::ReadError;

/// Records read at a time.
pub(crate) const PAGE: u32 = 1_000;

/// Reads a saga's whole journal and folds it. `None` when there is no such saga.
pub(crate) async fn load(engine: &Engine, saga: SagaId) -> Result<Option<State>, ReadError> {
    let mut records = engine.journal.records(saga, 0, PAGE).await?;
    let Some(first) = records.first() else {
        return Ok(None);
    };
    let Event::SagaStarted {
        definition,
        version,
        ..
    } = &first.event
    else {
        return Ok(None);
    };
    let definition = engine.definitions.parsed(definition, *version).await?;
    let mut state = State::fold(saga, definition, &records)?;
    while !records.is_empty() {
        records = engine.journal.records(saga, state.seq, PAGE).await?;
        for record in &records {
            state.apply(record)?;
        }
    }
    Ok(Some(state))
}
