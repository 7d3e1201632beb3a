//! The HTTP API: one folder a resource, one file a verb.
//!
//! | file | what it holds |
//! |---|---|
//! | `component/`, `definition/`, `saga/`, `breaker`, `callback`, `feed`, `secret` | the handlers under `/v1` |
//! | `operation` | health, readiness and metrics |
//! | `router` | which path and method leads where, and what surrounds every request |
//! | `guard` | what surrounds every request: room, time, counts |
//! | `origin` | where requests may come from |
//! | `metrics` | the counts |
//! | `stream` | streams of server-sent events |
//! | `extract` | reading requests; what does not fit becomes a problem |
//! | `page` | pages of lists |
//! | `order` | who asks for something, and why |
//! | `problem` | problems as responses |
//! | `openapi` | the description of all this, made from the handlers |
//! | `connection` | accepting connections, and ending them |
//! | `write_timeout` | hanging up on who does not read |

mod breaker;
mod callback;
mod component;
pub mod connection;
mod definition;
mod extract;
mod feed;
mod guard;
mod metrics;
mod openapi;
mod operation;
mod order;
mod origin;
mod page;
mod problem;
mod router;
mod saga;
mod secret;
mod stream;
mod write_timeout;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wasaga_coordinator::Coordinator;
use wasaga_host::Secrets;

pub use self::origin::{AllowedHost, AllowedHostError};
#[cfg(test)]
pub(crate) use self::router::description;
pub use self::router::router;

/// Most items of one page of a list.
pub const MAX_PAGE: u32 = 1_000;

/// Items of a page when the client does not say.
pub const DEFAULT_PAGE: u32 = 50;

/// Verifications at the same time. Each uses all cores, and all room that calls leave.
const MAX_VERIFICATIONS: usize = 2;

/// What clients may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Size of a body of JSON.
    pub json_bytes: usize,
    /// Size of an uploaded component.
    pub component_bytes: usize,
    /// Time that a request may take, from the end of its head to the start of its response.
    pub request_timeout: Duration,
    /// The same for an upload, which is compiled, from when it has its place among the uploads, and for
    /// what else compiles or runs calls again.
    pub upload_timeout: Duration,
    /// Most time that a client may wait for a saga; who asks for more gets this much.
    pub max_wait: Duration,
    /// Requests that are worked on at the same time; others are refused.
    pub max_requests: usize,
    /// Uploads that are worked on at the same time; others wait, at most for `upload_timeout`.
    pub max_uploads: usize,
}

/// What the handlers work with.
pub struct Api {
    coordinator: Coordinator,
    limits: Limits,
    allowed_hosts: Vec<AllowedHost>,
    metrics: metrics::Metrics,
    registry: Registry,
    room: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    verifications: Arc<Semaphore>,
    secrets: Secrets,
    stopping: CancellationToken,
}

impl Api {
    /// An API to a coordinator, which answers to IP addresses, `localhost` and `allowed_hosts`. Of
    /// `secrets` it tells the names. Streams end when `stopping` is cancelled.
    #[must_use]
    pub fn new(
        coordinator: Coordinator,
        limits: Limits,
        allowed_hosts: Vec<AllowedHost>,
        secrets: Secrets,
        stopping: CancellationToken,
    ) -> Self {
        let mut registry = Registry::default();
        coordinator.register_metrics(&mut registry);
        let metrics = metrics::Metrics::default();
        metrics.register(&mut registry);
        let room = Arc::new(Semaphore::new(limits.max_requests));
        let uploads = Arc::new(Semaphore::new(limits.max_uploads));
        let verifications = Arc::new(Semaphore::new(MAX_VERIFICATIONS));
        Self {
            coordinator,
            limits,
            allowed_hosts,
            metrics,
            registry,
            room,
            uploads,
            verifications,
            secrets,
            stopping,
        }
    }
}
