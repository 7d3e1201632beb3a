//! What can go wrong with a request, and what failure of the step it makes.

use std::fmt;

use serde_json::{Value, json};

use crate::StepError;
use crate::bindings::wasaga::saga::http as host;

/// A failure is kept for as long as its saga: what a service says in a body of any length must not swell it.
const MAX_CODE_BYTES: usize = 100;
const MAX_MESSAGE_BYTES: usize = 1_000;
const MAX_BODY_BYTES: usize = 4_000;

/// Why a request has no usable response.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operator does not allow this component to reach that host.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// The request cannot be sent as it is, for example because its URL is none.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// There is no connection. Nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No answer in time. The service may have received the request.
    #[error("no answer in time: {0}")]
    Timeout(String),
    /// The connection broke. The service may have received the request.
    #[error("the connection broke: {0}")]
    Transport(String),
    /// A body is over the limit, which is this many bytes.
    #[error("a body is larger than the {0} bytes that are allowed")]
    TooLarge(u64),
    /// The service answered with a status that is not 2xx.
    #[error("{0}")]
    Status(Box<StatusError>),
    /// The service answered with a body that the step cannot read.
    #[error("{0}")]
    InvalidResponse(String),
}

/// A response whose status is not 2xx.
#[derive(Debug, Clone)]
pub struct StatusError {
    /// The request's method.
    pub method: String,
    /// The request's URL.
    pub url: String,
    /// The response's status.
    pub status: u16,
    /// The response's body, when it is JSON.
    pub body: Option<Value>,
}

impl Error {
    /// The step's failure that this error makes. `?` does it by itself.
    pub(crate) fn to_step_error(&self) -> StepError {
        let message = self.to_string();
        match self {
            Self::Forbidden(_) => StepError::permanent("http-forbidden", message),
            Self::InvalidRequest(_) => StepError::permanent("http-invalid-request", message),
            Self::TooLarge(_) => StepError::permanent("http-too-large", message),
            Self::Connect(_) => StepError::retryable("http-connect", message),
            Self::Timeout(_) => StepError::retryable("http-timeout", message),
            Self::Transport(_) => StepError::retryable("http-transport", message),
            Self::InvalidResponse(_) => StepError::retryable("http-invalid-response", message),
            Self::Status(status) => status.to_step_error(),
        }
    }
}

impl StatusError {
    /// The `code` in the body, unless it is too long to be one.
    pub fn code(&self) -> Option<&str> {
        self.field("code", MAX_CODE_BYTES)
    }

    /// The `message`, or else the `detail`, in the body, unless it is too long to be one.
    pub fn message(&self) -> Option<&str> {
        self.field("message", MAX_MESSAGE_BYTES)
            .or_else(|| self.field("detail", MAX_MESSAGE_BYTES))
    }

    /// Whether the same request may succeed later: 408, 425, 429 and 5xx.
    pub fn is_retryable(&self) -> bool {
        matches!(self.status, 408 | 425 | 429 | 500..=599)
    }

    fn field(&self, name: &str, max_bytes: usize) -> Option<&str> {
        let text = self.body.as_ref()?.get(name)?.as_str()?;
        (1..=max_bytes).contains(&text.len()).then_some(text)
    }

    fn to_step_error(&self) -> StepError {
        let code = self
            .code()
            .map_or_else(|| format!("http-{}", self.status), str::to_owned);
        let message = self
            .message()
            .map_or_else(|| self.to_string(), str::to_owned);
        let body = self
            .body
            .as_ref()
            .filter(|body| body.to_string().len() <= MAX_BODY_BYTES);
        let details =
            json!({ "method": self.method, "url": self.url, "status": self.status, "body": body });
        let error = if self.is_retryable() {
            StepError::retryable(code, message)
        } else {
            StepError::permanent(code, message)
        };
        error.with_details(details)
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} answered {}", self.method, self.url, self.status)?;
        self.message()
            .map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        match error {
            host::Error::Forbidden(message) => Self::Forbidden(message),
            host::Error::InvalidRequest(message) => Self::InvalidRequest(message),
            host::Error::Connect(message) => Self::Connect(message),
            host::Error::Timeout(message) => Self::Timeout(message),
            host::Error::Transport(message) => Self::Transport(message),
            host::Error::TooLarge(limit_bytes) => Self::TooLarge(limit_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureKind::{self, Permanent, Retryable};
    use crate::http::response::tests::response;

    fn failure(status: u16, body: &str) -> StepError {
        response(status, body)
            .error_for_status()
            .expect_err("not 2xx")
            .into()
    }

    #[test]
    fn a_status_decides_whether_trying_again_may_help() {
        let kinds: [(u16, FailureKind); 12] = [
            (301, Permanent),
            (400, Permanent),
            (402, Permanent),
            (404, Permanent),
            (408, Retryable),
            (409, Permanent),
            (422, Permanent),
            (425, Retryable),
            (429, Retryable),
            (500, Retryable),
            (503, Retryable),
            (599, Retryable),
        ];
        for (status, kind) in kinds {
            assert_eq!(failure(status, "").kind(), kind, "{status}");
        }
    }

    #[test]
    fn a_problem_in_the_body_becomes_the_failure() {
        let error = failure(
            402,
            r#"{"code":"insufficient-funds","message":"12 are missing"}"#,
        );
        assert_eq!(error.to_string(), "insufficient-funds: 12 are missing");
        let error = failure(409, r#"{"code":"out-of-stock","detail":"none left"}"#);
        assert_eq!(error.to_string(), "out-of-stock: none left");
        let details: Value = serde_json::from_str(error.details().expect("details")).expect("JSON");
        assert_eq!(details["status"], 409);
        assert_eq!(details["body"]["code"], "out-of-stock");
    }

    #[test]
    fn a_body_that_is_no_problem_leaves_the_status_as_the_code() {
        for body in ["", "<html>", "[]", r#"{"code":7}"#] {
            let error = failure(404, body);
            assert_eq!(
                error.to_string(),
                "http-404: POST https://a.example/x answered 404",
                "{body}"
            );
        }
    }

    #[test]
    fn a_long_body_does_not_swell_the_failure() {
        let long = "x".repeat(5_000);
        let error = failure(409, &json!({ "code": long, "message": long }).to_string());
        assert_eq!(
            error.to_string(),
            "http-409: POST https://a.example/x answered 409"
        );
        assert!(
            error
                .details()
                .is_some_and(|details| details.contains(r#""body":null"#)),
            "{error}"
        );
    }

    #[test]
    fn a_request_that_got_no_response_is_retryable_unless_it_cannot_succeed() {
        let message = || "m".to_owned();
        let errors = [
            (host::Error::Connect(message()), Retryable, "http-connect"),
            (host::Error::Timeout(message()), Retryable, "http-timeout"),
            (
                host::Error::Transport(message()),
                Retryable,
                "http-transport",
            ),
            (
                host::Error::Forbidden(message()),
                Permanent,
                "http-forbidden",
            ),
            (
                host::Error::InvalidRequest(message()),
                Permanent,
                "http-invalid-request",
            ),
            (host::Error::TooLarge(7), Permanent, "http-too-large"),
        ];
        for (error, kind, code) in errors {
            let error = StepError::from(Error::from(error));
            assert_eq!((error.kind(), error.code()), (kind, code));
        }
    }
}
