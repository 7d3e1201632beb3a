//! A service that gives back what it was sent, in every way in which services do.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use futures::StreamExt as _;
use serde_json::json;

/// Routes of the service.
///
/// What it gives back of a request is the header `x-secret`, else `authorization`, else the body.
/// `/echo/<form>` has it in the body, in that form. `/echo/header` has it in headers. `/broken` sends it and breaks off.
/// `/accept` says which of the headers `accept-encoding`, `range` and `if-range` came.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/echo/header", any(header))
        .route("/echo/{form}", any(echo))
        .route("/broken", any(broken))
        .route("/accept", any(accept))
        .route("/cookie", any(cookie))
        .route("/binary", any(async || [0_u8, 159, 146, 150].as_slice()))
        .route("/ignored", any(async || "x".repeat(100_000)))
        .route("/bytes/{size}", any(bytes))
}

/// What is given back.
fn told(headers: &HeaderMap, body: &Bytes) -> Bytes {
    let header = headers
        .get("x-secret")
        .or_else(|| headers.get(header::AUTHORIZATION));
    header.map_or_else(
        || body.clone(),
        |value| Bytes::copy_from_slice(value.as_bytes()),
    )
}

async fn echo(Path(form): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let told = told(&headers, &body);
    let text = String::from_utf8_lossy(&told).into_owned();
    match form.as_str() {
        "plain" => told.into_response(),
        "base64" => BASE64_STANDARD.encode(&told).into_response(),
        "base64-in-text" => BASE64_URL_SAFE_NO_PAD
            .encode(format!("id:{text};more"))
            .into_response(),
        "json" => json!({ "told": text }).to_string().into_response(),
        "json-slashes" => json!({ "told": text })
            .to_string()
            .replace('/', "\\/")
            .into_response(),
        "percent" => percent(&told).into_response(),
        "pieces" => {
            let bytes: Vec<u8> = told.to_vec();
            let pieces = bytes
                .into_iter()
                .map(|byte| Ok::<_, Infallible>(vec![byte]));
            let pieces = futures::stream::iter(pieces).then(async |piece| {
                // Each byte is a chunk of its own.
                tokio::task::yield_now().await;
                piece
            });
            Body::from_stream(pieces).into_response()
        }
        "gzip" => ([(header::CONTENT_ENCODING, "gzip")], told).into_response(),
        "range" => match headers.get(header::RANGE) {
            Some(_) => {
                let half = told.slice(..told.len() / 2);
                (StatusCode::PARTIAL_CONTENT, half).into_response()
            }
            None => told.into_response(),
        },
        "error" => (StatusCode::UNAUTHORIZED, format!("{text} is wrong")).into_response(),
        other => panic!("there is no form {other}"),
    }
}

fn percent(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(*byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

async fn header(headers: HeaderMap, body: Bytes) -> Response {
    let value = HeaderValue::from_maybe_shared(told(&headers, &body)).unwrap();
    let name = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert("x-told", value.clone());
    if let Ok(name) = header::HeaderName::from_bytes(name.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
    response
}

async fn broken(headers: HeaderMap, body: Bytes) -> Response {
    let told = told(&headers, &body);
    let pieces = [Ok(told), Err(std::io::Error::other("broken"))];
    Body::from_stream(futures::stream::iter(pieces)).into_response()
}

async fn accept(headers: HeaderMap) -> String {
    let names = [header::ACCEPT_ENCODING, header::RANGE, header::IF_RANGE];
    let came = names.iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(format!("{name}: {value}"))
    });
    came.collect::<Vec<_>>().join(", ")
}

async fn cookie() -> Response {
    (
        [
            (header::SET_COOKIE, "session=hunter2"),
            (header::ETAG, "v1"),
        ],
        "in",
    )
        .into_response()
}

async fn bytes(Path(size): Path<usize>) -> String {
    "x".repeat(size)
}
