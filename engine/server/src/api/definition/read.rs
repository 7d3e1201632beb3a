//! `GET /v1/definitions…`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use wasaga_core::Name;

use super::{summary, unknown, version};
use crate::api::Api;
use crate::api::extract::{At, Query};
use crate::api::page::{PageQuery, page};
use crate::api::problem::Refused;
use crate::wire::{DefinitionSummary, DefinitionVersion, Page};

/// List definitions by name, the latest version of each.
#[utoipa::path(
    get, path = "/v1/definitions", tag = "definitions",
    params(
        ("limit" = Option<u32>, Query, description = "Most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of definitions", body = Page<DefinitionSummary>),
        (status = 400, description = "`invalid-query`, `invalid-cursor`"),
    )
)]
pub(crate) async fn list_definitions(
    State(api): State<Arc<Api>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<DefinitionSummary>>, Refused> {
    let rows = api.coordinator.definitions().list(query.request()).await?;
    Ok(Json(page(rows, summary)))
}

/// Show the latest version of a definition.
#[utoipa::path(
    get, path = "/v1/definitions/{name}", tag = "definitions",
    params(("name" = crate::wire::schema::Name, Path, description = "Name of the definition")),
    responses(
        (status = 200, description = "The latest version", body = DefinitionVersion),
        (status = 400, description = "`invalid-name`"),
        (status = 404, description = "`unknown-definition`"),
    )
)]
pub(crate) async fn show_definition(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
) -> Result<Json<DefinitionVersion>, Refused> {
    find(&api, &name, None).await
}

/// Show a version of a definition.
#[utoipa::path(
    get, path = "/v1/definitions/{name}/versions/{version}", tag = "definitions",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the definition"),
        ("version" = u32, Path, description = "Number of the version"),
    ),
    responses(
        (status = 200, description = "The version", body = DefinitionVersion),
        (status = 400, description = "`invalid-name`, `invalid-version`"),
        (status = 404, description = "`unknown-definition`"),
    )
)]
pub(crate) async fn show_definition_version(
    State(api): State<Arc<Api>>,
    At((name, number)): At<(Name, u32)>,
) -> Result<Json<DefinitionVersion>, Refused> {
    find(&api, &name, Some(number)).await
}

async fn find(
    api: &Api,
    name: &Name,
    number: Option<u32>,
) -> Result<Json<DefinitionVersion>, Refused> {
    let found = api.coordinator.definitions().get(name, number).await?;
    found
        .map(|row| Json(version(row)))
        .ok_or_else(|| unknown(name, number))
}
