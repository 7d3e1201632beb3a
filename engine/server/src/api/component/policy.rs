//! `PUT /v1/components/{name}/policy`

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use wasaga_coordinator::SetPolicyError;
use wasaga_core::{Name, Policy};

use super::condition::{Condition, outdated};
use super::{component, etag, unknown};
use crate::api::Api;
use crate::api::extract::{At, Json};
use crate::api::guard::to_the_end;
use crate::api::problem::{Refused, sentence};
use crate::wire::{Code, Component};

/// Set what the operator grants a component.
///
/// Replaces the policy as a whole; calls that start from now on get it. A component need not have
/// been uploaded yet.
#[utoipa::path(
    put, path = "/v1/components/{name}/policy", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("If-Match" = Option<String>, Header, description = "The component's `ETag`: change it only if nobody changed the component meanwhile"),
    ),
    request_body = crate::wire::schema::Policy,
    responses(
        (status = 200, description = "The policy holds", body = Component),
        (status = 400, description = "`invalid-name`, `invalid-header`, `malformed-json`"),
        (status = 409, description = "`import-not-granted`: it does not grant what a version imports that sagas take; `imports` has that, `version` is the version"),
        (status = 412, description = "`outdated`: somebody else changed the component; `generation` is the present one"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`, `invalid-policy`: a host, network or interface that is none, or a secret that the server does not have"),
    )
)]
pub(crate) async fn set_component_policy(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    headers: HeaderMap,
    Json(policy): Json<Policy>,
) -> Result<Response, Refused> {
    let condition = Condition::read(&headers)?;
    let row = to_the_end(async move {
        let if_generation = condition.generation(&api, &name).await?;
        let components = api.coordinator.components();
        components.set_policy(&name, policy, if_generation).await?;
        components
            .get(&name)
            .await?
            .ok_or_else(|| unknown(&name, None))
    })
    .await??;
    Ok((
        etag(row.generation),
        axum::Json::<Component>(component(row)),
    )
        .into_response())
}

impl From<SetPolicyError> for Refused {
    fn from(error: SetPolicyError) -> Self {
        let detail = sentence(&error);
        match error {
            SetPolicyError::Policy(_) => Self::new(Code::InvalidPolicy, detail),
            SetPolicyError::Outdated { generation } => outdated(generation),
            SetPolicyError::NotGranted { version, imports } => {
                Self::new(Code::ImportNotGranted, detail)
                    .with("version", version)
                    .with("imports", imports)
            }
            SetPolicyError::Journal(error) => error.into(),
        }
    }
}
