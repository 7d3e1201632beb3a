//! `GET /v1/sagas/{id}/calls…`, `POST /v1/sagas/{id}/calls/{seq}/rerun`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use wasaga_coordinator::{RerunError, RerunOn};
use wasaga_core::{RecordedCall, SagaId};
use wasaga_journal::JournalError;

use super::unknown;
use crate::api::Api;
use crate::api::extract::{At, MaybeJson, Query};
use crate::api::page::PageQuery;
use crate::api::problem::{Refused, sentence};
use crate::api::stream::number;
use crate::view;
use crate::wire::{Call, CallSummary, Code, Page, Rerun, RerunCall, schema};

/// List the calls that a saga has made, in the order in which they were started.
#[utoipa::path(
    get, path = "/v1/sagas/{id}/calls", tag = "sagas",
    params(
        ("id" = schema::SagaId, Path, description = "Id of the saga"),
        ("limit" = Option<u32>, Query, description = "Most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of calls", body = Page<CallSummary>),
        (status = 400, description = "`invalid-id`, `invalid-query`, `invalid-cursor`"),
        (status = 404, description = "`unknown-saga`"),
    )
)]
pub(crate) async fn list_saga_calls(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<CallSummary>>, Refused> {
    let after = match query.cursor.as_deref() {
        None => 0,
        Some(cursor) => number(cursor).ok_or(JournalError::Cursor)?,
    };
    let calls = calls(&api, id).await?;
    let mut rest = calls.iter().filter(|call| call.seq > after);
    let limit = query.limit.0 as usize;
    let items: Vec<_> = rest.by_ref().take(limit).map(view::call_summary).collect();
    let more = rest.next().is_some();
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|last| last.seq.to_string());
    Ok(Json(Page { items, next_cursor }))
}

/// Show a call with all that went in and came out.
///
/// The requests that it sent are shown as far as the component's policy had them recorded.
#[utoipa::path(
    get, path = "/v1/sagas/{id}/calls/{seq}", tag = "sagas",
    params(
        ("id" = schema::SagaId, Path, description = "Id of the saga"),
        ("seq" = u64, Path, description = "Which call: the number of the event that started it"),
    ),
    responses(
        (status = 200, description = "The call", body = Call),
        (status = 400, description = "`invalid-id`, `invalid-call`"),
        (status = 404, description = "`unknown-saga`, `unknown-call`"),
    )
)]
pub(crate) async fn show_saga_call(
    State(api): State<Arc<Api>>,
    At((id, seq)): At<(SagaId, u64)>,
) -> Result<Json<Call>, Refused> {
    let calls = calls(&api, id).await?;
    let call = calls.into_iter().find(|call| call.seq == seq);
    let call = call.ok_or_else(|| RerunError::NoCall { saga: id, seq })?;
    Ok(Json(view::call(call)))
}

/// Run a call again, on the version that it ran on or on another one.
///
/// It runs in the sandbox, with each request answered from the record: nothing is sent, and the saga
/// stays as it is.
#[utoipa::path(
    post, path = "/v1/sagas/{id}/calls/{seq}/rerun", tag = "sagas",
    params(
        ("id" = schema::SagaId, Path, description = "Id of the saga"),
        ("seq" = u64, Path, description = "Which call: the number of the event that started it"),
    ),
    request_body = Option<RerunCall>,
    responses(
        (status = 200, description = "What came of it, and what is different from the record", body = Rerun),
        (status = 400, description = "`invalid-id`, `invalid-call`, `malformed-json`"),
        (status = 404, description = "`unknown-saga`, `unknown-call`, `unknown-component`: there is no such version, or not any more"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`"),
    )
)]
pub(crate) async fn rerun_saga_call(
    State(api): State<Arc<Api>>,
    At((id, seq)): At<(SagaId, u64)>,
    MaybeJson(body): MaybeJson<RerunCall>,
) -> Result<Json<Rerun>, Refused> {
    let on = body.version.map_or(RerunOn::Same, RerunOn::Version);
    let rerun = api.coordinator.sagas().rerun(id, seq, on).await?;
    Ok(Json(view::rerun(rerun)))
}

async fn calls(api: &Api, id: SagaId) -> Result<Vec<RecordedCall>, Refused> {
    let calls = api.coordinator.sagas().calls(id).await?;
    calls.ok_or_else(|| unknown(id))
}

impl From<RerunError> for Refused {
    fn from(error: RerunError) -> Self {
        let detail = sentence(&error);
        match error {
            RerunError::NoSaga(id) => unknown(id),
            RerunError::NoCall { .. } => Self::new(Code::UnknownCall, detail),
            RerunError::NoVersion { .. } => Self::new(Code::UnknownComponent, detail),
            RerunError::Read(error) => error.into(),
        }
    }
}
