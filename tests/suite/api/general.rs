//! What holds for the API as a whole.

use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn a_server_says_that_it_lives_is_ready_and_how_it_is_used() {
    let server = Server::start();
    server.get("/healthz").await.expect(200);
    server.get("/readyz").await.expect(200);
    let document = server.get("/openapi.json").await.expect(200);
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{:#}",
        document["openapi"]
    );
    for path in [
        "/v1/sagas",
        "/v1/components/{name}",
        "/v1/definitions/{name}",
    ] {
        assert!(
            document["paths"][path].is_object(),
            "{path} is not described"
        );
    }
    let page = server.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.as_str().unwrap().contains("<html"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let server = Server::start();
    server.with_guest("script").await;
    server.run_script(json!({})).await;
    let metrics = server.get("/metrics").await.expect(200);
    let metrics = metrics.as_str().expect("text");
    for line in [
        "wasaga_sagas_started_total 1",
        "wasaga_sagas_settled_total{status=\"completed\"} 1",
        "wasaga_calls_total{direction=\"act\",outcome=\"completed\"} 1",
        "wasaga_sagas{status=\"completed\"} 1",
    ] {
        assert!(metrics.contains(line), "no `{line}` in\n{metrics}");
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_done_there_are_problems() {
    let server = Server::start();
    server.get("/v1/nothing").await.problem(404, "unknown-path");
    server
        .put("/v1/sagas", &json!({}))
        .await
        .problem(405, "method-not-allowed");
}

#[tokio::test]
async fn a_body_that_is_malformed_or_too_large_changes_nothing() {
    let server = Server::start_with(&["--max-body", "4KiB"]);
    let send = |body: String| {
        server
            .request("POST", "/v1/sagas")
            .header("content-type", "application/json")
            .body(body)
    };
    server
        .send(send("{\"definition\": ".into()))
        .await
        .problem(400, "malformed-json");
    server
        .send(send(format!("\"{}\"", "x".repeat(8192))))
        .await
        .problem(413, "body-too-large");
    server
        .send(server.request("POST", "/v1/sagas").body("{}"))
        .await
        .problem(415, "unsupported-media-type");
    server
        .post("/v1/sagas", &json!({"definition": "x"}))
        .await
        .problem(422, "invalid-body");
    assert_eq!(
        server.get("/v1/sagas").await.expect(200)["items"],
        json!([])
    );
}

#[tokio::test]
async fn lists_refuse_a_cursor_that_they_did_not_make_and_a_limit_out_of_bounds() {
    let server = Server::start();
    for list in ["sagas", "components", "definitions"] {
        server
            .get(&format!("/v1/{list}?cursor=made-up"))
            .await
            .problem(400, "invalid-cursor");
        server
            .get(&format!("/v1/{list}?limit=0"))
            .await
            .problem(400, "invalid-query");
        server
            .get(&format!("/v1/{list}?limt=5"))
            .await
            .problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn a_data_folder_serves_one_server_at_a_time() {
    let server = Server::start();
    let refused = server.another_on_the_same_data();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("another process uses the data"), "{said}");
}
