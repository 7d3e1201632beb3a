//! `/v1/definitions`

use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn a_definition_s_faults_are_all_reported_with_their_places() {
    let server = Server::start();
    server.with_guest("script").await;
    let problem = server
        .define(
            "bad",
            json!({
                "dedline": "30m",
                "steps": [
                    {"step": "a", "component": "script", "timeout": "soon"},
                    {"step": "a", "component": "script"},
                    {"step": "b", "component": "nobody"},
                    {"step": "c", "component": "script", "arguments": {"x": {"$cel": "1 +"}}},
                ],
            }),
        )
        .await
        .problem(422, "invalid-definition");
    let mut places: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            "/dedline",
            "/steps/0/timeout",
            "/steps/1/step",
            "/steps/2/component",
            "/steps/3/arguments/x/$cel",
        ],
        "{problem:#}"
    );
    server
        .get("/v1/definitions/bad")
        .await
        .problem(404, "unknown-definition");
}

#[tokio::test]
async fn a_change_is_a_new_version_and_the_same_again_is_not() {
    let server = Server::start();
    server.with_guest("script").await;
    let first = json!({"steps": [{"step": "a", "component": "script"}]});
    assert_eq!(
        server.define("d", first.clone()).await.expect(201)["version"],
        1
    );
    assert_eq!(
        server.define("d", first.clone()).await.expect(200)["version"],
        1
    );
    assert_eq!(
        server.define("d", json!({"steps": []})).await.expect(201)["version"],
        2
    );
    let latest = server.get("/v1/definitions/d").await.expect(200);
    assert_eq!(
        (&latest["version"], &latest["document"]),
        (&json!(2), &json!({"steps": []}))
    );
    let old = server.get("/v1/definitions/d/versions/1").await.expect(200);
    assert_eq!(old["document"], first);
    server
        .get("/v1/definitions/d/versions/7")
        .await
        .problem(404, "unknown-definition");

    let body = json!({"definition": "d", "version": 1, "input": {}});
    let saga = server.post("/v1/sagas?wait=60s", &body).await.expect(201);
    assert_eq!(
        (&saga["version"], &saga["progress"]["total"]),
        (&json!(1), &json!(1))
    );
}
