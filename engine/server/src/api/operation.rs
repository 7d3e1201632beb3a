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
