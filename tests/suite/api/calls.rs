//! `/v1/sagas/{id}/calls…`

use serde_json::json;

use super::push;
use crate::support::{Server, guest};

#[tokio::test]
async fn the_calls_of_a_saga_are_listed_in_pages_and_each_is_shown() {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [
        {"step": "a", "component": "script", "action": "alpha",
         "arguments": {"result": {"n": 1}, "patch": {"seen": true}, "compensate": {"log": [{"message": "undone"}]}}},
        {"step": "b", "component": "script", "retry": {"max_attempts": 2, "initial_interval": "1ms"},
         "arguments": {"fail": {"kind": "retryable", "code": "later", "message": "not now"}}},
    ]});
    let id = server.play(document).await;
    assert_eq!(server.settled(&id).await["status"], "compensated");
    let mut calls = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/v1/sagas/{id}/calls?limit=1{next}");
        let page = server.get(&path).await.expect(200);
        calls.extend(page["items"].as_array().expect("items").clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let told = calls.iter().map(|call| {
        let text = |field: &str| call[field].as_str().expect("a text").to_owned();
        let attempt = &call["attempt"];
        format!(
            "{} {} {attempt} {}",
            text("step"),
            text("direction"),
            text("outcome")
        )
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "a act 1 completed",
            "b act 1 failed",
            "b act 2 failed",
            "a compensate 1 completed",
        ]
    );
    let show = async |call: usize| {
        let path = format!("/v1/sagas/{id}/calls/{}", calls[call]["seq"]);
        server.get(&path).await.expect(200)
    };
    let act = show(0).await;
    assert_eq!(
        (&act["component"], &act["version"], &act["action"]),
        (&json!("script"), &json!(1), &json!("alpha"))
    );
    assert_eq!(act["input"]["saga"], id);
    assert_eq!(act["input"]["arguments"]["result"], json!({"n": 1}));
    assert_eq!(act["output"]["result"], json!({"n": 1}));
    assert_eq!(act["output"]["context_patch"], json!({"seen": true}));
    assert!(act["metering"]["fuel"].as_u64().expect("fuel") > 0);
    let again = show(2).await;
    assert_eq!(again["input"]["context"], json!({"seen": true}));
    assert_eq!(again["input"]["previous"], json!({"n": 1}));
    assert_eq!(again["input"]["attempt"], 2);
    assert_eq!(again["output"]["failure"]["code"], "later");
    let undo = show(3).await;
    assert_eq!(undo["input"]["result"], json!({"n": 1}));
    assert_eq!(undo["output"].get("result"), None, "an undo leaves nothing");
}

#[tokio::test]
async fn a_call_runs_again_on_its_own_version_or_another_and_the_saga_does_not_notice() {
    let server = Server::start();
    server.with_guest("script").await;
    let step = json!({"arguments": {"result": 1, "log": [{"message": "hello"}]}});
    let id = server.run_script(step).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let before = server.events(&id).await;
    let calls = server
        .get(&format!("/v1/sagas/{id}/calls"))
        .await
        .expect(200);
    let path = format!("/v1/sagas/{id}/calls/{}/rerun", calls["items"][0]["seq"]);
    // The body need not be there.
    let rerun = server.send(server.request("POST", &path)).await.expect(200);
    assert_eq!(
        (&rerun["version"], &rerun["outcome"]),
        (&json!(1), &json!("completed"))
    );
    assert_eq!(rerun["output"]["result"], 1);
    assert_eq!(rerun["logs"][0]["message"], "hello");
    assert_eq!(rerun["comparison"]["differences"], json!([]));
    let second = push(&server, "script", guest("bench")).await;
    let other = server
        .post(&path, &json!({"version": second}))
        .await
        .expect(200);
    assert_eq!(other["version"], second);
    assert_ne!(other["comparison"]["differences"], json!([]), "{other:#}");
    assert_eq!(server.events(&id).await, before);
    server
        .post(&path, &json!({"versions": 2}))
        .await
        .problem(422, "invalid-body");
    server
        .post(&path, &json!({"version": 9}))
        .await
        .problem(404, "unknown-component");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_of_its_own() {
    let server = Server::start();
    server.with_guest("script").await;
    let id = server.run_script(json!({})).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let nobody = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";
    for path in ["calls", "calls/2"] {
        server
            .get(&format!("/v1/sagas/{nobody}/{path}"))
            .await
            .problem(404, "unknown-saga");
    }
    let rerun = format!("/v1/sagas/{nobody}/calls/2/rerun");
    server
        .post(&rerun, &json!({}))
        .await
        .problem(404, "unknown-saga");
    // The first event starts the saga, not a call.
    let path = format!("/v1/sagas/{id}/calls/1");
    server.get(&path).await.problem(404, "unknown-call");
    server
        .post(&format!("{path}/rerun"), &json!({}))
        .await
        .problem(404, "unknown-call");
    server
        .get(&format!("/v1/sagas/{id}/calls/first"))
        .await
        .problem(400, "invalid-call");
    server
        .get(&format!("/v1/sagas/{id}/calls?cursor=made-up"))
        .await
        .problem(400, "invalid-cursor");
}
