//! `GET /v1/sagas/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use wasaga_core::SagaId;

use super::unknown;
use crate::api::Api;
use crate::api::extract::{At, Query};
use crate::api::problem::Refused;
use crate::view;
use crate::wire::Saga;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ShowQuery {
    steps: bool,
}

impl Default for ShowQuery {
    fn default() -> Self {
        Self { steps: true }
    }
}

/// Show a saga.
///
/// A saga with long loops has many `steps`: at most 2,000 are shown, and with `steps=false` none.
/// `steps_left_out` says how many more there are.
#[utoipa::path(
    get, path = "/v1/sagas/{id}", tag = "sagas",
    params(
        ("id" = crate::wire::schema::SagaId, Path, description = "Id of the saga"),
        ("steps" = Option<bool>, Query, description = "Whether to show its steps; true unless it is given"),
    ),
    responses(
        (status = 200, description = "The saga", body = Saga),
        (status = 400, description = "`invalid-id`, `invalid-query`"),
        (status = 404, description = "`unknown-saga`"),
    )
)]
pub(crate) async fn show_saga(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
    Query(query): Query<ShowQuery>,
) -> Result<Json<Saga>, Refused> {
    let state = api
        .coordinator
        .sagas()
        .get(id)
        .await?
        .ok_or_else(|| unknown(id))?;
    let max_steps = if query.steps { view::MAX_STEPS } else { 0 };
    Ok(Json(view::saga(&state, max_steps)))
}
