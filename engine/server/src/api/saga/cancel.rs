//! `POST /v1/sagas/{id}/cancel`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use wasaga_coordinator::CommandError;
use wasaga_core::{Problem, SagaId, TransitionError};

use crate::api::Api;
use crate::api::extract::{At, MaybeJson};
use crate::api::guard::to_the_end;
use crate::api::problem::{Refused, sentence};
use crate::wire::{CancelSaga, Code, Saga};

/// Most bytes of `reason`, and of `by`: they stay in the journal.
const MAX_TEXT_BYTES: usize = 4096;

/// Who asks when the request does not say.
const SOMEBODY: &str = "api";

/// Stop a saga and undo what it did.
///
/// A call that runs is let finish first. A saga that is undone already, or over, cannot be cancelled.
#[utoipa::path(
    post, path = "/v1/sagas/{id}/cancel", tag = "sagas",
    params(("id" = crate::wire::schema::SagaId, Path, description = "Id of the saga")),
    request_body = Option<CancelSaga>,
    responses(
        (status = 202, description = "The saga goes backward", body = Saga),
        (status = 400, description = "`invalid-id`, `malformed-json`"),
        (status = 404, description = "`unknown-saga`"),
        (status = 409, description = "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be cancelled"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`"),
    )
)]
pub(crate) async fn cancel_saga(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
    MaybeJson(body): MaybeJson<CancelSaga>,
) -> Result<(StatusCode, axum::Json<Saga>), Refused> {
    let CancelSaga { reason, by } = body;
    check("/reason", reason.as_deref())?;
    check("/by", by.as_deref())?;
    let by = by.unwrap_or_else(|| SOMEBODY.to_owned());
    let state =
        to_the_end(async move { api.coordinator.sagas().cancel(id, by, reason).await }).await??;
    Ok((StatusCode::ACCEPTED, axum::Json(Saga::from(&state))))
}

fn check(pointer: &str, text: Option<&str>) -> Result<(), Refused> {
    match text {
        Some(text) if text.len() > MAX_TEXT_BYTES => {
            let message = format!(
                "expected at most {MAX_TEXT_BYTES} bytes, found {}",
                text.len()
            );
            let detail = format!("The body is not what is expected here: {pointer}: {message}.");
            Err(Refused::new(Code::InvalidBody, detail).errors([Problem::new(pointer, message)]))
        }
        _ => Ok(()),
    }
}

impl From<CommandError> for Refused {
    fn from(error: CommandError) -> Self {
        let detail = sentence(&error);
        match error {
            CommandError::NotFound(id) => super::unknown(id),
            CommandError::Transition(TransitionError::Status {
                status, allowed, ..
            }) => {
                let allowed: Vec<&str> = allowed.iter().map(|status| status.as_str()).collect();
                Self::new(Code::SagaStatus, detail)
                    .with("saga_status", status.as_str())
                    .with("allowed", allowed)
            }
            CommandError::Elsewhere(_) => Self::new(Code::Unavailable, detail),
            CommandError::ShuttingDown => Self::shutting_down(),
            CommandError::Read(error) => error.into(),
            error @ (CommandError::Transition(_) | CommandError::Commit(_)) => {
                Self::internal(&error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wasaga_core::Status;

    use super::*;

    #[test]
    fn a_saga_that_is_over_says_which_could_be_cancelled() {
        let error = TransitionError::Status {
            saga: SagaId::from_parts(1, &[7; 10]),
            status: Status::Completed,
            verb: "cancelled",
            allowed: &[Status::Running, Status::Waiting],
        };
        let refused = Refused::from(CommandError::from(error));
        let problem = refused.problem();
        assert_eq!((problem.code, problem.status), (Code::SagaStatus, 409));
        assert_eq!(problem.more["saga_status"], "completed");
        assert_eq!(
            problem.more["allowed"],
            serde_json::json!(["running", "waiting"])
        );
    }

    #[test]
    fn a_reason_is_bounded() {
        assert!(check("/reason", Some(&"x".repeat(MAX_TEXT_BYTES))).is_ok());
        let refused =
            check("/reason", Some(&"x".repeat(MAX_TEXT_BYTES + 1))).expect_err("a problem");
        assert_eq!(refused.problem().errors[0].pointer, "/reason");
    }
}
