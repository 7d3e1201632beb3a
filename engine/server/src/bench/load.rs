//! Sagas over HTTP, so many at a time, each worker on a connection of its own.
//!
//! It shares the machine with the server that it measures, so it does as little as it can: one thread,
//! HTTP/1.1 on connections that stay open, a body that was made once, and of the answer only the status.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use futures::stream::{FuturesUnordered, TryStreamExt};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use wasaga_core::Status;

use super::percentile::Times;

/// One run.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    /// Body of each request.
    pub(super) request: Bytes,
    /// The status that each saga has to end with.
    pub(super) expected: Status,
    pub(super) concurrency: u32,
    /// Not measured.
    pub(super) warmup: Duration,
    pub(super) duration: Duration,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// From request to answer, of each saga that ended in the time.
    pub(crate) times: Times,
    /// The time.
    pub(crate) elapsed: Duration,
}

/// The time in which a saga has to end to be counted.
#[derive(Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

impl Load {
    /// Runs sagas until the time is over.
    ///
    /// # Errors
    /// When one saga was not started, or did not end as it must.
    pub(super) async fn run(&self) -> anyhow::Result<Measured> {
        let mut connections = Vec::new();
        for _ in 0..self.concurrency {
            connections.push(connect(self.address).await?);
        }
        let begin = Instant::now() + self.warmup;
        let window = Window {
            begin,
            end: begin + self.duration,
        };
        let workers: FuturesUnordered<_> = connections
            .into_iter()
            .map(|connection| self.work(connection, window))
            .collect();
        let measured: Vec<Vec<u32>> = workers.try_collect().await?;
        Ok(Measured {
            times: Times::new(measured.concat()),
            elapsed: self.duration,
        })
    }

    /// One saga after the other.
    async fn work(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        window: Window,
    ) -> anyhow::Result<Vec<u32>> {
        let uri = Uri::from_static("/v1/sagas?wait=30s");
        let host = HeaderValue::from_str(&self.address.to_string())?;
        let json = HeaderValue::from_static("application/json");
        let mut times_us = Vec::new();
        loop {
            let request = Request::post(uri.clone())
                .header(HOST, host.clone())
                .header(CONTENT_TYPE, json.clone())
                .body(Full::new(self.request.clone()))?;
            let started = Instant::now();
            connection.ready().await.context("the connection")?;
            let response = connection
                .send_request(request)
                .await
                .context("the request")?;
            let http_status = response.status();
            let body = response
                .into_body()
                .collect()
                .await
                .context("the answer")?
                .to_bytes();
            let ended = Instant::now();
            let answer: Option<Answer<'_>> = serde_json::from_slice(&body).ok();
            if answer.is_none_or(|answer| answer.status != self.expected.as_str()) {
                bail!(
                    "a saga that must be {} was answered with {http_status} {}",
                    self.expected,
                    String::from_utf8_lossy(&body)
                );
            }
            if ended >= window.end {
                return Ok(times_us);
            }
            if ended >= window.begin {
                times_us.push(u32::try_from((ended - started).as_micros()).unwrap_or(u32::MAX));
            }
        }
    }
}

/// The part of a saga that is looked at.
#[derive(Deserialize)]
struct Answer<'a> {
    status: &'a str,
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true).context("connecting")?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .context("connecting")?;
    // Its end is seen by whoever sends the next request.
    tokio::spawn(connection);
    Ok(sender)
}
