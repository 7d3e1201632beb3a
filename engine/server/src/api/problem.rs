//! Problems as responses.

use std::error::Error;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use wasaga_coordinator::ReadError;
use wasaga_core::NameError;
use wasaga_journal::JournalError;

use crate::wire::{Code, Fault, PROBLEM_JSON, Problem};

/// Seconds after which a client that was turned away may try again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// A request that was not done, and why.
#[derive(Debug)]
pub(crate) struct Refused(Box<Problem>);

impl Refused {
    /// A problem with a code; `detail` says what happened this time and what to do.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            code,
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            more: std::collections::BTreeMap::new(),
        }))
    }

    /// Something that is not the client's fault. The log has the reason, the client does not.
    pub(crate) fn internal(error: &(dyn Error + 'static)) -> Self {
        let reason = chain(error);
        tracing::error!(reason, "a request failed");
        Self::new(
            Code::Internal,
            "The server could not do it; its log has the reason.",
        )
    }

    /// A body of JSON that is not what is expected, and where.
    pub(crate) fn invalid_body(fault: impl Into<Fault>) -> Self {
        let fault = fault.into();
        let place = if fault.pointer.is_empty() {
            "/"
        } else {
            &fault.pointer
        };
        let detail = format!(
            "The body is not what is expected here: {place}: {}.",
            fault.message
        );
        Self::new(Code::InvalidBody, detail).errors([fault])
    }

    /// Adds what is wrong with a document, place by place.
    pub(crate) fn errors(mut self, errors: impl IntoIterator<Item = impl Into<Fault>>) -> Self {
        self.0.errors.extend(errors.into_iter().map(Into::into));
        self
    }

    /// Adds something for programs.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    #[cfg(test)]
    pub(crate) fn problem(&self) -> &Problem {
        &self.0
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.0.code.status();
        let mut response = (status, Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == axum::http::StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_S);
        }
        response
    }
}

impl From<JournalError> for Refused {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Cursor => Self::new(
                Code::InvalidCursor,
                "`cursor` is none of this list: send the `next_cursor` of the page before, or none to start over.",
            ),
            JournalError::Closed => Self::shutting_down(),
            error => Self::internal(&error),
        }
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Journal(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<NameError> for Refused {
    fn from(error: NameError) -> Self {
        Self::new(Code::InvalidName, sentence(&error))
    }
}

impl Refused {
    /// The server goes down.
    pub(crate) fn shutting_down() -> Self {
        Self::new(
            Code::ShuttingDown,
            "The server is shutting down: try again once it is back.",
        )
    }
}

/// An error's text as a sentence.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    // A name at its beginning stays as it is spelt.
    if text
        .split(' ')
        .next()
        .is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && let Some(first) = text.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// An error with everything that caused it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors name their cause in their own text.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::StatusCode;

    use super::*;

    async fn render(refused: Refused) -> (StatusCode, String, Value) {
        let response = refused.into_response();
        let status = response.status();
        let kind = response.headers()[header::CONTENT_TYPE]
            .to_str()
            .expect("text")
            .to_owned();
        let body = to_bytes(response.into_body(), 64 * 1024)
            .await
            .expect("a body");
        (status, kind, serde_json::from_slice(&body).expect("JSON"))
    }

    #[tokio::test]
    async fn a_problem_says_what_a_program_and_a_person_need() {
        let refused = Refused::new(Code::InvalidDefinition, "Two faults.")
            .errors([wasaga_core::Problem::new("/steps/0", "no component")])
            .with("generation", 7);
        let (status, kind, body) = render(refused).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(kind, "application/problem+json");
        let expected = serde_json::json!({
            "code": "invalid-definition",
            "title": "The definition has faults",
            "status": 422,
            "detail": "Two faults.",
            "errors": [{ "pointer": "/steps/0", "message": "no component" }],
            "generation": 7,
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn what_failed_inside_is_not_told_to_clients() {
        let error = std::io::Error::other("/secret/path is full");
        let (status, _, body) = render(Refused::internal(&error)).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!body.to_string().contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn a_bad_cursor_is_the_client_s_fault_and_a_closed_journal_a_reason_to_come_back() {
        let (status, _, body) = render(JournalError::Cursor.into()).await;
        assert_eq!(
            (status.as_u16(), &body["code"]),
            (400, &Value::from("invalid-cursor"))
        );
        let response = Refused::from(JournalError::Closed).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn an_error_becomes_a_sentence() {
        assert_eq!(
            sentence(&std::io::Error::other("no such thing")),
            "No such thing."
        );
        assert_eq!(sentence(&std::io::Error::other("äh")), "äh.");
        assert_eq!(
            sentence(&std::io::Error::other("allowed_hosts: none.")),
            "allowed_hosts: none."
        );
    }
}
