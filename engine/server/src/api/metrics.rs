//! Counts of requests.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Route of requests whose path leads nowhere.
const NO_ROUTE: &str = "none";

/// Requests by route, and how long they took.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    requests: Family<Answer, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "wasaga_http_requests",
            "HTTP requests by route and status",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "wasaga_http_request_duration",
            "Time from the head of a request to the head of its response",
            Unit::Seconds,
            self.durations.clone(),
        );
    }

    /// Counts a request that was answered. `route` is the pattern, not the path: there are few.
    pub(crate) fn answered(
        &self,
        method: &Method,
        route: Option<&str>,
        status: StatusCode,
        took: Duration,
    ) {
        let method = name(method);
        let route = route.unwrap_or(NO_ROUTE).to_owned();
        self.durations
            .get_or_create(&Route {
                method,
                route: route.clone(),
            })
            .observe(took.as_secs_f64());
        self.requests
            .get_or_create(&Answer {
                method,
                route,
                status: status.as_u16(),
            })
            .inc();
    }
}

/// From half a millisecond to half a minute, each bucket four times the one before.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 4.0, 9))
}

/// A client may make up methods; labels are bounded.
const fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_route_and_status() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let made_up = Method::from_bytes(b"BREW").expect("a method");
        let took = Duration::from_millis(3);
        metrics.answered(&Method::GET, Some("/v1/sagas/{id}"), StatusCode::OK, took);
        metrics.answered(&Method::GET, Some("/v1/sagas/{id}"), StatusCode::OK, took);
        metrics.answered(&made_up, None, StatusCode::NOT_FOUND, took);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            r#"wasaga_http_requests_total{method="GET",route="/v1/sagas/{id}",status="200"} 2"#,
            r#"wasaga_http_requests_total{method="other",route="none",status="404"} 1"#,
            r#"wasaga_http_request_duration_seconds_count{method="GET",route="/v1/sagas/{id}"} 2"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
