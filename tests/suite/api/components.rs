//! `/v1/components`

use serde_json::{Value, json};

use crate::support::{Server, guest};

#[tokio::test]
async fn an_upload_becomes_a_version_and_the_same_bytes_again_are_the_same_version() {
    let server = Server::start();
    let first = server.upload("bench", guest("bench")).await.expect(201);
    assert_eq!(
        (&first["version"], &first["active"]),
        (&json!(1), &json!(true))
    );
    assert!(first["digest"].as_str().unwrap().starts_with("sha256:"));
    let exports = first["exports"].as_array().unwrap();
    assert!(
        exports
            .iter()
            .any(|e| e.as_str().unwrap().contains("action")),
        "{first:#}"
    );

    let again = server.upload("bench", guest("bench")).await.expect(200);
    assert_eq!(
        (&again["version"], &again["digest"]),
        (&json!(1), &first["digest"])
    );

    let other = server.upload("bench", guest("script")).await.expect(201);
    assert_eq!(other["version"], 2);
    let bytes = server
        .request("GET", "/v1/components/bench/versions/1/wasm")
        .send()
        .await
        .unwrap();
    assert_eq!(bytes.bytes().await.unwrap(), guest("bench"));
    let component = server.get("/v1/components/bench").await.expect(200);
    assert_eq!(component["active"], 2);
    assert_eq!(component["versions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_run_is_refused_with_its_reason_and_leaves_nothing() {
    let server = Server::start();
    let nonsense = server.upload("x", b"not wasm at all".to_vec()).await;
    nonsense.problem(422, "invalid-component");
    let exportless = server
        .upload("x", guest("no-action"))
        .await
        .problem(422, "invalid-component");
    assert!(
        exportless["detail"]
            .as_str()
            .unwrap()
            .contains("wasaga:saga/action"),
        "{exportless:#}"
    );
    let foreign = server
        .upload("x", guest("foreign-import"))
        .await
        .problem(422, "invalid-component");
    assert!(
        foreign["detail"]
            .as_str()
            .unwrap()
            .contains("acme:crm/customers@1.0.0"),
        "{foreign:#}"
    );
    let mut truncated = guest("bench");
    truncated.truncate(truncated.len() / 2);
    assert_eq!(server.upload("x", truncated).await.status, 422);
    server
        .get("/v1/components/x")
        .await
        .problem(404, "unknown-component");
    assert_eq!(
        server.get("/v1/components").await.expect(200)["items"],
        json!([])
    );
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused() {
    let server = Server::start_with(&["--max-component", "10KiB"]);
    server
        .upload("x", vec![0; 20 * 1024])
        .await
        .problem(413, "body-too-large");
}

#[tokio::test]
async fn activation_takes_the_version_for_steps_that_start_afterwards_and_if_match_guards_it() {
    let server = Server::start();
    server.upload("c", guest("script")).await.expect(201);
    let later = server.send(
        server
            .request("POST", "/v1/components/c?activate=false")
            .body(guest("bench")),
    );
    let later = later.await.expect(201);
    assert_eq!(
        (&later["version"], &later["active"]),
        (&json!(2), &json!(false))
    );

    let tag = server.get("/v1/components/c").await.headers["etag"].clone();
    let activate = |version: u32, tag: &reqwest::header::HeaderValue| {
        server
            .request("PUT", "/v1/components/c/active")
            .header("if-match", tag)
            .json(&json!({ "version": version }))
    };
    server.send(activate(2, &tag)).await.expect(200);
    server
        .send(activate(1, &tag))
        .await
        .problem(412, "outdated");
    server
        .put("/v1/components/c/active", &json!({"version": 9}))
        .await
        .problem(404, "unknown-component");

    server
        .define("d", json!({"steps": [{"step": "one", "component": "c"}]}))
        .await
        .expect(201);
    let saga = server.run("d", json!({"order_id": "o"})).await;
    assert_eq!(
        (&saga["status"], &saga["steps"][0]["version"]),
        (&json!("completed"), &json!(2))
    );
}

#[tokio::test]
async fn a_policy_that_has_no_meaning_is_refused_and_the_one_before_stands() {
    let server = Server::start();
    let policy = json!({"allowed_hosts": ["example.com"], "config": {"a": "1"}});
    server
        .put("/v1/components/c/policy", &policy)
        .await
        .expect(200);
    let wrong = json!({"allowed_hosts": ["http://exa mple.com/path"]});
    server
        .put("/v1/components/c/policy", &wrong)
        .await
        .problem(422, "invalid-policy");
    let stands = server.get("/v1/components/c").await.expect(200);
    assert_eq!(stands["policy"]["allowed_hosts"], json!(["example.com"]));
    assert_eq!(stands["active"], Value::Null);
}

#[tokio::test]
async fn of_two_who_change_a_policy_they_saw_the_slower_one_is_refused() {
    let server = Server::start();
    let policy = "/v1/components/c/policy";
    let set = server.put(policy, &json!({"config": {"a": "1"}})).await;
    let seen = set.headers["etag"].clone();
    set.expect(200);
    let change = async |value: &str| {
        let request = server
            .request("PUT", policy)
            .header("if-match", seen.clone());
        server
            .send(request.json(&json!({"config": {"a": value}})))
            .await
    };
    change("2").await.expect(200);
    let late = change("3").await.problem(412, "outdated");
    assert_eq!(late["generation"], 2, "{late:#}");
    let stands = server.get("/v1/components/c").await.expect(200);
    assert_eq!(stands["policy"]["config"]["a"], "2", "{stands:#}");
}
