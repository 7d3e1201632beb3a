//! `POST /v1/components/{name}/versions/{version}/verify`

use std::sync::Arc;

use axum::extract::State;
use wasaga_coordinator::{MAX_SAGAS, Verify, VerifyError};
use wasaga_core::{Name, Problem};

use super::unknown;
use crate::api::Api;
use crate::api::extract::{At, MaybeJson};
use crate::api::guard::verification_place;
use crate::api::problem::{Refused, sentence};
use crate::view;
use crate::wire::{Code, Verification, VerifyVersion};

/// Try a version on what another one did.
///
/// The recorded calls of the last sagas of the other version are run again on this one, in the sandbox
/// and with each request answered from the record: nothing is sent, and no saga is touched. The report
/// says what this version does otherwise.
///
/// It takes as long as the calls take to compute. Two run at the same time; others wait.
#[utoipa::path(
    post, path = "/v1/components/{name}/versions/{version}/verify", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("version" = u32, Path, description = "Number of the version to try"),
    ),
    request_body = Option<VerifyVersion>,
    responses(
        (status = 200, description = "What came of it; `clean` says whether nothing is different", body = Verification),
        (status = 400, description = "`invalid-name`, `invalid-version`, `malformed-json`"),
        (status = 404, description = "`unknown-component`"),
        (status = 409, description = "`no-active-version`: say which version to verify `against`"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`, `invalid-component`: it cannot be loaded any more"),
    )
)]
pub(crate) async fn verify_component_version(
    State(api): State<Arc<Api>>,
    At((name, number)): At<(Name, u32)>,
    MaybeJson(body): MaybeJson<VerifyVersion>,
) -> Result<axum::Json<Verification>, Refused> {
    let VerifyVersion { sagas, against } = body;
    if !(1..=MAX_SAGAS).contains(&sagas) {
        let message = format!("expected 1 to {MAX_SAGAS}, found {sagas}");
        return Err(Refused::invalid_body(Problem::new("/sagas", message)));
    }
    let report = verify(&api, &name, number, against, sagas).await?;
    Ok(axum::Json(report))
}

/// Runs a verification once there is room for it. It ends when nobody waits for it any more.
pub(super) async fn verify(
    api: &Api,
    name: &Name,
    candidate: u32,
    against: Option<u32>,
    sagas: u32,
) -> Result<Verification, Refused> {
    let _place = verification_place(api).await?;
    let verify = Verify {
        component: name.clone(),
        candidate,
        against,
        sagas,
    };
    Ok(view::verification(api.coordinator.verify(verify).await?))
}

impl From<VerifyError> for Refused {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::NoVersion { component, version } => unknown(&component, version),
            VerifyError::NoActive(_) => Self::new(Code::NoActiveVersion, sentence(&error)),
            VerifyError::Load(error) => error.into(),
            VerifyError::Read(error) => error.into(),
            error @ VerifyError::Broken(_) => Self::internal(&error),
        }
    }
}
