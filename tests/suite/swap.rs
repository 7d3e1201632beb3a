//! The active version of a component changes while sagas run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Server, eventually, guest};
use crate::verify::variant;

const LATER: &str = "unavailable";

/// The same guest in other bytes: an empty custom section at its end, named so.
fn copy(guest_name: &str, name: &str) -> Vec<u8> {
    let mut wasm = guest(guest_name);
    let length = u8::try_from(name.len()).expect("a short name");
    wasm.extend([0, length + 1, length]);
    wasm.extend(name.as_bytes());
    wasm
}

async fn push(server: &Server, component: &str, wasm: Vec<u8>) -> Value {
    let path = format!("/v1/components/{component}?activate=false");
    let request = server
        .request("POST", &path)
        .header("content-type", "application/wasm")
        .body(wasm);
    server.send(request).await.expect(201)
}

async fn activate(server: &Server, component: &str, version: u64) -> Value {
    let path = format!("/v1/components/{component}/active");
    server
        .put(&path, &json!({ "version": version }))
        .await
        .expect(200)
}

/// Versions of a saga's steps by name.
fn versions(saga: &Value) -> BTreeMap<String, u64> {
    let steps = saga["steps"].as_array().expect("steps").iter();
    steps
        .filter_map(|step| Some((step["step"].as_str()?.to_owned(), step["version"].as_u64()?)))
        .collect()
}

#[tokio::test]
async fn a_swap_in_the_middle_of_a_saga_is_for_the_next_step_alone_and_undo_stays_with_who_acted() {
    let server = Server::start();
    server.with_guest("script").await;
    push(&server, "script", copy("script", "two")).await;
    let document = json!({"steps": [
        {"step": "a", "component": "script", "arguments": {"compensate": {"log": [{"message": "undone"}]}}},
        {"sleep": "300ms"},
        {"step": "b", "component": "script"},
        {"step": "c", "component": "script",
         "arguments": {"fail": {"kind": "permanent", "code": "no", "message": "no"}}},
    ]});
    let id = server.play(document).await;
    server.waits_for(&id, "sleep").await;
    activate(&server, "script", 2).await;
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    let expected = [("a", 1), ("b", 2), ("c", 2)];
    let expected = expected.map(|(step, version)| (step.to_owned(), version));
    assert_eq!(versions(&saga), expected.into());
    // Each call as the journal has it, undo and all.
    let calls = server
        .get(&format!("/v1/sagas/{id}/calls"))
        .await
        .expect(200);
    let calls = calls["items"].as_array().expect("calls").iter();
    let of_a: Vec<_> = calls
        .filter(|call| call["step"] == "a")
        .map(|call| (&call["direction"], &call["version"]))
        .collect();
    assert_eq!(
        of_a,
        [
            (&json!("act"), &json!(1)),
            (&json!("compensate"), &json!(1))
        ]
    );
}

#[tokio::test]
async fn a_call_that_waits_for_its_next_attempt_keeps_its_version_until_somebody_moves_it() {
    let server = Server::start();
    server.with_guest("script").await;
    push(&server, "script", copy("script", "two")).await;
    let document = json!({"steps": [{"step": "a", "component": "script",
        "retry": {"max_attempts": 3, "initial_interval": "1h"},
        "arguments": {"fail_until_attempt": 2,
                      "fail": {"kind": "retryable", "code": LATER, "message": "later"}}}]});
    server.define("play", document).await.expect(201);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.begin("play", json!({})).await);
    }
    for id in &ids {
        server.waits_for(id, "backoff").await;
    }
    activate(&server, "script", 2).await;

    // An operator's retry keeps the version, unless a move comes first.
    server.order(&ids[0], "retry", json!({})).await.expect(202);
    assert_eq!(versions(&server.settled(&ids[0]).await)["a"], 1);
    let order =
        json!({"from": 1, "sagas": [ids[1]], "retry": true, "by": "ops", "reason": "v1 is broken"});
    let moved = server
        .post("/v1/components/script/move", &order)
        .await
        .expect(200);
    assert_eq!(moved["moved"], json!([ids[1]]), "{moved:#}");
    let saga = server.settled(&ids[1]).await;
    assert_eq!(
        (&saga["status"], versions(&saga)["a"]),
        (&json!("completed"), 2)
    );
    let events = server.events(&ids[1]).await;
    let changed = events
        .iter()
        .find(|event| event["type"] == "version_changed")
        .expect("it is journaled");
    assert_eq!(
        (&changed["by"], &changed["reason"]),
        (&json!("ops"), &json!("v1 is broken"))
    );
    assert_eq!(changed["pins"][0]["version"], 2, "{changed:#}");

    // By what they have in common; those that are over are not meant.
    let order = json!({"from": 1, "to": 2, "status": "waiting", "definition": "play"});
    let moved = server
        .post("/v1/components/script/move", &order)
        .await
        .expect(200);
    assert_eq!(
        (&moved["moved"], &moved["left"]),
        (&json!([ids[2]]), &json!([]))
    );
    let saga = server.saga(&ids[2]).await;
    assert_eq!(
        (&saga["status"], versions(&saga)["a"]),
        (&json!("waiting"), 2)
    );
}

#[tokio::test]
async fn a_stuck_saga_is_undone_by_another_version_once_it_is_moved_there() {
    let server = Server::start();
    // The services are not there: neither a charge nor its refund can be made.
    server.upload("pay", variant(b'A')).await.expect(201);
    let policy =
        json!({"allowed_hosts": ["127.0.0.1"], "config": {"services_url": "http://127.0.0.1:9"}});
    server
        .put("/v1/components/pay/policy", &policy)
        .await
        .expect(200);
    let document = json!({"steps": [{"step": "charge", "component": "pay", "retry": {"max_attempts": 1},
        "compensate_failed": "always", "compensate": {"retry": {"max_attempts": 1}}}]});
    server.define("pay", document).await.expect(201);
    let input = json!({"order_id": "o", "user_id": "u", "amount": 1});
    let id = server.begin("pay", input).await;
    server.becomes(&id, &["stuck"]).await;

    // This one undoes without any services.
    let fixed = push(&server, "pay", guest("script")).await;
    let order = json!({"from": 1, "to": fixed["version"], "status": "stuck", "retry": true});
    let moved = server
        .post("/v1/components/pay/move", &order)
        .await
        .expect(200);
    assert_eq!(moved["moved"], json!([id]), "{moved:#}");
    let saga = server.becomes(&id, &["compensated"]).await;
    assert_eq!(versions(&saga)["charge"], 2);
}

#[tokio::test]
async fn a_candidate_gets_its_share_and_each_saga_sees_one_version_until_it_is_promoted_or_dropped()
{
    let server = Server::start();
    server.with_guest("script").await;
    push(&server, "script", copy("script", "two")).await;
    let document = json!({"steps": [
        {"step": "a", "component": "script"}, {"step": "b", "component": "script"},
        {"step": "c", "component": "script"}]});
    server.define("play", document).await.expect(201);
    let candidate = "/v1/components/script/candidate";
    let seen = async |sagas: u32| {
        let mut seen = BTreeMap::<u64, u32>::new();
        for _ in 0..sagas {
            let saga = server.run("play", json!({})).await;
            let versions = versions(&saga);
            let of: Vec<_> = versions.values().collect();
            assert!(of.iter().all(|version| *version == of[0]), "{versions:?}");
            *seen.entry(*of[0]).or_default() += 1;
        }
        seen
    };
    let shared = server
        .put(candidate, &json!({"version": 2, "percent": 50}))
        .await
        .expect(200);
    assert_eq!(shared["candidate"], json!({"version": 2, "percent": 50}));
    let half = seen(40).await;
    assert_eq!(half.len(), 2, "of 40 sagas, both get some: {half:?}");

    server
        .send(server.request("DELETE", candidate))
        .await
        .expect(200);
    assert_eq!(seen(10).await, [(1, 10)].into());
    server
        .put(candidate, &json!({"version": 2, "percent": 100}))
        .await
        .expect(200);
    assert_eq!(seen(10).await, [(2, 10)].into());
    let promoted = activate(&server, "script", 2).await;
    assert_eq!(promoted.get("candidate"), None, "{promoted:#}");
    assert_eq!(seen(10).await, [(2, 10)].into());

    let switches = server
        .get("/v1/components/script/switches")
        .await
        .expect(200);
    let told: Vec<_> = switches["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|switch| switch["to"].as_str().expect("a word"))
        .collect();
    assert_eq!(told, ["active", "shared", "unshared", "shared", "active"]);
}

#[tokio::test]
async fn a_version_is_removed_once_no_saga_needs_it_and_its_number_is_not_given_out_again() {
    let server = Server::start();
    server.with_guest("callback").await;
    let document = json!({"steps": [{"step": "ask", "component": "callback", "arguments": {"pending": null}}]});
    let id = server.play(document).await;
    let waiting = server.waits_for(&id, "reply").await;
    let second = push(&server, "callback", copy("callback", "two")).await;
    let third = push(&server, "callback", copy("callback", "three")).await;
    let remove = async |version: &Value| {
        let path = format!("/v1/components/callback/versions/{version}");
        server.send(server.request("DELETE", &path)).await
    };
    remove(&json!(1)).await.problem(409, "version-in-use");
    remove(&third["version"]).await.expect(204);
    let again = push(&server, "callback", copy("callback", "three")).await;
    assert_eq!(again["version"], 4, "{again:#}");
    activate(
        &server,
        "callback",
        second["version"].as_u64().expect("a number"),
    )
    .await;
    let bound = remove(&json!(1)).await.problem(409, "version-in-use");
    assert!(bound["detail"].is_string(), "{bound:#}");

    // The saga that waits goes on with its version, whatever is active.
    let token = waiting["token"].as_str().expect("a token");
    server
        .post(&format!("/v1/callbacks/{token}"), &json!({"succeeded": 1}))
        .await
        .expect(202);
    let saga = server.settled(&id).await;
    assert_eq!(
        (&saga["status"], versions(&saga)["ask"]),
        (&json!("completed"), 1)
    );
}

#[tokio::test]
async fn a_version_that_no_saga_needs_leaves_memory_and_comes_back_when_it_is_called() {
    let server = Server::start();
    server.with_guest("script").await;
    let saga = server.run_script(json!({"arguments": {}})).await;
    let loaded = async || {
        let metrics = server.get("/metrics").await.expect(200);
        let mut lines = metrics.as_str().expect("a text").lines();
        let found = lines.find_map(|line| line.strip_prefix("wasaga_components_loaded "));
        found.expect("the metric").to_owned()
    };
    push(&server, "script", copy("script", "two")).await;
    assert_eq!(loaded().await, "2");
    activate(&server, "script", 2).await;
    eventually("the version before leaves memory", || async {
        (loaded().await == "1").then_some(())
    })
    .await;

    let id = saga["id"].as_str().expect("an id");
    let calls = format!("/v1/sagas/{id}/calls");
    let listed = server.get(&calls).await.expect(200);
    let rerun = format!("{calls}/{}/rerun", listed["items"][0]["seq"]);
    let again = server.post(&rerun, &json!({})).await.expect(200);
    assert_eq!(
        (&again["version"], &again["outcome"]),
        (&json!(1), &json!("completed")),
        "{again:#}"
    );
    assert_eq!(loaded().await, "2");
}

#[tokio::test]
async fn nothing_fails_while_versions_change_under_many_sagas() {
    let server = Server::start();
    server.with_guest("script").await;
    push(&server, "script", copy("script", "two")).await;
    let fails = json!({"fail": {"kind": "permanent", "code": "no", "message": "no"}});
    let document = json!({"steps": [
        {"step": "a", "component": "script"}, {"step": "b", "component": "script"},
        {"choice": [{"when": "input.fails", "steps": [
            {"step": "c", "component": "script", "arguments": fails}]}, {"steps": []}]},
    ]});
    server.define("play", document).await.expect(201);
    let mut ids = Vec::new();
    for round in 0..50_u64 {
        let sagas: Vec<_> = (0..10)
            .map(|number| json!({"definition": "play", "input": {"fails": number % 2 == 0}}))
            .collect();
        let batch = server
            .post("/v1/sagas/batch", &json!({ "sagas": sagas }))
            .await
            .expect(201);
        let items = batch["items"].as_array().expect("items");
        ids.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().expect("an id").to_owned()),
        );
        activate(&server, "script", round % 2 + 1).await;
    }
    eventually("all sagas are settled", || async {
        let metrics = server.get("/metrics").await.expect(200);
        let count = |status: &str| {
            let line = format!("wasaga_sagas{{status=\"{status}\"}} ");
            let text = metrics.as_str()?;
            text.lines()
                .find_map(|metric| metric.strip_prefix(&line)?.parse::<u64>().ok())
        };
        (count("completed")? == 250 && count("compensated")? == 250).then_some(())
    })
    .await;
    for id in ids.iter().step_by(7) {
        let calls = server
            .get(&format!("/v1/sagas/{id}/calls"))
            .await
            .expect(200);
        let mut digests = BTreeMap::new();
        for call in calls["items"].as_array().expect("calls") {
            let step = call["step"].to_string();
            let digest = digests
                .entry(step)
                .or_insert_with(|| call["digest"].clone());
            assert_eq!(*digest, call["digest"], "{calls:#}");
        }
    }
}
