//! `POST /v1/sagas/{id}/{cancel,pause,resume,retry,skip,abandon,commit,reject}`: what operators can
//! do to a saga.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use wasaga_coordinator::CommandError;
use wasaga_core::transition::{Awaited, Pivot, Version};
use wasaga_core::{Order, SagaId, TransitionError, Verb};

use crate::api::Api;
use crate::api::extract::{At, MaybeJson};
use crate::api::guard::to_the_end;
use crate::api::order::{check, order};
use crate::api::problem::{Refused, sentence};
use crate::wire::{Code, OrderSaga, RetrySaga, RetryVersion, Saga, SkipSaga};

type Ordered = Result<(StatusCode, Json<Saga>), Refused>;

/// One handler for each verb whose body says who and why, and nothing else.
macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident = $path:tt, $verb:expr, $done:tt, $refused:tt;)+) => {
        $(
            $(#[$doc])*
            #[utoipa::path(
                post, path = $path, tag = "sagas",
                params(("id" = crate::wire::schema::SagaId, Path, description = "Id of the saga")),
                request_body = Option<OrderSaga>,
                responses(
                    (status = 202, description = $done, body = Saga),
                    (status = 400, description = "`invalid-id`, `malformed-json`"),
                    (status = 404, description = "`unknown-saga`"),
                    (status = 409, description = $refused),
                    (status = 413, description = "`body-too-large`"),
                    (status = 415, description = "`unsupported-media-type`"),
                    (status = 422, description = "`invalid-body`"),
                )
            )]
            pub(crate) async fn $name(
                State(api): State<Arc<Api>>,
                At(id): At<SagaId>,
                MaybeJson(body): MaybeJson<OrderSaga>,
            ) -> Ordered {
                obey(api, id, $verb, order(body.by, body.reason)?).await
            }
        )+
    };
}

orders! {
    /// Stop a saga and undo what it did.
    ///
    /// A call that runs is let finish first.
    cancel_saga = "/v1/sagas/{id}/cancel", Verb::Cancel, "The saga goes backward",
        "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be cancelled; `forward-only`: its `pivot` is done, or runs; `saga-unfit`: it is paused on its way back, or is committed";

    /// Stop a saga between two calls.
    ///
    /// A call that runs is let finish; nothing more is started until the saga is resumed.
    pause_saga = "/v1/sagas/{id}/pause", Verb::Pause, "The saga is paused",
        "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be paused";

    /// Let a paused saga go on.
    ///
    /// A step whose retries were used up gets all of them again.
    resume_saga = "/v1/sagas/{id}/resume", Verb::Resume, "The saga goes on",
        "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be resumed";

    /// Give a saga up as it is.
    ///
    /// What it did stays done, and what runs is not waited for. This is an end.
    abandon_saga = "/v1/sagas/{id}/abandon", Verb::Abandon, "The saga is abandoned",
        "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be abandoned";

    /// Make a saga final that waits for it.
    ///
    /// Only a saga whose definition says `"commit": "manual"` waits, once all its steps are done.
    commit_saga = "/v1/sagas/{id}/commit", Verb::Commit, "The saga becomes final",
        "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be committed; `saga-unfit`: it does not wait to be committed";

    /// Undo a saga that waits to be committed.
    reject_saga = "/v1/sagas/{id}/reject", Verb::Reject, "The saga goes backward",
        "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be rejected; `saga-unfit`: it does not wait to be committed";
}

/// Try again at once what waits for its next attempt or has given up.
///
/// That is a step on its way forward, or a compensation or confirmation; a saga that is stuck or
/// paused goes on.
#[utoipa::path(
    post, path = "/v1/sagas/{id}/retry", tag = "sagas",
    params(("id" = crate::wire::schema::SagaId, Path, description = "Id of the saga")),
    request_body = Option<RetrySaga>,
    responses(
        (status = 202, description = "It is tried again", body = Saga),
        (status = 400, description = "`invalid-id`, `malformed-json`"),
        (status = 404, description = "`unknown-saga`"),
        (status = 409, description = "`saga-status`: `saga_status` is the saga's, `allowed` has those that can be retried; `saga-unfit`: nothing of it, or not that step, waits to be tried again, or its component has no active version"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`"),
    )
)]
pub(crate) async fn retry_saga(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
    MaybeJson(body): MaybeJson<RetrySaga>,
) -> Ordered {
    let RetrySaga {
        reason,
        by,
        step,
        version,
    } = body;
    check("/step", step.as_ref().map(|step| step.as_str()))?;
    let version = match version {
        RetryVersion::Pinned => Version::Pinned,
        RetryVersion::Active => Version::Active,
    };
    obey(api, id, Verb::Retry { step, version }, order(by, reason)?).await
}

/// Do without the compensations or confirmations that gave up.
///
/// The saga ends as if they had been done; whoever says so has done it some other way, or can do
/// without.
#[utoipa::path(
    post, path = "/v1/sagas/{id}/skip", tag = "sagas",
    params(("id" = crate::wire::schema::SagaId, Path, description = "Id of the saga")),
    request_body = Option<SkipSaga>,
    responses(
        (status = 202, description = "The saga goes on without them", body = Saga),
        (status = 400, description = "`invalid-id`, `malformed-json`"),
        (status = 404, description = "`unknown-saga`"),
        (status = 409, description = "`saga-status`: `saga_status` is the saga's, `allowed` has the one that this is for; `saga-unfit`: the step is none that gave up"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`"),
    )
)]
pub(crate) async fn skip_saga(
    State(api): State<Arc<Api>>,
    At(id): At<SagaId>,
    MaybeJson(body): MaybeJson<SkipSaga>,
) -> Ordered {
    let SkipSaga { reason, by, step } = body;
    check("/step", step.as_ref().map(|step| step.as_str()))?;
    obey(api, id, Verb::Skip { step }, order(by, reason)?).await
}

async fn obey(api: Arc<Api>, id: SagaId, verb: Verb, order: Order) -> Ordered {
    let state =
        to_the_end(async move { api.coordinator.sagas().order(id, verb, order).await }).await??;
    Ok((StatusCode::ACCEPTED, Json(Saga::from(&state))))
}

impl From<CommandError> for Refused {
    fn from(error: CommandError) -> Self {
        let detail = sentence(&error);
        match error {
            CommandError::NotFound(id) => super::unknown(id),
            CommandError::Transition(error) => refused(&error, detail),
            CommandError::Elsewhere(_) => Self::new(Code::Unavailable, detail),
            CommandError::ShuttingDown => Self::shutting_down(),
            CommandError::Read(error) => error.into(),
            error @ CommandError::Commit(_) => Self::internal(&error),
        }
    }
}

fn refused(error: &TransitionError, detail: String) -> Refused {
    match error {
        TransitionError::Status {
            status, allowed, ..
        } => {
            let allowed: Vec<&str> = allowed.iter().map(|status| status.as_str()).collect();
            Refused::new(Code::SagaStatus, detail)
                .with("saga_status", status.as_str())
                .with("allowed", allowed)
        }
        TransitionError::Unfit { .. } => Refused::new(Code::SagaUnfit, detail),
        TransitionError::Bound { step, done, .. } => {
            let status = match done {
                Pivot::Running => "running",
                Pivot::Done => "completed",
            };
            Refused::new(Code::ForwardOnly, detail)
                .with("pivot", step.as_str())
                .with("pivot_status", status)
        }
        TransitionError::NotAsked { .. } => Refused::new(Code::UnknownToken, detail),
        TransitionError::NotAwaited { step, over, .. } => {
            let code = match over {
                Awaited::Replied => Code::AlreadyReplied,
                Awaited::Ended => Code::ReplyNotAwaited,
            };
            Refused::new(code, detail).with("step", step.as_str())
        }
        TransitionError::NotRunning { .. } | TransitionError::Fold(_) => Refused::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use wasaga_core::{Name, Status, StepPath};

    use super::*;

    fn id() -> SagaId {
        SagaId::from_parts(1, &[7; 10])
    }

    fn step() -> StepPath {
        StepPath::root(&Name::new("pay").expect("a name"))
    }

    #[test]
    fn a_saga_that_is_over_says_which_could_be_cancelled() {
        let error = TransitionError::Status {
            saga: id(),
            status: Status::Completed,
            verb: Verb::Cancel.participle(),
            allowed: Verb::Cancel.allowed(),
        };
        let refused = Refused::from(CommandError::from(error));
        let problem = refused.problem();
        assert_eq!((problem.code, problem.status), (Code::SagaStatus, 409));
        assert_eq!(problem.more["saga_status"], "completed");
        assert_eq!(
            problem.more["allowed"],
            serde_json::json!(["running", "waiting", "paused"])
        );
        assert!(problem.detail.contains("cancelled"), "{}", problem.detail);
    }

    #[test]
    fn each_reason_not_to_obey_has_its_code() {
        let unfit = TransitionError::Unfit {
            saga: id(),
            verb: "committed",
            reason: "it does not wait to be committed".to_owned(),
        };
        let bound = |done| TransitionError::Bound {
            saga: id(),
            verb: "cancelled",
            step: step(),
            done,
        };
        let not_awaited = |over| TransitionError::NotAwaited {
            saga: id(),
            step: step(),
            over,
        };
        for (error, code, status) in [
            (unfit, Code::SagaUnfit, 409),
            (bound(Pivot::Done), Code::ForwardOnly, 409),
            (
                TransitionError::NotAsked { saga: id() },
                Code::UnknownToken,
                404,
            ),
            (not_awaited(Awaited::Replied), Code::AlreadyReplied, 409),
            (not_awaited(Awaited::Ended), Code::ReplyNotAwaited, 409),
        ] {
            let refused = Refused::from(CommandError::from(error));
            let problem = refused.problem();
            assert_eq!((problem.code, problem.status), (code, status));
        }
        let refused = Refused::from(CommandError::from(bound(Pivot::Running)));
        let problem = refused.problem();
        assert_eq!(problem.more["pivot"], "pay");
        assert_eq!(problem.more["pivot_status"], "running");
        assert!(problem.detail.contains("`pay`"), "{}", problem.detail);
    }
}
