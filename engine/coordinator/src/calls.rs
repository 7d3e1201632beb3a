//! The calls that a saga has made, and running one of them again without touching the saga.

use wasaga_core::comparison::{Comparison, Incomparable, comparable, compare};
use wasaga_core::{Call, Event, History, Pin, RecordedCall, SagaId, State};
use wasaga_host::Replayed;

use crate::engine::Engine;
use crate::error::{ReadError, RerunError};
use crate::load;
use crate::sagas::Sagas;

/// On which version a recorded call is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RerunOn {
    /// The one that it ran on.
    Same,
    /// Another one of the same component.
    Version(u32),
}

/// A recorded call that was run again.
#[derive(Clone, Debug)]
pub struct Rerun {
    /// The call as the journal has it.
    pub recorded: RecordedCall,
    /// The version that it was run on now.
    pub on: Pin,
    /// What came of it now.
    pub replayed: Replayed,
    /// What is different, if that can be said.
    pub comparison: Result<Comparison, Incomparable>,
}

impl Sagas {
    /// The calls that a saga has made, in the order in which they were started. `None` when there is
    /// no such saga.
    ///
    /// # Errors
    /// When the saga cannot be read.
    pub async fn calls(&self, id: SagaId) -> Result<Option<Vec<RecordedCall>>, ReadError> {
        calls(&self.0, id).await
    }

    /// Runs a recorded call again in the sandbox, with its requests answered from the record: nothing
    /// leaves the machine, and the saga stays as it is. `seq` is the number of the event that started
    /// the call.
    ///
    /// # Errors
    /// When there is no such saga, call or version, or the saga cannot be read.
    pub async fn rerun(&self, id: SagaId, seq: u64, on: RerunOn) -> Result<Rerun, RerunError> {
        let engine = &self.0;
        let calls = calls(engine, id).await?.ok_or(RerunError::NoSaga(id))?;
        let recorded = calls.into_iter().find(|call| call.seq == seq);
        let recorded = recorded.ok_or(RerunError::NoCall { saga: id, seq })?;
        let was = &recorded.call.pin;
        let version = match on {
            RerunOn::Same => was.version,
            RerunOn::Version(version) => version,
        };
        let found = engine
            .components
            .version(&was.component, version)
            .await
            .map_err(ReadError::from)?;
        let found = found.ok_or_else(|| RerunError::NoVersion {
            component: was.component.clone(),
            version,
        })?;
        let on = Pin {
            component: was.component.clone(),
            version,
            digest: found.digest,
        };
        let (replayed, comparison) = replay(engine, &recorded, &on).await;
        Ok(Rerun {
            recorded,
            on,
            replayed,
            comparison,
        })
    }
}

/// Reads a saga's journal for its calls. `None` when there is no such saga.
pub(crate) async fn calls(
    engine: &Engine,
    saga: SagaId,
) -> Result<Option<Vec<RecordedCall>>, ReadError> {
    let mut records = engine.journal.records(saga, 0, load::PAGE).await?;
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
    let mut history = History::new(State::begin(saga, definition, first)?);
    let mut seen = 1;
    while !records.is_empty() {
        for record in records.iter().filter(|record| record.seq > seen) {
            history.apply(record)?;
        }
        seen = history.state().seq;
        records = engine.journal.records(saga, seen, load::PAGE).await?;
    }
    Ok(Some(history.into_calls()))
}

/// Runs a recorded call on a version, and compares.
pub(crate) async fn replay(
    engine: &Engine,
    recorded: &RecordedCall,
    on: &Pin,
) -> (Replayed, Result<Comparison, Incomparable>) {
    let call = Call {
        pin: on.clone(),
        ..Call::clone(&recorded.call)
    };
    let policy = engine.components.policy(&on.component);
    let requests = recorded
        .end
        .as_ref()
        .map_or(&[][..], |end| end.requests.as_slice());
    let replayed = engine.host.replay(&call, &policy, requests).await;
    let comparison = comparable(recorded)
        .map(|end| compare(end, &replayed.called.report, &replayed.answered_from));
    (replayed, comparison)
}
