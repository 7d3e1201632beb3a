//! `POST /v1/callbacks/{token}`

use std::sync::Arc;

use axum::Json as Body;
use axum::extract::State;
use axum::http::StatusCode;
use wasaga_coordinator::CommandError;
use wasaga_core::json::check_depth;
use wasaga_core::{Problem, Reply, ReplyToken};

use super::Api;
use super::extract::{At, Json};
use super::guard::to_the_end;
use super::problem::Refused;
use crate::wire::{Callback, Code, Replied};

/// Most bytes of a failure's code.
const MAX_CODE_BYTES: usize = 256;

/// Reply to a pending step.
///
/// The reply is durable when this answers, and the saga goes on with it. A reply that comes before
/// the step has said that it waits is kept for it. A second one is refused.
#[utoipa::path(
    post, path = "/v1/callbacks/{token}", tag = "callbacks",
    params(("token" = crate::wire::schema::ReplyToken, Path, description = "What the step gave out, and the saga shows as `waiting.token`")),
    request_body = Callback,
    responses(
        (status = 202, description = "The reply was taken", body = Replied),
        (status = 400, description = "`invalid-token`, `malformed-json`"),
        (status = 404, description = "`unknown-token`: there is no such saga, or no such step of it"),
        (status = 409, description = "`already-replied`; `reply-not-awaited`: it took too long, or the saga turned back; `step` is the step"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`"),
    )
)]
pub(crate) async fn reply(
    State(api): State<Arc<Api>>,
    At(token): At<ReplyToken>,
    Json(body): Json<Callback>,
) -> Result<(StatusCode, Body<Replied>), Refused> {
    check(&body)?;
    let reply = Reply::from(body);
    let answer = to_the_end(async move { api.coordinator.sagas().reply(token, reply).await });
    let state = answer.await?.map_err(|error| match error {
        CommandError::NotFound(_) => Refused::new(
            Code::UnknownToken,
            "There is no saga that waits for a reply with this token.",
        ),
        error => error.into(),
    })?;
    let replied = Replied {
        saga: state.id,
        status: state.status(),
    };
    Ok((StatusCode::ACCEPTED, Body(replied)))
}

/// What stays in the journal must be possible to read again.
fn check(body: &Callback) -> Result<(), Refused> {
    let deep = |value, pointer: &str| {
        check_depth(value).map_err(|message| Refused::invalid_body(Problem::new(pointer, message)))
    };
    match body {
        Callback::Succeeded(value) => deep(value, "/succeeded"),
        Callback::Failed(failure) => {
            let bytes = failure.code.len();
            if bytes == 0 || bytes > MAX_CODE_BYTES {
                let message = format!("expected 1 to {MAX_CODE_BYTES} bytes, found {bytes}");
                return Err(Refused::invalid_body(Problem::new("/failed/code", message)));
            }
            failure
                .details
                .as_ref()
                .map_or(Ok(()), |details| deep(details, "/failed/details"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_reply_that_could_not_be_read_again_is_refused() {
        let place = |body: Value| {
            let body: Callback = serde_json::from_value(body).expect("a reply");
            let refused = check(&body).err();
            refused.map(|refused| refused.problem().errors[0].pointer.clone())
        };
        let deep = || {
            let mut value = Value::Null;
            for _ in 0..=wasaga_core::json::MAX_DEPTH {
                value = json!([value]);
            }
            value
        };
        let failed = |code: &str, details: Value| json!({ "failed": { "kind": "permanent", "code": code, "message": "m", "details": details } });
        assert_eq!(place(json!({ "succeeded": { "ok": true } })), None);
        assert_eq!(place(failed("declined", json!({ "left": 1 }))), None);
        assert_eq!(
            place(json!({ "succeeded": deep() })),
            Some("/succeeded".into())
        );
        assert_eq!(place(failed("x", deep())), Some("/failed/details".into()));
        assert_eq!(place(failed("", Value::Null)), Some("/failed/code".into()));
        let long = "x".repeat(MAX_CODE_BYTES + 1);
        assert_eq!(
            place(failed(&long, Value::Null)),
            Some("/failed/code".into())
        );
    }
}
