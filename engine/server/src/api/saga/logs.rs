//! `GET /v1/sagas/{id}/logs`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use wasaga_core::{LogLine, SagaId};

use super::unknown;
use crate::api::Api;
use crate::api::extract::{At, Query};
use crate::api::page::{PageQuery, page};
use crate::api::problem::Refused;
use crate::wire::{Page, schema};

/// Read what a saga's steps logged, in the order in which they did.
#[utoipa::path(
    get, path = "/v1/sagas/{id}/logs", tag = "sagas",
    params(
        ("id" = schema::SagaId, Path, description = "Id of the saga"),
        ("limit" = Option<u32>, Query, description = "Most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of log lines", body = Page<schema::LogLine>),
        (status = 400, description = "`invalid-id`, `invalid-query`, `invalid-cursor`"),
        (status = 404, description = "`unknown-saga`"),
    )
)]
pub(crate) async fn read_saga_logs(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<LogLine>>, Refused> {
    let lines = api
        .coordinator
        .sagas()
        .logs(id, query.request())
        .await?
        .ok_or_else(|| unknown(id))?;
    Ok(Json(page(lines, |line| line)))
}
