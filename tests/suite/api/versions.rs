//! `/v1/components/{name}/versions…`: what is said about versions, what they import, and their end.

use serde_json::{Value, json};

use super::{copy, delete, patch, push};
use crate::support::{Server, guest};

const ONE: &str = "/v1/components/script/versions/1";

#[tokio::test]
async fn an_upload_is_described_and_the_description_can_be_changed() {
    let server = Server::start();
    let path =
        "/v1/components/script?note=first%20try&label=team=orders&label=tier=1&by=ci&reason=new";
    let request = server.request("POST", path).body(guest("script"));
    let made = server.send(request).await.expect(201);
    assert_eq!(made["note"], "first try");
    assert_eq!(made["labels"], json!({"team": "orders", "tier": "1"}));
    assert_eq!(made.get("changes"), None, "nothing was active before");
    let switches = server
        .get("/v1/components/script/switches")
        .await
        .expect(200);
    let switch = &switches["items"][0];
    assert_eq!(
        (&switch["by"], &switch["reason"]),
        (&json!("ci"), &json!("new"))
    );

    // What is not named stays; the same bytes again change nothing.
    let noted = patch(&server, ONE, &json!({"note": "good"}))
        .await
        .expect(200);
    assert_eq!(
        (&noted["note"], &noted["labels"]["team"], &noted["active"]),
        (&json!("good"), &json!("orders"), &json!(true))
    );
    let path = "/v1/components/script?note=other";
    let request = server.request("POST", path).body(guest("script"));
    assert_eq!(server.send(request).await.expect(200)["note"], "good");
    let bare = patch(&server, ONE, &json!({"note": "", "labels": {}}))
        .await
        .expect(200);
    assert_eq!(
        (bare.get("note"), bare.get("labels")),
        (None, None),
        "{bare:#}"
    );
    let shown = server.get("/v1/components/script").await.expect(200);
    assert_eq!(shown["versions"][0], bare);
}

#[tokio::test]
async fn a_description_is_bounded_and_one_of_nothing_is_refused() {
    let server = Server::start();
    let upload = async |query: &str| {
        let path = format!("/v1/components/script?{query}");
        server
            .send(server.request("POST", &path).body(guest("script")))
            .await
    };
    let many: Vec<_> = (0..17).map(|number| format!("label=l{number}=x")).collect();
    let long = format!("note={}", "x".repeat(4097));
    for wrong in [
        "label=team",
        "label==x",
        "lable=a=b",
        &long,
        &many.join("&"),
    ] {
        upload(wrong).await.problem(400, "invalid-query");
    }
    server
        .get("/v1/components/script")
        .await
        .problem(404, "unknown-component");
    upload("note=good").await.expect(201);
    let labels: Value = (0..17)
        .map(|number| (format!("l{number}"), json!("x")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for (wrong, pointer) in [
        (json!({"note": "x".repeat(4097)}), "/note"),
        (json!({"labels": labels}), "/labels"),
        (json!({"labels": {"team": "x".repeat(129)}}), "/labels/team"),
        (json!({"notes": "x"}), "/notes"),
    ] {
        let problem = patch(&server, ONE, &wrong)
            .await
            .problem(422, "invalid-body");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem:#}");
    }
    assert_eq!(server.get(ONE).await.expect(200)["note"], "good");
    let nothing = patch(&server, "/v1/components/script/versions/9", &json!({})).await;
    nothing.problem(404, "unknown-component");
}

#[tokio::test]
async fn an_upload_says_how_it_differs_from_the_active_version() {
    let server = Server::start();
    server.upload("c", guest("bench")).await.expect(201);
    let push = async |name: &str| {
        let path = "/v1/components/c?activate=false";
        let request = server.request("POST", path).body(guest(name));
        server.send(request).await.expect(201)
    };
    let has = |made: &Value, what: &str, name: &str| {
        let names = made["changes"][what].as_array().expect("names").iter();
        let mut names = names.map(|name| name.as_str().expect("a name"));
        names.any(|found| found.starts_with(name))
    };
    let more = push("script").await;
    assert!(has(&more, "added_imports", "wasaga:saga/http@"), "{more:#}");
    let warnings = more["warnings"].to_string();
    assert!(
        warnings.contains("which the active version does not"),
        "{warnings}"
    );
    let active = json!({"version": more["version"]});
    server
        .put("/v1/components/c/active", &active)
        .await
        .expect(200);
    let replies = push("callback").await;
    assert!(
        has(&replies, "added_exports", "wasaga:saga/callback@"),
        "{replies:#}"
    );
    assert_eq!(replies["changes"]["removed_exports"], json!([]));
}

#[tokio::test]
async fn a_version_is_not_taken_while_the_policy_does_not_grant_what_it_imports() {
    let server = Server::start();
    let grant = async |imports: Value| {
        let policy = json!({"allowed_imports": imports});
        server.put("/v1/components/c/policy", &policy).await
    };
    let all_but_http = json!([
        "wasaga:saga/log",
        "wasaga:saga/config",
        "wasi:io/*",
        "wasi:clocks/*",
        "wasi:random/*",
        "wasi:cli/*",
        "wasi:filesystem/*",
        "wasi:sockets/*",
        "wasi:http/*",
        "wasi:config/*"
    ]);
    grant(all_but_http.clone()).await.expect(200);
    // Nothing is stored of what was to become active.
    let refused = server.upload("c", guest("script")).await;
    let problem = refused.problem(409, "import-not-granted");
    assert_eq!(
        problem["imports"],
        json!(["wasaga:saga/http@0.1.0"]),
        "{problem:#}"
    );
    let stored = server.get("/v1/components/c").await.expect(200);
    assert_eq!(
        (&stored["latest"], &stored["versions"]),
        (&json!(0), &json!([]))
    );

    push(&server, "c", guest("script")).await;
    let activate = async || {
        server
            .put("/v1/components/c/active", &json!({"version": 1}))
            .await
    };
    let problem = activate().await.problem(409, "import-not-granted");
    assert_eq!(problem["imports"], json!(["wasaga:saga/http@0.1.0"]));
    grant(Value::Null).await.expect(200);
    activate().await.expect(200);
    let candidate =
        json!({"version": push(&server, "c", copy("script", "two")).await, "percent": 1});
    server
        .put("/v1/components/c/candidate", &candidate)
        .await
        .expect(200);

    // Now it is the policy that is refused.
    let problem = grant(all_but_http).await.problem(409, "import-not-granted");
    assert_eq!(
        (&problem["imports"], &problem["version"]),
        (&json!(["wasaga:saga/http@0.1.0"]), &json!(1))
    );
    grant(json!(["http"])).await.problem(422, "invalid-policy");
    let stands = server.get("/v1/components/c").await.expect(200);
    assert_eq!(stands["policy"].get("allowed_imports"), None, "{stands:#}");
}

#[tokio::test]
async fn a_version_is_removed_unless_it_is_needed() {
    let server = Server::start();
    server.with_guest("script").await;
    let second = push(&server, "script", copy("script", "two")).await;
    let third = push(&server, "script", copy("script", "three")).await;
    let candidate = json!({"version": second, "percent": 0});
    server
        .put("/v1/components/script/candidate", &candidate)
        .await
        .expect(200);
    let path = |version: u64| format!("/v1/components/script/versions/{version}");
    for needed in [1, second] {
        delete(&server, &path(needed))
            .await
            .problem(409, "version-in-use");
    }
    // Until a moment ago counts too.
    delete(&server, "/v1/components/script/candidate")
        .await
        .expect(200);
    let just = delete(&server, &path(second)).await;
    let just = just.problem(409, "version-in-use");
    assert!(
        just["detail"].as_str().unwrap().contains("try again in"),
        "{just:#}"
    );

    delete(&server, &path(third)).await.expect(204);
    server
        .get(&path(third))
        .await
        .problem(404, "unknown-component");
    delete(&server, &path(third))
        .await
        .problem(404, "unknown-component");
    delete(&server, "/v1/components/script/versions/latest")
        .await
        .problem(400, "invalid-version");
}

#[tokio::test]
async fn a_version_that_a_saga_is_bound_to_says_which() {
    let mut server = Server::start();
    server.with_guest("callback").await;
    let document = json!({"steps": [{"step": "ask", "component": "callback", "arguments": {"pending": null}}]});
    let id = server.play(document).await;
    server.waits_for(&id, "reply").await;
    let second = push(&server, "callback", copy("callback", "two")).await;
    server
        .put(
            "/v1/components/callback/active",
            &json!({"version": second}),
        )
        .await
        .expect(200);
    // A server that has just begun knows of no saga that is about to take it.
    server.restart_with(&[]);
    let bound = delete(&server, "/v1/components/callback/versions/1").await;
    let bound = bound.problem(409, "version-in-use");
    assert_eq!(bound["saga"], id, "{bound:#}");
    let filter = "/v1/sagas?component=callback&version=";
    let listed = server.get(&format!("{filter}1")).await.expect(200);
    assert_eq!(listed["items"][0]["id"], id);
    let listed = server.get(&format!("{filter}2")).await.expect(200);
    assert_eq!(listed["items"], json!([]));
    for wrong in ["component=callback", "version=1"] {
        server
            .get(&format!("/v1/sagas?{wrong}"))
            .await
            .problem(400, "invalid-query");
    }

    server.order(&id, "cancel", json!({})).await.expect(202);
    server.settled(&id).await;
    delete(&server, "/v1/components/callback/versions/1")
        .await
        .expect(204);
}
