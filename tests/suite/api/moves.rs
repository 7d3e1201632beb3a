//! `POST /v1/components/{name}/move`

use serde_json::{Value, json};

use super::{copy, push};
use crate::support::{Server, guest};

const MOVE: &str = "/v1/components/callback/move";

/// A server with a saga that waits for a reply on version 1 of `callback`.
async fn waiting() -> (Server, String) {
    let server = Server::start();
    server.with_guest("callback").await;
    let document = json!({"steps": [{"step": "ask", "component": "callback", "arguments": {"pending": null}}]});
    let id = server.play(document).await;
    server.waits_for(&id, "reply").await;
    (server, id)
}

#[tokio::test]
async fn a_saga_that_waits_for_a_reply_takes_it_on_the_version_that_it_is_moved_to() {
    let (server, id) = waiting().await;
    let second = push(&server, "callback", copy("callback", "two")).await;
    let moved = server
        .post(MOVE, &json!({"from": 1, "to": second, "sagas": [id]}))
        .await
        .expect(200);
    assert_eq!(
        moved,
        json!({"moved": [id], "left": [], "next_cursor": null})
    );
    // It is not there any more.
    let again = server
        .post(MOVE, &json!({"from": 1, "to": second, "sagas": [id]}))
        .await
        .expect(200);
    assert_eq!(again["moved"], json!([]));
    assert_eq!(again["left"][0]["saga"], id);
    assert!(again["left"][0]["reason"].is_string(), "{again:#}");
    let token = server.waits_for(&id, "reply").await["token"].clone();
    let path = format!("/v1/callbacks/{}", token.as_str().expect("a token"));
    server
        .post(&path, &json!({"succeeded": 1}))
        .await
        .expect(202);
    let saga = server.settled(&id).await;
    assert_eq!(
        (&saga["status"], &saga["steps"][0]["version"]),
        (&json!("completed"), &json!(second))
    );
}

#[tokio::test]
async fn sagas_do_not_move_to_a_version_that_could_not_go_on() {
    let (server, id) = waiting().await;
    let order = |to: u64| json!({"from": 1, "to": to, "sagas": [id]});
    // It takes no replies.
    let without = push(&server, "callback", guest("script")).await;
    let lacks = server.post(MOVE, &order(without)).await;
    let lacks = lacks.problem(409, "version-lacks-export");
    let exports = lacks["exports"].as_array().expect("exports");
    assert_eq!(exports.len(), 1, "{lacks:#}");
    assert!(
        exports[0]
            .as_str()
            .unwrap()
            .starts_with("wasaga:saga/callback@")
    );
    server
        .post(MOVE, &order(9))
        .await
        .problem(404, "unknown-component");
    server
        .post("/v1/components/nobody/move", &order(2))
        .await
        .problem(404, "unknown-component");
    assert_eq!(server.saga(&id).await["steps"][0]["version"], 1);
}

#[tokio::test]
async fn which_sagas_are_meant_is_said_in_one_way() {
    let server = Server::start();
    server.with_guest("callback").await;
    let id = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";
    for wrong in [
        json!({"from": 1}),
        json!({"sagas": [id]}),
        json!({"from": 1, "sagas": [id], "status": "stuck"}),
        json!({"from": 1, "sagas": []}),
        json!({"from": 1, "to": 1, "sagas": [id]}),
        json!({"from": 1, "sagas": vec![id; 201]}),
        json!({"from": 1, "sagas": [id], "definition": "d"}),
        json!({"from": 1, "status": "completed"}),
        json!({"from": 1, "status": "stuck", "tag": "customer"}),
        json!({"from": 1, "status": "stuck", "unknown": 1}),
    ] {
        let problem = server.post(MOVE, &wrong).await;
        assert_eq!(problem.body["code"], "invalid-body", "{wrong}");
        problem.problem(422, "invalid-body");
    }
    server
        .post(
            MOVE,
            &json!({"from": 1, "status": "stuck", "cursor": "made-up"}),
        )
        .await
        .problem(400, "invalid-cursor");
    // One that is not there is left, and says why.
    let left = server
        .post(MOVE, &json!({"from": 1, "sagas": [id]}))
        .await
        .expect(200);
    assert_eq!(left["left"][0]["saga"], id, "{left:#}");
}

#[tokio::test]
async fn sagas_are_found_by_definition_and_label() {
    let (server, id) = waiting().await;
    let second = push(&server, "callback", copy("callback", "two")).await;
    let body = json!({"definition": "play", "input": {}, "tags": {"customer": "42"}});
    let started = server.post("/v1/sagas", &body).await.expect(201);
    let labelled = started["id"].as_str().expect("an id").to_owned();
    server.waits_for(&labelled, "reply").await;
    let found = async |filter: Value| {
        let mut body = json!({"from": 1, "to": second, "status": "waiting"});
        for (field, value) in filter.as_object().expect("an object") {
            body[field] = value.clone();
        }
        server.post(MOVE, &body).await.expect(200)["moved"].clone()
    };
    assert_eq!(found(json!({"definition": "other"})).await, json!([]));
    assert_eq!(
        found(json!({"tag": "customer=42"})).await,
        json!([labelled])
    );
    let rest = found(json!({})).await;
    assert!(rest.as_array().unwrap().contains(&json!(id)), "{rest}");
}
