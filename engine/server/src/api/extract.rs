//! Reading requests. What does not fit becomes a problem.

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use wasaga_core::{Name, ReplyToken, SagaId};

use super::Api;
use super::problem::{Refused, sentence};
use crate::wire::{Code, Fault};

/// Bytes of a body that is too large which are read all the same, at least.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// What a path names: `{id}`, `{id}` and `{seq}`, `{token}`, `{name}`, `{name}` and `{version}`, or `{component}` and
/// `{action}`.
pub(crate) struct At<T>(pub(crate) T);

impl<S: Send + Sync> FromRequestParts<S> for At<SagaId> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let params = params(parts, state).await?;
        let text = param(&params, "id");
        text.parse().map(Self).map_err(|_| {
            Refused::new(
                Code::InvalidId,
                format!("Expected the id of a saga, a UUID, found `{text:.64}`."),
            )
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for At<(SagaId, u64)> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let At(id) = At::<SagaId>::from_request_parts(parts, state).await?;
        let params = params(parts, state).await?;
        let text = param(&params, "seq");
        let seq = text.parse().map_err(|_| {
            let detail = format!("Expected the number of a call, found `{text:.64}`.");
            Refused::new(Code::InvalidCall, detail)
        })?;
        Ok(Self((id, seq)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for At<Name> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let params = params(parts, state).await?;
        Ok(Self(Name::new(param(&params, "name"))?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for At<(Name, u32)> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let params = params(parts, state).await?;
        let name = Name::new(param(&params, "name"))?;
        let text = param(&params, "version");
        let version = text.parse().map_err(|_| {
            let detail = format!("Expected the number of a version, found `{text:.64}`.");
            Refused::new(Code::InvalidVersion, detail)
        })?;
        Ok(Self((name, version)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for At<(Name, Name)> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let params = params(parts, state).await?;
        let component = Name::new(param(&params, "component"))?;
        let action = Name::new(param(&params, "action"))?;
        Ok(Self((component, action)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for At<ReplyToken> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let params = params(parts, state).await?;
        let token = param(&params, "token").parse::<ReplyToken>();
        token
            .map(Self)
            .map_err(|error| Refused::new(Code::InvalidToken, sentence(&error)))
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Refused> {
    RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|error| Refused::new(Code::UnknownPath, sentence(&error)))
}

fn param<'a>(params: &'a RawPathParams, name: &str) -> &'a str {
    params
        .iter()
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value)
}

/// The query. A parameter that `T` does not know is a problem.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|rejection| {
                // The rejection's own text speaks of deserialising; its source says what is wrong.
                let reason = rejection
                    .source()
                    .map_or_else(|| rejection.to_string(), ToString::to_string);
                Refused::new(
                    Code::InvalidQuery,
                    format!("The query cannot be used: {reason}."),
                )
            })
    }
}

/// A body of JSON, up to [`Limits::json_bytes`](super::Limits::json_bytes).
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Refused> {
        json_type(request.headers())?;
        let bytes = read(request, api.limits.json_bytes).await?;
        parse(&bytes).map(Self)
    }
}

/// A body of JSON that need not be there.
pub(crate) struct MaybeJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Api>> for MaybeJson<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Refused> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        Json::from_request(request, api)
            .await
            .map(|json| Self(json.0))
    }
}

/// The bytes of a component, up to [`Limits::component_bytes`](super::Limits::component_bytes).
pub(crate) struct Wasm(pub(crate) Vec<u8>);

impl FromRequest<Arc<Api>> for Wasm {
    type Rejection = Refused;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Refused> {
        let bytes = read(request, api.limits.component_bytes).await?;
        Ok(Self(bytes.into()))
    }
}

/// Whether the client says that it sends JSON. A web page of another origin cannot say so unless
/// the browser asks the server first.
fn json_type(headers: &HeaderMap) -> Result<(), Refused> {
    let sent = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = sent
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let subtype = essence.to_ascii_lowercase();
    if subtype == "application/json"
        || (subtype.starts_with("application/") && subtype.ends_with("+json"))
    {
        return Ok(());
    }
    let found = if essence.is_empty() {
        "none".to_owned()
    } else {
        format!("`{essence:.64}`")
    };
    Err(Refused::new(
        Code::UnsupportedMediaType,
        format!("Expected the header `Content-Type: application/json`, found {found}."),
    ))
}

/// Reads a whole body of at most `limit` bytes.
async fn read(request: Request, limit: usize) -> Result<Bytes, Refused> {
    // Such a client sends nothing before it is told to.
    let asks_first = request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body();
    if body.size_hint().lower() > limit as u64 && asks_first {
        return Err(too_large(limit));
    }
    let mut whole = Vec::new();
    while let Some(data) = data(&mut body).await? {
        if whole.len() + data.len() > limit {
            drop(whole);
            discard(body, limit.max(DISCARDED_BYTES)).await;
            return Err(too_large(limit));
        }
        if whole.is_empty() && body.is_end_stream() {
            // Most bodies come in one piece, which need not be copied.
            return Ok(data);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// The next piece of a body.
async fn data(body: &mut Body) -> Result<Option<Bytes>, Refused> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            let detail = "The connection or the encoding broke before the end of the body.";
            Refused::new(Code::IncompleteBody, detail)
        })?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Reads at most `most` bytes for nothing. Many clients send all they have before they look at the
/// response; closing the connection before that would take the response from them.
async fn discard(mut body: Body, most: usize) {
    let mut discarded = 0;
    while discarded < most {
        match data(&mut body).await {
            Ok(Some(data)) => discarded += data.len(),
            _ => return,
        }
    }
}

fn too_large(limit: usize) -> Refused {
    let detail = format!("The body has more than {limit} bytes, the most that is taken.");
    Refused::new(Code::BodyTooLarge, detail).with("limit_bytes", limit)
}

/// Reads JSON, an object; says where it went wrong.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    let read = serde_json::from_slice(bytes);
    let syntax = read.as_ref().err().filter(|error| !error.is_data());
    // An array would be taken for the fields of an object in their order, and `[]` for a policy that grants nothing.
    if syntax.is_none() && bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Refused::invalid_body(Fault {
            pointer: String::new(),
            message: "expected an object, found an array".to_owned(),
        }));
    }
    read.map_err(|error| {
        if !error.is_data() {
            return Refused::new(
                Code::MalformedJson,
                format!("The body is not JSON: {error}."),
            );
        }
        // Read again, this time keeping track of the place: only requests that fail pay for it.
        let mut from = serde_json::Deserializer::from_slice(bytes);
        let fault = match serde_path_to_error::deserialize::<_, T>(&mut from) {
            Ok(_) => Fault {
                pointer: String::new(),
                message: error.to_string(),
            },
            Err(error) => Fault {
                pointer: pointer(error.path()),
                message: error.inner().to_string(),
            },
        };
        Refused::invalid_body(fault)
    })
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut pointer, segment| {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&wasaga_core::Problem::escape(key)),
            Segment::Enum { variant } => pointer.push_str(&wasaga_core::Problem::escape(variant)),
            Segment::Unknown => pointer.push('?'),
        }
        pointer
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, Uri};
    use axum::routing::get;
    use futures::{FutureExt, StreamExt};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::super::page::PageQuery;
    use super::*;
    use crate::wire::StartSaga;

    fn code<T>(result: Result<T, Refused>) -> Code {
        match result {
            Ok(_) => panic!("nothing was refused"),
            Err(refused) => refused.problem().code,
        }
    }

    fn query(text: &str) -> Result<Query<PageQuery>, Refused> {
        let request = Request::builder()
            .uri(format!("/?{text}"))
            .body(Body::empty())
            .expect("a request");
        let (mut parts, _) = request.into_parts();
        Query::from_request_parts(&mut parts, &())
            .now_or_never()
            .expect("nothing to wait for")
    }

    #[test]
    fn a_limit_is_from_1_to_1000_and_50_by_default() {
        assert_eq!(query("").expect("a query").0.request().limit, 50);
        assert_eq!(
            query("limit=1000").expect("a query").0.request().limit,
            1000
        );
        for wrong in [
            "limit=0",
            "limit=1001",
            "limit=many",
            "limit=-1",
            "limit=",
            "limit=5&limit=6",
        ] {
            assert_eq!(code(query(wrong)), Code::InvalidQuery, "{wrong}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_named_beside_the_known_ones() {
        let refused = query("limt=3").err().expect("a problem");
        let detail = &refused.problem().detail;
        assert!(
            detail.contains("`limt`") && detail.contains("`limit`"),
            "{detail}"
        );
    }

    #[test]
    fn what_is_not_json_and_what_is_other_json_are_told_apart() {
        assert_eq!(
            code(parse::<StartSaga>(b"{\"definition\": ")),
            Code::MalformedJson
        );
        assert_eq!(code(parse::<StartSaga>(b"")), Code::MalformedJson);
        assert_eq!(code(parse::<StartSaga>(b"[1]")), Code::InvalidBody);
    }

    #[test]
    fn a_fault_in_a_body_has_its_place() {
        for (body, place) in [
            (
                r#"{"definition": "order", "input": 1, "tags": {"a/b": 7}}"#,
                "/tags/a~1b",
            ),
            (r#"{"definition": "no name", "input": 1}"#, "/definition"),
            (r#"{"definition": "order", "input": 1, "id": "17"}"#, "/id"),
            (
                r#"{"definition": "order", "input": 1, "inputs": 2}"#,
                "/inputs",
            ),
            (r#"{"input": 1}"#, ""),
        ] {
            let refused = parse::<StartSaga>(body.as_bytes()).expect_err("a problem");
            assert_eq!(refused.problem().code, Code::InvalidBody);
            assert_eq!(refused.problem().errors[0].pointer, place, "{body}");
        }
    }

    #[test]
    fn an_array_is_not_taken_for_an_object_s_fields() {
        let body = br#" [{"definition": "order"}]"#;
        let refused = parse::<StartSaga>(body).expect_err("a problem");
        assert_eq!(refused.problem().code, Code::InvalidBody);
        let fault = &refused.problem().errors[0];
        assert_eq!(fault.message, "expected an object, found an array");
        // Where no field has to be there, it would be one that revokes everything.
        assert!(parse::<wasaga_core::Policy>(b"[]").is_err());
        assert!(parse::<wasaga_core::Policy>(b"{}").is_ok());
    }

    #[test]
    fn only_json_counts_as_json() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(
                header::CONTENT_TYPE,
                axum::http::HeaderValue::from_static(value),
            )])
        };
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
        ] {
            assert!(json_type(&headers(good)).is_ok(), "{good}");
        }
        for wrong in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "",
        ] {
            assert_eq!(
                code(json_type(&headers(wrong))),
                Code::UnsupportedMediaType,
                "{wrong}"
            );
        }
        assert_eq!(
            code(json_type(&HeaderMap::new())),
            Code::UnsupportedMediaType
        );
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length() {
        let pieces = || {
            Body::from_stream(futures::stream::iter(
                ["1234", "56"].map(Ok::<_, std::io::Error>),
            ))
        };
        assert_eq!(
            read(Request::new(Body::from("12345")), 5)
                .await
                .expect("a body"),
            "12345"
        );
        assert_eq!(
            read(Request::new(pieces()), 6).await.expect("a body"),
            "123456"
        );
        assert_eq!(
            code(read(Request::new(Body::from("123456")), 5).await),
            Code::BodyTooLarge
        );
        let refused = read(Request::new(pieces()), 5)
            .await
            .expect_err("a problem");
        assert_eq!(refused.problem().code, Code::BodyTooLarge);
        assert_eq!(refused.problem().more["limit_bytes"], 5);
    }

    #[tokio::test]
    async fn who_sends_too_much_without_asking_is_listened_to_before_it_is_refused() {
        let (sender, mut ended) = tokio::sync::oneshot::channel();
        let pieces = futures::stream::iter(["123456", "78"]).map(Ok::<_, std::io::Error>);
        let last = futures::stream::once(async move {
            sender.send(()).expect("somebody listens");
            Ok("9")
        });
        let request = Request::new(Body::from_stream(pieces.chain(last)));
        assert_eq!(code(read(request, 5).await), Code::BodyTooLarge);
        assert_eq!(ended.try_recv(), Ok(()));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_one_that_is_too_large() {
        let pieces = futures::stream::iter([Ok("12"), Err(std::io::Error::other("gone"))]);
        assert_eq!(
            code(read(Request::new(Body::from_stream(pieces)), 5).await),
            Code::IncompleteBody
        );
    }

    #[tokio::test]
    async fn paths_name_sagas_by_uuid_versions_by_number_and_replies_by_token() {
        let router: Router = Router::new()
            .route(
                "/sagas/{id}",
                get(|At(id): At<SagaId>| async move { id.to_string() }),
            )
            .route(
                "/sagas/{id}/calls/{seq}",
                get(|At((id, seq)): At<(SagaId, u64)>| async move { format!("{id} {seq}") }),
            )
            .route(
                "/b/{component}/{action}",
                get(|At((c, a)): At<(Name, Name)>| async move { format!("{c} {a}") }),
            )
            .route(
                "/callbacks/{token}",
                get(|At(token): At<ReplyToken>| async move { token.to_string() }),
            )
            .route(
                "/c/{name}/{version}",
                get(|At((name, n)): At<(Name, u32)>| async move { format!("{name} {n}") }),
            );
        for (uri, status, code) in [
            ("/sagas/01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f", 200, ""),
            ("/sagas/17", 400, "invalid-id"),
            ("/sagas/%FF", 404, "unknown-path"),
            (
                "/sagas/01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f/calls/2",
                200,
                "",
            ),
            ("/sagas/17/calls/2", 400, "invalid-id"),
            (
                "/sagas/01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f/calls/first",
                400,
                "invalid-call",
            ),
            (
                "/callbacks/01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f.5b0e9c4e-2c1c-5d7d-8f36-0e6d3f8a1b2c",
                200,
                "",
            ),
            (
                "/callbacks/01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f",
                400,
                "invalid-token",
            ),
            ("/b/inventory/reserve", 200, ""),
            ("/b/inventory/-", 400, "invalid-name"),
            ("/c/order/3", 200, ""),
            ("/c/order/latest", 400, "invalid-version"),
            ("/c/or%20der/3", 400, "invalid-name"),
        ] {
            let request = Request::builder()
                .uri(Uri::from_static(uri))
                .body(Body::empty())
                .expect("a request");
            let response = router.clone().oneshot(request).await.expect("a response");
            assert_eq!(
                response.status(),
                StatusCode::from_u16(status).expect("a status"),
                "{uri}"
            );
            if !code.is_empty() {
                let body = axum::body::to_bytes(response.into_body(), 4096)
                    .await
                    .expect("a body");
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                assert_eq!(body["code"], code, "{uri}");
            }
        }
    }
}
