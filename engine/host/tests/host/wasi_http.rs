//! Requests by `wasi:http`: the same gate, the same records.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use wasaga_core::{Call, Certainty, Evidence, FailureKind};

use crate::support::{Sandbox, Service, completed, failed};

/// A sandbox with the component `wasi`, which may reach `host`.
async fn reaching(host: &str) -> Sandbox {
    let mut sandbox = Sandbox::new("wasi").await;
    sandbox.policy.allowed_hosts = vec![host.to_owned()];
    sandbox
}

/// A call that sends this to `authority`.
fn sending(sandbox: &Sandbox, authority: &str, mut request: Value) -> Call {
    request["authority"] = json!(authority);
    sandbox.call(json!({ "request": request }))
}

#[tokio::test]
async fn a_request_arrives_whole_and_is_recorded() {
    let service = Service::start().await;
    let sandbox = reaching(&service.host).await;
    let body = "0123456789".repeat(2_000);
    let request = json!({
        "method": "POST", "path": "/orders?a=b", "headers": { "x-trace": "7" }, "body": body,
    });
    let called = sandbox
        .run(&sending(&sandbox, &service.host, request))
        .await;
    let response = &completed(&called).result["ok"];
    assert_eq!(response["status"], 200, "{:?}", completed(&called));
    assert_eq!(response["body"], r#"{"ok": true}"#);
    assert_eq!(response["headers"]["content-length"], "12");

    let received = service.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].method, "POST");
    assert_eq!(received[0].path, "/orders");
    assert_eq!(received[0].headers["host"], service.host.as_str());
    assert_eq!(received[0].headers["x-trace"], "7");
    assert_eq!(received[0].body, body);

    let record = &called.report.requests[0];
    assert_eq!(
        (record.method.as_str(), record.url.as_str()),
        ("POST", service.url("/orders?a=b").as_str())
    );
    assert_eq!((record.status, record.error.as_deref()), (Some(200), None));
    assert_eq!((record.request_bytes, record.response_bytes), (20_000, 12));
    assert!(record.duration_ms > 0.0);
    assert_eq!(called.report.metering.requests, 1);
    assert_eq!(called.report.evidence, Evidence::Possible);
}

#[tokio::test]
async fn a_safe_request_is_recorded_and_is_no_evidence() {
    let service = Service::start().await;
    let sandbox = reaching(&service.host).await;
    let request = json!({ "method": "GET", "path": "/" });
    let called = sandbox
        .run(&sending(&sandbox, &service.host, request))
        .await;
    assert_eq!(completed(&called).result["ok"]["status"], 200);
    assert!(
        !service.received()[0]
            .headers
            .contains_key("idempotency-key")
    );
    assert_eq!(called.report.requests[0].status, Some(200));
    assert_eq!(called.report.evidence, Evidence::Unchanged);
}

#[tokio::test]
async fn unsafe_requests_carry_the_same_key_in_every_attempt_or_their_own() {
    let service = Service::start().await;
    let sandbox = reaching(&service.host).await;
    let own = json!({ "idempotency-key": "mine" });
    for (attempt, headers) in [(1, json!({})), (2, json!({})), (3, own)] {
        let request = json!({ "method": "POST", "path": "/", "headers": headers, "body": "x" });
        let mut call = sending(&sandbox, &service.host, request);
        call.attempt = attempt;
        let called = sandbox.run(&call).await;
        assert_eq!(completed(&called).result["ok"]["status"], 200);
    }
    let received = service.received();
    let keys: Vec<&str> = received
        .iter()
        .map(|request| request.headers["idempotency-key"].to_str().unwrap())
        .collect();
    assert_eq!(keys[0].len(), 36, "{keys:?}");
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[2], "mine");
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_denied_and_never_connected_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let port = address.rsplit_once(':').unwrap().1;
    let sandbox = reaching("example.com").await;
    for authority in [address.clone(), format!("localhost:{port}")] {
        let request = json!({ "method": "POST", "path": "/", "body": "x" });
        let called = sandbox.run(&sending(&sandbox, &authority, request)).await;
        assert_eq!(
            completed(&called).result,
            json!({ "error": "ErrorCode::HttpRequestDenied" })
        );
        let record = &called.report.requests[0];
        assert!(
            record.error.as_deref().unwrap().contains("allowed_hosts"),
            "{record:?}"
        );
        assert_eq!(called.report.evidence, Evidence::Unchanged);
    }
    // Whoever connects to this machine is in the queue at once.
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn the_host_header_is_that_of_the_url_whatever_the_component_wants() {
    let service = Service::start().await;
    let sandbox = reaching(&service.host).await;
    let request = json!({ "method": "POST", "path": "/", "headers": { "host": "internal.test" } });
    let called = sandbox
        .run(&sending(&sandbox, &service.host, request))
        .await;
    let error = &completed(&called).result["error"];
    assert!(error.as_str().unwrap().contains("Forbidden"), "{error}");
    assert!(service.received().is_empty());
}

#[tokio::test]
async fn a_response_beyond_the_limit_is_cut_with_an_error() {
    let service = Service::start().await;
    let sandbox = reaching(&service.host).await;
    let get = |path: &str| {
        let request = json!({ "method": "GET", "path": path });
        let mut call = sending(&sandbox, &service.host, request);
        call.limits.response_bytes = Some(1_000);
        call
    };
    let called = sandbox.run(&get("/bytes/1000")).await;
    assert_eq!(completed(&called).result["ok"]["body"], "x".repeat(1_000));

    let called = sandbox.run(&get("/bytes/1001")).await;
    // The head came, so it is the body's stream that fails, and says why.
    let error = &completed(&called).result["error"];
    assert!(error.as_str().unwrap().contains("1000 bytes"), "{error}");
    let record = &called.report.requests[0];
    assert_eq!(record.status, Some(200));
    assert!(
        record.error.as_deref().unwrap().contains("1000"),
        "{record:?}"
    );
    assert!(record.response_bytes <= 1_000);
}

#[tokio::test]
async fn the_call_s_timeout_ends_a_request_that_is_never_answered() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let silent = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        // Until the other side hangs up, one way or the other.
        let _ = connection.read_to_end(&mut received).await;
        String::from_utf8_lossy(&received).into_owned()
    });
    let sandbox = reaching(&address).await;
    let request = json!({ "method": "POST", "path": "/pay", "body": "x" });
    let mut call = sending(&sandbox, &address, request);
    call.timeout = Duration::from_millis(500);
    let called = sandbox.run(&call).await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "timeout");
    assert_eq!(
        (failure.kind, certainty),
        (FailureKind::Retryable, Certainty::Uncertain)
    );
    let record = &called.report.requests[0];
    assert_eq!(record.status, None);
    assert!(record.error.is_some(), "{record:?}");
    assert_eq!(called.report.evidence, Evidence::Possible);

    let ended = tokio::time::timeout(Duration::from_secs(30), silent).await;
    let received = ended.expect("the connection is closed").unwrap();
    assert!(received.starts_with("POST /pay HTTP/1.1"), "{received}");
}

#[tokio::test]
async fn the_component_s_own_timeouts_are_errors_that_it_sees() {
    let service = Service::start().await;
    let sandbox = reaching(&service.host).await;
    let cases = [
        (
            "/hang",
            "first_byte_timeout_ms",
            "HttpResponseTimeout",
            None,
        ),
        (
            "/stall",
            "between_bytes_timeout_ms",
            "read timeout",
            Some(200),
        ),
    ];
    for (path, timeout, expected, status) in cases {
        let request = json!({ "method": "POST", "path": path, timeout: 50 });
        let called = sandbox
            .run(&sending(&sandbox, &service.host, request))
            .await;
        let error = &completed(&called).result["error"];
        assert!(
            error.as_str().unwrap().contains(expected),
            "{path}: {error}"
        );
        let record = &called.report.requests[0];
        assert_eq!(record.status, status);
        assert!(
            record.error.as_deref().unwrap().contains("50 ms"),
            "{record:?}"
        );
        assert_eq!(called.report.evidence, Evidence::Possible);
    }
}

#[tokio::test]
async fn a_request_body_beyond_the_limit_is_an_error() {
    let service = Service::start().await;
    let mut sandbox = Sandbox::with("wasi", |config| config.max_request_bytes = 10_000).await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let request = json!({ "method": "POST", "path": "/", "body": "x".repeat(10_001) });
    let called = sandbox
        .run(&sending(&sandbox, &service.host, request))
        .await;
    assert!(completed(&called).result["error"].is_string());
    assert_eq!(called.report.requests[0].status, None);
}
