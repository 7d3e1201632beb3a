//! Every limit, with a component that breaks it.

use std::time::Duration;

use serde_json::json;
use wasaga_core::{Certainty, Evidence, FailureKind, LogLevel};

use crate::support::{Sandbox, Service, completed, failed};

#[tokio::test]
async fn a_loop_without_end_runs_out_of_fuel() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "spin": true }));
    call.limits.fuel = Some(5_000_000);
    let called = sandbox.run(&call).await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "out-of-fuel");
    assert!(failure.message.contains("5000000"), "{}", failure.message);
    assert_eq!(failure.kind, FailureKind::Permanent);
    assert_eq!(certainty, Certainty::Uncertain);
    assert_eq!(called.report.evidence, Evidence::Unchanged);
    assert_eq!(called.report.metering.fuel, 5_000_000);
}

#[tokio::test]
async fn a_loop_without_end_is_cut_off_at_its_timeout_when_there_is_fuel_left() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "spin": true }));
    call.limits.fuel = Some(u64::MAX);
    call.timeout = Duration::from_millis(50);
    let called = sandbox.run(&call).await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "timeout");
    assert_eq!(failure.kind, FailureKind::Retryable);
    assert_eq!(certainty, Certainty::Uncertain);
    assert!(called.report.metering.fuel > 0);
}

#[tokio::test]
async fn a_sleep_in_a_host_call_ends_at_the_timeout() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "sleep_ms": 60_000 }));
    call.timeout = Duration::from_millis(50);
    assert_eq!(failed(&sandbox.run(&call).await).0.code, "timeout");
}

#[tokio::test]
async fn memory_beyond_the_limit_is_a_failure_of_its_own() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "allocate_bytes": 64 << 20 }));
    call.limits.memory_bytes = Some(16 << 20);
    let called = sandbox.run(&call).await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "memory-limit");
    assert!(failure.message.contains("16777216"), "{}", failure.message);
    assert_eq!(certainty, Certainty::Uncertain);
    assert!(called.report.metering.memory_bytes <= 16 << 20);
}

#[tokio::test]
async fn a_component_that_starts_with_more_memory_than_it_may_have_does_not_start() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({}));
    call.limits.memory_bytes = Some(64 << 10);
    assert_eq!(failed(&sandbox.run(&call).await).0.code, "memory-limit");
}

#[tokio::test]
async fn memory_within_the_limit_is_metered() {
    let sandbox = Sandbox::new("script").await;
    let called = sandbox.act(json!({ "allocate_bytes": 8 << 20 })).await;
    completed(&called);
    let metering = called.report.metering;
    assert!(
        metering.memory_bytes > 8 << 20 && metering.memory_bytes < 16 << 20,
        "{metering:?}"
    );
    assert!(metering.fuel > 8 << 20, "writing costs: {metering:?}");
    assert!(metering.duration_ms > 0.0);
}

#[tokio::test]
async fn a_recursion_without_end_exhausts_the_stack() {
    let sandbox = Sandbox::new("script").await;
    let called = sandbox.act(json!({ "recurse": true })).await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "stack-overflow");
    assert_eq!(
        (failure.kind, certainty),
        (FailureKind::Permanent, Certainty::Uncertain)
    );
}

#[tokio::test]
async fn a_panic_is_a_trap_that_says_what_the_component_said() {
    let sandbox = Sandbox::new("script").await;
    let called = sandbox.act(json!({ "panic": true })).await;
    let (failure, certainty) = failed(&called);
    assert_eq!(failure.code, "trap");
    assert!(
        failure.message.contains("the program asked for it"),
        "{}",
        failure.message
    );
    assert_eq!(
        (failure.kind, certainty),
        (FailureKind::Permanent, Certainty::Uncertain)
    );
}

#[tokio::test]
async fn a_store_is_used_once_so_a_trap_leaves_nothing_behind() {
    let sandbox = Sandbox::new("script").await;
    for _ in 0..3 {
        failed(&sandbox.act(json!({ "panic": true })).await);
        completed(&sandbox.act(json!({})).await);
    }
    let stats = sandbox.host.stats();
    assert_eq!(
        (stats.calls, stats.calls_failed, stats.calls_running),
        (6, 3, 0)
    );
    assert_eq!((stats.components_loaded, stats.compiles), (1, 0));
    assert!(stats.fuel > 0);
}

#[tokio::test]
async fn a_result_or_patch_beyond_the_limit_is_too_large() {
    let sandbox = Sandbox::new("script").await;
    let long = "x".repeat(2_000);
    let cases = [
        json!({ "result_bytes": 2_000 }),
        json!({ "patch": { "long": long } }),
    ];
    for program in cases {
        let mut call = sandbox.call(program);
        call.limits.payload_bytes = Some(1_000);
        let called = sandbox.run(&call).await;
        let (failure, certainty) = failed(&called);
        assert_eq!(failure.code, "payload-too-large");
        assert!(failure.message.contains("1000"), "{}", failure.message);
        assert_eq!(certainty, Certainty::Uncertain);
    }
}

#[tokio::test]
async fn a_result_beyond_what_the_host_takes_at_all_is_too_large_as_well() {
    let sandbox = Sandbox::new("script").await;
    let called = sandbox.act(json!({ "result_bytes": 20 << 20 })).await;
    assert_eq!(failed(&called).0.code, "payload-too-large");
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_the_cut_is_said_once() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "log_bytes": 100_000 }));
    call.limits.log_bytes = Some(10_000);
    let called = sandbox.run(&call).await;
    completed(&called);
    let bytes: usize = called.logs.iter().map(|line| line.message.len()).sum();
    assert!(bytes < 11_000, "{bytes} bytes of log");
    let notes = called
        .logs
        .iter()
        .filter(|line| line.message.contains("further lines are dropped"));
    assert_eq!(notes.count(), 1);
    assert!(called.logs.last().unwrap().message.contains("10000"));
}

#[tokio::test]
async fn what_is_printed_becomes_lines_of_the_log() {
    let sandbox = Sandbox::new("script").await;
    let program = json!({
        "print": "one\ntwo\nthree", "eprint": "oh\n", "log": [{ "level": "warn", "message": "said" }],
    });
    let called = sandbox.act(program).await;
    completed(&called);
    let lines: Vec<_> = called
        .logs
        .iter()
        .map(|line| (line.level, line.message.as_str()))
        .collect();
    let expected = [
        (LogLevel::Warn, "said"),
        (LogLevel::Stdout, "one"),
        (LogLevel::Stdout, "two"),
        (LogLevel::Stderr, "oh"),
        (LogLevel::Stdout, "three"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(called.logs[0].step.as_str(), "step");
    assert!(called.logs[0].at.unix_ms() > 0);
}

#[tokio::test]
async fn random_bytes_come_in_small_portions_only() {
    let sandbox = Sandbox::new("script").await;
    let called = sandbox.act(json!({ "random_bytes": 64 })).await;
    assert_eq!(completed(&called).result["random_bytes"], 64);
    let called = sandbox.act(json!({ "random_bytes": 1 << 20 })).await;
    assert_eq!(failed(&called).0.code, "trap");
}

#[tokio::test]
async fn waiting_for_a_place_does_not_count_against_the_timeout() {
    let sandbox = Sandbox::with("script", |config| {
        config.max_concurrent_calls = 1;
    })
    .await;
    let slow = sandbox.call(json!({ "sleep_ms": 300 }));
    let mut quick = sandbox.call(json!({}));
    quick.timeout = Duration::from_millis(200);
    let (slow, quick) = tokio::join!(sandbox.run(&slow), sandbox.run(&quick));
    completed(&slow);
    completed(&quick);
    assert!(quick.report.metering.duration_ms < 200.0);
}

#[tokio::test]
async fn a_policy_s_limits_hold_where_the_definition_has_none_and_the_server_caps_both() {
    let mut sandbox = Sandbox::with("script", |config| config.limits.cap.fuel = 3_000_000).await;
    sandbox.policy.limits.fuel = Some(2_000_000);
    let called = sandbox.act(json!({ "spin": true })).await;
    assert_eq!(called.report.metering.fuel, 2_000_000);
    let mut call = sandbox.call(json!({ "spin": true }));
    call.limits.fuel = Some(u64::MAX);
    assert_eq!(sandbox.run(&call).await.report.metering.fuel, 3_000_000);
}

#[tokio::test]
async fn a_call_cut_off_during_a_request_leaves_evidence_of_it() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    for (method, evidence) in [("POST", Evidence::Possible), ("GET", Evidence::Unchanged)] {
        let request = json!({ "method": method, "url": service.url("/hang") });
        let mut call = sandbox.call(json!({ "requests": [request] }));
        call.timeout = Duration::from_millis(300);
        let called = sandbox.run(&call).await;
        let (failure, certainty) = failed(&called);
        assert_eq!(failure.code, "timeout");
        assert_eq!(
            (failure.kind, certainty),
            (FailureKind::Retryable, Certainty::Uncertain)
        );
        assert_eq!(called.report.evidence, evidence);
        assert_eq!(called.report.requests.len(), 1);
        assert_eq!(called.report.requests[0].status, None);
        assert!(called.report.requests[0].error.is_some());
        assert!(called.report.requests[0].duration_ms > 0.0);
    }
}
