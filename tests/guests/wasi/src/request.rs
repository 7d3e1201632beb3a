//! A request by `wasi:http`, from its head to the last byte of its response.

use std::collections::BTreeMap;

use wasaga_sdk::config;
use wasaga_sdk::prelude::*;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions,
    Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

/// As many bytes as a stream takes in one blocking write.
const MAX_WRITE_BYTES: usize = 4096;
const READ_BYTES: u64 = 64 * 1024;

/// What to send, always without TLS.
#[derive(Deserialize)]
pub(crate) struct Request {
    method: String,
    authority: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    /// Name of a configuration value that stands for `{config}` in headers and body.
    config: Option<String>,
    /// How many bytes of the body are written at once.
    #[serde(default = "at_once")]
    piece_bytes: usize,
    /// Whether the response is dropped once its head is there.
    #[serde(default)]
    head_only: bool,
    first_byte_timeout_ms: Option<u64>,
    between_bytes_timeout_ms: Option<u64>,
}

/// What came back.
#[derive(Serialize)]
pub(crate) struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    /// Sends it, and reads the whole response.
    pub(crate) fn send(&self) -> Result<Response, ErrorCode> {
        let request = self.head()?;
        let body = request.body().map_err(|()| refused("the body"))?;
        let pending = outgoing_handler::handle(request, Some(self.options()?))?;
        let written = write(
            body,
            self.configured(&self.body).as_bytes(),
            self.piece_bytes,
        );
        pending.subscribe().block();
        let response = pending
            .get()
            .ok_or_else(|| refused("the response"))?
            .map_err(|()| refused("the response"))?;
        // Where there is no response, its error says more than that the body could not be written.
        let response = response?;
        written?;
        let headers = response.headers().entries();
        let body = if self.head_only {
            Vec::new()
        } else {
            read(&response)?
        };
        Ok(Response {
            status: response.status(),
            headers: headers.into_iter().map(|(k, v)| (k, text(&v))).collect(),
            body: text(&body),
        })
    }

    fn head(&self) -> Result<OutgoingRequest, ErrorCode> {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(k, v)| (k.clone(), self.configured(v).into_bytes()))
            .collect();
        let headers = Fields::from_list(&headers).map_err(refused)?;
        let request = OutgoingRequest::new(headers);
        request
            .set_method(&method(&self.method))
            .map_err(|()| refused("the method"))?;
        request
            .set_scheme(Some(&Scheme::Http))
            .map_err(|()| refused("the scheme"))?;
        request
            .set_authority(Some(&self.authority))
            .map_err(|()| refused("the authority"))?;
        request
            .set_path_with_query(Some(&self.path))
            .map_err(|()| refused("the path"))?;
        Ok(request)
    }

    fn configured(&self, text: &str) -> String {
        let value = self.config.as_deref().and_then(config::get);
        text.replace("{config}", &value.unwrap_or_default())
    }

    fn options(&self) -> Result<RequestOptions, ErrorCode> {
        let options = RequestOptions::new();
        options
            .set_first_byte_timeout(self.first_byte_timeout_ms.map(nanoseconds))
            .map_err(|()| refused("the first-byte timeout"))?;
        options
            .set_between_bytes_timeout(self.between_bytes_timeout_ms.map(nanoseconds))
            .map_err(|()| refused("the between-bytes timeout"))?;
        Ok(options)
    }
}

fn write(body: OutgoingBody, bytes: &[u8], piece_bytes: usize) -> Result<(), ErrorCode> {
    let stream = body.write().map_err(|()| refused("the body's stream"))?;
    for piece in bytes.chunks(piece_bytes.clamp(1, MAX_WRITE_BYTES)) {
        stream.blocking_write_and_flush(piece).map_err(broken)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None)
}

fn read(response: &IncomingResponse) -> Result<Vec<u8>, ErrorCode> {
    let body = response.consume().map_err(|()| refused("the body"))?;
    let stream = body.stream().map_err(|()| refused("the body's stream"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(broken(error)),
        }
    }
}

/// What HTTP or else the stream says of a stream's failure.
fn broken(error: StreamError) -> ErrorCode {
    match error {
        StreamError::LastOperationFailed(cause) => http_error_code(&cause)
            .unwrap_or_else(|| ErrorCode::InternalError(Some(cause.to_debug_string()))),
        StreamError::Closed => refused("the body's stream"),
    }
}

/// What has no code of its own.
fn refused(what: impl std::fmt::Debug) -> ErrorCode {
    ErrorCode::InternalError(Some(format!("wasi:http refused {what:?}")))
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

fn nanoseconds(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

fn at_once() -> usize {
    MAX_WRITE_BYTES
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
