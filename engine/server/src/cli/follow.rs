//! Follows a saga's journal while it is written, over every interruption, until the saga is settled.

use anyhow::Context;
use serde::de::DeserializeOwned;
use wasaga_core::{Record, SagaId};

use super::client::{Answer, Client};
use super::output::Output;
use super::sse;
use super::stream::{self, Patience};
use wasaga::wire::{LAGGED_EVENT, PROGRESS_EVENT, Progress, Saga};

/// What comes of a saga that is followed.
#[derive(Debug)]
pub(super) enum Followed<'a> {
    /// The next record of its journal, and as the server sent it.
    Record(&'a Record, &'a str),
    /// How far it is.
    Progress(Progress),
}

/// Calls `show` with each record of a saga's journal, from the first to the one that settles it.
/// Answers with the saga as it is then.
pub(super) async fn follow(
    client: &Client,
    saga: SagaId,
    output: &mut Output,
    mut show: impl FnMut(Followed<'_>, &mut Output) -> std::io::Result<()>,
) -> anyhow::Result<(Saga, Answer)> {
    let id = saga.to_string();
    let path = ["v1", "sagas", &id, "events"];
    let mut last_seq = 0;
    let mut patience = Patience::default();
    loop {
        let before = last_seq;
        let last = (last_seq > 0).then_some(last_seq);
        let ended = stream::read(client, &path, last, |event| {
            take(event, &mut last_seq, &mut |followed| show(followed, output))
        });
        let ended = ended.await;
        if last_seq > before {
            patience.restore();
        }
        let ended = match ended {
            // The stream ends when the saga is settled, when the server is going down, or when this
            // client was too slow.
            Ok(()) => settled(client, &id).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(Some(settled)) => return Ok(settled),
            Ok(None) => {}
            Err(error) => patience.bear(error, output)?,
        }
        patience.wait().await;
    }
}

async fn settled(client: &Client, id: &str) -> anyhow::Result<Option<(Saga, Answer)>> {
    let answer = client.get(&["v1", "sagas", id]).await?;
    let saga: Saga = answer.json()?;
    Ok(saga.status.is_settled().then_some((saga, answer)))
}

/// Takes one event of a stream; `last_seq` goes up with each record.
fn take(
    event: &sse::Event,
    last_seq: &mut u64,
    show: &mut impl FnMut(Followed<'_>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    match event.kind.as_deref() {
        Some(PROGRESS_EVENT) => show(Followed::Progress(read(event)?))?,
        // What follows comes when the stream is asked for again.
        Some(LAGGED_EVENT) => {}
        _ => {
            let record: Record = read(event)?;
            // A server that does not know where this client was starts from the beginning.
            if record.seq > *last_seq {
                *last_seq = record.seq;
                show(Followed::Record(&record, &event.data))?;
            }
        }
    }
    Ok(())
}

/// Reads what an event carries.
pub(super) fn read<T: DeserializeOwned>(event: &sse::Event) -> anyhow::Result<T> {
    serde_json::from_str(&event.data).with_context(|| {
        format!(
            "the server sent an event that this version of wasaga does not know: {}",
            event.data
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Option<&str>, data: &str) -> sse::Event {
        sse::Event {
            id: None,
            kind: kind.map(str::to_owned),
            data: data.to_owned(),
        }
    }

    fn record(seq: u64) -> String {
        format!(r#"{{"seq": {seq}, "at": "2026-01-31T08:00:00Z", "type": "saga_completed"}}"#)
    }

    #[test]
    fn each_record_is_shown_once_and_progress_beside_it() {
        let mut last_seq = 0;
        let mut shown = Vec::new();
        let events = [
            event(None, &record(1)),
            event(Some(PROGRESS_EVENT), r#"{"done": 1, "total": 2}"#),
            event(Some("saga_completed"), &record(2)),
            event(None, &record(1)),
            event(
                Some(LAGGED_EVENT),
                r#"{"last_event_id": 2, "message": "too slow"}"#,
            ),
        ];
        for event in &events {
            take(event, &mut last_seq, &mut |followed| {
                shown.push(match followed {
                    Followed::Record(record, _) => format!("record {}", record.seq),
                    Followed::Progress(progress) => format!("{} done", progress.done),
                });
                Ok(())
            })
            .expect("shown");
        }
        assert_eq!(shown, ["record 1", "1 done", "record 2"]);
        assert_eq!(last_seq, 2);
    }

    #[test]
    fn an_event_that_is_not_known_is_shown_in_the_error() {
        let unknown = event(
            None,
            r#"{"seq": 1, "at": "2026-01-31T08:00:00Z", "type": "saga_sang"}"#,
        );
        let error = take(&unknown, &mut 0, &mut |_| Ok(())).expect_err("no such event");
        assert!(error.to_string().contains("saga_sang"), "{error}");
    }
}
