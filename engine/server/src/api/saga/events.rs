//! `GET /v1/sagas/{id}/events`: the journal, as a list or as it grows.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use wasaga_core::{Record, SagaId};
use wasaga_journal::JournalError;

use super::follow::follow;
use super::unknown;
use crate::api::Api;
use crate::api::extract::{At, Query};
use crate::api::page::{Limit, PageQuery};
use crate::api::problem::Refused;
use crate::api::stream::{last_event_id, number, wants_stream};
use crate::wire::{Page, schema};

/// Read a saga's journal, or follow it.
///
/// With `Accept: text/event-stream` it is a stream of events that begins with the first one, or the
/// one after `Last-Event-ID`, and ends when the saga is settled. Each event's `id` is its sequence
/// number and its `data` what the list shows. Who comes back with the last event of a settled saga
/// is told 204: there is nothing to come back for.
///
/// Between them stand events of two other types, without an `id`: `progress` says how far the saga
/// is now (`{"done": 2, "total": 4}`), first and whenever that changes; `lagged` is the last event
/// of a stream whose reader took nothing for 10 seconds, and says with which `last_event_id` to come
/// back.
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
        stream(&api, id, last_event_id(&headers)?.unwrap_or(start)).await
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

async fn stream(api: &Api, id: SagaId, after: u64) -> Result<Response, Refused> {
    let state = api.coordinator.sagas().get(id).await?;
    let state = state.ok_or_else(|| unknown(id))?;
    if state.status().is_settled() && after > 0 && after >= state.seq {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = follow(api, id, state.definition, after).await?;
    Ok(events.into_response())
}
