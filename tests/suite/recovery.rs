//! A saga goes on after its server was killed, from whatever it was doing.

use serde_json::{Value, json};

use crate::support::{Orders, Server, eventually};

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect()
}

async fn start(server: &Server, document: Value) -> String {
    server.define("play", document).await.expect(201);
    let saga = server
        .post("/v1/sagas", &json!({"definition": "play", "input": {}}))
        .await
        .expect(201);
    saga["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_saga_killed_while_a_call_runs_runs_it_again_as_another_attempt() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let slow = json!({"echo": true, "sleep_ms": 1500});
    let id = start(
        &server,
        json!({"steps": [{"step": "slow", "component": "script", "arguments": slow}]}),
    )
    .await;
    server.becomes(&id, &["running"]).await;
    server.kill_and_restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let events = server.events(&id).await;
    assert_eq!(
        kinds(&events),
        [
            "saga_started",
            "act_started",
            "act_interrupted",
            "act_started",
            "act_completed",
            "saga_completed"
        ]
    );
    assert_eq!(saga["steps"][0]["attempts"], 2);
    assert_eq!(saga["steps"][0]["result"]["attempt"], 2);
}

#[tokio::test]
async fn a_saga_killed_during_backoff_waits_for_the_rest_of_it() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let id = start(
        &server,
        json!({"steps": [{
            "step": "flaky", "component": "script", "arguments": {"fail_until_attempt": 2},
            "retry": {"initial_interval": "1500ms", "jitter": 0},
        }]}),
    )
    .await;
    let waiting = server.becomes(&id, &["waiting"]).await;
    assert_eq!(waiting["waiting"]["for"], "backoff", "{waiting:#}");
    server.kill_and_restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let events = server.events(&id).await;
    assert_eq!(
        kinds(&events),
        [
            "saga_started",
            "act_started",
            "act_failed",
            "act_started",
            "act_completed",
            "saga_completed"
        ]
    );
    assert!(
        events[3]["at"].as_str() >= events[2]["retry_at"].as_str(),
        "{events:#?}"
    );
}

#[tokio::test]
async fn a_saga_killed_while_it_compensates_goes_on_undoing() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let id = start(&server, json!({"steps": [
        {"step": "first", "component": "script", "arguments": {"compensate": {"sleep_ms": 1500}}},
        {"step": "second", "component": "script",
         "arguments": {"fail": {"kind": "permanent", "code": "no", "message": "no"}}},
    ]}))
    .await;
    server.becomes(&id, &["compensating"]).await;
    server.kill_and_restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(saga["error"]["code"], "no");
    let events = server.events(&id).await;
    assert!(
        kinds(&events).contains(&"compensation_interrupted"),
        "{events:#?}"
    );
}

#[tokio::test]
async fn a_cancel_right_after_a_kill_undoes_what_was_cut_off_and_starts_nothing_more() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let id = start(
        &server,
        json!({"steps": [
            {"step": "slow", "component": "script", "arguments": {"sleep_ms": 60_000}, "timeout": "2m"},
            {"step": "never", "component": "script"},
        ]}),
    )
    .await;
    server.becomes(&id, &["running"]).await;
    server.kill_and_restart();
    server
        .post(&format!("/v1/sagas/{id}/cancel"), &json!({}))
        .await
        .expect(202);
    // Whether the call had been started again before the cancel came is a matter of time; that it
    // is not started after it is not.
    let events = server.events(&id).await;
    let failed = events
        .iter()
        .position(|event| event["type"] == "saga_failed");
    let failed = failed.expect("the cancel is in the journal");
    assert!(
        !kinds(&events[failed..]).contains(&"act_started"),
        "{events:#?}"
    );
}

#[tokio::test]
async fn values_as_deep_as_they_may_be_survive_a_restart_and_deeper_ones_are_refused() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let deep = |levels: usize| -> Value {
        serde_json::from_str(&("[".repeat(levels) + &"]".repeat(levels))).expect("JSON")
    };
    let step = json!({"step": "deep", "component": "script",
        "arguments": {"raw_result": deep(64).to_string(), "fail_until_attempt": 1}});
    server
        .define("deep", json!({"steps": [step]}))
        .await
        .expect(201);
    let saga = server.run("deep", deep(64)).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    server.kill_and_restart();
    let again = server.saga(saga["id"].as_str().expect("an id")).await;
    assert_eq!(again["steps"][0]["result"], deep(64));

    let body = json!({"definition": "deep", "input": deep(65)});
    server
        .post("/v1/sagas", &body)
        .await
        .problem(422, "invalid-input");
    let step = json!({"step": "deeper", "component": "script",
        "arguments": {"raw_result": deep(100).to_string()}});
    server
        .define("deeper", json!({"steps": [step]}))
        .await
        .expect(201);
    let refused = server.run("deeper", json!(null)).await;
    assert_eq!(refused["error"]["code"], "invalid-result", "{refused:#}");
}

#[tokio::test]
async fn a_deadline_that_passes_while_the_server_is_down_turns_the_saga() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let id = start(
        &server,
        json!({"deadline": "500ms", "steps": [{
            "step": "flaky", "component": "script", "arguments": {"fail_until_attempt": 9},
            "retry": {"initial_interval": "1h", "max_interval": "1h"},
        }]}),
    )
    .await;
    server.becomes(&id, &["waiting", "compensated"]).await;
    server.kill_and_restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "compensated", "{saga:#}");
    assert_eq!(saga["error"]["code"], "deadline-exceeded");
}

#[tokio::test]
async fn a_server_that_is_told_to_end_finishes_its_calls_and_the_next_one_goes_on() {
    let orders = Orders::start(&[]);
    let mut server = Server::start();
    orders.teach(&server).await;
    server.with_guest("script").await;
    let id = start(
        &server,
        json!({"steps": [
            {"step": "slow", "component": "script", "arguments": {"sleep_ms": 800}},
            {"step": "next", "component": "script"},
        ]}),
    )
    .await;
    server.becomes(&id, &["running"]).await;
    assert!(server.process.terminate(), "it ends without an error");
    server.restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let events = server.events(&id).await;
    assert!(
        !kinds(&events).contains(&"act_interrupted"),
        "no call was cut off: {events:#?}"
    );
}

#[tokio::test]
async fn more_sagas_than_fit_in_memory_wait_on_disk_and_all_complete() {
    let server = Server::start_with(&["--max-resident-sagas", "4"]);
    server.with_guest("script").await;
    let step = json!({"step": "nap", "component": "script", "arguments": {"sleep_ms": 20}});
    server
        .define("nap", json!({"steps": [step]}))
        .await
        .expect(201);
    let mut ids = Vec::new();
    for _ in 0..60 {
        let saga = server
            .post("/v1/sagas", &json!({"definition": "nap", "input": {}}))
            .await
            .expect(201);
        ids.push(saga["id"].as_str().expect("an id").to_owned());
    }
    eventually("all have completed", || async {
        let list = server
            .get("/v1/sagas?status=completed&limit=100")
            .await
            .expect(200);
        (list["items"].as_array()?.len() == ids.len()).then_some(())
    })
    .await;
    for id in ids {
        let kinds_of = server.events(&id).await;
        assert!(
            !kinds(&kinds_of).contains(&"act_interrupted"),
            "{kinds_of:#?}"
        );
    }
}

#[tokio::test]
async fn a_saga_killed_while_it_waits_for_a_reply_takes_the_reply_after_the_restart() {
    let mut server = Server::start();
    server.with_guest("callback").await;
    let id = server
        .play(json!({"steps": [
            {"step": "ask", "component": "callback", "arguments": {"pending": {"question": "may I?"}}},
        ]}))
        .await;
    let waiting = server.becomes(&id, &["waiting"]).await;
    assert_eq!(waiting["waiting"]["for"], "reply", "{waiting:#}");
    assert_eq!(waiting["waiting"]["payload"], json!({"question": "may I?"}));
    server.kill_and_restart();
    assert_eq!(server.saga(&id).await["status"], "waiting");
    let token = waiting["waiting"]["token"].as_str().expect("a token");
    server
        .post(
            &format!("/v1/callbacks/{token}"),
            &json!({"succeeded": "yes"}),
        )
        .await
        .expect(202);
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    assert_eq!(
        kinds(&server.events(&id).await),
        [
            "saga_started",
            "act_started",
            "act_pending",
            "reply_received",
            "on_reply_started",
            "act_completed",
            "saga_completed"
        ]
    );
}

#[tokio::test]
async fn a_saga_killed_while_it_sleeps_wakes_at_the_time_that_was_journaled() {
    let mut server = Server::start();
    let id = server.play(json!({"steps": [{"sleep": "1500ms"}]})).await;
    let sleeping = server.becomes(&id, &["waiting"]).await;
    assert_eq!(sleeping["waiting"]["for"], "sleep", "{sleeping:#}");
    server.kill_and_restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let events = server.events(&id).await;
    assert_eq!(
        kinds(&events),
        [
            "saga_started",
            "sleep_started",
            "sleep_completed",
            "saga_completed"
        ]
    );
    assert!(
        events[2]["at"].as_str() >= events[1]["until"].as_str(),
        "{events:#?}"
    );
}

#[tokio::test]
async fn a_saga_killed_while_it_is_paused_stays_paused_until_somebody_resumes_it() {
    let mut server = Server::start();
    server.with_guest("script").await;
    let id = server
        .play(json!({"steps": [
            {"step": "slow", "component": "script", "arguments": {"sleep_ms": 300}},
            {"step": "next", "component": "script"},
        ]}))
        .await;
    server
        .order(&id, "pause", json!({"reason": "a look", "by": "me"}))
        .await
        .expect(202);
    server.kill_and_restart();
    let paused = server.becomes(&id, &["paused"]).await;
    assert_eq!(paused["paused"]["cause"], "operator", "{paused:#}");
    assert_eq!(paused["paused"]["by"], "me");
    server.order(&id, "resume", json!({})).await.expect(202);
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
}

#[tokio::test]
async fn a_saga_killed_while_it_confirms_goes_on_confirming() {
    let mut server = Server::start();
    server.with_guest("confirm").await;
    let id = server
        .play(json!({"steps": [
            {"step": "one", "component": "confirm", "arguments": {"confirm": {"sleep_ms": 1500}}},
            {"step": "two", "component": "confirm"},
        ]}))
        .await;
    server.becomes(&id, &["confirming"]).await;
    server.kill_and_restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    let events = server.events(&id).await;
    assert!(
        kinds(&events).contains(&"confirmation_interrupted"),
        "{events:#?}"
    );
    let confirmed = kinds(&events)
        .iter()
        .filter(|kind| **kind == "confirmation_completed")
        .count();
    assert_eq!(confirmed, 2);
}

#[tokio::test]
async fn a_nested_saga_and_the_one_around_it_both_go_on_after_a_kill() {
    let mut server = Server::start();
    server.with_guest("script").await;
    server
        .define("inner", json!({"steps": [
            {"step": "slow", "component": "script", "arguments": {"sleep_ms": 1000, "result": "done"}},
        ]}))
        .await
        .expect(201);
    let id = server
        .play(json!({"steps": [
            {"saga": "inner", "step": "child"},
            {"step": "after", "component": "script", "arguments": {"result": {"$cel": "steps.child.slow"}}},
        ]}))
        .await;
    let waiting = server.becomes(&id, &["waiting"]).await;
    assert_eq!(waiting["waiting"]["for"], "saga", "{waiting:#}");
    server.kill_and_restart();
    let saga = server.settled(&id).await;
    assert_eq!(saga["status"], "completed", "{saga:#}");
    assert_eq!(saga["steps"][1]["result"], "done", "{saga:#}");
}
