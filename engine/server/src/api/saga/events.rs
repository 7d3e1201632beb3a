//! `GET /v1/sagas/{id}/events`: the journal, as a list or as it grows.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use wasaga_coordinator::Watch;
use wasaga_core::{Record, SagaId};
use wasaga_journal::JournalError;

use super::unknown;
use crate::api::Api;
use crate::api::extract::{At, Query};
use crate::api::page::{Limit, PageQuery};
use crate::api::problem::Refused;
use crate::wire::{Code, Page, schema};

/// Where a client says which event it saw last.
const LAST_EVENT_ID: &str = "last-event-id";

/// A quiet stream sends a comment this often, so that nobody on the way takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Read a saga's journal, or follow it.
///
/// With `Accept: text/event-stream` it is a stream of events that begins with the first one, or the
/// one after `Last-Event-ID`, and ends when the saga is settled. Each event's `id` is its sequence
/// number and its `data` what the list shows. Who comes back with the last event of a settled saga
/// is told 204: there is nothing to come back for.
#[utoipa::path(
    get, path = "/v1/sagas/{id}/events", tag = "sagas",
    params(
        ("id" = schema::SagaId, Path, description = "Id of the saga"),
        ("Last-Event-ID" = Option<u64>, Header, description = "For a stream: go on after this event"),
        ("limit" = Option<u32>, Query, description = "For a list: most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "For a list: `next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "Events in order", content(
            (Page<schema::Event> = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 204, description = "For a stream: the saga is settled and `Last-Event-ID` was its last event"),
        (status = 400, description = "`invalid-id`, `invalid-query`, `invalid-cursor`, `invalid-header`"),
        (status = 404, description = "`unknown-saga`"),
    )
)]
pub(crate) async fn read_saga_events(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let PageQuery { limit, cursor } = query;
    let start = cursor
        .as_deref()
        .map_or(Ok(0), |cursor| number(cursor).ok_or(JournalError::Cursor))?;
    if wants_stream(&headers) {
        follow(&api, id, last_event_id(&headers)?.unwrap_or(start)).await
    } else {
        list(&api, id, start, limit)
            .await
            .map(IntoResponse::into_response)
    }
}

async fn list(
    api: &Api,
    id: SagaId,
    after: u64,
    limit: Limit,
) -> Result<Json<Page<Record>>, Refused> {
    let records = api.coordinator.sagas().records(id, after, limit.0).await?;
    let items = records.ok_or_else(|| unknown(id))?;
    // A full page may be the last one; asking once more then gives an empty one.
    let full = u64::from(limit.0) == items.len() as u64;
    let next_cursor = items
        .last()
        .filter(|_| full)
        .map(|record| record.seq.to_string());
    Ok(Json(Page { items, next_cursor }))
}

async fn follow(api: &Api, id: SagaId, after: u64) -> Result<Response, Refused> {
    let sagas = api.coordinator.sagas();
    if after > 0 {
        let state = sagas.get(id).await?.ok_or_else(|| unknown(id))?;
        if state.status().is_settled() && after >= state.seq {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
    }
    let watch = sagas.watch(id, after).await?.ok_or_else(|| unknown(id))?;
    // Streams end with the server: their clients come back with the last event that they saw.
    let events = events(watch).take_until(api.stopping.clone().cancelled_owned());
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

fn events(watch: Watch) -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::try_unfold(watch, |mut watch| async move {
        match watch.next().await {
            None => Ok(None),
            Some(Ok(records)) => Ok(Some((
                stream::iter(records).map(|record| event(&record)),
                watch,
            ))),
            Some(Err(error)) => {
                tracing::error!(%error, "a stream of events broke off");
                Err(axum::Error::new(error))
            }
        }
    })
    .try_flatten()
}

fn event(record: &Record) -> Result<Event, axum::Error> {
    Event::default()
        .id(record.seq.to_string())
        .json_data(record)
}

/// Whether the client names the type of streams among those that it accepts.
fn wants_stream(headers: &HeaderMap) -> bool {
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

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .and_then(number)
        .map(Some)
        .ok_or_else(|| {
            let detail = "Expected the sequence number of an event in `Last-Event-ID`.";
            Refused::new(Code::InvalidHeader, detail)
        })
}

/// A sequence number, spelled as this server does.
fn number(text: &str) -> Option<u64> {
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
    fn a_stream_goes_on_after_a_sequence_number_and_nothing_else() {
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
}
