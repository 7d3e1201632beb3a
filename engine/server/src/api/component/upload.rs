//! `POST /v1/components/{name}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use wasaga_coordinator::{Activate, UploadError};
use wasaga_core::Name;
use wasaga_host::PrepareError;
use wasaga_journal::Made;

use super::version;
use crate::api::Api;
use crate::api::extract::{At, Query, Wasm};
use crate::api::guard::{UploadPlace, to_the_end};
use crate::api::problem::{Refused, sentence};
use crate::wire::{Code, UploadedComponent};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UploadQuery {
    activate: Option<bool>,
}

/// Upload a version of a component.
///
/// The body is a WebAssembly component, or a core module that carries its component type. The same
/// bytes again are the same version.
#[utoipa::path(
    post, path = "/v1/components/{name}", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component; the first upload makes it"),
        ("activate" = Option<bool>, Query, description = "Whether new steps take this version at once; `true` unless it is given"),
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses(
        (status = 201, description = "A new version", body = UploadedComponent,
            headers(("Location" = String, description = "Where the version is"))),
        (status = 200, description = "The version that has these bytes already", body = UploadedComponent),
        (status = 400, description = "`invalid-name`, `invalid-query`, `incomplete-body`"),
        (status = 413, description = "`body-too-large`"),
        (status = 422, description = "`invalid-component`: not wasm, no `action` among its exports, an import that the engine does not have (`imports` has them all)"),
    )
)]
pub(crate) async fn upload_component(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    Query(query): Query<UploadQuery>,
    Extension(place): Extension<UploadPlace>,
    Wasm(bytes): Wasm,
) -> Result<Response, Refused> {
    let activate = if query.activate.unwrap_or(true) {
        Activate::Now
    } else {
        Activate::Later
    };
    let uploaded = to_the_end(async move {
        // Kept for as long as the component is, whether or not the client waits.
        let _place = place;
        api.coordinator
            .components()
            .upload(&name, bytes, activate)
            .await
    })
    .await??;
    let made = uploaded.made;
    let body = UploadedComponent {
        version: version(uploaded.version, uploaded.component.active),
        warnings: uploaded.warnings,
    };
    Ok(match made {
        Made::Existing => Json(body).into_response(),
        Made::New => {
            let place = format!(
                "/v1/components/{}/versions/{}",
                body.version.name, body.version.version
            );
            (StatusCode::CREATED, [(header::LOCATION, place)], Json(body)).into_response()
        }
    })
}

impl From<UploadError> for Refused {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Prepare(error) => {
                let refused = |code| Self::new(code, sentence(&error));
                match &error {
                    PrepareError::TooLarge { max_bytes, .. } => {
                        refused(Code::BodyTooLarge).with("limit_bytes", *max_bytes)
                    }
                    PrepareError::UnknownImports { imports } => {
                        refused(Code::InvalidComponent).with("imports", imports.clone())
                    }
                    _ => refused(Code::InvalidComponent),
                }
            }
            UploadError::Journal(error) => error.into(),
        }
    }
}
