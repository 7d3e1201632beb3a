//! Streams of server-sent events.
//!
//! A stream has little room of its own. Who takes nothing for a while though there is something to
//! take is dropped: the last event says from where to come back.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::problem::Refused;
use crate::wire::{Code, LAGGED_EVENT, Lagged};

/// Where a client says which event it saw last.
const LAST_EVENT_ID: &str = "last-event-id";

/// A quiet stream sends a comment this often, so that nobody on the way takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events that wait for a reader, beside those in the connection's own buffers.
const ROOM: usize = 64;

/// How long a reader may take nothing while there is no more room.
const PATIENCE: Duration = Duration::from_secs(10);

/// One event of a stream.
pub(crate) struct Sent {
    /// What a reader that comes back says that it saw last; absent for events that need not be seen
    /// again.
    pub(crate) id: Option<u64>,
    /// What is sent.
    pub(crate) event: Event,
}

impl Sent {
    /// An event that can be come back to.
    pub(crate) fn numbered(id: u64, data: &impl serde::Serialize) -> Result<Self, axum::Error> {
        let event = Event::default().id(id.to_string()).json_data(data)?;
        Ok(Self {
            id: Some(id),
            event,
        })
    }

    /// An event of a type of its own, which need not be seen again.
    pub(crate) fn passing(kind: &str, data: &impl serde::Serialize) -> Result<Self, axum::Error> {
        let event = Event::default().event(kind).json_data(data)?;
        Ok(Self { id: None, event })
    }
}

/// Sends what `source` gives until it ends, the reader is gone or too slow, or the server stops.
/// `after` is the event that the reader saw last.
pub(crate) fn respond(
    source: impl Stream<Item = Result<Sent, axum::Error>> + Send + 'static,
    after: u64,
    stopping: CancellationToken,
) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    Sse::new(buffered(source, after, stopping, PATIENCE))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn buffered(
    source: impl Stream<Item = Result<Sent, axum::Error>> + Send + 'static,
    after: u64,
    stopping: CancellationToken,
    patience: Duration,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    let (events, taken) = mpsc::channel(ROOM);
    let (lagged, lag) = oneshot::channel();
    tokio::spawn(async move {
        let gone = events.clone();
        let pumped = async {
            if let Some(last) = pump(source, after, events, patience).await {
                // A reader that is gone need not know.
                let _ = lagged.send(last);
            }
        };
        tokio::select! {
            () = pumped => {}
            () = gone.closed() => {}
            // Streams end with the server: their clients come back with the last event they saw.
            () = stopping.cancelled() => {}
        }
    });
    taking(taken, lag)
}

/// What a reader gets: all that was handed on, and if it was too slow, last words.
fn taking(
    taken: mpsc::Receiver<Result<Event, axum::Error>>,
    lag: oneshot::Receiver<u64>,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::unfold((taken, Some(lag)), |(mut taken, lag)| async move {
        if let Some(event) = taken.recv().await {
            return Some((event, (taken, lag)));
        }
        let last = lag?.await.ok()?;
        Some((last_words(last), (taken, None)))
    })
}

/// Hands on what `source` gives. Answers with the last event's id when the reader is too slow.
async fn pump(
    source: impl Stream<Item = Result<Sent, axum::Error>>,
    after: u64,
    events: mpsc::Sender<Result<Event, axum::Error>>,
    patience: Duration,
) -> Option<u64> {
    let mut last = after;
    let mut source = std::pin::pin!(source);
    while let Some(sent) = source.next().await {
        let (id, event) = match sent {
            Ok(Sent { id, event }) => (id, Ok(event)),
            Err(error) => {
                tracing::error!(%error, "a stream of events broke off");
                (None, Err(error))
            }
        };
        let broken = event.is_err();
        match events.send_timeout(event, patience).await {
            Ok(()) if broken => return None,
            Ok(()) => last = id.unwrap_or(last),
            Err(SendTimeoutError::Timeout(_)) => return Some(last),
            Err(SendTimeoutError::Closed(_)) => return None,
        }
    }
    None
}

fn last_words(last_event_id: u64) -> Result<Event, axum::Error> {
    let message = format!(
        "Too slow: the stream ends here. Come back with `Last-Event-ID: {last_event_id}` to go on."
    );
    Event::default().event(LAGGED_EVENT).json_data(Lagged {
        last_event_id,
        message,
    })
}

/// Whether the client names the type of streams among those that it accepts.
pub(crate) fn wants_stream(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let essence = range.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("text/event-stream")
        })
}

/// The event that the client saw last, when it says so.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .and_then(number)
        .map(Some)
        .ok_or_else(|| {
            let detail = "Expected the number of an event in `Last-Event-ID`.";
            Refused::new(Code::InvalidHeader, detail)
        })
}

/// The number of an event, spelled as this server does.
pub(crate) fn number(text: &str) -> Option<u64> {
    // Stores count up to here.
    let number = text
        .parse::<u64>()
        .ok()
        .filter(|number| i64::try_from(*number).is_ok())?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::response::IntoResponse;

    use super::*;

    fn accepts(value: &'static str) -> bool {
        wants_stream(&HeaderMap::from_iter([(
            header::ACCEPT,
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn a_stream_is_for_those_who_ask_for_one() {
        assert!(accepts("text/event-stream"));
        assert!(accepts("application/json;q=0.5, Text/Event-Stream;q=0.9"));
        assert!(!accepts("application/json"));
        assert!(!accepts("*/*"));
        assert!(!wants_stream(&HeaderMap::new()));
    }

    #[test]
    fn a_stream_goes_on_after_a_number_and_nothing_else() {
        let read = |value| {
            let name = header::HeaderName::from_static(LAST_EVENT_ID);
            last_event_id(&HeaderMap::from_iter([(
                name,
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(last_event_id(&HeaderMap::new()).expect("none"), None);
        assert_eq!(read("17").expect("a number"), Some(17));
        for wrong in ["", "x", "-1", "+1", "01", "1.5", "9223372036854775808"] {
            let refused = read(wrong).expect_err("a problem");
            assert_eq!(refused.problem().code, Code::InvalidHeader, "{wrong}");
        }
    }

    /// Numbered events from `first` to `last`.
    fn numbers(first: u64, last: u64) -> impl Stream<Item = Result<Sent, axum::Error>> {
        stream::iter(first..=last).map(|number| Sent::numbered(number, &number))
    }

    async fn text(
        events: impl Stream<Item = Result<Event, axum::Error>> + Send + 'static,
    ) -> String {
        let body = Sse::new(events).into_response().into_body();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
        String::from_utf8(bytes.into()).expect("text")
    }

    #[tokio::test]
    async fn a_reader_that_keeps_up_gets_everything() {
        let last = 3 * ROOM as u64;
        let events = buffered(
            numbers(1, last),
            0,
            CancellationToken::new(),
            Duration::from_secs(60),
        );
        let text = text(events).await;
        assert!(text.starts_with("id: 1\ndata: 1\n\n"), "{text}");
        assert!(
            text.ends_with(&format!("id: {last}\ndata: {last}\n\n")),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_where_to_come_back_and_then_dropped() {
        let (events, taken) = mpsc::channel(3);
        let (lagged, lag) = oneshot::channel();
        let source = numbers(8, 20).chain(stream::pending());
        let last = pump(source, 7, events, Duration::from_millis(1)).await;
        assert_eq!(last, Some(10));
        lagged.send(10).expect("a reader");
        let text = text(taking(taken, lag)).await;
        let expected = "id: 10\ndata: 10\n\nevent: lagged\ndata: {\"last_event_id\":10,";
        assert!(text.contains(expected), "{text}");
        assert!(text.starts_with("id: 8\n"), "{text}");
    }

    #[tokio::test]
    async fn a_reader_that_took_nothing_at_all_comes_back_where_it_began() {
        let (events, _taken) = mpsc::channel(1);
        let first = Sent::passing("progress", &0);
        let source = stream::iter([first]).chain(numbers(8, 9));
        assert_eq!(
            pump(source, 7, events, Duration::from_millis(1)).await,
            Some(7)
        );
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_server_and_a_source_with_its_reader() {
        let stopping = CancellationToken::new();
        let endless = || stream::pending().chain(numbers(1, 1));
        let mut events = Box::pin(buffered(endless(), 0, stopping.clone(), PATIENCE));
        assert!(futures::poll!(events.next()).is_pending());
        stopping.cancel();
        assert!(events.next().await.is_none());

        let (held, mut dropped) = oneshot::channel::<()>();
        let source = endless().map(move |sent| {
            let _ = &held;
            sent
        });
        let events = buffered(source, 0, CancellationToken::new(), PATIENCE);
        assert!(dropped.try_recv().is_err());
        drop(events);
        // The pump ends, and drops its source.
        dropped.await.expect_err("nothing is sent");
    }

    #[tokio::test]
    async fn a_source_that_breaks_breaks_the_stream() {
        let broken = stream::iter([Err(axum::Error::new(std::io::Error::other("gone")))]);
        let source = numbers(1, 1).chain(broken).chain(numbers(2, 2));
        let events = buffered(source, 0, CancellationToken::new(), PATIENCE);
        let events: Vec<_> = events.collect().await;
        assert_eq!(events.len(), 2);
        assert!(events[0].is_ok() && events[1].is_err());
    }
}
