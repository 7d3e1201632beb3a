//! Requests: who may be reached, what is sent, what is remembered.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wasaga_core::{Evidence, Policy};
use wasaga_host::{Called, PolicyError};

use crate::support::{Sandbox, Service, completed, failed};

/// The responses that a program saw.
fn responses(called: &Called) -> &Vec<Value> {
    completed(called).result["responses"]
        .as_array()
        .expect("responses")
}

#[tokio::test]
async fn a_request_reaches_an_allowed_host_and_is_recorded() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let url = service.url("/orders?a=b");
    let request =
        json!({ "method": "POST", "url": url, "headers": { "x-trace": "7" }, "body": { "n": 1 } });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    assert_eq!(responses(&called)[0]["status"], 200);
    assert_eq!(responses(&called)[0]["body"], json!({ "ok": true }));

    let received = service.received();
    assert_eq!(
        (received[0].method.as_str(), received[0].path.as_str()),
        ("POST", "/orders")
    );
    assert_eq!(received[0].headers["x-trace"], "7");
    assert_eq!(received[0].headers["host"], service.host.as_str());
    assert_eq!(&received[0].body[..], br#"{"n":1}"#);

    let record = &called.report.requests[0];
    assert_eq!(
        (record.method.as_str(), record.url.as_str()),
        ("POST", url.as_str())
    );
    assert_eq!((record.status, record.error.as_deref()), (Some(200), None));
    assert_eq!((record.request_bytes, record.response_bytes), (7, 12));
    assert!(record.duration_ms > 0.0);
    assert_eq!(called.report.metering.requests, 1);
    assert_eq!(called.report.evidence, Evidence::Possible);
}

#[tokio::test]
async fn evidence_is_a_request_that_is_not_safe_and_may_have_arrived() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let evidence = async |method: &str, url: String| {
        let request = json!({ "method": method, "url": url, "tolerate": true });
        sandbox
            .act(json!({ "requests": [request] }))
            .await
            .report
            .evidence
    };
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert_eq!(
            evidence(method, service.url("/")).await,
            Evidence::Unchanged,
            "{method}"
        );
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
        assert_eq!(
            evidence(method, service.url("/")).await,
            Evidence::Possible,
            "{method}"
        );
    }
    assert_eq!(
        evidence("POST", "http://elsewhere.test/".into()).await,
        Evidence::Unchanged
    );
}

#[tokio::test]
async fn a_service_that_is_not_there_leaves_no_evidence() {
    let mut sandbox = Sandbox::new("script").await;
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    sandbox.policy.allowed_hosts = vec![format!("127.0.0.1:{port}")];
    let request = json!({ "method": "POST", "url": format!("http://127.0.0.1:{port}/") });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    failed(&called);
    let record = &called.report.requests[0];
    assert!(
        record.error.as_deref().unwrap().contains("no connection"),
        "{record:?}"
    );
    assert_eq!(called.report.evidence, Evidence::Unchanged);
}

#[tokio::test]
async fn hosts_that_are_not_listed_are_forbidden() {
    let service = Service::start().await;
    let mut sandbox = Sandbox::reaching(&service).await;
    let forbidden = async |sandbox: &Sandbox, url: &str| {
        let request = json!({ "method": "POST", "url": url, "tolerate": true });
        let called = sandbox.act(json!({ "requests": [request] })).await;
        let error = responses(&called)[0]["error"].clone();
        assert!(
            error["code"]
                .as_str()
                .is_some_and(|code| code.contains("forbidden")),
            "{url}: {error}"
        );
        assert!(called.report.requests[0].error.is_some());
        assert_eq!(called.report.evidence, Evidence::Unchanged);
        error["message"].as_str().unwrap_or_default().to_owned()
    };
    let localhost = format!("http://localhost:{}/", service.port());
    for url in [
        "http://example.test/",
        "http://127.0.0.1:1/",
        "http://169.254.169.254/",
        localhost.as_str(),
    ] {
        forbidden(&sandbox, url).await;
    }
    sandbox.policy.allowed_hosts.clear();
    let message = forbidden(&sandbox, &service.url("/")).await;
    assert!(message.contains("allowed_hosts"), "{message}");
    assert!(service.received().is_empty());
}

#[tokio::test]
async fn localhost_means_this_machine_when_it_is_listed_by_name() {
    let service = Service::start().await;
    let mut sandbox = Sandbox::new("script").await;
    sandbox.policy.allowed_hosts = vec![format!("localhost:{}", service.port())];
    let request = json!({ "url": format!("http://localhost:{}/", service.port()) });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    assert_eq!(responses(&called)[0]["status"], 200);
}

#[tokio::test]
async fn a_redirect_is_handed_to_the_component_and_not_followed() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let request = json!({ "url": service.url("/away"), "expect_status": false });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    assert_eq!(responses(&called)[0]["status"], 302);
    assert_eq!(called.report.requests.len(), 1);
}

#[tokio::test]
async fn unsafe_requests_carry_a_key_that_is_the_same_in_every_attempt_and_distinct_within_one() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let post = |path| json!({ "method": "POST", "url": service.url(path) });
    let own = json!({ "method": "PUT", "url": service.url("/own"), "headers": { "Idempotency-Key": "mine" } });
    let get = json!({ "url": service.url("/get") });
    let mut call =
        sandbox.call(json!({ "requests": [post("/a"), get, post("/a"), own, post("/b")] }));
    let mut attempts = Vec::new();
    for attempt in 1..=2 {
        call.attempt = attempt;
        let before = service.received().len();
        completed(&sandbox.run(&call).await);
        let keys: Vec<Option<String>> = service.received()[before..]
            .iter()
            .map(|request| {
                Some(
                    request
                        .headers
                        .get("idempotency-key")?
                        .to_str()
                        .unwrap()
                        .to_owned(),
                )
            })
            .collect();
        attempts.push(keys);
    }
    assert_eq!(attempts[0], attempts[1]);
    let keys = &attempts[0];
    assert_eq!(keys[1], None, "a GET needs no key");
    assert_eq!(keys[3].as_deref(), Some("mine"));
    let distinct: BTreeSet<_> = [&keys[0], &keys[2], &keys[4]]
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(distinct.len(), 3, "{keys:?}");
    assert!(!distinct.contains(&call.idempotency_key.to_string()));
}

#[tokio::test]
async fn a_forbidden_request_does_not_shift_the_keys_of_those_after_it() {
    let service = Service::start().await;
    let mut sandbox = Sandbox::reaching(&service).await;
    let requests = json!([
        { "method": "POST", "url": format!("http://localhost:{}/", service.port()), "tolerate": true },
        { "method": "POST", "url": service.url("/b") },
    ]);
    completed(&sandbox.act(json!({ "requests": requests })).await);
    sandbox.policy.allowed_hosts.push("localhost".to_owned());
    completed(&sandbox.act(json!({ "requests": requests })).await);
    let received = service.received();
    assert_eq!(received.len(), 3);
    assert_eq!(
        received[0].headers["idempotency-key"],
        received[2].headers["idempotency-key"]
    );
    assert_ne!(
        received[0].headers["idempotency-key"],
        received[1].headers["idempotency-key"]
    );
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let request = json!({ "url": service.url("/"), "tolerate": true });
    let mut call = sandbox.call(json!({ "requests": [request, request, request] }));
    call.limits.requests = Some(2);
    let called = sandbox.run(&call).await;
    let responses = responses(&called);
    assert_eq!(
        (&responses[0]["status"], &responses[1]["status"]),
        (&json!(200), &json!(200))
    );
    assert!(
        responses[2]["error"]["message"]
            .as_str()
            .unwrap()
            .contains('2')
    );
    assert_eq!(service.received().len(), 2);
    assert_eq!(called.report.metering.requests, 2);
}

#[tokio::test]
async fn a_response_beyond_the_limit_is_too_large() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let get = |path: &str| json!({ "requests": [{ "url": service.url(path), "tolerate": true }] });
    let mut call = sandbox.call(get("/bytes/1000"));
    call.limits.response_bytes = Some(1_000);
    assert_eq!(responses(&sandbox.run(&call).await)[0]["status"], 200);
    call.arguments = std::sync::Arc::new(get("/bytes/1001"));
    let called = sandbox.run(&call).await;
    let error = &responses(&called)[0]["error"];
    assert!(
        error["code"].as_str().unwrap().contains("too-large"),
        "{error}"
    );
    let record = &called.report.requests[0];
    assert_eq!(record.status, Some(200));
    assert!(
        record.error.as_deref().unwrap().contains("1000"),
        "{record:?}"
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_timeout_for_the_component() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let request = json!({ "method": "POST", "url": service.url("/hang"), "timeout_ms": 50, "tolerate": true });
    let called = sandbox.act(json!({ "requests": [request] })).await;
    let error = &responses(&called)[0]["error"];
    assert!(
        error["code"].as_str().unwrap().contains("timeout"),
        "{error}"
    );
    assert_eq!(called.report.evidence, Evidence::Possible);
    assert!(
        called.report.requests[0]
            .error
            .as_deref()
            .unwrap()
            .contains("50 ms")
    );
}

#[tokio::test]
async fn requests_that_are_not_valid_are_refused_before_anything_is_sent() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let url = service.url("/");
    let with_header = |name: &str, value: &str| json!({ "method": "POST", "url": url, "headers": { name: value } });
    let requests = [
        json!({ "method": "CONNECT", "url": url }),
        json!({ "method": "A B", "url": url }),
        json!({ "method": "POST", "url": "ftp://127.0.0.1/" }),
        json!({ "method": "POST", "url": "nonsense" }),
        json!({ "method": "POST", "url": format!("http://user:secret@{}/", service.host) }),
        json!({ "method": "POST", "url": format!("{url}{}", "x".repeat(9_000)) }),
        json!({ "method": "POST", "url": url, "body_bytes": (4 << 20) + 1 }),
        with_header("Host", "internal.test"),
        with_header("Transfer-Encoding", "chunked"),
        with_header("Connection", "close"),
        with_header("a b", "c"),
        with_header("x-a", "b\r\nx-c: d"),
        with_header("x-long", &"x".repeat(70_000)),
    ];
    for mut request in requests {
        request["tolerate"] = json!(true);
        let called = sandbox.act(json!({ "requests": [request] })).await;
        let error = &responses(&called)[0]["error"];
        assert!(
            error["code"]
                .as_str()
                .is_some_and(|code| code.contains("invalid")),
            "{error}"
        );
        assert_eq!(called.report.evidence, Evidence::Unchanged);
        assert!(!called.report.requests[0].url.contains("secret"));
        assert!(called.report.requests[0].url.len() <= 1_024);
    }
    assert!(service.received().is_empty());
}

#[tokio::test]
async fn a_policy_is_checked_before_it_is_used() {
    let host = Sandbox::new("script").await.host;
    let hosts = |entry: &str| Policy {
        allowed_hosts: vec![entry.to_owned()],
        ..Policy::default()
    };
    assert!(host.check_policy(&hosts("*.example.com")).is_ok());
    let error = host
        .check_policy(&hosts("https://example.com/path"))
        .unwrap_err();
    assert!(matches!(error, PolicyError::Host { .. }));
    assert!(
        error.to_string().contains("https://example.com/path"),
        "{error}"
    );
}
