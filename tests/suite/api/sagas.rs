//! `/v1/sagas`

use serde_json::{Value, json};

use crate::support::{Server, eventually};

async fn server() -> Server {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({
        "input_schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
        "steps": [{"step": "echo", "component": "script", "arguments": {"result": {"$cel": "input.n + 1"}, "patch": {"seen": true}}}],
    });
    server.define("echo", document).await.expect(201);
    server
}

fn start(n: i64) -> Value {
    json!({"definition": "echo", "input": {"n": n}})
}

#[tokio::test]
async fn a_start_with_wait_answers_with_the_settled_saga() {
    let server = server().await;
    let saga = server
        .post("/v1/sagas?wait=60s", &start(41))
        .await
        .expect(201);
    assert_eq!(saga["status"], "completed", "{saga:#}");
    assert_eq!(saga["steps"][0]["result"], 42);
    assert_eq!(saga["context"], json!({"seen": true}));
    assert!(
        saga["steps"][0]["metering"]["fuel"].as_u64().unwrap() > 0,
        "{saga:#}"
    );
    let again = server.saga(saga["id"].as_str().unwrap()).await;
    assert_eq!(again, saga);
}

#[tokio::test]
async fn a_start_whose_wait_is_over_answers_202_and_the_saga_goes_on() {
    let server = server().await;
    let nap =
        json!({"steps": [{"step": "nap", "component": "script", "arguments": {"sleep_ms": 500}}]});
    server.define("nap", nap).await.expect(201);
    let body = json!({"definition": "nap", "input": {}});
    let saga = server.post("/v1/sagas?wait=1ms", &body).await.expect(202);
    assert_eq!(saga["status"], "running");
    assert_eq!(
        server.settled(saga["id"].as_str().unwrap()).await["status"],
        "completed"
    );
}

#[tokio::test]
async fn the_same_id_and_body_again_is_the_same_saga_and_another_body_a_conflict() {
    let server = server().await;
    let id = uuid::Uuid::now_v7().to_string();
    let mut body = start(1);
    body["id"] = json!(id);
    assert_eq!(
        server.post("/v1/sagas?wait=60s", &body).await.expect(201)["id"],
        id.as_str()
    );
    let again = server.post("/v1/sagas?wait=60s", &body).await.expect(200);
    assert_eq!(
        (&again["id"], &again["status"]),
        (&json!(id), &json!("completed"))
    );
    body["input"] = json!({"n": 2});
    server
        .post("/v1/sagas", &body)
        .await
        .problem(409, "saga-exists");
    assert_eq!(
        server.get("/v1/sagas").await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn the_same_start_many_times_at_once_is_one_saga() {
    let server = server().await;
    let mut body = start(1);
    body["id"] = json!(uuid::Uuid::now_v7());
    let starts = (0..20).map(|_| server.post("/v1/sagas?wait=60s", &body));
    let answers = futures::future::join_all(starts).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let found = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((made, found), (1, 19), "{answers:#?}");
    let id = body["id"].as_str().unwrap();
    let events = server.events(id).await;
    let acts = events
        .iter()
        .filter(|event| event["type"] == "act_started")
        .count();
    assert_eq!(acts, 1, "{events:#?}");
}

#[tokio::test]
async fn what_cannot_be_started_says_why_and_is_not_there_afterwards() {
    let server = server().await;
    let unknown = json!({"definition": "nothing", "input": {}});
    server
        .post("/v1/sagas", &unknown)
        .await
        .problem(404, "unknown-definition");
    let body = json!({"definition": "echo", "input": {"n": "one"}});
    let problem = server
        .post("/v1/sagas", &body)
        .await
        .problem(422, "invalid-input");
    assert_eq!(problem["errors"][0]["pointer"], "/n", "{problem:#}");
    let mut tagged = start(1);
    tagged["tags"] = json!({"big": "x".repeat(1000)});
    let problem = server
        .post("/v1/sagas", &tagged)
        .await
        .problem(422, "invalid-tags");
    assert_eq!(problem["errors"][0]["pointer"], "/tags/big");
    server.get("/v1/sagas/17").await.problem(400, "invalid-id");
    let id = uuid::Uuid::now_v7();
    server
        .get(&format!("/v1/sagas/{id}"))
        .await
        .problem(404, "unknown-saga");
    server
        .get(&format!("/v1/sagas/{id}/events"))
        .await
        .problem(404, "unknown-saga");
    assert_eq!(
        server.get("/v1/sagas").await.expect(200)["items"],
        json!([])
    );
}

#[tokio::test]
async fn lists_page_from_the_latest_and_filter_by_status_definition_and_tag() {
    let server = server().await;
    server
        .define("empty", json!({"steps": []}))
        .await
        .expect(201);
    let mut ids = Vec::new();
    for n in 0..5 {
        let mut body = start(n);
        body["tags"] = json!({"parity": if n % 2 == 0 { "even" } else { "odd" }});
        let saga = server.post("/v1/sagas?wait=60s", &body).await.expect(201);
        ids.insert(0, saga["id"].clone());
    }
    server.run("empty", json!(null)).await;
    let list = |query: String| {
        let server = &server;
        async move {
            let page = server.get(&format!("/v1/sagas?{query}")).await.expect(200);
            let items: Vec<Value> = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|saga| saga["id"].clone())
                .collect();
            (items, page["next_cursor"].as_str().map(str::to_owned))
        }
    };
    let (first, cursor) = list("definition=echo&limit=2".into()).await;
    assert_eq!(first, ids[..2]);
    let (second, cursor) = list(format!(
        "definition=echo&limit=2&cursor={}",
        cursor.unwrap()
    ))
    .await;
    assert_eq!(second, ids[2..4]);
    let (third, cursor) = list(format!(
        "definition=echo&limit=2&cursor={}",
        cursor.unwrap()
    ))
    .await;
    assert_eq!((third.as_slice(), cursor), (&ids[4..], None));
    assert_eq!(list("tag=parity:odd".into()).await.0.len(), 2);
    assert_eq!(list("status=completed".into()).await.0.len(), 6);
    assert_eq!(list("status=stuck".into()).await.0.len(), 0);
    server
        .get("/v1/sagas?status=done")
        .await
        .problem(400, "invalid-query");
}

#[tokio::test]
async fn a_journal_can_be_read_in_pages_and_followed_live_from_any_event() {
    let server = server().await;
    let slow = json!({"steps": [
        {"step": "a", "component": "script", "arguments": {"sleep_ms": 300}},
        {"step": "b", "component": "script"},
    ]});
    server.define("slow", slow).await.expect(201);
    let saga = server
        .post("/v1/sagas", &json!({"definition": "slow", "input": {}}))
        .await
        .expect(201);
    let id = saga["id"].as_str().unwrap();

    let path = format!("/v1/sagas/{id}/events");
    let follow = |last: &str| {
        server
            .request("GET", &path)
            .header("accept", "text/event-stream")
            .header("last-event-id", last)
    };
    // The stream ends when the saga is settled.
    let stream = follow("0").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let text = stream.text().await.unwrap();
    let numbers: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id:"))
        .map(str::trim)
        .collect();
    let expected: Vec<String> = (1..=numbers.len()).map(|n| n.to_string()).collect();
    assert_eq!(numbers, expected, "{text}");
    assert!(text.contains("saga_completed"), "{text}");

    let rest = follow("2").send().await.unwrap().text().await.unwrap();
    let first = rest
        .lines()
        .find_map(|line| line.strip_prefix("id:"))
        .map(str::trim);
    assert_eq!(first, Some("3"), "{rest}");

    let page = server.get(&format!("{path}?limit=2")).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let next = server
        .get(&format!("{path}?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(next["items"][0]["seq"], 3);
}

#[tokio::test]
async fn what_a_step_logs_and_prints_is_in_its_saga_s_log() {
    let server = server().await;
    let saga = server
        .run_script(json!({"arguments": {
            "log": [{"level": "warn", "message": "careful"}], "print": "hello out", "eprint": "hello err",
        }}))
        .await;
    let logs = server
        .get(&format!("/v1/sagas/{}/logs", saga["id"].as_str().unwrap()))
        .await
        .expect(200);
    let lines: Vec<_> = logs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["level"].as_str().unwrap(),
                line["message"].as_str().unwrap(),
            )
        })
        .collect();
    for line in [
        ("warn", "careful"),
        ("stdout", "hello out"),
        ("stderr", "hello err"),
    ] {
        assert!(lines.contains(&line), "{logs:#}");
    }
}

#[tokio::test]
async fn a_cancelled_saga_undoes_what_it_did_and_a_settled_one_cannot_be_cancelled() {
    let server = server().await;
    let document = json!({"steps": [
        {"step": "done", "component": "script"},
        {"step": "tries", "component": "script", "arguments": {"fail_until_attempt": 99},
         "retry": {"max_attempts": 100, "initial_interval": "1h", "max_interval": "1h"}},
    ]});
    server.define("tries", document).await.expect(201);
    let saga = server
        .post("/v1/sagas", &json!({"definition": "tries", "input": {}}))
        .await
        .expect(201);
    let id = saga["id"].as_str().unwrap();
    server.becomes(id, &["waiting"]).await;
    let path = format!("/v1/sagas/{id}/cancel");
    server
        .post(&path, &json!({"reason": "changed my mind"}))
        .await
        .expect(202);
    let saga = server.settled(id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(
        (&saga["error"]["code"], &saga["steps"][0]["status"]),
        (&json!("cancelled"), &json!("compensated"))
    );
    assert!(
        saga["error"]["message"]
            .as_str()
            .unwrap()
            .contains("changed my mind")
    );
    let problem = server
        .post(&path, &json!({}))
        .await
        .problem(409, "saga-status");
    assert!(problem.to_string().contains("running"), "{problem:#}");
}

#[tokio::test]
async fn a_failure_on_the_way_back_does_not_hide_the_first_one_and_leaves_the_saga_stuck() {
    let server = server().await;
    let broken = json!({"fail": {"kind": "permanent", "code": "no-undo", "message": "cannot"}});
    let document = json!({"steps": [
        {"step": "first", "component": "script"},
        {"step": "second", "component": "script", "arguments": {"compensate": broken}},
        {"step": "third", "component": "script",
         "arguments": {"fail": {"kind": "permanent", "code": "declined", "message": "no", "details": {"why": 1}}}},
    ]});
    server.define("stuck", document).await.expect(201);
    let saga = server.run("stuck", json!({})).await;
    assert_eq!(saga["status"], "stuck", "{saga:#}");
    assert_eq!(
        saga["error"],
        json!({"step": "third", "code": "declined", "message": "no", "details": {"why": 1}})
    );
    let statuses: Vec<_> = saga["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["status"].clone())
        .collect();
    assert_eq!(statuses, ["compensated", "compensation-failed", "skipped"]);
    assert_eq!(saga["steps"][1]["compensation"]["error"]["code"], "no-undo");
}

#[tokio::test]
async fn two_hundred_starts_at_once_all_complete() {
    let server = server().await;
    let starts = (0..200).map(|n| {
        let server = &server;
        async move { server.post("/v1/sagas", &start(n)).await.expect(201) }
    });
    let sagas = futures::future::join_all(starts).await;
    assert_eq!(sagas.len(), 200);
    eventually("all have completed", || async {
        let page = server
            .get("/v1/sagas?status=completed&limit=1000")
            .await
            .expect(200);
        (page["items"].as_array()?.len() == 200).then_some(())
    })
    .await;
}
