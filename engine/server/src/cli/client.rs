//! The server's API as the commands use it.

use std::error::Error as _;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Refused, Unreachable, Usage};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may be silent. An upload is compiled before it is answered, and an event
/// stream is kept alive by comments.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(300);

/// A server.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

/// What a server answered to a request that it did.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Bytes,
    etag: Option<String>,
    status: StatusCode,
}

impl Client {
    /// A client of the server at an address.
    pub(crate) fn new(server: &str) -> anyhow::Result<Self> {
        let base = Url::parse(server)
            .ok()
            .filter(|base| matches!(base.scheme(), "http" | "https"))
            .ok_or_else(|| {
                Usage(format!(
                    "`{server}` is not a server's address: expected for example http://127.0.0.1:7420"
                ))
            })?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("wasaga/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(SILENCE_TIMEOUT)
            .build()
            .context("the HTTP client")?;
        Ok(Self { http, base })
    }

    /// A request to a path, given by its segments.
    pub(crate) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.http.request(method, url)
    }

    /// Gets what is at a path.
    pub(crate) async fn get(&self, path: &[&str]) -> anyhow::Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Gets a part of a list.
    pub(crate) async fn list(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> anyhow::Result<Answer> {
        self.send(self.request(Method::GET, path).query(query))
            .await
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        let response = self.open(request).await?;
        let status = response.status();
        let etag = response
            .headers()
            .get("etag")
            .and_then(|etag| etag.to_str().ok())
            .map(str::to_owned);
        let body = response
            .bytes()
            .await
            .map_err(|error| self.unreachable(&error))?;
        Ok(Answer { body, etag, status })
    }

    /// Sends a request and leaves the answer's body to be read as it comes.
    pub(crate) async fn open(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response
            .bytes()
            .await
            .map_err(|error| self.unreachable(&error))?;
        Err(Refused::read(status, &body).into())
    }

    /// The error for a request that got no answer.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Unreachable {
        // The outermost error names the URL only; what happened is beneath.
        let mut cause = error.source();
        let mut reason = if cause.is_none() {
            error.to_string()
        } else {
            String::new()
        };
        while let Some(error) = cause {
            reason = error.to_string();
            cause = error.source();
        }
        Unreachable {
            server: self.base.to_string(),
            reason,
        }
    }
}

impl Answer {
    /// The answer as it came.
    pub(crate) fn text(&self) -> anyhow::Result<&str> {
        std::str::from_utf8(&self.body).context("the server's answer is not text")
    }

    /// The answer as what it means.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body)
            .context("the server's answer is not what this version of wasaga knows")
    }

    /// Whether the request made something that was not there before.
    pub(crate) fn is_made(&self) -> bool {
        self.status == StatusCode::CREATED
    }

    /// Which state of a resource the answer shows.
    pub(crate) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(server: &str, path: &[&str]) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::new(server).expect("a client");
        client
            .request(Method::GET, path)
            .build()
            .expect("a request")
            .url()
            .to_string()
    }

    #[test]
    fn a_server_may_stand_behind_a_path() {
        assert_eq!(url("http://a:1", &["v1", "sagas"]), "http://a:1/v1/sagas");
        assert_eq!(
            url("https://a/engine/", &["v1", "sagas"]),
            "https://a/engine/v1/sagas"
        );
        assert_eq!(url("http://a", &["v1", "a/b c"]), "http://a/v1/a%2Fb%20c");
    }

    #[test]
    fn an_address_that_is_none_is_wrong_usage() {
        for server in ["localhost:7420", "127.0.0.1:7420", "ftp://a", "nonsense"] {
            let error = Client::new(server).expect_err("no address");
            assert!(error.downcast_ref::<Usage>().is_some(), "{error}");
        }
    }
}
