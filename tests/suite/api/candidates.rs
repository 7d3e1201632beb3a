//! `/v1/components/{name}/candidate` and `…/switches`

use serde_json::{Value, json};

use super::{copy, delete, push};
use crate::support::{Server, guest};

const ACTIVE: &str = "/v1/components/c/active";
const CANDIDATE: &str = "/v1/components/c/candidate";

#[tokio::test]
async fn a_candidate_is_set_changed_dropped_and_promoted_and_each_change_is_remembered() {
    let server = Server::start();
    server.upload("c", guest("script")).await.expect(201);
    push(&server, "c", copy("script", "two")).await;
    let set = json!({"version": 2, "percent": 5, "by": "ann", "reason": "careful"});
    let shared = server.put(CANDIDATE, &set).await;
    let tag = shared.headers["etag"].clone();
    let shared = shared.expect(200);
    assert_eq!(shared["candidate"], json!({"version": 2, "percent": 5}));
    let detail = server.get("/v1/components/c").await.expect(200);
    assert_eq!(detail["candidate"]["percent"], 5);
    let shown: Vec<_> = detail["versions"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&shown[0]["percent"], &shown[0]["active"]),
        (&json!(5), &json!(false))
    );
    assert_eq!(shown[1].get("percent"), None);

    let raise = |tag: &reqwest::header::HeaderValue| {
        let request = server.request("PUT", CANDIDATE).header("if-match", tag);
        request.json(&json!({"version": 2, "percent": 50}))
    };
    server.send(raise(&tag)).await.expect(200);
    let outdated = server.send(raise(&tag)).await.problem(412, "outdated");
    assert_eq!(outdated["generation"], 3, "{outdated:#}");
    let stale = server.request("DELETE", CANDIDATE).header("if-match", &tag);
    server.send(stale).await.problem(412, "outdated");
    let dropped = delete(&server, &format!("{CANDIDATE}?by=bob&reason=slow")).await;
    assert_eq!(dropped.expect(200).get("candidate"), None);
    // Nothing is shared: nothing changes.
    delete(&server, CANDIDATE).await.expect(200);
    server.put(CANDIDATE, &set).await.expect(200);
    let promoted = server.put(ACTIVE, &json!({"version": 2})).await.expect(200);
    assert_eq!(
        (&promoted["active"], promoted.get("candidate")),
        (&json!(2), None)
    );

    let mut switches = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/v1/components/c/switches?limit=4{next}");
        let page = server.get(&path).await.expect(200);
        switches.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let told = switches.iter().map(|switch| {
        let text = |field: &str| switch[field].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {} {}",
            switch["generation"],
            text("to"),
            text("by"),
            text("reason")
        )
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "6 active api ",
            "5 shared ann careful",
            "4 unshared bob slow",
            "3 shared api ",
            "2 shared ann careful",
            "1 active api ",
        ]
    );
    assert_eq!(switches[1]["percent"], 5);
    assert_eq!(switches[0]["version"], 2);
}

#[tokio::test]
async fn what_cannot_share_is_refused_with_its_reason() {
    let server = Server::start();
    let put = async |body: Value| server.put(CANDIDATE, &body).await;
    put(json!({"version": 1, "percent": 5}))
        .await
        .problem(404, "unknown-component");
    delete(&server, CANDIDATE)
        .await
        .problem(404, "unknown-component");
    server
        .get("/v1/components/c/switches")
        .await
        .problem(404, "unknown-component");
    push(&server, "c", guest("script")).await;
    put(json!({"version": 1, "percent": 5}))
        .await
        .problem(409, "no-active-version");
    server.put(ACTIVE, &json!({"version": 1})).await.expect(200);
    put(json!({"version": 1, "percent": 5}))
        .await
        .problem(409, "version-active");
    put(json!({"version": 9, "percent": 5}))
        .await
        .problem(404, "unknown-component");
    let much = put(json!({"version": 1, "percent": 101})).await;
    let much = much.problem(422, "invalid-body");
    assert_eq!(much["errors"][0]["pointer"], "/percent");
    let long = "x".repeat(4097);
    put(json!({"version": 1, "percent": 1, "reason": long}))
        .await
        .problem(422, "invalid-body");
    delete(&server, &format!("{CANDIDATE}?reason={long}"))
        .await
        .problem(400, "invalid-query");
    delete(&server, &format!("{CANDIDATE}?why=slow"))
        .await
        .problem(400, "invalid-query");
    let wrong = server.request("PUT", CANDIDATE).header("if-match", "1");
    let wrong = wrong.json(&json!({"version": 1, "percent": 5}));
    server.send(wrong).await.problem(400, "invalid-header");
    server
        .get("/v1/components/c/switches?cursor=made-up")
        .await
        .problem(400, "invalid-cursor");
}

#[tokio::test]
async fn calls_and_fuel_are_counted_by_version() {
    let server = Server::start();
    server.with_guest("script").await;
    server.run_script(json!({})).await;
    let second = push(&server, "script", copy("script", "two")).await;
    let share = json!({"version": second, "percent": 100});
    server
        .put("/v1/components/script/candidate", &share)
        .await
        .expect(200);
    server.run_script(json!({})).await;
    server.run_script(json!({})).await;
    let metrics = server.get("/metrics").await.expect(200);
    let metrics = metrics.as_str().expect("text");
    let count = |version: u64, calls: u32| {
        let line = format!(
            "wasaga_component_calls_total{{component=\"script\",version=\"{version}\",direction=\"act\",outcome=\"completed\"}} {calls}"
        );
        assert!(metrics.contains(&line), "no `{line}` in\n{metrics}");
        let fuel =
            format!("wasaga_component_fuel_total{{component=\"script\",version=\"{version}\"}} ");
        let fuel = metrics.lines().find_map(|line| line.strip_prefix(&fuel));
        fuel.expect("fuel").parse::<u64>().expect("a number")
    };
    assert_eq!(count(second, 2), 2 * count(1, 1));
}
