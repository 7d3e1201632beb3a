//! `GET /v1/definitions/{name}/diagram`, `GET /v1/definitions/{name}/versions/{version}/diagram`

use std::sync::Arc;

use axum::extract::State;
use wasaga_core::{Definition, Name};

use super::unknown;
use crate::api::Api;
use crate::api::extract::At;
use crate::api::problem::Refused;
use crate::diagram;

/// Draw the latest version of a definition as a Mermaid flowchart.
#[utoipa::path(
    get, path = "/v1/definitions/{name}/diagram", tag = "definitions",
    params(("name" = crate::wire::schema::Name, Path, description = "Name of the definition")),
    responses(
        (status = 200, description = "Mermaid's text", body = String, content_type = "text/plain"),
        (status = 400, description = "`invalid-name`"),
        (status = 404, description = "`unknown-definition`"),
    )
)]
pub(crate) async fn draw_definition(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
) -> Result<String, Refused> {
    draw(&api, &name, None).await
}

/// Draw a version of a definition as a Mermaid flowchart.
#[utoipa::path(
    get, path = "/v1/definitions/{name}/versions/{version}/diagram", tag = "definitions",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the definition"),
        ("version" = u32, Path, description = "Number of the version"),
    ),
    responses(
        (status = 200, description = "Mermaid's text", body = String, content_type = "text/plain"),
        (status = 400, description = "`invalid-name`, `invalid-version`"),
        (status = 404, description = "`unknown-definition`"),
    )
)]
pub(crate) async fn draw_definition_version(
    State(api): State<Arc<Api>>,
    At((name, number)): At<(Name, u32)>,
) -> Result<String, Refused> {
    draw(&api, &name, Some(number)).await
}

async fn draw(api: &Api, name: &Name, number: Option<u32>) -> Result<String, Refused> {
    let row = api.coordinator.definitions().get(name, number).await?;
    let row = row.ok_or_else(|| unknown(name, number))?;
    // What was stored was checked; only another engine's definition can have faults.
    let definition =
        Definition::parse(name, &row.document).map_err(|error| Refused::internal(&error))?;
    Ok(diagram::definition(&definition))
}
