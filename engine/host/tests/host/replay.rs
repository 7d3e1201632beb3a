//! Calls that are run again on what was recorded of them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wasaga_core::recording::{Body, RequestErrorKind};
use wasaga_core::{Call, Evidence, Recording, RequestRecord, SecretGrant};
use wasaga_host::{Replayed, Secrets};

use crate::echo;
use crate::support::{Sandbox, Service, completed};

async fn replay(sandbox: &Sandbox, call: &Call, recorded: &[RequestRecord]) -> Replayed {
    let policy = Arc::new(sandbox.policy.clone());
    sandbox.host.replay(call, &policy, recorded).await
}

/// What a program saw of its responses: status and body, or the error.
fn seen(replayed: &wasaga_host::Called) -> Vec<Value> {
    let responses = completed(replayed).result["responses"].as_array().unwrap();
    let seen = responses
        .iter()
        .map(|response| match response.get("error") {
            Some(error) => error.clone(),
            None => json!([response["status"], response["body"]]),
        });
    seen.collect()
}

/// The requests without their durations.
fn timeless(records: &[RequestRecord]) -> Vec<RequestRecord> {
    let mut records = records.to_vec();
    for record in &mut records {
        record.duration_ms = 0.0;
    }
    records
}

#[tokio::test]
async fn the_same_call_does_the_same_and_nothing_is_sent() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox = Sandbox::reaching(&service).await;
    let requests = json!([
        { "method": "POST", "url": service.url("/echo/plain"), "body": "one" },
        { "method": "POST", "url": service.url("/echo/plain"), "body": "two" },
        { "url": service.url("/echo/error") },
        { "url": "http://elsewhere.test/" },
        { "url": service.url("/broken"), "body": "half" },
        { "url": service.url("/bytes/2000") },
    ]);
    let arguments = json!({ "requests": requests, "tolerate": true, "ask_the_world": true });
    let mut call = sandbox.call(arguments);
    call.limits.response_bytes = Some(1_000);
    let live = sandbox.run(&call).await;
    let count = service.received().len();
    assert_eq!(count, 5);

    for record in [Recording::Full, Recording::None] {
        sandbox.policy.record = record;
        let replayed = replay(&sandbox, &call, &live.report.requests).await;
        let again = &replayed.called;
        assert_eq!(seen(again), seen(&live));
        assert_eq!(
            completed(again).result["world"],
            completed(&live).result["world"]
        );
        assert_eq!(
            timeless(&again.report.requests),
            timeless(&live.report.requests)
        );
        assert_eq!(again.report.evidence, Evidence::Possible);
        assert_eq!(again.report.metering.requests, 6);
        let expected: Vec<_> = (0..6).map(Some).collect();
        assert_eq!(replayed.answered_from, expected);
    }
    assert_eq!(service.received().len(), count);
    let stats = sandbox.host.stats();
    assert_eq!((stats.calls, stats.replays, stats.requests), (1, 2, 6));
}

#[tokio::test]
async fn a_changed_request_takes_the_record_that_nobody_else_has() {
    let service = Service::serving(echo::router()).await;
    let sandbox = Sandbox::reaching(&service).await;
    let post = |path: &str, body: &str| json!({ "method": "POST", "url": service.url(path), "body": body });
    let arguments = |requests: Value| json!({ "requests": requests, "tolerate": true });
    let requests = json!([post("/echo/plain", "one"), post("/echo/plain", "two")]);
    let live = sandbox.act(arguments(requests)).await;

    // In another order, one of them changed, one more, and one that goes elsewhere.
    let requests = json!([
        post("/echo/plain", "two"),
        post("/echo/plain", "three"),
        post("/echo/plain", "two"),
        post("/echo/json", "one"),
    ]);
    let call = sandbox.call(arguments(requests));
    let replayed = replay(&sandbox, &call, &live.report.requests).await;
    assert_eq!(replayed.answered_from, [Some(1), Some(0), None, None]);
    let seen = seen(&replayed.called);
    assert_eq!(seen[..2], [json!([200, "two"]), json!([200, "one"])]);
    for error in &seen[2..] {
        assert_eq!(error["code"], "http-connect", "{error}");
        assert!(
            error["message"].as_str().unwrap().contains("recorded"),
            "{error}"
        );
    }
    let last = &replayed.called.report.requests[3];
    assert_eq!(last.error_kind, Some(RequestErrorKind::Connect));
    let said = &last.exchange.as_deref().unwrap().request;
    assert_eq!(said.body, Body::Text("one".to_owned()));
    assert_eq!(service.received().len(), 2);
}

#[tokio::test]
async fn a_timeout_is_told_and_not_waited_for() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let request = json!({ "method": "POST", "url": service.url("/hang"), "timeout_ms": 50 });
    let mut call = sandbox.call(json!({ "requests": [request], "tolerate": true }));
    let live = sandbox.run(&call).await;
    let mut records = live.report.requests.clone();
    assert_eq!(records[0].error_kind, Some(RequestErrorKind::Timeout));
    let replayed = replay(&sandbox, &call, &records).await;
    assert_eq!(seen(&replayed.called), seen(&live));
    assert_eq!(replayed.called.report.evidence, Evidence::Possible);

    // One that the component waited for until its call was cut off.
    let request = json!({ "method": "POST", "url": service.url("/hang") });
    call.arguments = Arc::new(json!({ "requests": [request], "tolerate": true }));
    call.timeout = Duration::from_millis(100);
    records = sandbox.run(&call).await.report.requests;
    assert_eq!(records[0].error_kind, Some(RequestErrorKind::GivenUp));
    call.timeout = Duration::from_secs(60);
    let replayed = replay(&sandbox, &call, &records).await;
    assert_eq!(seen(&replayed.called)[0]["code"], "http-timeout");
    assert_eq!(replayed.answered_from, [Some(0)]);
    assert_eq!(service.received().len(), 2);
}

#[tokio::test]
async fn what_was_not_kept_cannot_be_answered_and_says_so() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox =
        Sandbox::with("script", |config| config.max_recorded_body_bytes = 1_000).await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let requests = json!([
        { "method": "POST", "url": service.url("/bytes/1001") },
        { "method": "POST", "url": service.url("/bytes/10"), "body_bytes": 1_001 },
    ]);
    let call = sandbox.call(json!({ "requests": requests, "tolerate": true }));
    let full = sandbox.run(&call).await.report.requests;
    let replayed = replay(&sandbox, &call, &full).await;
    let answers = seen(&replayed.called);
    assert!(
        answers[0]["message"]
            .as_str()
            .unwrap()
            .contains("not recorded as a whole")
    );
    assert_eq!(
        replayed.answered_from,
        [None, Some(1)],
        "a large request is known by its digest"
    );
    assert_eq!(replayed.called.report.evidence, Evidence::Possible);

    sandbox.policy.record = Recording::Summary;
    let summary = sandbox.run(&call).await.report.requests;
    let replayed = replay(&sandbox, &call, &summary).await;
    assert_eq!(replayed.answered_from, [None, None]);
    assert_eq!(replayed.called.report.evidence, Evidence::Unchanged);
    assert_eq!(service.received().len(), 4);
}

#[tokio::test]
async fn secrets_are_not_needed_and_stay_what_they_are() {
    let service = Service::serving(echo::router()).await;
    let with_secret = async |secrets: &[(&str, &str)]| {
        let mut sandbox = Sandbox::with("script", |config| {
            let secrets = secrets.iter();
            let secrets = secrets.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            config.secrets = Secrets::new(secrets).unwrap();
        })
        .await;
        sandbox.policy.allowed_hosts = vec![service.host.clone()];
        let grant = SecretGrant {
            secret: "real".to_owned(),
            hosts: vec![service.host.clone()],
        };
        sandbox.policy.secrets.insert("token".to_owned(), grant);
        sandbox
    };
    let sandbox = with_secret(&[("real", "hunter2-hunter2")]).await;
    let told = "{config:token}";
    let request =
        json!({ "method": "POST", "url": service.url("/echo/plain"), "body": format!("<{told}>") });
    let call = sandbox.call(json!({ "requests": [request] }));
    let live = sandbox.run(&call).await;
    let without = with_secret(&[]).await;
    let replayed = replay(&without, &call, &live.report.requests).await;
    assert_eq!(replayed.answered_from, [Some(0)]);
    assert_eq!(
        seen(&replayed.called),
        seen(&live),
        "the placeholder, not its name"
    );
    assert_eq!(
        timeless(&replayed.called.report.requests),
        timeless(&live.report.requests)
    );
    assert_eq!(service.received().len(), 1);
}

#[tokio::test]
async fn a_request_by_wasi_http_is_answered_as_well() {
    let service = Service::serving(echo::router()).await;
    let mut sandbox = Sandbox::new("wasi").await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let arguments = |path: &str, body: &str, head_only: bool| {
        json!({ "request": {
            "method": "POST", "authority": service.host, "path": path, "body": body, "piece_bytes": 3,
            "head_only": head_only,
        } })
    };
    let outcome = |replayed: &Replayed| completed(&replayed.called).result.clone();
    for (path, head_only) in [
        ("/echo/pieces", false),
        ("/broken", false),
        ("/ignored", true),
    ] {
        let call = sandbox.call(arguments(path, "some text", head_only));
        let live = sandbox.run(&call).await;
        let count = service.received().len();
        let replayed = replay(&sandbox, &call, &live.report.requests).await;
        assert_eq!(replayed.answered_from, [Some(0)], "{path}");
        let live_outcome = &completed(&live).result;
        let error = &outcome(&replayed)["error"];
        assert_eq!(error, &live_outcome["error"], "{path}");
        assert_eq!(
            outcome(&replayed)["ok"]["body"],
            live_outcome["ok"]["body"],
            "{path}"
        );
        assert_eq!(
            outcome(&replayed)["ok"]["status"],
            live_outcome["ok"]["status"],
            "{path}"
        );

        let call = sandbox.call(arguments("/elsewhere", "some text", head_only));
        let replayed = replay(&sandbox, &call, &live.report.requests).await;
        assert_eq!(replayed.answered_from, [None]);
        let error = outcome(&replayed)["error"].as_str().unwrap().to_owned();
        assert!(error.contains("ConnectionRefused"), "{error}");
        assert_eq!(service.received().len(), count, "{path}");
    }
}

#[tokio::test]
async fn an_address_is_not_even_looked_up() {
    let mut sandbox = Sandbox::new("script").await;
    sandbox.policy.allowed_hosts = vec!["*.invalid".to_owned()];
    let request = json!({ "url": "http://service.invalid/", "tolerate": true });
    let call = sandbox.call(json!({ "requests": [request] }));
    let live = sandbox.run(&call).await;
    let records = live.report.requests.clone();
    assert_eq!(records[0].error_kind, Some(RequestErrorKind::Connect));
    let answered = RequestRecord {
        status: Some(200),
        error: None,
        error_kind: None,
        exchange: records[0].exchange.clone().map(|mut exchange| {
            exchange.response = Some(exchange.request.clone());
            exchange
        }),
        ..records[0].clone()
    };
    let replayed = replay(&sandbox, &call, &[answered]).await;
    assert_eq!(seen(&replayed.called)[0][0], 200);
    let refused = replay(&sandbox, &call, &records).await;
    assert_eq!(seen(&refused.called), seen(&live));
}
