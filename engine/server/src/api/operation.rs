//! What an operator's tools ask: health, readiness, metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text;

use super::Api;
use super::problem::Refused;
use crate::wire::Code;

/// The format that Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the process is alive.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "The process answers", body = String, content_type = "text/plain"))
)]
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// Whether the server can do its work.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "The journal answers", body = String, content_type = "text/plain"),
        (status = 503, description = "`unavailable`: the journal does not answer; `shutting-down`: the server ends"),
    )
)]
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> Result<&'static str, Refused> {
    if api.stopping.is_cancelled() {
        return Err(Refused::shutting_down());
    }
    api.coordinator.ping().await.map_err(|error| {
        tracing::error!(%error, "the journal does not answer");
        Refused::new(
            Code::Unavailable,
            "The journal does not answer; the server's log has the reason.",
        )
    })?;
    Ok("ready\n")
}

/// Metrics in the OpenMetrics text format.
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text"))
)]
pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> Result<Response, Refused> {
    if let Err(error) = api.coordinator.refresh_metrics().await {
        // What is counted is good all the same.
        tracing::warn!(%error, "some metrics are not up to date");
    }
    let mut body = String::new();
    text::encode(&mut body, &api.registry).map_err(|error| Refused::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], body).into_response())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;
    use tokio_util::sync::CancellationToken;
    use wasaga_coordinator::{Blobs, Config, Coordinator};
    use wasaga_host::{Host, HostConfig, Secrets};
    use wasaga_journal::{Journal, MemoryJournal};

    use super::super::Limits;
    use super::*;

    #[tokio::test]
    async fn a_server_is_ready_while_its_journal_answers() {
        let cache = tempfile::tempdir().expect("a folder");
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
        let blobs = Arc::new(Blobs(Arc::clone(&journal)));
        let host = Host::new(HostConfig::new(cache.path()), blobs).expect("a sandbox");
        let coordinator = Coordinator::open(Arc::clone(&journal), host, Config::default())
            .await
            .expect("a coordinator");
        let second = Duration::from_secs(1);
        let limits = Limits {
            json_bytes: 1024,
            component_bytes: 1024,
            request_timeout: second,
            upload_timeout: second,
            max_wait: second,
            max_requests: 1,
            max_uploads: 1,
        };
        let api = Api::new(
            coordinator,
            limits,
            Vec::new(),
            Secrets::default(),
            CancellationToken::new(),
        );
        let api = Arc::new(api);
        let answer = || async { ready(State(Arc::clone(&api))).await };
        assert_eq!(answer().await.expect("an answer"), "ready\n");
        journal.close().await;
        let refused = answer().await.expect_err("a problem");
        assert_eq!(refused.problem().code, Code::Unavailable);
        assert_eq!(
            refused.into_response().status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}
