//! Reads streams of events over every interruption that may pass.

use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::Method;
use reqwest::header::ACCEPT;

use super::client::Client;
use super::error::{Refused, Unreachable};
use super::output::Output;
use super::sse;

/// How long to go on trying when the server does not answer any more.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
const FIRST_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Reads one stream of events to its end, from behind the event of id `last`. Calls `take` with
/// each.
pub(super) async fn read(
    client: &Client,
    path: &[&str],
    last: Option<u64>,
    mut take: impl FnMut(&sse::Event) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut request = client
        .request(Method::GET, path)
        .header(ACCEPT, "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let mut bytes = client.open(request).await?.bytes_stream();
    let mut reader = sse::Reader::default();
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| client.unreachable(&error))?;
        for event in reader.feed(&piece)? {
            take(&event)?;
        }
    }
    Ok(())
}

/// How a command bears a server that does not answer.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failing: Option<Failing>,
}

/// A time in which the server did not answer.
#[derive(Debug)]
struct Failing {
    since: Instant,
    delay: Duration,
}

impl Patience {
    /// The server answered.
    pub(super) fn restore(&mut self) {
        self.failing = None;
    }

    /// Takes an error, or gives it back: when waiting does not help, or did not.
    pub(super) fn bear(&mut self, error: anyhow::Error, output: &Output) -> anyhow::Result<()> {
        if !may_pass(&error) {
            return Err(error);
        }
        let failing = self.failing.get_or_insert_with(|| {
            let error = error.to_string();
            let what = error.lines().next().unwrap_or_default();
            output.note(format!("{what}; trying again"));
            Failing {
                since: Instant::now(),
                delay: FIRST_DELAY / 2,
            }
        });
        if failing.since.elapsed() > GIVE_UP_AFTER {
            return Err(error);
        }
        failing.delay = (failing.delay * 2).min(MAX_DELAY);
        Ok(())
    }

    /// Waits before the next request.
    pub(super) async fn wait(&self) {
        let failing = self.failing.as_ref();
        tokio::time::sleep(failing.map_or(FIRST_DELAY, |failing| failing.delay)).await;
    }
}

/// Whether the same request may succeed a little later: nobody answers, or the server is going down.
fn may_pass(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unreachable>().is_some()
        || error
            .downcast_ref::<Refused>()
            .is_some_and(|refused| refused.status() == 503)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::super::output::tests::plain;
    use super::*;

    fn refused(status: StatusCode) -> anyhow::Error {
        Refused::read(status, b"").into()
    }

    #[test]
    fn what_does_not_pass_is_not_borne() {
        let (output, _) = plain();
        let mut patience = Patience::default();
        let error = patience.bear(refused(StatusCode::NOT_FOUND), &output);
        assert!(error.is_err() && patience.failing.is_none());
    }

    #[test]
    fn delays_grow_until_the_server_answers() {
        let (output, _) = plain();
        let mut patience = Patience::default();
        let mut delays = Vec::new();
        for _ in 0..7 {
            let borne = patience.bear(refused(StatusCode::SERVICE_UNAVAILABLE), &output);
            borne.expect("it may pass");
            delays.extend(patience.failing.as_ref().map(|failing| failing.delay));
        }
        assert_eq!(delays.first(), Some(&FIRST_DELAY));
        assert!(delays.is_sorted(), "{delays:?}");
        assert_eq!(delays.last(), Some(&MAX_DELAY));
        patience.restore();
        assert!(patience.failing.is_none());
    }
}
