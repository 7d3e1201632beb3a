//! A saga's journal as a stream: its records, and how far it is.

use std::sync::Arc;

use axum::response::sse::{Event as SseEvent, Sse};
use futures::{Stream, TryStreamExt, stream};
use wasaga_coordinator::Watch;
use wasaga_core::state::{FoldError, SagaProgress};
use wasaga_core::{Definition, Event, Record, SagaId, State};

use super::unknown;
use crate::api::Api;
use crate::api::problem::Refused;
use crate::api::stream::{Sent, respond};
use crate::wire::{PROGRESS_EVENT, Progress};

/// Follows a saga from behind the event that the reader saw last.
pub(super) async fn follow(
    api: &Api,
    id: SagaId,
    definition: Arc<Definition>,
    after: u64,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, axum::Error>> + use<>>, Refused> {
    // How far a saga is depends on all its events: they are read from the first.
    let watch = api.coordinator.sagas().watch(id, 0).await?;
    let watch = watch.ok_or_else(|| unknown(id))?;
    let teller = Teller::new(id, definition, after);
    Ok(respond(events(watch, teller), after, api.stopping.clone()))
}

fn events(watch: Watch, teller: Teller) -> impl Stream<Item = Result<Sent, axum::Error>> {
    stream::try_unfold((watch, teller), |(mut watch, mut teller)| async move {
        match watch.next().await {
            None => Ok(None),
            Some(Ok(records)) => {
                let sent = teller.tell(&records)?;
                Ok(Some((
                    stream::iter(sent.into_iter().map(Ok)),
                    (watch, teller),
                )))
            }
            Some(Err(error)) => Err(axum::Error::new(error)),
        }
    })
    .try_flatten()
}

/// Turns records into what readers get.
struct Teller {
    id: SagaId,
    definition: Arc<Definition>,
    /// What the reader saw last.
    after: u64,
    state: Option<State>,
    /// What the reader knows of how far the saga is.
    told: Option<SagaProgress>,
}

impl Teller {
    const fn new(id: SagaId, definition: Arc<Definition>, after: u64) -> Self {
        Self {
            id,
            definition,
            after,
            state: None,
            told: None,
        }
    }

    /// What to send of the records that come next: those that the reader has not seen, and how far
    /// the saga is, if that changed, right behind the last of them that moved it. So what follows,
    /// such as the start of the next step, is read with that known.
    fn tell(&mut self, records: &[Record]) -> Result<Vec<Sent>, axum::Error> {
        let mut sent = Vec::with_capacity(records.len() + 1);
        let mut behind = None;
        for record in records {
            self.fold(record).map_err(axum::Error::new)?;
            if record.seq > self.after {
                sent.push(Sent::numbered(record.seq, record)?);
                let untold = self.told.is_none() && behind.is_none();
                if untold || is_progress(&record.event) {
                    behind = Some(sent.len());
                }
            }
        }
        if let (Some(place), Some(state)) = (behind, &self.state) {
            let progress = state.progress();
            if self.told != Some(progress) {
                self.told = Some(progress);
                let SagaProgress { done, total } = progress;
                let event = Sent::passing(PROGRESS_EVENT, &Progress { done, total })?;
                sent.insert(place, event);
            }
        }
        Ok(sent)
    }

    fn fold(&mut self, record: &Record) -> Result<(), FoldError> {
        match &mut self.state {
            Some(state) => state.apply(record),
            None => {
                let state = State::begin(self.id, Arc::clone(&self.definition), record)?;
                self.state = Some(state);
                Ok(())
            }
        }
    }
}

/// Whether a saga may be further after an event.
const fn is_progress(event: &Event) -> bool {
    matches!(
        event,
        Event::SagaStarted { .. }
            | Event::ActCompleted { .. }
            | Event::ChoiceMade { .. }
            | Event::LoopStarted { .. }
            | Event::LoopCompleted { .. }
            | Event::SleepCompleted { .. }
            | Event::StepFailed { .. }
            | Event::RetryOrdered { .. }
    )
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde_json::{Value, json};
    use wasaga_core::Name;

    use super::*;

    fn teller(after: u64) -> Teller {
        let steps = json!([{ "step": "a", "component": "c" }, { "step": "b", "component": "c" }]);
        let name = Name::new("order").expect("a name");
        let definition = Definition::parse(&name, &json!({ "steps": steps }));
        let definition = Arc::new(definition.expect("a definition"));
        Teller::new(SagaId::from_parts(1, &[7; 10]), definition, after)
    }

    fn records() -> Vec<Record> {
        let metering = json!({ "fuel": 1, "memory_bytes": 1, "duration_ms": 1.0, "requests": 0 });
        let digest = wasaga_core::Digest::of(b"wasm");
        let started = |step: &str| {
            json!({ "type": "act_started", "step": step, "attempt": 1, "component": "c",
                    "version": 1, "digest": digest })
        };
        let completed = |step: &str| {
            json!({ "type": "act_completed", "step": step, "attempt": 1, "result": null,
                    "metering": metering })
        };
        let events = [
            json!({ "type": "saga_started", "definition": "order", "version": 1, "input": {} }),
            started("a"),
            completed("a"),
            started("b"),
            completed("b"),
        ];
        let read = |(event, seq): (Value, u64)| {
            let mut record = event;
            record["seq"] = seq.into();
            record["at"] = "2026-11-21T08:00:00.000Z".into();
            serde_json::from_value(record).expect("a record")
        };
        events.into_iter().zip(1..).map(read).collect()
    }

    /// The ids of what is sent, or its data where it has none.
    async fn told(sent: Vec<Sent>) -> Vec<String> {
        let mut told = Vec::new();
        for Sent { id, event } in sent {
            told.push(match id {
                Some(id) => id.to_string(),
                None => {
                    let one = stream::iter([Ok::<_, axum::Error>(event)]);
                    let body = Sse::new(one).into_response().into_body();
                    let bytes = axum::body::to_bytes(body, 4096).await.expect("a body");
                    String::from_utf8(bytes.into()).expect("text")
                }
            });
        }
        told
    }

    fn progress(done: u32) -> String {
        format!("event: progress\ndata: {{\"done\":{done},\"total\":2}}\n\n")
    }

    #[tokio::test]
    async fn how_far_a_saga_is_comes_first_and_whenever_it_changes() {
        let mut teller = teller(0);
        let records = records();
        let mut tell = |records| teller.tell(records).expect("events");
        assert_eq!(
            told(tell(&records[..1])).await,
            ["1".to_owned(), progress(0)]
        );
        assert_eq!(told(tell(&records[1..2])).await, ["2"]);
        assert_eq!(
            told(tell(&records[2..4])).await,
            ["3".to_owned(), progress(1), "4".to_owned()]
        );
        assert_eq!(
            told(tell(&records[4..])).await,
            ["5".to_owned(), progress(2)]
        );
    }

    #[tokio::test]
    async fn who_comes_back_gets_what_is_new_and_how_far_the_saga_is_with_it() {
        let mut teller = teller(3);
        let records = records();
        let mut tell = |records| teller.tell(records).expect("events");
        assert_eq!(told(tell(&records[..3])).await, Vec::<String>::new());
        assert_eq!(
            told(tell(&records[3..4])).await,
            ["4".to_owned(), progress(1)]
        );
        assert_eq!(
            told(tell(&records[4..])).await,
            ["5".to_owned(), progress(2)]
        );
    }
}
