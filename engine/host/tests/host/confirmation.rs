//! The second phase of a step.

use serde_json::{Value, json};
use wasaga_core::{Certainty, Completion, Direction, Evidence, FailureKind};

use crate::support::{Sandbox, Service, completed, failed};

#[tokio::test]
async fn a_confirmation_gets_the_result_of_its_step() {
    let sandbox = Sandbox::new("confirm").await;
    for result in [json!({ "reserved": 2 }), Value::Null] {
        let call = sandbox.confirm_call(json!({ "confirm": { "echo": true } }), result.clone());
        let called = sandbox.run(&call).await;
        assert_eq!(*completed(&called), Completion::default());
        let line = &called.logs[0];
        assert_eq!((line.direction, line.attempt), (Direction::Confirm, 1));
        let got: Value = serde_json::from_str(&line.message).unwrap();
        assert_eq!(got["result"], result);
        assert_eq!(got["idempotency_key"], call.idempotency_key.to_string());
        assert_eq!(got["context"], json!({ "con": "text" }));
    }
}

#[tokio::test]
async fn a_confirmation_that_fails_says_whether_to_try_again() {
    let sandbox = Sandbox::new("confirm").await;
    for (word, kind) in [
        ("retryable", FailureKind::Retryable),
        ("permanent", FailureKind::Permanent),
    ] {
        let fail = json!({ "kind": word, "code": "closed", "message": "until nine" });
        let call = sandbox.confirm_call(json!({ "confirm": { "fail": fail } }), json!(1));
        let called = sandbox.run(&call).await;
        let (failure, certainty) = failed(&called);
        assert_eq!((failure.kind, certainty), (kind, Certainty::Definite));
        assert_eq!(failure.code, "closed");
    }
}

#[tokio::test]
async fn a_confirmation_sends_requests_under_the_policy_with_keys_of_its_own() {
    let service = Service::start().await;
    let mut sandbox = Sandbox::new("confirm").await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let requests = json!([{ "method": "POST", "url": service.url("/commit") }]);
    let program = json!({ "requests": requests, "confirm": { "requests": requests } });
    completed(&sandbox.act(program.clone()).await);
    let called = sandbox
        .run(&sandbox.confirm_call(program.clone(), json!(1)))
        .await;
    completed(&called);
    assert_eq!(called.report.requests.len(), 1);
    let received = service.received();
    assert_ne!(
        received[0].headers["idempotency-key"],
        received[1].headers["idempotency-key"]
    );

    sandbox.policy.allowed_hosts.clear();
    let called = sandbox.run(&sandbox.confirm_call(program, json!(1))).await;
    failed(&called);
    assert_eq!(service.received().len(), 2);
}

#[tokio::test]
async fn a_confirmation_of_a_component_without_one_is_a_failure() {
    for component in ["script", "callback"] {
        let sandbox = Sandbox::new(component).await;
        let called = sandbox
            .run(&sandbox.confirm_call(json!({}), json!(1)))
            .await;
        let (failure, certainty) = failed(&called);
        assert_eq!(failure.code, "missing-export");
        assert!(
            failure.message.contains("wasaga:saga/confirmation@0.1.0"),
            "{}",
            failure.message
        );
        assert_eq!(
            (failure.kind, certainty),
            (FailureKind::Permanent, Certainty::Uncertain)
        );
        assert_eq!(called.report.evidence, Evidence::Unchanged);
    }
}

#[tokio::test]
async fn a_call_of_confirm_without_a_result_is_a_failure() {
    let sandbox = Sandbox::new("confirm").await;
    let mut call = sandbox.confirm_call(json!({}), json!(1));
    call.result = None;
    let called = sandbox.run(&call).await;
    assert_eq!(failed(&called).0.code, "incomplete-call");
}
