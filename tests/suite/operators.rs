//! What operators can do.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

const NO: &str = r#"{"kind": "permanent", "code": "no", "message": "no"}"#;
const LATER: &str = r#"{"kind": "retryable", "code": "later", "message": "later"}"#;

fn failure(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test]
async fn a_stuck_saga_is_retried_on_the_version_that_is_active_then() {
    let server = Server::start();
    server.with_guest("script").await;
    // The undo fails for good on this component, and not on the next version of it.
    let undo = json!({"fail": failure(NO)});
    let id = server
        .play(json!({"steps": [
            {"step": "a", "component": "script", "arguments": {"compensate": undo}},
            {"step": "b", "component": "script", "arguments": {"fail": failure(NO)}},
        ]}))
        .await;
    let stuck = server.settled(&id).await;
    assert_eq!(stuck["status"], "stuck", "{stuck:#}");
    let report = &stuck["failure"];
    assert_eq!(report["error"]["step"], "b", "{report:#}");
    let undone = report["compensations"].as_array().expect("compensations");
    let of_a = undone
        .iter()
        .find(|undo| undo["step"] == "a")
        .expect("of a");
    assert_eq!(
        (&of_a["outcome"], &of_a["error"]["code"]),
        (&json!("failed"), &json!("no"))
    );

    let refused = server.order(&id, "pause", json!({})).await;
    let problem = refused.problem(409, "saga-status");
    assert!(
        problem["allowed"]
            .as_array()
            .is_some_and(|all| all.contains(&json!("running"))),
        "{problem:#}"
    );
    // `confirm` holds the same script in other bytes: another version of the component.
    let bytes = crate::support::guest("confirm");
    server.upload("script", bytes).await.expect(201);
    server
        .order(
            &id,
            "retry",
            json!({"version": "active", "reason": "fixed", "by": "me"}),
        )
        .await
        .expect(202);
    let again = eventually("it has tried again", || async {
        let saga = server.saga(&id).await;
        let attempts = saga["steps"][0]["compensation"]["attempts"].as_u64()?;
        (attempts == 2 && saga["status"] == "stuck").then_some(saga)
    })
    .await;
    assert_eq!(again["steps"][0]["version"], 2, "{again:#}");
    let events = server.events(&id).await;
    let order = events
        .iter()
        .find(|event| event["type"] == "retry_ordered")
        .expect("an order");
    assert_eq!(
        (&order["by"], &order["reason"]),
        (&json!("me"), &json!("fixed"))
    );

    server
        .order(&id, "skip", json!({"reason": "undone by hand"}))
        .await
        .expect(202);
    let saga = server.becomes(&id, &["compensated"]).await;
    assert_eq!(
        saga["steps"][0]["compensation"]["reason"], "operator",
        "{saga:#}"
    );
    server
        .order(&id, "abandon", json!({}))
        .await
        .problem(409, "saga-status");
}

#[tokio::test]
async fn a_step_that_waits_for_its_next_attempt_is_tried_at_once() {
    let server = Server::start();
    server.with_guest("script").await;
    let id = server
        .play(json!({"steps": [
            {"step": "a", "component": "script", "arguments": {"fail_until_attempt": 2},
             "retry": {"initial_interval": "1h", "max_interval": "1h"}},
        ]}))
        .await;
    server.becomes(&id, &["waiting"]).await;
    server.order(&id, "retry", json!({})).await.expect(202);
    assert_eq!(server.settled(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_step_that_says_so_stops_for_an_operator_when_its_retries_are_used_up() {
    let server = Server::start();
    server.with_guest("script").await;
    let document = json!({"steps": [
        {"step": "a", "component": "script", "on_exhausted": "pause", "arguments": {"fail": failure(LATER)},
         "retry": {"max_attempts": 2, "initial_interval": "1ms"}},
    ]});
    let id = server.play(document).await;
    let paused = server.becomes(&id, &["paused"]).await;
    assert_eq!(paused["paused"]["cause"], "exhausted", "{paused:#}");
    server.order(&id, "retry", json!({})).await.expect(202);
    eventually("it has tried again", || async {
        let saga = server.saga(&id).await;
        (saga["status"] == "paused" && saga["steps"][0]["attempts"] == 4).then_some(())
    })
    .await;
    server
        .order(&id, "abandon", json!({"reason": "enough"}))
        .await
        .expect(202);
    let saga = server.saga(&id).await;
    assert_eq!(saga["status"], "abandoned", "{saga:#}");
}

#[tokio::test]
async fn after_the_pivot_a_cancel_is_refused_and_says_why() {
    let server = Server::start();
    server.with_guest("script").await;
    let id = server
        .play(json!({"steps": [
            {"step": "pay", "component": "script", "pivot": true},
            {"step": "send", "component": "script", "arguments": {"fail_until_attempt": 4},
             "retry": {"max_attempts": 1, "initial_interval": "300ms"}},
        ]}))
        .await;
    server.becomes(&id, &["waiting"]).await;
    let problem = server
        .order(&id, "cancel", json!({}))
        .await
        .problem(409, "forward-only");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|why| why.contains("`pay`")),
        "{problem:#}"
    );
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    assert_eq!(saga["steps"][1]["attempts"], 4);
}

#[tokio::test]
async fn a_saga_with_manual_commit_waits_for_the_decision() {
    let server = Server::start();
    server.with_guest("confirm").await;
    let document = json!({"commit": "manual", "steps": [{"step": "hold", "component": "confirm"}]});
    let first = server.play(document).await;
    let second = server.begin("play", json!({})).await;
    for id in [&first, &second] {
        let saga = server.becomes(id, &["waiting"]).await;
        assert_eq!(saga["waiting"]["for"], "commit", "{saga:#}");
    }
    server
        .order(&first, "commit", json!({"by": "me"}))
        .await
        .expect(202);
    server
        .order(&second, "reject", json!({"reason": "no"}))
        .await
        .expect(202);
    let committed = server.settled(&first).await;
    assert_eq!(committed["status"], "completed", "{committed:#}");
    assert_eq!(
        committed["steps"][0]["confirmation"]["status"], "completed",
        "{committed:#}"
    );
    let rejected = server.settled(&second).await;
    assert_eq!(rejected["status"], "compensated", "{rejected:#}");
    assert_eq!(rejected["error"]["code"], "rejected");
    server
        .order(&first, "commit", json!({}))
        .await
        .problem(409, "saga-status");
}
