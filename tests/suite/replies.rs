//! Steps that wait for somebody outside.

use serde_json::{Value, json};

use crate::support::{Server, eventually};

async fn asked(server: &Server, step: Value) -> (String, String) {
    let mut entry = json!({"step": "ask", "component": "callback"});
    for (field, value) in step.as_object().expect("fields of a step") {
        entry[field] = value.clone();
    }
    let id = server.play(json!({"steps": [entry]})).await;
    let waiting = server.becomes(&id, &["waiting"]).await;
    let token = waiting["waiting"]["token"].as_str().expect("a token");
    (id, token.to_owned())
}

async fn reply(server: &Server, token: &str, body: Value) -> crate::support::Answer {
    server.post(&format!("/v1/callbacks/{token}"), &body).await
}

#[tokio::test]
async fn a_second_reply_is_refused_and_changes_nothing() {
    let server = Server::start();
    server.with_guest("callback").await;
    let (id, token) = asked(&server, json!({"arguments": {"pending": 1}})).await;
    reply(&server, &token, json!({"succeeded": {"n": 1}}))
        .await
        .expect(202);
    reply(&server, &token, json!({"succeeded": {"n": 2}}))
        .await
        .problem(409, "already-replied");
    let saga = server.settled(&id).await;
    assert_eq!(
        saga["steps"][0]["result"]["reply"],
        json!({"succeeded": {"n": 1}}),
        "{saga:#}"
    );
}

#[tokio::test]
async fn a_failed_reply_that_the_step_repairs_goes_on() {
    let server = Server::start();
    server.with_guest("callback").await;
    let step = json!({"arguments": {"pending": 1, "on_reply": {"result": "repaired"}}});
    let (id, token) = asked(&server, step).await;
    let failed = json!({"failed": {"kind": "permanent", "code": "no", "message": "no"}});
    reply(&server, &token, failed).await.expect(202);
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    assert_eq!(saga["steps"][0]["result"], "repaired");
}

#[tokio::test]
async fn a_reply_that_comes_before_the_step_has_asked_is_not_lost() {
    let server = Server::start();
    server.with_guest("callback").await;
    let id = server
        .play(json!({"steps": [{"step": "ask", "component": "callback",
            "arguments": {"sleep_ms": 1000, "pending": 1}}]}))
        .await;
    server.becomes(&id, &["running"]).await;
    // The token is known to the step while it runs: the saga, and the key of its call.
    let key = wasaga_core::id::idempotency_key(
        id.parse().expect("an id"),
        &wasaga_core::StepPath::root(&wasaga_core::Name::new("ask").expect("a name")),
        wasaga_core::Direction::Act,
        0,
    );
    reply(
        &server,
        &format!("{id}.{key}"),
        json!({"succeeded": "early"}),
    )
    .await
    .expect(202);
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    assert_eq!(
        saga["steps"][0]["result"]["reply"],
        json!({"succeeded": "early"}),
        "{saga:#}"
    );
}

#[tokio::test]
async fn a_reply_that_does_not_come_in_time_fails_the_step() {
    let server = Server::start();
    server.with_guest("callback").await;
    let (id, token) = asked(
        &server,
        json!({"reply_timeout": "200ms", "arguments": {"pending": 1}}),
    )
    .await;
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(saga["error"]["code"], "reply-timeout");
    reply(&server, &token, json!({"succeeded": 1}))
        .await
        .problem(409, "reply-not-awaited");
}

#[tokio::test]
async fn a_saga_that_is_cancelled_while_it_waits_undoes_what_it_asked_for() {
    let server = Server::start();
    server.with_guest("callback").await;
    let (id, token) = asked(&server, json!({"arguments": {"pending": 1}})).await;
    server
        .order(&id, "cancel", json!({"reason": "too late"}))
        .await
        .expect(202);
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(
        saga["steps"][0]["compensation"]["status"], "completed",
        "{saga:#}"
    );
    reply(&server, &token, json!({"succeeded": 1}))
        .await
        .problem(409, "reply-not-awaited");
}

#[tokio::test]
async fn what_is_no_token_and_what_is_no_reply_are_told_apart() {
    let server = Server::start();
    server.with_guest("callback").await;
    let (id, token) = asked(&server, json!({"arguments": {"pending": 1}})).await;
    let unknown = uuid::Uuid::nil();
    let yes = json!({"succeeded": 1});
    reply(&server, "x", yes.clone())
        .await
        .problem(400, "invalid-token");
    let of_nothing = format!("{id}.{unknown}");
    reply(&server, &of_nothing, yes.clone())
        .await
        .problem(404, "unknown-token");
    let of_nobody = format!("{unknown}.{unknown}");
    reply(&server, &of_nobody, yes.clone())
        .await
        .problem(404, "unknown-token");
    for wrong in [
        json!({}),
        json!({"succeeded": 1, "failed": 2}),
        json!({"failed": {"code": 1}}),
    ] {
        let answer = reply(&server, &token, wrong.clone()).await;
        assert!(
            (400..500).contains(&answer.status) && answer.status != 404,
            "{wrong}: {answer:?}"
        );
    }
    assert_eq!(server.saga(&id).await["status"], "waiting");
    reply(&server, &token, json!({"succeeded": 1}))
        .await
        .expect(202);
    eventually("it is done", || async {
        (server.saga(&id).await["status"] == "completed").then_some(())
    })
    .await;
}
