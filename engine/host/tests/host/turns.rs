//! Components that call the host without end: they use time, and next to no fuel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use wasaga_core::FailureKind;

use crate::support::{Sandbox, completed, failed};

/// Does `program` forever, with a timeout of 50 ms and more fuel than that, of which none makes it let
/// others run. Says how often another task had its turn on the same thread meanwhile.
async fn turns_of_another(mut program: Value) -> u32 {
    let sandbox = Sandbox::with("script", |config| config.fuel_yield_interval = u64::MAX).await;
    // From here on it is loaded.
    completed(&sandbox.act(json!({})).await);
    program["forever"] = json!(true);
    let mut call = sandbox.call(program);
    call.timeout = Duration::from_millis(50);

    let turns = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let called = sandbox.run(&call).await;
    other.abort();
    let (failure, _) = failed(&called);
    assert_eq!(failure.code, "timeout", "{failure:?}");
    assert_eq!(failure.kind, FailureKind::Retryable);
    turns.load(Ordering::Relaxed)
}

/// On one thread, as `tokio::test` has it by default.
#[tokio::test]
async fn a_flood_of_calls_into_the_host_lets_others_run_and_ends_at_its_timeout() {
    let mib = "x".repeat(1 << 20);
    let floods = [
        ("log", json!({ "log": [{ "message": mib }] })),
        ("empty log", json!({ "log": [{ "message": "" }] })),
        ("config", json!({ "config": mib })),
        ("print", json!({ "eprint": "x".repeat(64 << 10) })),
        ("random", json!({ "random_bytes": 4 << 10 })),
        // The first hundred are refused by the allow-list, the others by their number.
        (
            "requests",
            json!({ "requests": [{ "url": "http://a.test/", "tolerate": true }] }),
        ),
    ];
    for (flood, program) in floods {
        let turns = turns_of_another(program).await;
        assert!(turns >= 3, "{flood}: {turns} turns");
    }
}
