//! `GET /v1/sagas/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use wasaga_core::SagaId;

use super::unknown;
use crate::api::Api;
use crate::api::extract::At;
use crate::api::problem::Refused;
use crate::wire::Saga;

/// Show a saga.
#[utoipa::path(
    get, path = "/v1/sagas/{id}", tag = "sagas",
    params(("id" = crate::wire::schema::SagaId, Path, description = "Id of the saga")),
    responses(
        (status = 200, description = "The saga", body = Saga),
        (status = 400, description = "`invalid-id`"),
        (status = 404, description = "`unknown-saga`"),
    )
)]
pub(crate) async fn show_saga(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
) -> Result<Json<Saga>, Refused> {
    let state = api
        .coordinator
        .sagas()
        .get(id)
        .await?
        .ok_or_else(|| unknown(id))?;
    Ok(Json(Saga::from(&state)))
}
