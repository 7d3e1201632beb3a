//! `wasi:http`, through the same gate as `wasaga:saga/http`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::egress::{Incoming, Outbound, Outgoing, OutgoingBody, SendError};
use crate::store::CallState;

/// Sends what a component hands to `wasi:http/outgoing-handler`.
pub(crate) struct Hooks {
    outbound: Arc<Outbound>,
}

impl Hooks {
    pub(crate) fn new(outbound: Arc<Outbound>) -> Self {
        Self { outbound }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.wasi_http,
        }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let options = options.unwrap_or_default();
        let request = outgoing(request, &options);
        // Entered here and not in the future: its place is that of the component's call.
        let exchange = self.outbound.enter(&request);
        Box::new(async move {
            let incoming = exchange
                .map_err(error)?
                .send(request)
                .await
                .map_err(error)?;
            Ok((
                response(incoming, options.between_bytes_timeout),
                Box::new(async { Ok(()) }) as Io,
            ))
        })
    }
}

fn outgoing(request: http::Request<WasiBody>, options: &RequestOptions) -> Outgoing {
    let (mut head, body) = request.into_parts();
    // Made from the URL, as every client does it.
    head.headers.remove(header::HOST);
    let timeout = options
        .first_byte_timeout
        .map(|first_byte| first_byte.saturating_add(options.connect_timeout.unwrap_or_default()));
    Outgoing {
        method: head.method.to_string(),
        url: head.uri.to_string(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body: OutgoingBody::Streamed(body),
        timeout,
    }
}

fn response(incoming: Incoming, between_bytes: Option<Duration>) -> http::Response<WasiBody> {
    let Incoming {
        status,
        headers,
        body,
    } = incoming;
    let frames = futures::stream::try_unfold(body, move |mut body| async move {
        let piece = body.next(between_bytes).await;
        let piece = piece.map_err(|failure| match failure {
            SendError::Timeout(_) => Error::ConnectionReadTimeout,
            other => error(other),
        })?;
        Ok(piece.map(|piece| (Frame::<Bytes>::data(piece), body)))
    });
    let mut response = http::Response::new(StreamBody::new(frames).boxed_unsync());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn error(error: SendError) -> Error {
    match error {
        SendError::Forbidden(reason) => {
            tracing::debug!("request refused: {reason}");
            Error::HttpRequestDenied
        }
        SendError::InvalidRequest(reason) => Error::InternalError(Some(reason)),
        SendError::Connect(_) => Error::ConnectionRefused,
        SendError::Timeout(_) => Error::HttpResponseTimeout,
        SendError::Transport(_) => Error::ConnectionTerminated,
        SendError::TooLarge(max_bytes) => Error::HttpResponseBodySize(Some(max_bytes)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::{BodyExt as _, Full};
    use uuid::Uuid;
    use wasaga_core::{Evidence, Policy};

    use super::*;
    use crate::config::{DefaultLimits, HostConfig};
    use crate::egress::{Gateway, Way};

    /// Answers every request with the key, the host and the body that it had.
    async fn echo() -> String {
        let handler = axum::routing::any(async |headers: http::HeaderMap, body: String| {
            let text = |name: &str| {
                headers
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or("none")
                    .to_owned()
            };
            format!("{} {} {body}", text("idempotency-key"), text("host"))
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        tokio::spawn(
            async move { axum::serve(listener, axum::Router::new().fallback(handler)).await },
        );
        host
    }

    fn outbound(allowed: &str, max_response_bytes: u64) -> Arc<Outbound> {
        let mut config = HostConfig::new("unused");
        config.max_request_bytes = 1_000;
        let policy = Policy {
            allowed_hosts: vec![allowed.to_owned()],
            ..Policy::default()
        };
        let mut limits = DefaultLimits::default().default;
        limits.response_bytes = max_response_bytes;
        let gateway = Arc::new(Gateway::new(std::time::Duration::from_secs(5)));
        Arc::new(Outbound::new(
            Way::Out(gateway),
            Arc::new(policy),
            Arc::default(),
            Uuid::from_u128(7),
            &config,
            &limits,
        ))
    }

    async fn send(outbound: &Arc<Outbound>, host: &str, body: &str) -> Result<String, Error> {
        let body = Full::new(Bytes::from(body.to_owned())).map_err(|never| match never {});
        let request = http::Request::post(format!("http://{host}/"))
            .header("host", "elsewhere.test")
            .body(body.boxed_unsync())
            .expect("a request");
        let mut hooks = Hooks::new(Arc::clone(outbound));
        let sending = hooks.send_request(request, None, Box::new(async { Ok(()) }));
        let (response, _) = Box::into_pin(sending).await?;
        let bytes = response.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn a_wasi_request_passes_the_same_gate() {
        let host = echo().await;
        let out = outbound(&host, 1_000);
        let answer = send(&out, &host, "hello").await.expect("an answer");
        let words: Vec<&str> = answer.split(' ').collect();
        assert!(Uuid::try_parse(words[0]).is_ok(), "{answer}");
        assert_eq!(
            words[1..],
            [host.as_str(), "hello"],
            "the host is that of the URL"
        );
        let closed = out.close();
        let record = &closed.records[0];
        assert_eq!(
            (record.request_bytes, record.response_bytes),
            (5, answer.len() as u64)
        );
        assert_eq!(
            (record.status, closed.evidence),
            (Some(200), Evidence::Possible)
        );
    }

    #[tokio::test]
    async fn a_wasi_request_to_a_host_that_is_not_listed_is_denied() {
        let host = echo().await;
        let out = outbound("example.com", 1_000);
        assert!(matches!(
            send(&out, &host, "hello").await,
            Err(Error::HttpRequestDenied)
        ));
        assert_eq!(out.close().evidence, Evidence::Unchanged);
    }

    #[tokio::test]
    async fn bodies_of_wasi_requests_are_limited() {
        let host = echo().await;
        let out = outbound(&host, 10);
        assert!(matches!(
            send(&out, &host, "hello").await,
            Err(Error::HttpResponseBodySize(Some(10)))
        ));
        assert!(send(&out, &host, &"x".repeat(2_000)).await.is_err());
    }
}
