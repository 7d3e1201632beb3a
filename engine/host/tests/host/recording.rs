//! What is kept of requests.

use serde_json::{Value, json};
use wasaga_core::recording::{Body, RequestErrorKind};
use wasaga_core::{Digest, Evidence, Recording, RequestRecord, SecretGrant};
use wasaga_host::Secrets;

use crate::echo;
use crate::support::{Sandbox, Service, completed};

async fn recording(service: &Service, record: Recording) -> Sandbox {
    let mut sandbox = Sandbox::reaching(service).await;
    sandbox.policy.record = record;
    sandbox
}

async fn records(sandbox: &Sandbox, requests: Value) -> Vec<RequestRecord> {
    let called = sandbox
        .act(json!({ "requests": requests, "tolerate": true }))
        .await;
    completed(&called);
    called.report.requests
}

#[tokio::test]
async fn a_policy_says_how_much_is_kept() {
    let service = Service::serving(echo::router()).await;
    let requests = json!([
        { "method": "POST", "url": service.url("/echo/plain"), "body": "x" },
        { "url": "http://elsewhere.test/" },
    ]);
    let arguments = json!({ "requests": requests, "tolerate": true });

    let none = recording(&service, Recording::None)
        .await
        .act(arguments.clone())
        .await;
    assert!(none.report.requests.is_empty());
    assert_eq!(none.report.metering.requests, 2);
    assert_eq!(none.report.evidence, Evidence::Possible);

    let summary = recording(&service, Recording::Summary).await;
    let summary = summary.act(arguments.clone()).await.report.requests;
    assert_eq!(summary[0].status, Some(200));
    assert_eq!(summary[1].error_kind, Some(RequestErrorKind::Forbidden));
    assert!(summary.iter().all(|record| record.exchange.is_none()));

    let full = recording(&service, Recording::Full).await;
    let full = full.act(arguments).await.report.requests;
    let exchange = full[0].exchange.as_deref().unwrap();
    assert_eq!(exchange.request.body, Body::Text("x".to_owned()));
    let response = exchange.response.as_ref().unwrap();
    assert_eq!(response.body, Body::Text("x".to_owned()));
    assert_eq!(full[1].exchange.as_deref().unwrap().response, None);
}

#[tokio::test]
async fn headers_are_kept_but_for_passwords_and_those_of_the_connection() {
    let service = Service::serving(echo::router()).await;
    let sandbox = recording(&service, Recording::Full).await;
    let request = json!({
        "method": "POST", "url": service.url("/cookie"), "body": "x",
        "headers": { "authorization": "Bearer hunter2", "X-Api-Key": "hunter2", "cookie": "a=hunter2", "x-trace": "7" },
    });
    let record = records(&sandbox, json!([request])).await.remove(0);
    let exchange = record.exchange.unwrap();
    assert!(
        !serde_json::to_string(&exchange)
            .unwrap()
            .contains("hunter2")
    );
    let header = |headers: &[(String, String)], name: &str| {
        let found = headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    };
    let request = &exchange.request.headers;
    for password in ["authorization", "x-api-key", "cookie"] {
        assert_eq!(header(request, password).as_deref(), Some("[redacted]"));
    }
    assert_eq!(header(request, "x-trace").as_deref(), Some("7"));
    assert_eq!(header(request, "idempotency-key"), None, "the engine's own");
    let response = exchange.response.unwrap().headers;
    assert_eq!(
        header(&response, "set-cookie").as_deref(),
        Some("[redacted]")
    );
    assert_eq!(header(&response, "etag").as_deref(), Some("v1"));
    // What the component gets is what is kept: run again, it gets the same.
    for other in ["date", "content-length"] {
        assert!(header(&response, other).is_some(), "{other}");
    }
}

#[tokio::test]
async fn bodies_are_text_or_base64_or_too_large() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox =
        Sandbox::with("script", |config| config.max_recorded_body_bytes = 1_000).await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let requests = json!([
        { "method": "POST", "url": service.url("/binary"), "body_bytes": 1_000 },
        { "method": "POST", "url": service.url("/bytes/1001"), "body_bytes": 1_001 },
        { "url": service.url("/bytes/0") },
    ]);
    let records = records(&sandbox, requests).await;
    let bodies = |index: usize| {
        let exchange = records[index].exchange.as_deref().unwrap();
        (
            &exchange.request.body,
            &exchange.response.as_ref().unwrap().body,
        )
    };
    let text = Body::Text("x".repeat(1_000));
    assert_eq!(bodies(0), (&text, &Body::Base64("AJ+Slg==".to_owned())));
    let omitted = Body::Omitted(Digest::of("x".repeat(1_001).as_bytes()));
    assert_eq!(bodies(1), (&omitted, &omitted));
    assert_eq!(bodies(2), (&Body::Empty, &Body::Empty));
    assert_eq!(records[1].response_bytes, 1_001);
}

#[tokio::test]
async fn what_one_call_keeps_is_bounded_and_headers_count() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox =
        Sandbox::with("script", |config| config.max_recorded_call_bytes = 3_000).await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let get = |bytes: usize| json!({ "url": service.url(&format!("/bytes/{bytes}")) });
    let heavy =
        json!({ "url": service.url("/bytes/1"), "headers": { "x-much": "h".repeat(3_000) } });
    let found = records(&sandbox, json!([get(2_000), get(2_000), get(100), heavy])).await;
    let body = |index: usize| {
        let exchange = found[index].exchange.as_deref().unwrap();
        exchange.response.as_ref().unwrap().body.clone()
    };
    assert_eq!(body(0), Body::Text("x".repeat(2_000)));
    assert!(matches!(body(1), Body::Omitted(_)));
    assert_eq!(body(2), Body::Text("x".repeat(100)), "there is room for it");
    assert!(found[3].exchange.is_none(), "its headers do not fit");
    assert_eq!(found[3].status, Some(200));
}

#[tokio::test]
async fn streamed_bodies_are_kept_and_bounded_alike() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox = Sandbox::with("wasi", |config| config.max_recorded_body_bytes = 10_000).await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    for (bytes, kept) in [(10_000, true), (10_001, false)] {
        let text = "y".repeat(bytes);
        let request = json!({
            "method": "POST", "authority": service.host, "path": "/echo/plain", "body": text, "piece_bytes": 999,
        });
        let called = sandbox.act(json!({ "request": request })).await;
        completed(&called);
        let exchange = called.report.requests[0].exchange.as_deref().unwrap();
        let expected = if kept {
            Body::Text(text)
        } else {
            Body::Omitted(Digest::of(text.as_bytes()))
        };
        assert_eq!(exchange.request.body, expected);
        assert_eq!(exchange.response.as_ref().unwrap().body, expected);
    }
}

#[tokio::test]
async fn secrets_stand_in_recordings_by_name_on_every_server() {
    const VALUE: &str = "hunter2-hunter2";
    let service = Service::serving(echo::router()).await;
    let mut kept = Vec::new();
    // The second one has a cache, and so a key, of its own.
    let other = tempfile::tempdir().unwrap();
    for cache in [None, Some(other.path())] {
        let mut sandbox = Sandbox::with("script", |config| {
            let secret = ("real".to_owned(), VALUE.to_owned());
            config.secrets = Secrets::new([secret]).unwrap();
            if let Some(cache) = cache {
                cache.clone_into(&mut config.cache_dir);
            }
        })
        .await;
        sandbox.policy.allowed_hosts = vec![service.host.clone()];
        let grant = SecretGrant {
            secret: "real".to_owned(),
            hosts: vec![service.host.clone()],
        };
        sandbox.policy.secrets.insert("token".to_owned(), grant);
        let told = "{config:token}";
        let requests = json!([
            { "method": "POST", "url": service.url("/echo/plain"), "body": format!("<{told}>"),
              "headers": { "x-mine": format!("a {told}") } },
            { "url": service.url(&format!("/bytes/1?{told}")) },
            { "url": service.url("/echo/header"), "headers": { "x-secret": told } },
        ]);
        let mut records = records(&sandbox, requests).await;
        for record in &mut records {
            record.duration_ms = 0.0;
            let response = record
                .exchange
                .as_mut()
                .and_then(|said| said.response.as_mut());
            if let Some(response) = response {
                response.headers.retain(|(name, _)| name != "date");
            }
        }
        let all = serde_json::to_string(&records).unwrap();
        assert!(
            !all.contains(VALUE) && !all.contains("wasaga-secret-"),
            "{all}"
        );
        let exchange = records[0].exchange.as_deref().unwrap();
        assert_eq!(
            exchange.request.body,
            Body::Text("<[secret:token]>".to_owned())
        );
        let mine = ("x-mine".to_owned(), "a [secret:token]".to_owned());
        assert!(exchange.request.headers.contains(&mine));
        let response = exchange.response.as_ref().unwrap();
        assert_eq!(response.body, Body::Text("<[secret:token]>".to_owned()));
        assert!(records[1].url.ends_with("/bytes/1?[secret:token]"));
        let response = records[2]
            .exchange
            .as_deref()
            .unwrap()
            .response
            .as_ref()
            .unwrap();
        let told = ("x-told".to_owned(), "[secret:token]".to_owned());
        assert!(response.headers.contains(&told), "{response:?}");
        kept.push(records);
    }
    assert_eq!(kept[0], kept[1]);
}

#[tokio::test]
async fn a_response_that_is_not_wanted_whole_says_so() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox = Sandbox::new("wasi").await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let head_only = async |path: &str| {
        let request =
            json!({ "method": "GET", "authority": service.host, "path": path, "head_only": true });
        let called = sandbox.act(json!({ "request": request })).await;
        assert_eq!(completed(&called).result["ok"]["status"], 200);
        called.report.requests[0].clone()
    };
    let record = head_only("/ignored").await;
    assert_eq!(record.status, Some(200));
    assert_eq!(record.error_kind, Some(RequestErrorKind::GivenUp));
    let record = head_only("/bytes/0").await;
    assert_eq!(record.error_kind, None, "there was nothing more to read");
}
