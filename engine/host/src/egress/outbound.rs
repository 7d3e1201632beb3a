//! One call's way out.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyDataStream;
use reqwest::{Body, Url};
use uuid::Uuid;
use wasaga_core::{Policy, Recording};
use wasmtime_wasi_http::WasiBody;

use super::allow::AllowList;
use super::body::{BodyError, Filled, IncomingBody, Source, Written};
use super::fill::{Filling, Scrubber};
use super::forms::Form;
use super::gateway::{AddressRefused, Gateway};
use super::ledger::{Closed, Ledger, request_key};
use super::recorder::Budget;
use super::tape::{Asked, Tape, Taped};
use super::vault::Granted;
use super::{PolicyError, SendError};
use crate::config::{CallLimits, HostConfig};
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

/// Where the requests of a call go.
#[derive(Debug)]
pub(crate) enum Way {
    /// To the services.
    Out(Arc<Gateway>),
    /// Nowhere: a recording answers.
    Tape(Tape),
}

/// Headers of a response that belong to one connection and not to the response.
const OF_THE_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Sends the requests of one call, and remembers them.
#[derive(Debug)]
pub(crate) struct Outbound {
    way: Way,
    policy: Arc<Policy>,
    granted: Arc<Granted>,
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
    pub(crate) body: IncomingBody,
}

/// A request that was entered in the ledger.
#[derive(Debug)]
pub(crate) struct Exchange {
    outbound: Arc<Outbound>,
    index: usize,
    ordinal: Option<u32>,
}

/// A request that is valid.
struct Valid {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: OutgoingBody,
    timeout: Option<Duration>,
}

impl Outbound {
    pub(crate) fn new(
        way: Way,
        policy: Arc<Policy>,
        granted: Arc<Granted>,
        key: Uuid,
        config: &HostConfig,
        limits: &CallLimits,
    ) -> Self {
        let budget = Budget {
            max_body_bytes: config.max_recorded_body_bytes,
            left_bytes: config.max_recorded_call_bytes,
        };
        let recording = match way {
            Way::Out(_) => policy.record,
            // Whoever replays a call wants to see what it does.
            Way::Tape(_) => Recording::Full,
        };
        Self {
            way,
            key,
            max_request_bytes: config.max_request_bytes,
            max_response_bytes: limits.response_bytes,
            ledger: Ledger::new(limits.requests, recording, budget, Arc::clone(&granted)),
            policy,
            granted,
        }
    }

    /// Ends the call: nothing is sent from here on.
    pub(crate) fn close(&self) -> Closed {
        self.ledger.close()
    }

    /// For each of so many requests the record that it was answered from; nothing without a tape.
    pub(crate) fn answered_from(&self, requests: u32) -> Vec<Option<usize>> {
        match &self.way {
            Way::Out(_) => Vec::new(),
            Way::Tape(tape) => tape.answered_from(requests),
        }
    }

    /// Enters a request, in the order in which the component asks for them.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when the call has sent as many as it may.
    pub(crate) fn enter(self: &Arc<Self>, request: &Outgoing) -> Result<Arc<Exchange>, SendError> {
        let Outgoing {
            method,
            url,
            headers,
            body,
            ..
        } = request;
        let entered = self.ledger.enter(method, url, headers)?;
        if let OutgoingBody::Whole(body) = body {
            self.ledger.sent(entered.index, body);
        }
        let outbound = Arc::clone(self);
        Ok(Arc::new(Exchange {
            outbound,
            index: entered.index,
            ordinal: entered.ordinal,
        }))
    }

    /// Checks that a request may go where it wants to.
    fn permit(&self, allowed: &AllowList, url: &Url) -> Result<(), SendError> {
        if allowed.allows(url) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let place = format!("{host}{port}");
        let place = self.granted.public(&place);
        Err(SendError::Forbidden(format!(
            "`{place}` is not in the component's allowed_hosts"
        )))
    }
}

impl Exchange {
    /// Sends the request that was entered, and waits for the head of its response.
    ///
    /// # Errors
    /// As [`SendError`] says; each is in the ledger already.
    pub(crate) async fn send(self: &Arc<Self>, request: Outgoing) -> Result<Incoming, SendError> {
        let answered = match &self.outbound.way {
            Way::Out(gateway) => self.send_out(gateway, request).await,
            Way::Tape(tape) => self.play(tape, request).await,
        };
        answered.map_err(|error| self.failed(error))
    }

    /// Writes a failure into the ledger, and hands it on.
    pub(crate) fn failed(&self, error: SendError) -> SendError {
        self.outbound.ledger.failed(self.index, &error);
        error
    }

    pub(super) fn sent(&self, piece: &[u8]) {
        self.outbound.ledger.sent(self.index, piece);
    }

    pub(super) fn received(&self, piece: &[u8]) {
        self.outbound.ledger.received(self.index, piece);
    }

    pub(super) fn done(&self) {
        self.outbound.ledger.done(self.index);
    }

    /// What an error of the client means, as the component may see it.
    pub(super) fn explained(&self, error: &reqwest::Error) -> SendError {
        explain(error, &self.outbound.granted)
    }

    pub(super) fn too_large(&self) -> SendError {
        SendError::TooLarge(self.outbound.max_response_bytes)
    }

    async fn send_out(
        self: &Arc<Self>,
        gateway: &Gateway,
        request: Outgoing,
    ) -> Result<Incoming, SendError> {
        let outbound = &self.outbound;
        let Valid {
            method,
            url,
            mut headers,
            body,
            timeout,
        } = self.checked(request)?;
        let egress = gateway.egress(&outbound.policy)?;
        outbound.permit(&egress.allow, &url)?;
        let mut filling = outbound.granted.bound_to(&url)?;
        filling.fill_headers(&mut headers)?;
        let body = self.body(body, &filling, &mut headers)?;
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        *request.body_mut() = body;
        self.depart()?;
        let response = within(timeout, egress.client.execute(request))
            .await?
            .map_err(|error| self.explained(&error))?;
        if !filling.is_empty() {
            check_encoding(response.headers())?;
        }
        let (status, headers) = (response.status(), self.scrubbed(response.headers()));
        Ok(self.incoming(
            status,
            headers,
            Source::service(response),
            filling.scrubber(),
        ))
    }

    /// Answers from a recording: nothing is sent, and nobody waits.
    async fn play(self: &Arc<Self>, tape: &Tape, request: Outgoing) -> Result<Incoming, SendError> {
        let outbound = &self.outbound;
        let (method, url) = outbound.ledger.asked_for(self.index).unwrap_or_default();
        let mut asked = Asked {
            index: self.index,
            method: &method,
            url: &url,
            body: None,
        };
        let invalid = |error: PolicyError| SendError::Forbidden(format!("the policy: {error}"));
        let permitted = self.checked(request).and_then(|request| {
            let allowed = AllowList::new(&outbound.policy).map_err(invalid)?;
            outbound.permit(&allowed, &request.url)?;
            Ok(request)
        });
        let request = match permitted {
            Ok(request) => request,
            Err(refused) => {
                // It may have been refused then as well: then it is the same request.
                tape.take(&asked);
                return Err(refused);
            }
        };
        let body = match request.body {
            OutgoingBody::Whole(body) => body,
            OutgoingBody::Streamed(body) => {
                let written = self.written(body).map_ok(Vec::from);
                let whole = written.try_concat().await;
                whole.map_err(|error: BodyError| SendError::Transport(error.to_string()))?
            }
        };
        let body = outbound.granted.named(&body);
        asked.body = Some(&body);
        self.depart()?;
        let taped = tape.play(&asked, &outbound.granted, outbound.max_response_bytes)?;
        let Taped {
            status,
            headers,
            body,
            end,
        } = taped;
        let body = Some(body).filter(|body| !body.is_empty());
        let source = Source::Recording(body, end);
        Ok(self.incoming(status, headers, source, Scrubber::default()))
    }

    /// From here on the request counts as one that may have arrived.
    fn depart(&self) -> Result<(), SendError> {
        if self.outbound.ledger.departs(self.index) {
            Ok(())
        } else {
            Err(SendError::Forbidden("the call is over".to_owned()))
        }
    }

    fn incoming(
        self: &Arc<Self>,
        status: StatusCode,
        headers: HeaderMap,
        source: Source,
        scrubber: Scrubber,
    ) -> Incoming {
        let ledger = &self.outbound.ledger;
        ledger.answered(self.index, status.as_u16(), &headers);
        let max_bytes = self.outbound.max_response_bytes;
        let body = IncomingBody::new(Arc::clone(self), source, scrubber, max_bytes);
        Incoming {
            status,
            headers,
            body,
        }
    }

    /// The headers of a response, as the component may see them.
    fn scrubbed(&self, headers: &HeaderMap) -> HeaderMap {
        let granted = &self.outbound.granted;
        let mut scrubbed = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            if OF_THE_CONNECTION.contains(name) {
                continue;
            }
            if granted.is_empty() {
                scrubbed.append(name.clone(), value.clone());
                continue;
            }
            // Its body may get another length.
            if name == header::CONTENT_LENGTH || granted.is_in_name(name.as_str()) {
                continue;
            }
            let value = match granted.scrubbed(value.as_bytes()) {
                None => Some(value.clone()),
                Some(clean) => HeaderValue::from_maybe_shared(bytes::Bytes::from(clean)).ok(),
            };
            if let Some(value) = value {
                scrubbed.append(name.clone(), value);
            }
        }
        scrubbed
    }

    /// Makes a request that can be sent, or says what is wrong with it.
    fn checked(&self, request: Outgoing) -> Result<Valid, SendError> {
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
        let mut headers = self.headers(request.headers)?;
        if let OutgoingBody::Whole(body) = &request.body {
            let max = self.outbound.max_request_bytes;
            if body.len() as u64 > max {
                return Err(invalid(format!("the body is larger than {max} bytes")));
            }
            // The length that is sent is that of the body that is sent.
            headers.remove(header::CONTENT_LENGTH);
        }
        Ok(Valid {
            method,
            url,
            headers,
            body: request.body,
            timeout: request.timeout,
        })
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

    /// The body that is sent, with the secrets that may go there.
    fn body(
        self: &Arc<Self>,
        body: OutgoingBody,
        filling: &Filling,
        headers: &mut HeaderMap,
    ) -> Result<Option<Body>, SendError> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let form = Form::of(content_type.and_then(|kind| kind.to_str().ok()));
        match body {
            OutgoingBody::Whole(body) if body.is_empty() => Ok(None),
            OutgoingBody::Whole(body) => {
                let filled = if filling.is_empty() {
                    None
                } else {
                    filling.fill(&body, form)?
                };
                Ok(Some(filled.map_or_else(|| body.into(), Body::from)))
            }
            OutgoingBody::Streamed(body) => {
                use http_body::Body as _;
                if body.is_end_stream() {
                    return Ok(None);
                }
                let written = self.written(body);
                if filling.is_empty() {
                    return Ok(Some(Body::wrap_stream(written)));
                }
                // How long it is shows when it is whole.
                headers.remove(header::CONTENT_LENGTH);
                Ok(Some(Body::wrap_stream(Filled {
                    written,
                    filler: Some(filling.filler(form)),
                })))
            }
        }
    }

    fn written(self: &Arc<Self>, body: WasiBody) -> Written {
        let max_bytes = self.outbound.max_request_bytes;
        Written::new(BodyDataStream::new(body), Arc::clone(self), max_bytes)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.outbound.ledger.given_up(self.index);
    }
}

/// Refuses a response in which a value could not be found.
fn check_encoding(headers: &HeaderMap) -> Result<(), SendError> {
    let is_plain = |name: HeaderName, plain: &str| {
        let values = headers.get_all(name).into_iter();
        let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        codings.all(|coding| {
            let coding = coding.trim_ascii();
            coding.is_empty() || coding.eq_ignore_ascii_case(plain.as_bytes())
        })
    };
    if is_plain(header::CONTENT_ENCODING, "identity")
        && is_plain(header::TRANSFER_ENCODING, "chunked")
    {
        return Ok(());
    }
    Err(SendError::Transport(
        "the response is compressed, though it was asked for as it is: a service that a secret is \
         sent to has to answer with `content-encoding: identity`, so that the secret can be kept \
         out of the answer"
            .to_owned(),
    ))
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

/// What an error of the client means. What a service says in one, as HTTP/2 lets it when it ends a
/// connection, is searched for values like everything else that comes back.
pub(super) fn explain(error: &reqwest::Error, granted: &Granted) -> SendError {
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
    let reason = deepest.to_string();
    // Whole, before it is cut: half a value would not be found.
    let reason = truncated(&granted.public(&reason), MAX_REASON_BYTES).to_owned();
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
