//! `GET /v1/secrets`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Api;
use crate::wire::{Page, Secret};

/// List the secrets that the server has, by name.
///
/// Their values are shown to nobody. All are on one page.
#[utoipa::path(
    get, path = "/v1/secrets", tag = "secrets",
    responses((status = 200, description = "The names of all secrets", body = Page<Secret>)),
)]
pub(crate) async fn list_secrets(State(api): State<Arc<Api>>) -> Json<Page<Secret>> {
    let named = |name: &str| Secret {
        name: name.to_owned(),
    };
    Json(Page {
        items: api.secrets.names().map(named).collect(),
        next_cursor: None,
    })
}
