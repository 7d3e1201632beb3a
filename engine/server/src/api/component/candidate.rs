//! `PUT` and `DELETE /v1/components/{name}/candidate`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use wasaga_coordinator::SwitchRequest;
use wasaga_core::{Candidate, Name, Problem};
use wasaga_journal::SwitchTo;

use super::condition::{Condition, switch};
use crate::api::Api;
use crate::api::extract::{At, Json, Query};
use crate::api::guard::to_the_end;
use crate::api::order::{order, order_in_query};
use crate::api::problem::Refused;
use crate::wire::{Component, SetCandidate};

/// All sagas, in percent.
const ALL: u8 = 100;

/// Let some sagas take another version than the active one.
///
/// Which ones follows from their ids: a saga that takes the candidate takes it in all its steps, and
/// still does when the share grows. Activating a version ends the sharing: activate the candidate to
/// promote it.
#[utoipa::path(
    put, path = "/v1/components/{name}/candidate", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("If-Match" = Option<String>, Header, description = "The component's `ETag`: change it only if nobody changed the component meanwhile"),
    ),
    request_body = SetCandidate,
    responses(
        (status = 200, description = "The version is the candidate", body = Component,
            headers(("ETag" = String, description = "The new one"))),
        (status = 400, description = "`invalid-name`, `invalid-header`, `malformed-json`"),
        (status = 404, description = "`unknown-component`"),
        (status = 409, description = "`import-not-granted`: `imports` has what the policy does not grant; `version-active`: it is the active one; `no-active-version`: no version is"),
        (status = 412, description = "`outdated`: somebody else changed the component; `generation` is the present one"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`, `invalid-component`: it cannot be loaded any more"),
    )
)]
pub(crate) async fn set_candidate(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    headers: HeaderMap,
    Json(body): Json<SetCandidate>,
) -> Result<Response, Refused> {
    let condition = Condition::read(&headers)?;
    let order = order(body.by, body.reason)?;
    let percent = body.percent;
    if percent > ALL {
        let message = format!("expected at most {ALL}, found {percent}");
        return Err(Refused::invalid_body(Problem::new("/percent", message)));
    }
    let to = SwitchTo::Shared(Candidate {
        version: body.version,
        percent,
    });
    let if_generation = condition.generation(&api, &name).await?;
    let request = SwitchRequest {
        name,
        to,
        if_generation,
        order,
    };
    to_the_end(async move { switch(&api, request).await }).await?
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DropQuery {
    by: Option<String>,
    reason: Option<String>,
}

/// Let all sagas take the active version again.
///
/// Steps that started on the candidate stay on it. Where nothing is shared, nothing changes.
#[utoipa::path(
    delete, path = "/v1/components/{name}/candidate", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("by" = Option<String>, Query, description = "Who asks for it, kept with the change; `api` unless it is given"),
        ("reason" = Option<String>, Query, description = "For people, kept with the change"),
        ("If-Match" = Option<String>, Header, description = "The component's `ETag`: change it only if nobody changed the component meanwhile"),
    ),
    responses(
        (status = 200, description = "There is no candidate", body = Component,
            headers(("ETag" = String, description = "The new one"))),
        (status = 400, description = "`invalid-name`, `invalid-query`, `invalid-header`"),
        (status = 404, description = "`unknown-component`"),
        (status = 412, description = "`outdated`: somebody else changed the component; `generation` is the present one"),
    )
)]
pub(crate) async fn drop_candidate(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    Query(query): Query<DropQuery>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let condition = Condition::read(&headers)?;
    let order = order_in_query(query.by, query.reason)?;
    let if_generation = condition.generation(&api, &name).await?;
    let request = SwitchRequest {
        name,
        to: SwitchTo::Unshared,
        if_generation,
        order,
    };
    to_the_end(async move { switch(&api, request).await }).await?
}
