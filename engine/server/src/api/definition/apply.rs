//! `PUT /v1/definitions/{name}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use wasaga_coordinator::ApplyError;
use wasaga_core::Name;
use wasaga_journal::Made;

use super::version;
use crate::api::Api;
use crate::api::extract::{At, Json};
use crate::api::guard::to_the_end;
use crate::api::problem::Refused;
use crate::wire::{Code, DefinitionVersion};

/// Apply a definition.
///
/// It is checked whole, and every fault is reported. Content that differs from the latest version
/// becomes a new version; sagas that run keep theirs. `GET /v1/schemas/definition` has the format.
#[utoipa::path(
    put, path = "/v1/definitions/{name}", tag = "definitions",
    params(("name" = crate::wire::schema::Name, Path, description = "Name of the definition")),
    request_body(content = Object, description = "The definition", content_type = "application/json"),
    responses(
        (status = 201, description = "A new version", body = DefinitionVersion,
            headers(("Location" = String, description = "Where the version is"))),
        (status = 200, description = "Nothing changed: the latest version is the same", body = DefinitionVersion),
        (status = 400, description = "`invalid-name`, `malformed-json`"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-definition`; `errors` has every fault with its place"),
    )
)]
pub(crate) async fn apply_definition(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    Json(document): Json<Value>,
) -> Result<Response, Refused> {
    let (row, made) =
        to_the_end(async move { api.coordinator.definitions().apply(&name, &document).await })
            .await??;
    let body = version(row);
    Ok(match made {
        Made::Existing => axum::Json(body).into_response(),
        Made::New => {
            let place = format!("/v1/definitions/{}/versions/{}", body.name, body.version);
            (
                StatusCode::CREATED,
                [(header::LOCATION, place)],
                axum::Json(body),
            )
                .into_response()
        }
    })
}

impl From<ApplyError> for Refused {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Invalid(invalid) => {
                let faults = invalid.problems.len();
                let detail = match faults {
                    1 => "The definition has a fault; `errors` says where.".to_owned(),
                    _ => format!("The definition has {faults} faults; `errors` says where."),
                };
                Self::new(Code::InvalidDefinition, detail).errors(invalid.problems)
            }
            ApplyError::Journal(error) => error.into(),
        }
    }
}
