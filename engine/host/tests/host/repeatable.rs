//! Time and random numbers are those of the attempt.

use serde_json::{Value, json};
use wasaga_core::{Call, Timestamp};
use wasaga_host::HostConfig;

use crate::support::{Sandbox, completed};

#[tokio::test]
async fn an_attempt_that_is_run_again_sees_the_same_time_and_the_same_random_numbers() {
    let sandbox = Sandbox::new("script").await;
    let mut call = sandbox.call(json!({ "ask_the_world": true, "sleep_ms": 2 }));
    let world = async |call: &Call| completed(&sandbox.run(call).await).result["world"].clone();
    let first = world(&call).await;
    assert_eq!(world(&call).await, first);
    assert_eq!(first["time"], json!([1_700_000_000, 123_000_000]));
    if first["std_time_ms"] != Value::Null {
        assert_eq!(first["std_time_ms"], 1_700_000_000_123_u64);
    }
    assert_ne!(first["random"][0], first["random"][1]);
    assert_ne!(first["random"][0], first["insecure"]);

    call.attempt = 2;
    call.started_at = Timestamp::from_unix_ms(1_700_000_001_000);
    let second = world(&call).await;
    assert_eq!(second["time"], json!([1_700_000_001, 0]));
    for source in ["random", "random_number", "insecure", "insecure_seed"] {
        assert_ne!(second[source], first[source], "{source}");
    }
    if first["std_random"] != Value::Null {
        assert_ne!(second["std_random"], first["std_random"]);
    }
}

#[tokio::test]
async fn nobody_knows_them_who_does_not_have_the_host_s_key() {
    let other = tempfile::tempdir().unwrap();
    let mut drawn = Vec::new();
    let elsewhere = |config: &mut HostConfig| other.path().clone_into(&mut config.cache_dir);
    for sandbox in [
        Sandbox::new("script").await,
        Sandbox::with("script", elsewhere).await,
    ] {
        let called = sandbox.act(json!({ "ask_the_world": true })).await;
        drawn.push(completed(&called).result["world"]["random"].clone());
    }
    assert_ne!(drawn[0], drawn[1]);
}
