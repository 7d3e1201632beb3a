//! Follows a saga's journal while it is written, over every interruption, until the saga is settled.

use std::io;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt;
use reqwest::Method;
use reqwest::header::ACCEPT;
use wasaga_core::{Record, SagaId};

use super::client::{Answer, Client};
use super::error::{Refused, Unreachable};
use super::output::Output;
use super::sse;
use wasaga::wire::Saga;

/// How long to go on trying when the server does not answer any more.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Calls `show` with each record of a saga's journal, from the first to the one that settles it.
/// Answers with the saga as it is then.
pub(super) async fn follow(
    client: &Client,
    saga: SagaId,
    output: &mut Output,
    mut show: impl FnMut(&Record, &str, &mut Output) -> io::Result<()>,
) -> anyhow::Result<(Saga, Answer)> {
    let id = saga.to_string();
    let mut last_seq = 0;
    let mut failing: Option<Failing> = None;
    loop {
        let before = last_seq;
        let ended = read_stream(client, &id, &mut last_seq, output, &mut show).await;
        if last_seq > before {
            failing = None;
        }
        let ended = match ended {
            // The stream ends when the saga is settled, or when the server is going down.
            Ok(()) => settled(client, &id).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(Some(settled)) => return Ok(settled),
            Ok(None) => {}
            Err(error) if !may_pass(&error) => return Err(error),
            Err(error) => {
                let failing = failing.get_or_insert_with(|| {
                    let error = error.to_string();
                    let what = error.lines().next().unwrap_or_default();
                    output.note(format!("{what}; trying again"));
                    Failing::new()
                });
                if failing.since.elapsed() > GIVE_UP_AFTER {
                    return Err(error);
                }
                failing.delay = (failing.delay * 2).min(MAX_DELAY);
            }
        }
        let delay = failing
            .as_ref()
            .map_or(FIRST_DELAY, |failing| failing.delay);
        tokio::time::sleep(delay).await;
    }
}

/// A time in which the server did not answer.
struct Failing {
    since: Instant,
    delay: Duration,
}

impl Failing {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            delay: FIRST_DELAY / 2,
        }
    }
}

/// Whether the same request may succeed a little later: nobody answers, or the server is going down.
fn may_pass(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unreachable>().is_some()
        || error
            .downcast_ref::<Refused>()
            .is_some_and(|refused| refused.status() == 503)
}

async fn settled(client: &Client, id: &str) -> anyhow::Result<Option<(Saga, Answer)>> {
    let answer = client.get(&["v1", "sagas", id]).await?;
    let saga: Saga = answer.json()?;
    Ok(saga.status.is_settled().then_some((saga, answer)))
}

/// Reads one event stream to its end, from behind `last_seq`, which goes up with each record.
async fn read_stream(
    client: &Client,
    id: &str,
    last_seq: &mut u64,
    output: &mut Output,
    show: &mut impl FnMut(&Record, &str, &mut Output) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut request = client
        .request(Method::GET, &["v1", "sagas", id, "events"])
        .header(ACCEPT, "text/event-stream");
    if *last_seq > 0 {
        request = request.header("last-event-id", last_seq.to_string());
    }
    let mut bytes = client.open(request).await?.bytes_stream();
    let mut reader = sse::Reader::default();
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| client.unreachable(&error))?;
        for event in reader.feed(&piece)? {
            let record: Record = serde_json::from_str(&event.data).with_context(|| {
                format!(
                    "the server sent an event that this version of wasaga does not know: {}",
                    event.data
                )
            })?;
            // A server that does not know where this client was starts from the beginning.
            if record.seq > *last_seq {
                *last_seq = record.seq;
                show(&record, &event.data, output)?;
            }
        }
    }
    Ok(())
}
