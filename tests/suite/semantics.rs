//! What definitions can say, run by a real server.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

const NO: &str = r#"{"kind": "permanent", "code": "no", "message": "no"}"#;
const LATER: &str = r#"{"kind": "retryable", "code": "unavailable", "message": "later"}"#;

fn failure(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn steps_by_name(saga: &Value) -> std::collections::BTreeMap<String, Value> {
    let steps = saga["steps"].as_array().expect("steps");
    let named = steps.iter().map(|step| {
        (
            step["step"].as_str().expect("a name").to_owned(),
            step.clone(),
        )
    });
    named.collect()
}

#[tokio::test]
async fn an_open_breaker_sends_steps_to_their_fallback_also_after_a_restart_until_it_is_reset() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [
        {"step": "a", "component": "script", "action": "primary", "retry": {"max_attempts": 1},
         "arguments": {"fail": failure(LATER)},
         "fallback": {"arguments": {"result": "from the fallback"}, "on": ["unavailable"],
                      "circuit_breaker": {"failure_threshold": 2, "reset_timeout": "1h"}}},
    ]});
    server.define("play", document).await.expect(201);
    for _ in 0..2 {
        let saga = server.run("play", json!({})).await;
        assert_eq!(saga["status"], "completed", "{saga:#}");
        let steps = steps_by_name(&saga);
        assert_eq!(steps["a"]["attempts"], 1);
        assert_eq!(
            steps["a:fallback"]["result"], "from the fallback",
            "{saga:#}"
        );
    }
    let breakers = server.get("/v1/breakers").await.expect(200);
    let breaker = &breakers["items"][0];
    assert_eq!(
        (&breaker["state"], &breaker["failures"]),
        (&json!("open"), &json!(2)),
        "{breakers:#}"
    );
    let metrics = server.get("/metrics").await.expect(200);
    let line = r#"wasaga_circuit_breaker{component="script",action="primary"} 2"#;
    assert!(
        metrics.as_str().is_some_and(|text| text.contains(line)),
        "{metrics}"
    );

    assert!(server.process.terminate());
    server.restart();
    let saga = server.run("play", json!({})).await;
    let steps = steps_by_name(&saga);
    assert_eq!(steps["a"]["attempts"], 0, "it is not even tried: {saga:#}");
    assert_eq!(steps["a:fallback"]["status"], "completed");

    server
        .post("/v1/breakers/script/primary/reset", &json!({}))
        .await
        .expect(204);
    let saga = server.run("play", json!({})).await;
    assert_eq!(steps_by_name(&saga)["a"]["attempts"], 1, "{saga:#}");
}

#[tokio::test]
async fn branches_run_at_the_same_time_and_roll_back_together() {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [
        {"parallel": [
            [{"step": "a", "component": "script", "arguments": {"sleep_ms": 500, "patch": {"a": 1}}}],
            [{"step": "b", "component": "script", "arguments": {"sleep_ms": 500, "patch": {"b": 2}}}],
        ]},
        {"choice": [
            {"when": "context.a + context.b == 3", "steps": [
                {"step": "c", "component": "script", "arguments": {"fail": failure(NO)}}]},
        ]},
    ]});
    let id = server.play(document).await;
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(saga["error"]["step"], "c");
    let events = server.events(&id).await;
    let kinds: Vec<_> = events
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["step"].as_str()))
        .collect();
    // Both are started in one batch, before either returned.
    assert_eq!(
        &kinds[1..3],
        [("act_started", Some("a")), ("act_started", Some("b"))]
    );
    let undone: Vec<_> = kinds
        .iter()
        .filter(|(kind, _)| *kind == "compensation_completed")
        .filter_map(|(_, step)| *step)
        .collect();
    assert_eq!(undone, ["b", "a"]);
    let choice = events
        .iter()
        .find(|event| event["type"] == "choice_made")
        .expect("a choice");
    assert_eq!(
        choice["evaluated"],
        json!([{"when": "context.a + context.b == 3", "value": true}])
    );
}

#[tokio::test]
async fn a_loop_leaves_its_results_in_order_under_its_name() {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [
        {"step": "picks", "for_each": {"$cel": "input.items"}, "as": "item", "max_concurrency": 3, "steps": [
            {"step": "pick", "component": "script",
             "arguments": {"sleep_ms": {"$cel": "item.ms"}, "result": {"$cel": "item.name"}}},
        ]},
        {"step": "pack", "component": "script", "arguments": {"result": {"$cel": "steps.picks"}}},
    ]});
    server.define("play", document).await.expect(201);
    let items = json!([{"name": "x", "ms": 300}, {"name": "y", "ms": 1}, {"name": "z", "ms": 100}, {"name": "w", "ms": 1}]);
    let saga = server.run("play", json!({ "items": items })).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    assert_eq!(
        steps_by_name(&saga)["pack"]["result"],
        json!(["x", "y", "z", "w"])
    );
    let nothing = server.run("play", json!({"items": []})).await;
    assert_eq!(
        steps_by_name(&nothing)["pack"]["result"],
        json!([]),
        "{nothing:#}"
    );
    let wrong = server.run("play", json!({"items": 7})).await;
    assert_eq!(
        (&wrong["status"], &wrong["error"]["code"]),
        (&json!("compensated"), &json!("loop-not-a-list"))
    );
}

#[tokio::test]
async fn a_nested_saga_is_linked_both_ways_and_undone_with_the_one_around_it() {
    let server = Server::start();
    server.with_guest("script").await;
    server
        .define(
            "inner",
            json!({"steps": [{"step": "ship", "component": "script", "arguments": {"result": 7}}]}),
        )
        .await
        .expect(201);
    let id = server
        .play(json!({"steps": [
            {"saga": "inner", "step": "child", "input": {"order": 1}},
            {"step": "fails", "component": "script", "arguments": {"fail": failure(NO)}},
        ]}))
        .await;
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    let child_id = saga["steps"][0]["saga"].as_str().expect("the child's id");
    let child = server.becomes(child_id, &["compensated"]).await;
    assert_eq!(child["parent"]["saga"], id.as_str(), "{child:#}");
    assert_eq!(child["input"], json!({"order": 1}));
    assert_eq!(
        child["steps"][0]["compensation"]["status"], "completed",
        "{child:#}"
    );
}

#[tokio::test]
async fn a_nested_saga_that_does_not_complete_is_a_failed_step() {
    let server = Server::start();
    server.with_guest("script").await;
    server
        .define("inner", json!({"steps": [{"step": "ship", "component": "script", "arguments": {"fail": failure(NO)}}]}))
        .await
        .expect(201);
    let id = server
        .play(json!({"steps": [
            {"step": "first", "component": "script"},
            {"saga": "inner", "step": "child"},
        ]}))
        .await;
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(
        (&saga["error"]["step"], &saga["error"]["code"]),
        (&json!("child"), &json!("no")),
        "{saga:#}"
    );
    assert_eq!(saga["steps"][0]["compensation"]["status"], "completed");
}

#[tokio::test]
async fn a_nested_definition_that_has_got_a_pivot_is_not_started_where_it_has_to_be_undone() {
    let server = Server::start();
    server.with_guest("script").await;
    let inner =
        |pivot: bool| json!({"steps": [{"step": "pay", "component": "script", "pivot": pivot}]});
    server.define("inner", inner(false)).await.expect(201);
    let outer = json!({"steps": [{"saga": "inner", "step": "child"}]});
    server.define("play", outer.clone()).await.expect(201);
    server.define("inner", inner(true)).await.expect(201);
    let saga = server.run("play", json!({})).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(saga["error"]["code"], "child-has-pivot");
    let refused = server.define("later", outer).await;
    refused.problem(422, "invalid-definition");
}

#[tokio::test]
async fn a_definition_that_nests_itself_by_way_of_another_is_refused() {
    let server = Server::start();
    let nests = |name: &str| json!({"steps": [{"saga": name, "step": "child"}]});
    server.define("a", json!({"steps": []})).await.expect(201);
    server.define("b", nests("a")).await.expect(201);
    let refused = server.define("a", nests("b")).await;
    let problem = refused.problem(422, "invalid-definition");
    let text = problem["errors"].to_string();
    assert!(
        text.contains("nests itself") && text.contains("/steps/0/saga"),
        "{problem:#}"
    );
}

#[tokio::test]
async fn a_deadline_turns_a_saga_that_sleeps() {
    let server = Server::start();
    server.with_guest("script").await;
    let id = server
        .play(json!({"deadline": "300ms", "steps": [{"step": "a", "component": "script"}, {"sleep": "1h"}]}))
        .await;
    let saga = server.settled(&id).await;
    assert_eq!(
        (&saga["status"], &saga["error"]["code"]),
        (&json!("compensated"), &json!("deadline-exceeded"))
    );
}

#[tokio::test]
async fn the_same_key_starts_one_saga_and_another_body_under_it_is_a_conflict() {
    let server = Server::start();
    server
        .define("play", json!({"steps": []}))
        .await
        .expect(201);
    let start = |input: Value| {
        server
            .request("POST", "/v1/sagas")
            .header("idempotency-key", "order-1")
            .json(&json!({"definition": "play", "input": input}))
    };
    let first = server.send(start(json!({"n": 1}))).await.expect(201);
    let again = server.send(start(json!({"n": 1}))).await.expect(200);
    assert_eq!(first["id"], again["id"]);
    assert_eq!(server.send(start(json!({"n": 2}))).await.status, 409);
}

#[tokio::test]
async fn a_batch_starts_all_of_its_sagas_or_none() {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({"input_schema": {"type": "object", "required": ["n"]},
                          "steps": [{"step": "a", "component": "script"}]});
    server.define("play", document).await.expect(201);
    let saga = |input: Value| json!({"definition": "play", "input": input});
    let mixed =
        json!({"sagas": [saga(json!({"n": 1})), saga(json!({})), {"definition": "nobody"}]});
    let refused = server.post("/v1/sagas/batch", &mixed).await;
    assert!((400..500).contains(&refused.status), "{refused:?}");
    let errors = refused.body["errors"].to_string();
    assert!(
        errors.contains("/sagas/1/input") && errors.contains("/sagas/2"),
        "{errors}"
    );
    let list = server.get("/v1/sagas").await.expect(200);
    assert_eq!(list["items"], json!([]));

    let many: Vec<_> = (0..1_000).map(|n| saga(json!({ "n": n }))).collect();
    let made = server
        .post("/v1/sagas/batch", &json!({ "sagas": many }))
        .await
        .expect(201);
    assert_eq!(made["items"].as_array().map(Vec::len), Some(1_000));
    eventually("all are done", || async {
        let metrics = server.get("/metrics").await.expect(200);
        metrics
            .as_str()?
            .contains("wasaga_sagas{status=\"completed\"} 1000")
            .then_some(())
    })
    .await;
    let too_many: Vec<_> = (0..1_001).map(|n| saga(json!({ "n": n }))).collect();
    let refused = server
        .post("/v1/sagas/batch", &json!({ "sagas": too_many }))
        .await;
    assert!((400..500).contains(&refused.status), "{refused:?}");
}
