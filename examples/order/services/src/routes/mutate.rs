//! Requests that change the books.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::{MAX_BODY_BYTES, Shop};
use crate::books::Receipt;
use crate::books::command::Command;
use crate::idempotency::{self, Delivery};
use crate::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Bytes of a key. Keys are kept, so their size is bounded.
const MAX_KEY_BYTES: usize = 255;

/// The request's `Idempotency-Key`, which must be there.
pub(super) struct Key(pub(super) idempotency::Key);

/// The request's JSON body. The content type does not matter.
pub(super) struct Body<T>(pub(super) T);

/// Carries `command` out, once for each key. A repeated answer has the header
/// `Idempotency-Replayed: true`.
pub(super) fn execute(
    State(shop): State<Shop>,
    key: idempotency::Key,
    command: Command,
) -> Result<Response, Problem> {
    let (outcome, delivery) = shop.desk().execute(key, command)?;
    let mut response = match outcome {
        Ok(receipt) => (status(&receipt), Json(receipt)).into_response(),
        Err(refusal) => Problem::from(refusal).into_response(),
    };
    if delivery == Delivery::Replayed {
        let headers = response.headers_mut();
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Opens fresh books. Needs no key: doing it twice is doing it once.
pub(super) async fn reset(State(shop): State<Shop>) -> StatusCode {
    shop.desk().reset();
    StatusCode::NO_CONTENT
}

const fn status(receipt: &Receipt) -> StatusCode {
    match receipt {
        Receipt::Reserved(_) | Receipt::Charged(_) | Receipt::Shipped(_) => StatusCode::CREATED,
        Receipt::Confirmed(_)
        | Receipt::Released(_)
        | Receipt::Refunded(_)
        | Receipt::Cancelled(_) => StatusCode::OK,
    }
}

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = parts
            .headers
            .get(IDEMPOTENCY_KEY)
            .ok_or(Problem::KeyRequired)?;
        let text = value.to_str().map_err(|_| {
            Problem::Invalid("an Idempotency-Key consists of visible ASCII characters".to_owned())
        })?;
        if text.is_empty() {
            return Err(Problem::KeyRequired);
        }
        if text.len() > MAX_KEY_BYTES {
            return Err(Problem::Invalid(format!(
                "an Idempotency-Key has at most {MAX_KEY_BYTES} bytes, got {}",
                text.len()
            )));
        }
        Ok(Self(idempotency::Key(text.to_owned())))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge {
                        max_bytes: MAX_BODY_BYTES,
                    },
                    _ => Problem::Invalid(rejection.body_text()),
                })?;
        Json::from_bytes(&bytes)
            .map(|Json(body)| Self(body))
            .map_err(|rejection| Problem::Invalid(rejection.body_text()))
    }
}
