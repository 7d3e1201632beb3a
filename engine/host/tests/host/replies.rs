//! Actions that wait for a reply, and what the reply becomes.

use serde_json::{Value, json};
use wasaga_core::id::idempotency_key;
use wasaga_core::json::MAX_DEPTH;
use wasaga_core::{Certainty, Direction, Evidence, Failure, FailureKind, Reply, ReplyToken};

use crate::support::{Sandbox, Service, completed, failed, pending};

fn succeeded() -> Reply {
    Reply::Succeeded(json!({ "approved_by": "eve" }))
}

#[tokio::test]
async fn a_pending_action_is_reported_with_its_payload() {
    let sandbox = Sandbox::new("callback").await;
    for payload in [json!({ "amount": 12.5 }), json!([1, "two"]), Value::Null] {
        let called = sandbox.act(json!({ "pending": payload })).await;
        assert_eq!(*pending(&called), payload);
        assert_eq!(called.report.evidence, Evidence::Unchanged);
    }
}

#[tokio::test]
async fn a_pending_action_keeps_its_account_of_requests_and_log_lines() {
    let service = Service::start().await;
    let mut sandbox = Sandbox::new("callback").await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let ask = json!({ "method": "POST", "url": service.url("/ask"), "body": "{token}" });
    let call = sandbox
        .call(json!({ "requests": [ask], "log": [{ "message": "asked" }], "pending": "{token}" }));
    let called = sandbox.run(&call).await;

    let token = ReplyToken {
        saga: call.saga,
        key: call.idempotency_key,
    };
    assert_eq!(*pending(&called), token.to_string());
    assert_eq!(service.received()[0].body, token.to_string());
    assert_eq!(called.report.requests.len(), 1);
    assert_eq!(called.report.evidence, Evidence::Possible);
    assert_eq!(called.logs[0].message, "asked");
    assert_eq!(called.logs[0].direction, Direction::Act);
    assert_eq!(sandbox.host.stats().calls_failed, 0);
}

#[tokio::test]
async fn a_component_that_takes_no_replies_cannot_wait_and_is_told_what_to_export() {
    for component in ["script", "confirm"] {
        let sandbox = Sandbox::new(component).await;
        let called = sandbox.act(json!({ "pending": {} })).await;
        let (failure, certainty) = failed(&called);
        assert_eq!(
            (failure.kind, certainty),
            (FailureKind::Permanent, Certainty::Uncertain)
        );
        assert_eq!(failure.code, "pending-unsupported");
        assert!(
            failure.message.contains("wasaga:saga/callback@0.1.0"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn a_pending_payload_that_a_saga_cannot_keep_is_a_failure() {
    let sandbox = Sandbox::new("callback").await;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let kept = sandbox
        .act(json!({ "raw_pending": nested(MAX_DEPTH) }))
        .await;
    pending(&kept);

    let too_deep = nested(MAX_DEPTH + 1);
    let too_large = format!("{:?}", "x".repeat(2_000));
    for (text, code, note) in [
        ("", "invalid-pending-payload", "no JSON"),
        ("{", "invalid-pending-payload", "no JSON"),
        (&too_deep, "invalid-pending-payload", "65 deep"),
        (&too_large, "payload-too-large", "limits.payload"),
    ] {
        let program = json!({ "raw_pending": text });
        let mut act = sandbox.call(program.clone());
        let mut on_reply = sandbox.reply_call(json!({ "on_reply": program }), succeeded());
        for call in [&mut act, &mut on_reply] {
            call.limits.payload_bytes = Some(1_000);
            let called = sandbox.run(call).await;
            let (failure, certainty) = failed(&called);
            assert_eq!(failure.code, code, "{failure:?}");
            assert!(failure.message.contains(note), "{failure:?}");
            assert!(
                failure.message.contains("pending payload"),
                "it is named: {failure:?}"
            );
            assert_eq!(
                (failure.kind, certainty),
                (FailureKind::Permanent, Certainty::Uncertain)
            );
        }
    }
}

#[tokio::test]
async fn a_pending_payload_beyond_what_the_host_takes_at_all_is_too_large_as_well() {
    let sandbox = Sandbox::new("callback").await;
    // Small as arguments, large as the payload: the key takes the place of each `{key}`.
    let mut call = sandbox.call(json!({ "pending": "{key}".repeat(400_000) }));
    call.limits.payload_bytes = Some(1_000);
    let called = sandbox.run(&call).await;
    assert_eq!(failed(&called).0.code, "payload-too-large");
}

#[tokio::test]
async fn on_reply_gets_the_reply_with_an_attempt_and_a_key_of_its_own() {
    let sandbox = Sandbox::new("callback").await;
    let failure = Failure {
        details: Some(json!({ "limit": 100 })),
        ..Failure::permanent("declined", "too much")
    };
    let told_failure = json!({ "failed": {
        "kind": "permanent", "code": "declined", "message": "too much", "details": { "limit": 100 },
    } });
    let busy = json!({ "failed": {
        "kind": "retryable", "code": "busy", "message": "later", "details": null,
    } });
    for (reply, told) in [
        (
            succeeded(),
            json!({ "succeeded": { "approved_by": "eve" } }),
        ),
        (Reply::Succeeded(Value::Null), json!({ "succeeded": null })),
        (Reply::Failed(failure), told_failure),
        (Reply::Failed(Failure::retryable("busy", "later")), busy),
    ] {
        let call = sandbox.reply_call(json!({ "on_reply": { "echo": true } }), reply);
        let called = sandbox.run(&call).await;
        let key = idempotency_key(call.saga, call.step(), Direction::OnReply, 1);
        assert_eq!(
            completed(&called).result,
            json!({
                "saga_id": call.saga.to_string(),
                "saga": "test",
                "step": "step",
                "action": "step",
                "attempt": 1,
                "idempotency_key": key.to_string(),
                "input": { "in": 1 },
                "context": { "con": "text" },
                "arguments": *call.arguments,
                "previous": null,
                "reply": told,
            })
        );
    }
}

#[tokio::test]
async fn requests_of_on_reply_have_other_keys_than_those_of_act() {
    let service = Service::start().await;
    let mut sandbox = Sandbox::new("callback").await;
    sandbox.policy.allowed_hosts = vec![service.host.clone()];
    let request = json!([{ "method": "POST", "url": service.url("/pay") }]);
    let program = json!({
        "requests": request, "pending": null, "on_reply": { "requests": request },
    });
    pending(&sandbox.act(program.clone()).await);
    for _attempt in 1..=2 {
        let call = sandbox.reply_call(program.clone(), succeeded());
        completed(&sandbox.run(&call).await);
    }
    let received = service.received();
    let keys: Vec<_> = received
        .iter()
        .map(|request| &request.headers["idempotency-key"])
        .collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[1], keys[2], "the same for every attempt");
}

#[tokio::test]
async fn on_reply_completes_with_a_result_and_a_patch() {
    let sandbox = Sandbox::new("callback").await;
    let program = json!({ "on_reply": { "result": "paid", "patch": { "paid": true } } });
    // A reply that says that the work is not done may become a completion as well.
    let late = Reply::Failed(Failure::permanent("late", "after the deadline"));
    for reply in [succeeded(), late] {
        let call = sandbox.reply_call(program.clone(), reply);
        let called = sandbox.run(&call).await;
        assert_eq!(completed(&called).result, "paid");
        assert_eq!(
            completed(&called).context_patch,
            Some(json!({ "paid": true }))
        );
    }
}

#[tokio::test]
async fn on_reply_fails_with_a_failure_of_its_own() {
    let sandbox = Sandbox::new("callback").await;
    for (word, kind) in [
        ("retryable", FailureKind::Retryable),
        ("permanent", FailureKind::Permanent),
    ] {
        let fail = json!({ "kind": word, "code": "rejected", "message": "by eve" });
        let call = sandbox.reply_call(json!({ "on_reply": { "fail": fail } }), succeeded());
        let called = sandbox.run(&call).await;
        let (failure, certainty) = failed(&called);
        assert_eq!((failure.kind, certainty), (kind, Certainty::Definite));
        assert_eq!(
            (failure.code.as_str(), failure.message.as_str()),
            ("rejected", "by eve")
        );
    }
}

#[tokio::test]
async fn on_reply_may_wait_for_another_reply() {
    let sandbox = Sandbox::new("callback").await;
    let program = json!({ "on_reply": { "pending": "{token}", "pending_until_reply": "last" } });
    let first = sandbox.reply_call(program.clone(), Reply::Succeeded(json!("first")));
    let called = sandbox.run(&first).await;
    let token = ReplyToken {
        saga: first.saga,
        key: first.idempotency_key,
    };
    assert_eq!(*pending(&called), token.to_string());

    let last = sandbox.reply_call(program, Reply::Succeeded(json!("last")));
    completed(&sandbox.run(&last).await);
}

#[tokio::test]
async fn on_reply_has_the_limits_of_every_call() {
    let sandbox = Sandbox::new("callback").await;
    let mut call = sandbox.reply_call(json!({ "on_reply": { "spin": true } }), succeeded());
    call.limits.fuel = Some(10_000_000);
    let called = sandbox.run(&call).await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "out-of-fuel");
    assert_eq!(certainty, Certainty::Uncertain);
}

#[tokio::test]
async fn log_lines_of_on_reply_say_so_and_count_the_attempts_of_act_too() {
    let sandbox = Sandbox::new("callback").await;
    let program = json!({ "on_reply": { "log": [{ "message": "replied" }], "print": "words\n" } });
    let called = sandbox.run(&sandbox.reply_call(program, succeeded())).await;
    completed(&called);
    let mut said: Vec<_> = called
        .logs
        .iter()
        .map(|line| (line.message.as_str(), line.direction, line.attempt))
        .collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            ("replied", Direction::OnReply, 3),
            ("words", Direction::OnReply, 3)
        ]
    );
}

#[tokio::test]
async fn a_reply_for_a_component_that_takes_none_is_a_failure() {
    let sandbox = Sandbox::new("script").await;
    let called = sandbox
        .run(&sandbox.reply_call(json!({}), succeeded()))
        .await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "missing-export");
    assert!(
        failure.message.contains("wasaga:saga/callback@0.1.0"),
        "{}",
        failure.message
    );
    assert_eq!(
        (failure.kind, certainty),
        (FailureKind::Permanent, Certainty::Uncertain)
    );
    assert_eq!(called.report.evidence, Evidence::Unchanged);
}

#[tokio::test]
async fn a_call_of_on_reply_without_a_reply_is_a_failure() {
    let sandbox = Sandbox::new("callback").await;
    let mut call = sandbox.reply_call(json!({}), succeeded());
    call.reply = None;
    let called = sandbox.run(&call).await;
    assert_eq!(failed(&called).0.code, "incomplete-call");
}
