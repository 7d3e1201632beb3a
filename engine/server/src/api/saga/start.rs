//! `POST /v1/sagas`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, de};
use wasaga_coordinator::{StartError, StartRequest};
use wasaga_core::time::parse_duration;
use wasaga_journal::Made;

use crate::api::Api;
use crate::api::extract::{Json, Query};
use crate::api::problem::{Refused, sentence};
use crate::wire::{Code, Saga, StartSaga};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StartQuery {
    wait: Option<Wait>,
}

/// How long the client wants to wait.
#[derive(Clone, Copy, Debug)]
struct Wait(Duration);

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parse_duration(&String::deserialize(from)?)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

/// Start a saga.
///
/// It is durable when this answers. With `wait` it answers once the saga is settled (completed,
/// compensated or stuck), or once the time is over. With an `id`, the same request again answers
/// the saga that it started the first time.
#[utoipa::path(
    post, path = "/v1/sagas", tag = "sagas",
    params(
        ("wait" = Option<String>, Query, description = "How long to wait for the saga, for example `10s`; at most what the server allows", example = "10s"),
    ),
    request_body = StartSaga,
    responses(
        (status = 201, description = "The saga was started; with `wait`, it is settled", body = Saga,
            headers(("Location" = String, description = "Where the saga is"))),
        (status = 200, description = "An earlier request started it", body = Saga),
        (status = 202, description = "It is not settled, and the time to wait is over", body = Saga),
        (status = 400, description = "`malformed-json`, `invalid-query`"),
        (status = 404, description = "`unknown-definition`"),
        (status = 409, description = "`saga-exists`: the id is taken by a saga of another definition, input or tags"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`; `invalid-input`, `invalid-tags`: `errors` has every fault with its place"),
    )
)]
pub(crate) async fn start_saga(
    State(api): State<Arc<Api>>,
    Query(query): Query<StartQuery>,
    Json(body): Json<StartSaga>,
) -> Result<Response, Refused> {
    let StartSaga {
        definition,
        version,
        input,
        id,
        tags,
    } = body;
    let request = StartRequest {
        definition,
        version,
        input: Arc::new(input),
        id,
        tags,
    };
    let wait = query.wait.map(|wait| wait.0.min(api.limits.max_wait));
    let started = api.coordinator.sagas().start(request, wait).await?;
    let body = axum::Json(Saga::from(&started.state));
    let place = [(header::LOCATION, format!("/v1/sagas/{}", started.state.id))];
    let status = if wait.is_some() && !started.state.status().is_settled() {
        StatusCode::ACCEPTED
    } else {
        match started.made {
            Made::New => StatusCode::CREATED,
            Made::Existing => StatusCode::OK,
        }
    };
    Ok((status, place, body).into_response())
}

impl From<StartError> for Refused {
    fn from(error: StartError) -> Self {
        let detail = sentence(&error);
        match error {
            StartError::UnknownDefinition { .. } => Self::new(Code::UnknownDefinition, detail),
            StartError::Input { problems } => Self::new(
                Code::InvalidInput,
                "The input does not fit the definition's `input_schema`; `errors` says where, within the input.",
            )
            .errors(problems),
            StartError::Tags { problems } => {
                Self::new(Code::InvalidTags, "The tags cannot be used; `errors` says why.").errors(problems)
            }
            StartError::Conflict { .. } => Self::new(Code::SagaExists, detail),
            StartError::ShuttingDown => Self::shutting_down(),
            StartError::Read(error) => error.into(),
            error @ (StartError::Commit(_) | StartError::Fold(_)) => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_length_of_time() {
        let read = |text: &str| {
            let uri = format!("/v1/sagas?{text}").parse().expect("a URI");
            axum::extract::Query::<StartQuery>::try_from_uri(&uri)
                .map(|query| query.0.wait.map(|wait| wait.0))
        };
        assert_eq!(read("").expect("a query"), None);
        assert_eq!(
            read("wait=10s").expect("a query"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            read("wait=1h%2030m").expect("a query"),
            Some(Duration::from_secs(5400))
        );
        for wrong in ["wait=10", "wait=", "wait=soon", "wait=-1s", "await=10s"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
