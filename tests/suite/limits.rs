//! Every limit of the sandbox, seen from a saga.

use serde_json::{Value, json};

use crate::support::{Orders, Server};

async fn fails(server: &Server, code: &str, step: Value) -> Value {
    let saga = server.run_script(step).await;
    assert_eq!(saga["status"], "compensated", "{code}: {saga:#}");
    assert_eq!(saga["error"]["code"], code, "{saga:#}");
    let message = saga["error"]["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{code} says nothing");
    saga
}

#[tokio::test]
async fn a_step_that_breaks_a_limit_fails_with_that_limit_s_code_and_the_server_lives() {
    let server = Server::start();
    server.with_guest("script").await;
    let retry = json!({"max_attempts": 1});
    for (code, step) in [
        (
            "out-of-fuel",
            json!({"arguments": {"spin": true}, "limits": {"fuel": 10_000_000}}),
        ),
        (
            "timeout",
            json!({"arguments": {"sleep_ms": 60_000}, "timeout": "50ms", "retry": retry}),
        ),
        (
            "timeout",
            json!({"arguments": {"spin": true}, "timeout": "50ms", "retry": retry, "limits": {"fuel": 1_000_000_000_000_u64}}),
        ),
        (
            "memory-limit",
            json!({"arguments": {"allocate_bytes": 64 << 20}, "limits": {"memory": "8MiB"}}),
        ),
        ("stack-overflow", json!({"arguments": {"recurse": true}})),
        ("trap", json!({"arguments": {"panic": true}})),
        (
            "payload-too-large",
            json!({"arguments": {"result_bytes": 100_000}, "limits": {"payload": "64KiB"}}),
        ),
        (
            "invalid-result",
            json!({"arguments": {"raw_result": "{not json"}}),
        ),
        (
            "invalid-context-patch",
            json!({"arguments": {"raw_patch": "[1]"}}),
        ),
    ] {
        fails(&server, code, step).await;
    }
    server.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_step_that_burnt_its_fuel_can_still_be_undone() {
    let server = Server::start();
    server.with_guest("script").await;
    let saga = fails(
        &server,
        "out-of-fuel",
        json!({"arguments": {"spin": true}, "limits": {"fuel": 10_000_000}, "compensate_failed": "always"}),
    )
    .await;
    assert_eq!(saga["steps"][0]["status"], "compensated", "{saga:#}");
}

#[tokio::test]
async fn a_log_that_floods_is_cut_and_the_step_completes() {
    let server = Server::start();
    server.with_guest("script").await;
    let step = json!({"arguments": {"log_bytes": 500_000}, "limits": {"log": "16KiB"}});
    let saga = server.run_script(step).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let logs = server
        .get(&format!(
            "/v1/sagas/{}/logs?limit=1000",
            saga["id"].as_str().unwrap()
        ))
        .await;
    let size: usize = logs.expect(200)["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["message"].as_str().unwrap().len())
        .sum();
    assert!(
        (8 << 10..=17 << 10).contains(&size),
        "{size} bytes were kept"
    );
}

#[tokio::test]
async fn a_request_leaves_only_to_where_the_operator_lets_it() {
    let server = Server::start();
    let orders = Orders::start(&[]);
    server.with_guest("script").await;
    let get = |url: &str| json!({"arguments": {"requests": [{"method": "GET", "url": url}]}});
    let url = format!("{}/inventory", orders.url());
    let saga = server.run_script(get(&url)).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");

    let forbidden = "http-forbidden";
    fails(&server, forbidden, get("http://example.com/")).await;
    fails(
        &server,
        forbidden,
        get("http://169.254.169.254/latest/meta-data"),
    )
    .await;
    let policy = json!({"allowed_hosts": ["localhost.example", "*.internal"]});
    server
        .put("/v1/components/script/policy", &policy)
        .await
        .expect(200);
    fails(&server, forbidden, get(&url)).await;
}

#[tokio::test]
async fn a_failed_step_is_undone_only_if_it_may_have_changed_something() {
    let server = Server::start();
    let orders = Orders::start(&[]);
    server.with_guest("script").await;
    let fail = json!({"kind": "permanent", "code": "no", "message": "no"});
    for (method, status) in [("GET", "skipped"), ("POST", "compensated")] {
        let url = format!("{}/inventory", orders.url());
        let request = json!({"method": method, "url": url});
        let saga = server
            .run_script(
                json!({"arguments": {"requests": [request], "tolerate": true, "fail": fail}}),
            )
            .await;
        assert_eq!(saga["steps"][0]["status"], status, "{method}: {saga:#}");
    }
}
