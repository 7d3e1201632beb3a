//! `POST /v1/components/{name}/versions/{version}/verify`, and activation with `verify`

use serde_json::{Value, json};

use super::{copy, push};
use crate::support::{Server, guest};

async fn verify(server: &Server, version: u64, body: Value) -> crate::support::Answer {
    let path = format!("/v1/components/script/versions/{version}/verify");
    server.post(&path, &body).await
}

#[tokio::test]
async fn a_verification_looks_at_as_many_sagas_as_it_is_told_and_against_whom() {
    let server = Server::start();
    server.with_guest("script").await;
    for _ in 0..3 {
        server.run_script(json!({})).await;
    }
    let second = push(&server, "script", copy("script", "two")).await;
    let report = verify(&server, second, json!({"sagas": 2}))
        .await
        .expect(200);
    assert_eq!(
        (
            &report["sagas"],
            &report["calls"],
            &report["same"],
            &report["clean"]
        ),
        (&json!(2), &json!(2), &json!(2), &json!(true)),
        "{report:#}"
    );
    assert_eq!(
        (&report["version"], &report["against"]),
        (&json!(second), &json!(1))
    );
    assert_eq!(report["component"], "script");
    // Nothing ran on that one: there is nothing to compare, which is not clean.
    let none = verify(&server, 1, json!({"against": second}))
        .await
        .expect(200);
    assert_eq!((&none["calls"], &none["clean"]), (&json!(0), &json!(false)));
}

#[tokio::test]
async fn what_cannot_be_verified_is_refused_with_its_reason() {
    let server = Server::start();
    push(&server, "script", guest("script")).await;
    verify(&server, 1, json!({}))
        .await
        .problem(409, "no-active-version");
    let active = "/v1/components/script/active?verify=10";
    server
        .put(active, &json!({"version": 1}))
        .await
        .problem(409, "no-active-version");
    let accepted = format!("{active}&differences=accept");
    server
        .put(&accepted, &json!({"version": 1}))
        .await
        .expect(200);
    verify(&server, 9, json!({}))
        .await
        .problem(404, "unknown-component");
    verify(&server, 1, json!({"against": 9}))
        .await
        .problem(404, "unknown-component");
    for sagas in [0, 1001] {
        let wrong = verify(&server, 1, json!({"sagas": sagas})).await;
        let wrong = wrong.problem(422, "invalid-body");
        assert_eq!(wrong["errors"][0]["pointer"], "/sagas");
    }
    for wrong in ["verify=0", "verify=1001", "verify=10&differences=some"] {
        let path = format!("/v1/components/script/active?{wrong}");
        server
            .put(&path, &json!({"version": 1}))
            .await
            .problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn an_activation_is_refused_when_there_is_nothing_to_verify_on_or_somebody_was_faster() {
    let server = Server::start();
    server.with_guest("script").await;
    let tag = server.get("/v1/components/script").await.headers["etag"].clone();
    let second = push(&server, "script", copy("script", "two")).await;
    let active = "/v1/components/script/active?verify=10";
    let nothing = server.put(active, &json!({"version": second})).await;
    let nothing = nothing.problem(409, "verification-differs");
    let detail = nothing["detail"].as_str().expect("a text");
    assert!(detail.contains("nothing to verify"), "{detail}");
    assert_eq!(nothing["verification"]["compared"], 0);

    server.run_script(json!({})).await;
    let done = server.put(active, &json!({"version": second})).await;
    assert_eq!(done.expect(200)["active"], second);
    let late = server.request("PUT", active).header("if-match", &tag);
    let late = late.json(&json!({"version": 1}));
    server.send(late).await.problem(412, "outdated");
    let differs = push(&server, "script", guest("bench")).await;
    server.run_script(json!({})).await;
    let refused = server.put(active, &json!({"version": differs})).await;
    let refused = refused.problem(409, "verification-differs");
    assert_eq!(refused["verification"]["same"], 0, "{refused:#}");
    let component = server.get("/v1/components/script").await.expect(200);
    assert_eq!(component["active"], second);
}
