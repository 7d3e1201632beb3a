//! One call's way out.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyDataStream;
use reqwest::{Body, Url};
use uuid::Uuid;
use wasaga_core::{Evidence, Policy, RequestRecord};
use wasmtime_wasi_http::WasiBody;

use super::SendError;
use super::body::{LimitedBody, ResponseMeter};
use super::gateway::{AddressRefused, Gateway};
use super::ledger::{Ledger, request_key};
use crate::limits::MAX_HEADER_BYTES;
use crate::logs::truncated;

/// Longest URL that is sent.
const MAX_URL_BYTES: usize = 8 * 1024;
/// Longest explanation that a component gets.
const MAX_REASON_BYTES: usize = 256;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Headers that the engine sets, or that belong to one connection and not to the request.
const RESERVED: [HeaderName; 10] = [
    header::HOST,
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Sends the requests of one call, and remembers them.
#[derive(Debug)]
pub(crate) struct Outbound {
    gateway: Arc<Gateway>,
    policy: Arc<Policy>,
    key: Uuid,
    max_request_bytes: u64,
    max_response_bytes: u64,
    ledger: Ledger,
}

/// A request as a component asked for it.
pub(crate) struct Outgoing {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: OutgoingBody,
    /// Until the response's head has come. The call's own timeout ends it in any case.
    pub(crate) timeout: Option<Duration>,
}

/// The body of a request.
pub(crate) enum OutgoingBody {
    /// All of it.
    Whole(Vec<u8>),
    /// The component goes on writing it.
    Streamed(WasiBody),
}

/// A response whose body is still to come.
pub(crate) struct Incoming {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: reqwest::Response,
    pub(crate) meter: ResponseMeter,
}

/// A request that was entered in the ledger.
#[derive(Debug)]
pub(crate) struct Exchange {
    outbound: Arc<Outbound>,
    index: usize,
    ordinal: Option<u32>,
}

impl Outbound {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        policy: Arc<Policy>,
        key: Uuid,
        max_request_bytes: u64,
        limits: &crate::config::CallLimits,
    ) -> Self {
        Self {
            gateway,
            policy,
            key,
            max_request_bytes,
            max_response_bytes: limits.response_bytes,
            ledger: Ledger::new(limits.requests),
        }
    }

    /// Ends the call: nothing is sent from here on.
    pub(crate) fn close(&self) -> (Vec<RequestRecord>, Evidence) {
        self.ledger.close()
    }

    /// Enters a request, in the order in which the component asks for them.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when the call has sent as many as it may.
    pub(crate) fn enter(self: &Arc<Self>, request: &Outgoing) -> Result<Arc<Exchange>, SendError> {
        let bytes = match &request.body {
            OutgoingBody::Whole(body) => body.len() as u64,
            OutgoingBody::Streamed(_) => 0,
        };
        let entered = self.ledger.enter(&request.method, &request.url, bytes)?;
        let outbound = Arc::clone(self);
        Ok(Arc::new(Exchange {
            outbound,
            index: entered.index,
            ordinal: entered.ordinal,
        }))
    }
}

impl Exchange {
    /// Sends the request that was entered, and waits for the head of its response.
    ///
    /// # Errors
    /// As [`SendError`] says; each is in the ledger already.
    pub(crate) async fn send(self: &Arc<Self>, request: Outgoing) -> Result<Incoming, SendError> {
        self.try_send(request)
            .await
            .map_err(|error| self.failed(error))
    }

    /// Writes a failure into the ledger, and hands it on.
    pub(crate) fn failed(&self, error: SendError) -> SendError {
        self.outbound.ledger.failed(self.index, &error);
        error
    }

    pub(super) fn add_request_bytes(&self, bytes: u64) {
        self.outbound.ledger.add_request_bytes(self.index, bytes);
    }

    pub(super) fn add_response_bytes(&self, bytes: u64) {
        self.outbound.ledger.add_response_bytes(self.index, bytes);
    }

    pub(super) fn done(&self) {
        self.outbound.ledger.done(self.index);
    }

    async fn try_send(self: &Arc<Self>, request: Outgoing) -> Result<Incoming, SendError> {
        let outbound = &self.outbound;
        let timeout = request.timeout;
        let request = self.checked(request)?;
        let egress = outbound.gateway.egress(&outbound.policy)?;
        let url = request.url();
        if !egress.allow.allows(url) {
            let host = url.host_str().unwrap_or_default();
            let port = url
                .port()
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            return Err(SendError::Forbidden(format!(
                "`{host}{port}` is not in the component's allowed_hosts"
            )));
        }
        if !outbound.ledger.departs(self.index) {
            return Err(SendError::Forbidden("the call is over".to_owned()));
        }
        let response = within(timeout, egress.client.execute(request))
            .await?
            .map_err(|error| explain(&error))?;
        outbound
            .ledger
            .status(self.index, response.status().as_u16());
        Ok(Incoming {
            status: response.status(),
            headers: response.headers().clone(),
            body: response,
            meter: ResponseMeter {
                exchange: Arc::clone(self),
                max_bytes: outbound.max_response_bytes,
                bytes: 0,
            },
        })
    }

    /// Makes a request that can be sent, or says what is wrong with it.
    fn checked(self: &Arc<Self>, request: Outgoing) -> Result<reqwest::Request, SendError> {
        let invalid = |reason: String| SendError::InvalidRequest(reason);
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT && *method != Method::TRACE)
            .ok_or_else(|| {
                let method = truncated(&request.method, 32);
                invalid(format!("`{method}` is not a method that can be sent"))
            })?;
        if request.url.len() > MAX_URL_BYTES {
            return Err(invalid(format!(
                "the URL is longer than {MAX_URL_BYTES} bytes"
            )));
        }
        let url = Url::parse(&request.url).map_err(|error| invalid(format!("the URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(invalid(
                "the URL is neither http:// nor https://".to_owned(),
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let reason = "the URL has a user in it: use the header `authorization`";
            return Err(invalid(reason.to_owned()));
        }
        let mut sent = reqwest::Request::new(method, url);
        *sent.headers_mut() = self.headers(request.headers)?;
        if let OutgoingBody::Whole(_) = request.body {
            // The length that is sent is that of the body that is sent.
            sent.headers_mut().remove(header::CONTENT_LENGTH);
        }
        *sent.body_mut() = self.body(request.body)?;
        Ok(sent)
    }

    fn headers(&self, headers: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, SendError> {
        let invalid = |reason: String| SendError::InvalidRequest(reason);
        let bytes: usize = headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 32)
            .sum();
        if bytes > MAX_HEADER_BYTES {
            return Err(invalid(format!(
                "the headers are larger than {MAX_HEADER_BYTES} bytes"
            )));
        }
        let mut map = HeaderMap::with_capacity(headers.len() + 1);
        for (name, value) in headers {
            let shown = truncated(&name, 64);
            let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
                return Err(invalid(format!("`{shown}` is not the name of a header")));
            };
            let Ok(value) = HeaderValue::from_bytes(&value) else {
                return Err(invalid(format!(
                    "the value of the header `{shown}` is not valid"
                )));
            };
            if RESERVED.contains(&parsed) {
                return Err(invalid(format!(
                    "the header `{shown}` is set by the engine"
                )));
            }
            map.append(parsed, value);
        }
        if let Some(ordinal) = self.ordinal
            && !map.contains_key(IDEMPOTENCY_KEY)
        {
            let key = request_key(self.outbound.key, ordinal).to_string();
            let key = HeaderValue::try_from(key).map_err(|error| invalid(error.to_string()))?;
            map.insert(IDEMPOTENCY_KEY, key);
        }
        Ok(map)
    }

    fn body(self: &Arc<Self>, body: OutgoingBody) -> Result<Option<Body>, SendError> {
        let max = self.outbound.max_request_bytes;
        match body {
            OutgoingBody::Whole(body) if body.len() as u64 > max => Err(SendError::InvalidRequest(
                format!("the body is larger than {max} bytes"),
            )),
            OutgoingBody::Whole(body) if body.is_empty() => Ok(None),
            OutgoingBody::Whole(body) => Ok(Some(body.into())),
            OutgoingBody::Streamed(body) => {
                use http_body::Body as _;
                if body.is_end_stream() {
                    return Ok(None);
                }
                Ok(Some(Body::wrap_stream(LimitedBody {
                    body: BodyDataStream::new(body),
                    exchange: Arc::clone(self),
                    left_bytes: max,
                })))
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.done();
    }
}

/// Waits so long and no longer, if there is a limit.
///
/// # Errors
/// [`SendError::Timeout`].
pub(crate) async fn within<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = T>,
) -> Result<T, SendError> {
    let Some(timeout) = timeout else {
        return Ok(work.await);
    };
    tokio::time::timeout(timeout, work)
        .await
        .map_err(|_| SendError::Timeout(format!("nothing came within {} ms", timeout.as_millis())))
}

/// What an error of the client means.
pub(crate) fn explain(error: &reqwest::Error) -> SendError {
    let mut deepest: &dyn StdError = error;
    let mut refused = None;
    while let Some(source) = deepest.source() {
        refused = refused.or_else(|| source.downcast_ref::<AddressRefused>());
        deepest = source;
    }
    if let Some(refused) = refused {
        return SendError::Forbidden(refused.to_string());
    }
    // The deepest cause says what happened; those above it repeat the URL.
    let reason = truncated(&deepest.to_string(), MAX_REASON_BYTES).to_owned();
    if error.is_connect() {
        // The URL may come from configuration: which host it was is half of the message.
        let place = error
            .url()
            .and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
        SendError::Connect(match place {
            Some((host, port)) => format!("{host}:{port}: {reason}"),
            None => reason,
        })
    } else if error.is_timeout() {
        SendError::Timeout(reason)
    } else if error.is_builder() {
        SendError::InvalidRequest(reason)
    } else {
        SendError::Transport(reason)
    }
}
