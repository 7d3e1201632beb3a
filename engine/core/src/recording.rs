//! What of a call's requests is kept, so that people can look at it and another version of the
//! component can be tried on it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// Stands in a recorded header in place of a value that is not kept.
pub const REDACTED: &str = "[redacted]";

/// How much of a component's requests the journal keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recording {
    /// That they were sent and how many, nothing else.
    None,
    /// Method, URL, status, duration and sizes of each.
    Summary,
    /// Headers and bodies as well, up to a bound: what it takes to run the call again without
    /// sending anything.
    #[default]
    Full,
}

/// One outgoing request of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// GET, POST and so on.
    pub method: String,
    /// Where it went.
    pub url: String,
    /// Status of the response, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no response, or no whole one, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The same for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<RequestErrorKind>,
    /// From the start of the request to the end of the response's body.
    pub duration_ms: f64,
    /// Size of the request's body.
    pub request_bytes: u64,
    /// Size of the response's body.
    pub response_bytes: u64,
    /// What was said, with [`Recording::Full`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Box<Exchange>>,
}

/// Why a request has no whole response; as the contract's `http.error` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What the component said: secrets stand in it by name, as the component knows them.
    pub request: Message,
    /// What the component was answered, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Message>,
}

/// The headers and the body of a request or a response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Headers in their order. Those that are passwords by their nature have the value
    /// [`REDACTED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub body: Body,
}

/// A recorded body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// There was none.
    #[default]
    Empty,
    /// UTF-8 text.
    Text(String),
    /// Anything else, in base64 (RFC 4648, with padding).
    Base64(String),
    /// It is larger than what is kept: only its digest is.
    Omitted(Digest),
}

impl Body {
    /// Whether there was none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The bytes, unless they were not kept.
    #[must_use]
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Empty => Some(Cow::Borrowed(&[])),
            Self::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Self::Base64(text) => BASE64_STANDARD.decode(text).ok().map(Cow::Owned),
            Self::Omitted(_) => None,
        }
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Omitted(digest) => *digest,
            // What is no base64 was not written by the engine: it stands for itself.
            Self::Base64(text) => self
                .bytes()
                .map_or_else(|| Digest::of(text.as_bytes()), |bytes| Digest::of(&bytes)),
            Self::Empty => Digest::of(&[]),
            Self::Text(text) => Digest::of(text.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_an_earlier_engine_is_one_without_an_exchange() {
        let text = r#"{"method": "GET", "url": "http://a/", "status": 200, "duration_ms": 1.5,
            "request_bytes": 0, "response_bytes": 2}"#;
        let record: RequestRecord = serde_json::from_str(text).expect("a record");
        assert_eq!((record.exchange, record.error_kind), (None, None));
    }

    #[test]
    fn an_exchange_reads_back_what_it_writes() {
        let message = |body| Message {
            headers: vec![("accept".to_owned(), "text/plain".to_owned())],
            body,
        };
        let exchange = Exchange {
            request: message(Body::Omitted(Digest::of(b"much"))),
            response: Some(message(Body::Text("ok".to_owned()))),
        };
        let json = serde_json::to_value(&exchange).expect("JSON");
        assert_eq!(json["response"]["body"]["text"], "ok");
        let read: Exchange = serde_json::from_value(json).expect("an exchange");
        assert_eq!(read, exchange);
    }
}
