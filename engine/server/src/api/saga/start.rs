//! `POST /v1/sagas`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, de};
use wasaga_coordinator::{StartError, StartRequest};
use wasaga_core::SagaId;
use wasaga_core::time::parse_duration;
use wasaga_journal::Made;

use super::follow::follow;
use crate::api::Api;
use crate::api::extract::{Json, Query};
use crate::api::problem::{Refused, sentence};
use crate::api::stream::wants_stream;
use crate::wire::{Code, Saga, StartSaga};

/// Where a client gives its request a name of its own.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Longest such name.
const MAX_KEY_BYTES: usize = 255;

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
/// compensated, abandoned or stuck), or once the time is over. With an `id`, or an
/// `Idempotency-Key`, the same request again answers the saga that it started the first time.
///
/// With `Accept: text/event-stream` the answer is a stream of the saga's events, from its start
/// until it is settled, as `GET /v1/sagas/{id}/events` has them; `wait` means nothing then.
#[utoipa::path(
    post, path = "/v1/sagas", tag = "sagas",
    params(
        ("wait" = Option<String>, Query, description = "How long to wait for the saga, for example `10s`; at most what the server allows", example = "10s"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, in place of an `id`: the same key, the same saga"),
    ),
    request_body = StartSaga,
    responses(
        (status = 201, description = "The saga was started; with `wait`, it is settled", content(
            (Saga = "application/json"),
            (String = "text/event-stream"),
        ), headers(("Location" = String, description = "Where the saga is"))),
        (status = 200, description = "An earlier request started it", content(
            (Saga = "application/json"),
            (String = "text/event-stream"),
        ), headers(("Location" = String, description = "Where the saga is"))),
        (status = 202, description = "It is not settled, and the time to wait is over", body = Saga),
        (status = 400, description = "`malformed-json`, `invalid-query`, `invalid-header`: an `Idempotency-Key` that is none, or one beside an `id`"),
        (status = 404, description = "`unknown-definition`"),
        (status = 409, description = "`saga-exists`: the id or the key is taken by a saga of another definition, input or tags"),
        (status = 413, description = "`body-too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid-body`; `invalid-input`, `invalid-tags`: `errors` has every fault with its place"),
    )
)]
pub(crate) async fn start_saga(
    State(api): State<Arc<Api>>,
    Query(query): Query<StartQuery>,
    headers: HeaderMap,
    Json(body): Json<StartSaga>,
) -> Result<Response, Refused> {
    let key = idempotency_key(&headers)?;
    let request = request(body, key)?;
    let stream = wants_stream(&headers);
    let wait = query
        .wait
        .filter(|_| !stream)
        .map(|wait| wait.0.min(api.limits.max_wait));
    let started = api.coordinator.sagas().start(request, wait).await?;
    let state = started.state;
    let place = [(header::LOCATION, format!("/v1/sagas/{}", state.id))];
    let status = if wait.is_some() && !state.status().is_settled() {
        StatusCode::ACCEPTED
    } else {
        match started.made {
            Made::New => StatusCode::CREATED,
            Made::Existing => StatusCode::OK,
        }
    };
    if stream {
        let events = follow(&api, state.id, state.definition, 0).await?;
        return Ok((status, place, events).into_response());
    }
    Ok((status, place, axum::Json(Saga::from(&state))).into_response())
}

/// What the coordinator is asked for. A key stands for an id.
pub(super) fn request(body: StartSaga, key: Option<&str>) -> Result<StartRequest, Refused> {
    let StartSaga {
        definition,
        version,
        input,
        id,
        tags,
    } = body;
    if id.is_some() && key.is_some() {
        let detail = "Expected an `id` or the header `Idempotency-Key`, not both: each says which saga it is.";
        return Err(Refused::new(Code::InvalidHeader, detail));
    }
    Ok(StartRequest {
        definition,
        version,
        input: Arc::new(input),
        id: id.or_else(|| key.map(SagaId::from_key)),
        tags,
    })
}

/// The header `Idempotency-Key`, when it is there.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| values.next().is_none() && (1..=MAX_KEY_BYTES).contains(&key.len()))
        .filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()));
    key.map(Some).ok_or_else(|| {
        let detail = format!(
            "Expected one `Idempotency-Key` of 1 to {MAX_KEY_BYTES} visible ASCII characters."
        );
        Refused::new(Code::InvalidHeader, detail)
    })
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

    #[test]
    fn a_key_is_visible_ascii_of_bounded_length() {
        let read = |values: &[&str]| {
            let headers: HeaderMap = values
                .iter()
                .map(|value| {
                    let name = header::HeaderName::from_static(IDEMPOTENCY_KEY);
                    (name, value.parse().expect("a header"))
                })
                .collect();
            idempotency_key(&headers).map(|key| key.map(str::to_owned))
        };
        let longest = "x".repeat(MAX_KEY_BYTES);
        assert_eq!(read(&[]).expect("none"), None);
        for good in ["a", "order/17", "\"quoted\"", &longest] {
            assert_eq!(read(&[good]).expect("a key"), Some(good.to_owned()));
        }
        for wrong in [
            &[""][..],
            &["a b"],
            &["ä"],
            &["a", "a"],
            &[&(longest + "x")],
        ] {
            let refused = read(wrong).expect_err("a problem");
            assert_eq!(refused.problem().code, Code::InvalidHeader, "{wrong:?}");
        }
    }

    #[test]
    fn a_key_stands_for_an_id_and_not_beside_one() {
        let body = |id: Option<SagaId>| StartSaga {
            definition: wasaga_core::Name::new("order").expect("a name"),
            version: None,
            input: serde_json::json!({}),
            id,
            tags: std::collections::BTreeMap::new(),
        };
        let id = SagaId::from_parts(1, &[7; 10]);
        let started = |id, key| request(body(id), key).expect("a request").id;
        assert_eq!(started(None, None), None);
        assert_eq!(started(Some(id), None), Some(id));
        assert_eq!(started(None, Some("a")), Some(SagaId::from_key("a")));
        let refused = request(body(Some(id)), Some("a")).expect_err("a problem");
        assert_eq!(refused.problem().code, Code::InvalidHeader);
    }
}
