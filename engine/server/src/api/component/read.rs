//! `GET /v1/components…`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use wasaga_core::Name;

use super::condition::get;
use super::{component, etag, unknown, version};
use crate::api::Api;
use crate::api::extract::{At, Query};
use crate::api::page::{PageQuery, page};
use crate::api::problem::Refused;
use crate::wire::{Component, ComponentDetail, ComponentVersion, Page};

/// List components by name.
#[utoipa::path(
    get, path = "/v1/components", tag = "components",
    params(
        ("limit" = Option<u32>, Query, description = "Most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of components", body = Page<Component>),
        (status = 400, description = "`invalid-query`, `invalid-cursor`"),
    )
)]
pub(crate) async fn list_components(
    State(api): State<Arc<Api>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Component>>, Refused> {
    let rows = api.coordinator.components().list(query.request()).await?;
    Ok(Json(page(rows, component)))
}

/// Show a component with its versions, the latest first.
#[utoipa::path(
    get, path = "/v1/components/{name}", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("limit" = Option<u32>, Query, description = "Most versions, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "The component", body = ComponentDetail,
            headers(("ETag" = String, description = "Changes with the active version, the candidate and the policy; send it as `If-Match` to change one of them"))),
        (status = 400, description = "`invalid-name`, `invalid-query`, `invalid-cursor`"),
        (status = 404, description = "`unknown-component`"),
    )
)]
pub(crate) async fn show_component(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Refused> {
    let components = api.coordinator.components();
    let row = get(&api, &name).await?;
    let versions = components.versions(&name, query.request()).await?;
    let versions = page(versions, |found| version(found, &row));
    let headers = etag(row.generation);
    let body = ComponentDetail {
        component: component(row),
        versions: versions.items,
        next_cursor: versions.next_cursor,
    };
    Ok((headers, Json(body)).into_response())
}

/// Show a version of a component.
#[utoipa::path(
    get, path = "/v1/components/{name}/versions/{version}", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("version" = u32, Path, description = "Number of the version"),
    ),
    responses(
        (status = 200, description = "The version", body = ComponentVersion),
        (status = 400, description = "`invalid-name`, `invalid-version`"),
        (status = 404, description = "`unknown-component`"),
    )
)]
pub(crate) async fn show_component_version(
    State(api): State<Arc<Api>>,
    At((name, number)): At<(Name, u32)>,
) -> Result<Json<ComponentVersion>, Refused> {
    let components = api.coordinator.components();
    let row = components
        .version(&name, number)
        .await?
        .ok_or_else(|| unknown(&name, Some(number)))?;
    Ok(Json(version(row, &get(&api, &name).await?)))
}

/// Download a version as it was uploaded.
#[utoipa::path(
    get, path = "/v1/components/{name}/versions/{version}/wasm", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("version" = u32, Path, description = "Number of the version"),
    ),
    responses(
        (status = 200, description = "The bytes", body = Vec<u8>, content_type = "application/wasm",
            headers(("ETag" = String, description = "The bytes' digest"))),
        (status = 400, description = "`invalid-name`, `invalid-version`"),
        (status = 404, description = "`unknown-component`"),
    )
)]
pub(crate) async fn download_component(
    State(api): State<Arc<Api>>,
    At((name, number)): At<(Name, u32)>,
) -> Result<Response, Refused> {
    let components = api.coordinator.components();
    let gone = || unknown(&name, Some(number));
    let row = components.version(&name, number).await?.ok_or_else(gone)?;
    let bytes = components.wasm(row.digest).await?.ok_or_else(gone)?;
    let headers = [
        (header::CONTENT_TYPE, "application/wasm".to_owned()),
        (header::ETAG, format!("\"{}\"", row.digest)),
    ];
    Ok((headers, bytes).into_response())
}
