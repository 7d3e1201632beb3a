//! `GET /v1/events`: what happens to all sagas.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures::{Stream, TryStreamExt, stream};
use serde::Deserialize;
use wasaga_coordinator::Feed;
use wasaga_core::SagaId;
use wasaga_journal::FeedEntry;

use super::Api;
use super::extract::Query;
use super::problem::Refused;
use super::stream::{Sent, last_event_id, respond};
use crate::wire::SagaEvent;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FeedQuery {
    saga: Option<SagaId>,
}

/// Follow what happens to all sagas.
///
/// A stream of events in the order in which they were written, from now on, or from the one after
/// `Last-Event-ID`; `Last-Event-ID: 0` begins with the first that there is. Each event's `id` is its
/// position among those of all sagas, and its `data` the event of the saga's journal with the saga's
/// id beside. It ends with the server. The last event of a stream whose reader took nothing for 10
/// seconds is of the type `lagged`, and says with which `last_event_id` to come back.
#[utoipa::path(
    get, path = "/v1/events", tag = "sagas",
    params(
        ("saga" = Option<crate::wire::schema::SagaId>, Query, description = "Only events of this saga, also after it is settled"),
        ("Last-Event-ID" = Option<u64>, Header, description = "Go on after this event"),
    ),
    responses(
        (status = 200, description = "Events in order; `data` is a `SagaEvent`", content(
            (SagaEvent = "text/event-stream"),
        )),
        (status = 400, description = "`invalid-query`, `invalid-header`"),
    )
)]
pub(crate) async fn follow_events(
    State(api): State<Arc<Api>>,
    Query(query): Query<FeedQuery>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let after = last_event_id(&headers)?;
    let feed = api.coordinator.sagas().feed(after).await?;
    let after = feed.position();
    let events = events(feed, query.saga);
    Ok(respond(events, after, api.stopping.clone()).into_response())
}

fn events(feed: Feed, only: Option<SagaId>) -> impl Stream<Item = Result<Sent, axum::Error>> {
    stream::try_unfold(feed, move |mut feed| async move {
        match feed.next().await {
            None => Ok(None),
            Some(Ok(entries)) => {
                let entries = entries
                    .into_iter()
                    .filter(move |entry| only.is_none_or(|saga| saga == entry.saga))
                    .map(sent);
                Ok(Some((stream::iter(entries), feed)))
            }
            Some(Err(error)) => Err(axum::Error::new(error)),
        }
    })
    .try_flatten()
}

fn sent(entry: FeedEntry) -> Result<Sent, axum::Error> {
    let FeedEntry {
        position,
        saga,
        record,
    } = entry;
    Sent::numbered(position, &SagaEvent { saga, record })
}
