//! `wasi:http`, through the same gate as `wasaga:saga/http`.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, StreamBody};
use http_body::Frame;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use crate::egress::{Incoming, Outbound, Outgoing, OutgoingBody, SendError, explain};
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
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.wasi_http }
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
        let request = outgoing(request, options.unwrap_or_default());
        // Entered here and not in the future: its place is that of the component's call.
        let exchange = self.outbound.enter(&request);
        Box::new(async move {
            let incoming = exchange.map_err(error)?.send(request).await.map_err(error)?;
            Ok((response(incoming), Box::new(async { Ok(()) }) as Io))
        })
    }
}

fn outgoing(request: http::Request<WasiBody>, options: RequestOptions) -> Outgoing {
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

fn response(incoming: Incoming) -> http::Response<WasiBody> {
    let Incoming { status, headers, body, meter } = incoming;
    let frames = futures::stream::try_unfold((body, meter), |(mut body, mut meter)| async move {
        match body.chunk().await {
            Ok(Some(piece)) => {
                meter.take(&piece).map_err(error)?;
                Ok(Some((Frame::<Bytes>::data(piece), (body, meter))))
            }
            Ok(None) => {
                meter.done();
                Ok(None)
            }
            Err(broken) => Err(error(meter.broken(explain(&broken)))),
        }
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
