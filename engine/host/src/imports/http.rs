//! `wasaga:saga/http`

use std::time::Duration;

use http::HeaderMap;

use crate::bindings::wasaga::saga::http::{Error, Host, Request, Response};
use crate::egress::{Incoming, Outgoing, OutgoingBody, SendError, within};
use crate::store::CallState;

impl Host for CallState {
    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        let timeout = request.timeout_ms.map(Duration::from_millis);
        let request = Outgoing {
            method: request.method,
            url: request.url,
            headers: request
                .headers
                .into_iter()
                .map(|(k, v)| (k, v.into_bytes()))
                .collect(),
            body: OutgoingBody::Whole(request.body.unwrap_or_default()),
            // It is for the whole response, not for its head alone.
            timeout: None,
        };
        let exchange = self.outbound.enter(&request)?;
        let whole = async { collect(exchange.send(request).await?).await };
        match within(timeout, whole).await {
            Ok(result) => Ok(result?),
            Err(late) => Err(exchange.failed(late).into()),
        }
    }
}

/// Waits for the whole body.
async fn collect(incoming: Incoming) -> Result<Response, SendError> {
    let Incoming {
        status,
        headers,
        mut body,
    } = incoming;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next(None).await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Response {
        status: status.as_u16(),
        headers: texts(&headers),
        body: bytes,
    })
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
        .collect()
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Forbidden(reason) => Self::Forbidden(reason),
            SendError::InvalidRequest(reason) => Self::InvalidRequest(reason),
            SendError::Connect(reason) => Self::Connect(reason),
            SendError::Timeout(reason) => Self::Timeout(reason),
            SendError::Transport(reason) => Self::Transport(reason),
            SendError::TooLarge(max_bytes) => Self::TooLarge(max_bytes),
        }
    }
}
