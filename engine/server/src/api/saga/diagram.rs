//! `GET /v1/sagas/{id}/diagram`

use std::sync::Arc;

use axum::extract::State;
use wasaga_core::SagaId;

use super::unknown;
use crate::api::Api;
use crate::api::extract::At;
use crate::api::problem::Refused;
use crate::diagram;

/// Draw a saga and how its steps stand, as a Mermaid flowchart.
///
/// The steps of a loop are drawn once, with the status that matters most of those in its rounds.
#[utoipa::path(
    get, path = "/v1/sagas/{id}/diagram", tag = "sagas",
    params(("id" = crate::wire::schema::SagaId, Path, description = "Id of the saga")),
    responses(
        (status = 200, description = "Mermaid's text", body = String, content_type = "text/plain"),
        (status = 400, description = "`invalid-id`"),
        (status = 404, description = "`unknown-saga`"),
    )
)]
pub(crate) async fn draw_saga(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
) -> Result<String, Refused> {
    let state = api.coordinator.sagas().get(id).await?;
    let state = state.ok_or_else(|| unknown(id))?;
    Ok(diagram::saga(&state))
}
