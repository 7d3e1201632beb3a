//! `DELETE /v1/components/{name}/versions/{version}`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use wasaga_coordinator::{RemoveError, Removed};
use wasaga_core::Name;

use super::unknown;
use crate::api::Api;
use crate::api::extract::At;
use crate::api::guard::to_the_end;
use crate::api::problem::{Refused, sentence};
use crate::wire::Code;

/// Remove a version that no saga needs.
///
/// Its number is not given out again.
#[utoipa::path(
    delete, path = "/v1/components/{name}/versions/{version}", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("version" = u32, Path, description = "Number of the version"),
    ),
    responses(
        (status = 204, description = "The version is gone"),
        (status = 400, description = "`invalid-name`, `invalid-version`"),
        (status = 404, description = "`unknown-component`"),
        (status = 409, description = "`version-in-use`: it is the active one or the candidate, or was until a moment ago; or a saga that is not over is bound to it, or was before it was moved; `saga` is that one then"),
    )
)]
pub(crate) async fn remove_component_version(
    State(api): State<Arc<Api>>,
    At((name, number)): At<(Name, u32)>,
) -> Result<StatusCode, Refused> {
    to_the_end(async move {
        let in_use = |detail: String| Refused::new(Code::VersionInUse, detail);
        match api.coordinator.components().remove(&name, number).await? {
            Removed::Done => Ok(StatusCode::NO_CONTENT),
            Removed::NotFound => Err(unknown(&name, Some(number))),
            Removed::Taken => Err(in_use(format!(
                "Sagas take version {number} of component `{name}`: activate another one, or drop the candidate, and try again a minute later."
            ))),
            Removed::Bound(saga) => Err(in_use(format!(
                "A step of saga {saga}, which is not over, is or was bound to version {number} of component `{name}`: wait for its end."
            ))
            .with("saga", saga.to_string())),
        }
    })
    .await?
}

impl From<RemoveError> for Refused {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::JustLeft { .. } => Self::new(Code::VersionInUse, sentence(&error)),
            RemoveError::Journal(error) => error.into(),
        }
    }
}
