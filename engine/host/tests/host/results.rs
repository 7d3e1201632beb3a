//! What a component gets, and what it ends with.

use std::sync::Arc;

use serde_json::json;
use wasaga_core::json::MAX_DEPTH;
use wasaga_core::{Certainty, Direction, Evidence, FailureKind, Name, StepPath};

use crate::support::{Sandbox, completed, failed};

#[tokio::test]
async fn a_component_gets_all_of_its_call() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "echo": true, "patch": { "a": null } }));
    call.attempt = 3;
    call.previous = Some(Arc::new(json!([1, "two"])));
    let called = sandbox.run(&call).await;
    let completion = completed(&called);
    assert_eq!(
        completion.result,
        json!({
            "saga_id": call.saga.to_string(),
            "saga": "test",
            "step": "step",
            "action": "step",
            "attempt": 3,
            "idempotency_key": call.idempotency_key.to_string(),
            "input": { "in": 1 },
            "context": { "con": "text" },
            "arguments": *call.arguments,
            "previous": [1, "two"],
        })
    );
    assert_eq!(completion.context_patch, Some(json!({ "a": null })));
    assert_eq!(called.report.evidence, Evidence::Unchanged);
}

#[tokio::test]
async fn a_step_in_a_loop_is_told_its_name_and_its_log_lines_have_its_path() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "echo": true, "log": [{ "message": "here" }] }));
    let items = StepPath::root(&Name::new("items").unwrap());
    let path = StepPath::within(Some(&items.round(2)), &Name::new("pick").unwrap());
    call.id.step = path.clone();
    let called = sandbox.run(&call).await;
    assert_eq!(completed(&called).result["step"], "pick");
    assert_eq!(called.logs[0].step, path);
}

#[tokio::test]
async fn a_compensation_gets_the_result_when_it_is_known() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "compensate": { "echo": true } }));
    call.id.direction = Direction::Compensate;
    let called = sandbox.run(&call).await;
    assert_eq!(*completed(&called), wasaga_core::Completion::default());
    assert!(
        called.logs[0].message.contains(r#""result":null"#),
        "{:?}",
        called.logs
    );
    call.result = Some(Arc::new(json!({ "reserved": 2 })));
    let called = sandbox.run(&call).await;
    assert!(
        called.logs[0]
            .message
            .contains(r#""result":{"reserved":2}"#),
        "{:?}",
        called.logs
    );
    assert_eq!(called.logs[0].direction, Direction::Compensate);
}

#[tokio::test]
async fn a_returned_failure_is_definite_and_keeps_its_words() {
    let sandbox = Sandbox::new("script").await;
    for (word, kind) in [
        ("retryable", FailureKind::Retryable),
        ("permanent", FailureKind::Permanent),
    ] {
        let fail =
            json!({ "kind": word, "code": "declined", "message": "no", "details": { "a": 1 } });
        let mut call = sandbox.call(json!({ "fail": fail, "compensate": { "fail": fail } }));
        for direction in [Direction::Act, Direction::Compensate] {
            call.id.direction = direction;
            let called = sandbox.run(&call).await;
            let (failure, certainty) = failed(&called);
            assert_eq!((failure.kind, certainty), (kind, Certainty::Definite));
            assert_eq!(
                (failure.code.as_str(), failure.message.as_str()),
                ("declined", "no")
            );
            assert_eq!(failure.details, Some(json!({ "a": 1 })));
        }
    }
}

#[tokio::test]
async fn codes_and_messages_are_cut_to_a_reasonable_length() {
    let sandbox = Sandbox::new("script").await;
    let fail =
        json!({ "kind": "permanent", "code": "c".repeat(9_999), "message": "ä".repeat(9_999) });
    let called = sandbox.act(json!({ "fail": fail })).await;
    let (failure, _) = failed(&called);
    assert!(failure.code.len() <= 128 && failure.message.len() <= 4_096);
    assert!(failure.message.starts_with('ä'));
}

#[tokio::test]
async fn a_result_that_is_no_json_is_a_failure() {
    let sandbox = Sandbox::new("script").await;
    for text in ["", "{", "undefined", "1 2", "'a'"] {
        let called = sandbox.act(json!({ "raw_result": text })).await;
        let (failure, certainty) = failed(&called);
        assert_eq!(failure.code, "invalid-result", "{text:?}");
        assert_eq!(
            (failure.kind, certainty),
            (FailureKind::Permanent, Certainty::Uncertain)
        );
    }
}

#[tokio::test]
async fn a_result_or_patch_that_is_nested_too_deep_to_be_kept_is_a_failure() {
    let sandbox = Sandbox::new("script").await;
    let nested = |depth: usize| "{\"a\":".repeat(depth) + "7" + &"}".repeat(depth);
    let called = sandbox
        .act(json!({ "raw_result": nested(MAX_DEPTH), "raw_patch": nested(MAX_DEPTH) }))
        .await;
    completed(&called);
    for (field, code) in [
        ("raw_result", "invalid-result"),
        ("raw_patch", "invalid-context-patch"),
    ] {
        for depth in [MAX_DEPTH + 1, 127, 10_000] {
            let called = sandbox.act(json!({ field: nested(depth) })).await;
            let (failure, certainty) = failed(&called);
            assert_eq!(failure.code, code, "{depth}");
            assert_eq!(certainty, Certainty::Uncertain);
        }
        let called = sandbox.act(json!({ field: nested(MAX_DEPTH + 1) })).await;
        let message = &failed(&called).0.message;
        assert!(
            message.contains("nested 65 deep; the most is 64"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_failure_whose_details_cannot_be_kept_is_the_same_failure_without_them() {
    let sandbox = Sandbox::new("script").await;
    let mut nested = json!(7);
    for _ in 0..=MAX_DEPTH {
        nested = json!([nested]);
    }
    for (details, note) in [(json!("x".repeat(2_000)), "1000"), (nested, "65 deep")] {
        for message in ["no".to_owned(), "m".repeat(9_999)] {
            let fail = json!({
                "kind": "retryable", "code": "busy", "message": message, "details": details,
            });
            let mut call = sandbox.call(json!({ "fail": fail }));
            call.limits.payload_bytes = Some(1_000);
            let called = sandbox.run(&call).await;
            let (failure, certainty) = failed(&called);
            assert_eq!(
                (failure.kind, certainty),
                (FailureKind::Retryable, Certainty::Definite)
            );
            assert_eq!((failure.code.as_str(), &failure.details), ("busy", &None));
            let said = &failure.message;
            assert!(
                said.starts_with(&message[..2]) && said.contains(note),
                "{said}"
            );
            assert!(said.len() <= 4_096);
        }
    }
}

#[tokio::test]
async fn a_patch_that_is_no_json_object_is_a_failure() {
    let sandbox = Sandbox::new("script").await;
    for text in ["", "{", "[]", "null", "7", "\"a\""] {
        let called = sandbox.act(json!({ "raw_patch": text })).await;
        let (failure, certainty) = failed(&called);
        assert_eq!(failure.code, "invalid-context-patch", "{text:?}");
        assert_eq!(certainty, Certainty::Uncertain);
    }
}

#[tokio::test]
async fn configuration_is_what_the_operator_set_and_nothing_else() {
    let mut sandbox = Sandbox::new("script").await;
    sandbox
        .policy
        .config
        .insert("greeting".into(), "hello".into());
    let config = async |name: &str| {
        let called = sandbox.act(json!({ "config": name })).await;
        completed(&called).result["config"].clone()
    };
    assert_eq!(config("greeting").await, "hello");
    assert_eq!(config("PATH").await, json!(null));
}

#[tokio::test]
async fn wasi_gives_no_files_sockets_environment_or_arguments() {
    let sandbox = Sandbox::new("wasi").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let called = sandbox.act(json!({ "address": address })).await;
    let got = &completed(&called).result;
    assert_eq!(got["wasi"]["env"], json!([]));
    assert_eq!(got["wasi"]["args"], json!([]));
    assert_eq!(got["wasi"]["directories"], json!([]));
    for way in ["std", "wasi"] {
        for what in [
            "tcp",
            "udp",
            "lookup",
            "read_file",
            "read_dir",
            "write_file",
        ] {
            if let Some(outcome) = got[way].get(what) {
                assert!(outcome["error"].is_string(), "{way}.{what}: {outcome}");
            }
        }
    }
}
