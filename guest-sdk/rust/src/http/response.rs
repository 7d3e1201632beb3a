//! What a service answered.

use serde::de::DeserializeOwned;

use super::{Error, StatusError};
use crate::bindings::wasaga::saga::http as host;

/// A response, read whole.
#[derive(Debug, Clone)]
pub struct Response {
    method: String,
    url: String,
    raw: host::Response,
}

impl Response {
    pub(super) fn new(method: String, url: String, raw: host::Response) -> Self {
        Self { method, url, raw }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.raw.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.raw.status)
    }

    /// The first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.raw
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All headers.
    pub fn headers(&self) -> &[(String, String)] {
        &self.raw.headers
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.raw.body
    }

    /// The body as text; what is not UTF-8 in it becomes `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw.body).into_owned()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidResponse`] when it is no JSON or does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.raw.body).map_err(|error| {
            Error::InvalidResponse(format!(
                "{} {} answered what this step cannot read: {error}",
                self.method, self.url
            ))
        })
    }

    /// Makes an error of a response whose status is not 2xx, with the `code`, the `message` or `detail`, and the rest of
    /// its body when that is JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Status`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        let body = serde_json::from_slice(&self.raw.body).ok();
        Err(Error::Status(Box::new(StatusError {
            method: self.method,
            url: self.url,
            status: self.raw.status,
            body,
        })))
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    pub(in crate::http) fn response(status: u16, body: &str) -> Response {
        let raw = host::Response {
            status,
            headers: vec![("X-Trace".into(), "7".into())],
            body: body.into(),
        };
        Response::new("POST".into(), "https://a.example/x".into(), raw)
    }

    #[test]
    fn headers_are_found_in_any_case() {
        assert_eq!(response(200, "").header("x-trace"), Some("7"));
        assert_eq!(response(200, "").header("x-other"), None);
    }

    #[test]
    fn only_2xx_is_a_success() {
        for status in [200, 201, 204, 299] {
            assert!(response(status, "").error_for_status().is_ok(), "{status}");
        }
        for status in [199, 300, 304, 404, 500] {
            assert!(response(status, "").error_for_status().is_err(), "{status}");
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_says_whose_it_is() {
        assert_eq!(response(200, "[1]").json::<Vec<u8>>().unwrap(), [1]);
        let error = response(200, "<html>").json::<Vec<u8>>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("POST https://a.example/x answered what this step cannot read"),
            "{error}"
        );
    }
}
