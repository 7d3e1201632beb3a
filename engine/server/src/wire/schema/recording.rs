//! What is kept of a call's requests.

use serde::Serialize;
use utoipa::ToSchema;

use super::Digest;

/// One outgoing request of a call.
#[derive(ToSchema)]
pub struct RequestRecord {
    /// GET, POST and so on.
    pub method: String,
    /// Where it went.
    pub url: String,
    /// Status of the response, when there was one.
    #[schema(required = false)]
    pub status: Option<u16>,
    /// Why there was no response, or no whole one, for people.
    #[schema(required = false)]
    pub error: Option<String>,
    /// The same for programs.
    #[schema(required = false)]
    pub error_kind: Option<RequestErrorKind>,
    /// From the start of the request to the end of the response's body.
    pub duration_ms: f64,
    /// Size of the request's body.
    pub request_bytes: u64,
    /// Size of the response's body.
    pub response_bytes: u64,
    /// What was said, when the policy's `record` is `full`.
    #[schema(required = false)]
    pub exchange: Option<Exchange>,
}

/// Why a request has no whole response.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum RequestErrorKind {
    /// The operator does not allow it. Nothing was sent.
    Forbidden,
    /// It is no valid request. Nothing was sent.
    InvalidRequest,
    /// There was no connection. Nothing was sent.
    Connect,
    /// It took too long.
    Timeout,
    /// The connection broke.
    Transport,
    /// The response's body is larger than it may be.
    TooLarge,
    /// The component did not wait for the whole response.
    GivenUp,
}

/// What a component said to a service, and what it was answered.
#[derive(ToSchema)]
pub struct Exchange {
    /// What the component said: secrets stand in it by name, as the component knows them.
    pub request: Message,
    /// What the component was answered, when it was.
    #[schema(required = false)]
    pub response: Option<Message>,
}

/// The headers and the body of a request or a response.
#[derive(ToSchema)]
pub struct Message {
    /// Names and values in their order. Those that are passwords by their nature have the value
    /// `[redacted]`.
    #[schema(required = false)]
    pub headers: Vec<Vec<String>>,
    /// The body; absent when there was none.
    #[schema(required = false)]
    pub body: RecordedBody,
}

/// A recorded body.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordedBody {
    /// There was none.
    Empty,
    /// UTF-8 text.
    Text(String),
    /// Anything else, in base64 (RFC 4648, with padding).
    Base64(String),
    /// It is larger than what is kept: only its digest is.
    Omitted(Digest),
}
