//! Watching sagas, and how long they are kept.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

/// One event of a stream: its id, its type and its data.
#[derive(Debug)]
struct Sent {
    id: Option<String>,
    kind: String,
    data: Value,
}

/// Reads events until `enough` says so, or the stream ends.
async fn read(request: reqwest::RequestBuilder, enough: impl Fn(&[Sent]) -> bool) -> Vec<Sent> {
    let mut response = request
        .header("accept", "text/event-stream")
        .send()
        .await
        .expect("an answer");
    assert!(response.status().is_success(), "{}", response.status());
    let mut text = String::new();
    let mut events = Vec::new();
    while let Some(chunk) = response.chunk().await.expect("more of the stream") {
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some(end) = text.find("\n\n") {
            let block: String = text.drain(..end + 2).collect();
            let field = |name: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix(name));
                lines.map(|value| value.trim_start().to_owned()).next()
            };
            let Some(data) = field("data:") else {
                continue;
            };
            events.push(Sent {
                id: field("id:"),
                kind: field("event:").unwrap_or_default(),
                data: serde_json::from_str(&data).expect("JSON"),
            });
        }
        if enough(&events) {
            break;
        }
    }
    events
}

fn types(events: &[Sent]) -> Vec<&str> {
    let journal = events.iter().filter(|event| event.kind.is_empty());
    journal
        .filter_map(|event| event.data["type"].as_str())
        .collect()
}

const THREE: [&str; 4] = [
    "saga_started",
    "act_started",
    "act_completed",
    "saga_completed",
];

#[tokio::test]
async fn a_saga_is_started_and_streamed_to_its_end_in_one_request() {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [{"step": "a", "component": "script"}]});
    server.define("play", document).await.expect(201);
    let start = server
        .request("POST", "/v1/sagas")
        .json(&json!({"definition": "play", "input": {}}));
    let events = read(start, |_| false).await;
    assert_eq!(types(&events), THREE, "{events:#?}");
    let progress: Vec<_> = events
        .iter()
        .filter(|event| event.kind == "progress")
        .map(|event| (event.data["done"].as_u64(), event.data["total"].as_u64()))
        .collect();
    assert_eq!(progress.last(), Some(&(Some(1), Some(1))), "{events:#?}");
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_event_that_was_seen_last() {
    let server = Server::start();
    server.with_guest("script").await;
    let id = server
        .play(json!({"steps": [{"step": "a", "component": "script"}]}))
        .await;
    server.settled(&id).await;
    let follow = server
        .request("GET", &format!("/v1/sagas/{id}/events"))
        .header("last-event-id", "2");
    let events = read(follow, |_| false).await;
    assert_eq!(types(&events), THREE[2..], "{events:#?}");
}

#[tokio::test]
async fn all_sagas_are_followed_in_one_stream_that_can_be_taken_up_again_after_a_restart() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [{"step": "a", "component": "script"}]});
    server.define("play", document).await.expect(201);
    let first = server.run("play", json!({})).await;
    let from_the_start = || {
        server
            .request("GET", "/v1/events")
            .header("last-event-id", "0")
    };
    let seen = read(from_the_start(), |events| events.len() == 4).await;
    assert_eq!(types(&seen), THREE, "{seen:#?}");
    assert!(seen.iter().all(|event| event.data["saga"] == first["id"]));
    let last = seen[1].id.clone().expect("a position");

    server.kill_and_restart();
    let second = server.run("play", json!({})).await;
    let again = server
        .request("GET", "/v1/events")
        .header("last-event-id", last);
    let seen = read(again, |events| events.len() == 6).await;
    assert_eq!(
        types(&seen),
        [&THREE[2..], &THREE[..]].concat(),
        "{seen:#?}"
    );
    assert_eq!(seen[5].data["saga"], second["id"]);
}

#[tokio::test]
async fn definitions_and_sagas_are_drawn() {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [
        {"step": "a", "component": "script"},
        {"choice": [{"when": "false", "steps": [{"step": "never", "component": "script"}]}]},
    ]});
    let id = server.play(document).await;
    server.settled(&id).await;
    for path in [
        "/v1/definitions/play/diagram".to_owned(),
        format!("/v1/sagas/{id}/diagram"),
    ] {
        let drawn = server.get(&path).await.expect(200);
        let drawn = drawn.as_str().expect("text");
        assert!(
            drawn.starts_with("flowchart") && drawn.contains("never"),
            "{path}: {drawn}"
        );
    }
}

#[tokio::test]
async fn finished_sagas_are_deleted_when_their_time_is_over_and_kept_without_one() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let no = json!({"kind": "permanent", "code": "no", "message": "no"});
    let document = json!({"steps": [{"step": "a", "component": "script",
                                     "arguments": {"fail": {"$cel": "input.fail"}}}]});
    server.define("play", document).await.expect(201);
    let completed = server.run("play", json!({"fail": null})).await;
    let compensated = server.run("play", json!({ "fail": no })).await;
    assert_eq!(compensated["status"], "compensated", "{compensated:#}");
    server.restart_with(&["--retain", "completed=1ms"]);
    let gone = format!("/v1/sagas/{}", completed["id"].as_str().expect("an id"));
    eventually("the completed saga is gone", || async {
        (server.get(&gone).await.status == 404).then_some(())
    })
    .await;
    let metrics = server.get("/metrics").await.expect(200);
    let metrics = metrics.as_str().expect("text");
    assert!(
        metrics.contains("wasaga_sagas_deleted_total 1"),
        "{metrics}"
    );
    server
        .saga(compensated["id"].as_str().expect("an id"))
        .await;
}
