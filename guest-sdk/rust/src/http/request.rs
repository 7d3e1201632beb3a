//! What a step sends.

use std::time::Duration;

use serde::Serialize;

use super::{Error, Response};
use crate::bindings::wasaga::saga::http as raw;
use crate::host;

/// Reads. Sent again freely, so it carries no idempotency key.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// Reads the headers only.
pub fn head(url: impl Into<String>) -> Request {
    request("HEAD", url)
}

/// Creates, or does.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// Replaces.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// Changes in part.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// Removes.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// A request of any method.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request {
        raw: raw::Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
        },
        fault: None,
    }
}

/// A request that is being put together. Nothing happens before [`send`](Self::send).
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    raw: raw::Request,
    /// Why it cannot be sent: kept until then, so that putting a request together needs no `?`.
    fault: Option<String>,
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.raw.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `Authorization: Bearer …`.
    pub fn bearer_auth(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Sets the idempotency key, where the engine's own will not do.
    ///
    /// It must be the same for each attempt of a call: derive it from [`Call::idempotency_key`](crate::Call::idempotency_key)
    /// or from something in the input, never from a clock or a random number.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        self.header("idempotency-key", key)
    }

    /// Adds a parameter to the URL, percent-encoded.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        let separator = if self.raw.url.contains('?') { '&' } else { '?' };
        self.raw.url.push(separator);
        self.raw
            .url
            .extend(form_urlencoded::byte_serialize(name.as_bytes()));
        self.raw.url.push('=');
        self.raw.url.extend(form_urlencoded::byte_serialize(
            value.to_string().as_bytes(),
        ));
        self
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.raw.body = Some(body.into());
        self
    }

    /// Sends `body` as JSON.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.header("content-type", "application/json").body(body),
            Err(error) => {
                self.fault = Some(format!("the body cannot be written as JSON: {error}"));
                self
            }
        }
    }

    /// Gives up after this long, in milliseconds precision. Without it the step's own deadline holds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.raw.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Sends the request and reads the whole response, of whatever status.
    ///
    /// # Errors
    ///
    /// When there is no response. A response of status 404 is one: see [`Response::error_for_status`].
    pub fn send(self) -> Result<Response, Error> {
        if let Some(fault) = self.fault {
            return Err(Error::InvalidRequest(fault));
        }
        let raw = host::send(&self.raw)?;
        Ok(Response::new(self.raw.method, self.raw.url, raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_are_percent_encoded() {
        let request = get("https://a.example/x").query("q", "a b&c").query("n", 2);
        assert_eq!(request.raw.url, "https://a.example/x?q=a+b%26c&n=2");
    }

    #[test]
    fn a_json_body_brings_its_content_type() {
        let request = post("https://a.example")
            .json(&[1, 2])
            .timeout(Duration::from_secs(2));
        assert_eq!(request.raw.body.as_deref(), Some(&b"[1,2]"[..]));
        assert_eq!(
            request.raw.headers,
            [("content-type".to_owned(), "application/json".to_owned())]
        );
        assert_eq!(request.raw.timeout_ms, Some(2_000));
    }

    #[test]
    fn outside_the_engine_a_request_fails_to_connect() {
        let error = get("https://a.example")
            .send()
            .expect_err("there is no engine");
        assert!(matches!(error, Error::Connect(_)), "{error}");
    }

    #[test]
    fn a_body_that_is_no_json_fails_when_it_is_sent() {
        let keyed_by_a_list = std::collections::HashMap::from([(vec![1], 2)]);
        let error = post("https://a.example")
            .json(&keyed_by_a_list)
            .send()
            .expect_err("lists are no keys");
        assert!(matches!(error, Error::InvalidRequest(_)), "{error}");
    }
}
