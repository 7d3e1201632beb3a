//! A version is tried on what another one did, before sagas take it: variants of one component that
//! differ on purpose, against the order services.

use serde_json::{Value, json};

use crate::support::{Orders, Server, guest, order_input};

/// What the component says of itself, but for the last character.
const MARK: &[u8] = b"wasaga-test-variant:";

/// One of the variants that tests/guests/variant describes.
pub(crate) fn variant(which: u8) -> Vec<u8> {
    let mut wasm = guest("variant");
    let place = wasm
        .windows(MARK.len())
        .position(|bytes| bytes == MARK)
        .expect("the guest says which variant it is");
    wasm[place + MARK.len()] = which;
    wasm
}

/// A server whose active version has charged for some orders, and the services.
struct Charged {
    server: Server,
    orders: Orders,
    sagas: Vec<String>,
}

impl Charged {
    /// Charges for so many orders; those of poor users fail and are undone.
    async fn new(orders_count: u32) -> Self {
        let orders = Orders::start(&[]);
        let server = Server::start();
        server.upload("pay", variant(b'A')).await.expect(201);
        let policy = json!({
            "allowed_hosts": [orders.url().trim_start_matches("http://")],
            "config": {"services_url": orders.url()},
        });
        server
            .put("/v1/components/pay/policy", &policy)
            .await
            .expect(200);
        let document = json!({"steps": [{"step": "charge", "component": "pay"}]});
        server.define("pay", document).await.expect(201);
        let mut sagas = Vec::new();
        for number in 0..orders_count {
            // The last user has not enough.
            let amount = if number % 5 == 4 { 100_000.0 } else { 1.0 };
            let input = order_input(&format!("order-{number}"), "user_1", 1, amount);
            let saga = server.run("pay", input).await;
            let expected = if number % 5 == 4 {
                "compensated"
            } else {
                "completed"
            };
            assert_eq!(saga["status"], expected, "{saga:#}");
            sagas.push(saga["id"].as_str().expect("an id").to_owned());
        }
        Self {
            server,
            orders,
            sagas,
        }
    }

    async fn upload(&self, which: u8) -> u64 {
        let request = self
            .server
            .request("POST", "/v1/components/pay?activate=false")
            .header("content-type", "application/wasm")
            .body(variant(which));
        let made = self.server.send(request).await.expect(201);
        made["version"].as_u64().expect("a number")
    }

    async fn verify(&self, version: u64) -> Value {
        let path = format!("/v1/components/pay/versions/{version}/verify");
        self.server.post(&path, &json!({})).await.expect(200)
    }

    /// Everything that the services have heard.
    async fn ledger(&self) -> String {
        let client = reqwest::get(format!("{}/ledger?limit=1000", self.orders.url()));
        let answer = client.await.expect("an answer");
        answer.text().await.expect("a text")
    }
}

/// Types of all differences of all calls that are shown.
fn types(report: &Value) -> Vec<&str> {
    let calls = report["different"].as_array().expect("calls").iter();
    calls
        .flat_map(|call| call["differences"].as_array().expect("differences"))
        .map(|difference| difference["type"].as_str().expect("a type"))
        .collect()
}

#[tokio::test]
async fn the_same_behaviour_verifies_clean_and_nothing_reaches_the_services() {
    let charged = Charged::new(10).await;
    let before = charged.ledger().await;
    // The very same version, and the same behaviour in other bytes.
    for version in [1, charged.upload(b'B').await] {
        let report = charged.verify(version).await;
        assert_eq!(report["clean"], true, "{report:#}");
        assert_eq!(report["against"], 1);
        assert_eq!(report["sagas"], 10);
        let calls = report["calls"].as_u64().expect("a number");
        assert!(calls >= 10, "{report:#}");
        for count in [
            "compared",
            "same",
            "same_outcome",
            "same_context_patch",
            "same_requests",
        ] {
            assert_eq!(report[count], calls, "{count}: {report:#}");
        }
        assert_eq!(report["fuel"]["recorded"], report["fuel"]["candidate"]);
        assert_eq!(report["different"], json!([]));
    }
    assert_eq!(charged.ledger().await, before, "nothing left the machine");
}

#[tokio::test]
async fn another_amount_is_reported_as_exactly_that() {
    let charged = Charged::new(4).await;
    let report = charged.verify(charged.upload(b'C').await).await;
    assert_eq!(report["clean"], false);
    assert_eq!(report["compared"], 4);
    assert_eq!(
        (&report["same"], &report["same_requests"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(report["same_outcome"], 4, "{report:#}");
    assert_eq!(report["same_context_patch"], 4);
    assert_eq!(types(&report), ["request"; 4], "{report:#}");
    let difference = &report["different"][0]["differences"][0];
    assert_eq!(
        difference["parts"],
        json!([{"part": "json-body", "changes": [
            {"pointer": "/amount", "recorded": 1.0, "candidate": 2.0}]}]),
        "{report:#}"
    );
    assert_eq!(report["different"][0]["step"], "charge");
    assert_eq!(report["different"][0]["direction"], "act");
}

#[tokio::test]
async fn a_request_more_is_reported_as_exactly_that() {
    let charged = Charged::new(4).await;
    let report = charged.verify(charged.upload(b'D').await).await;
    assert_eq!(report["clean"], false);
    assert_eq!(types(&report), ["unrecorded-request"; 4], "{report:#}");
    let call = &report["different"][0];
    assert_eq!(call["diverged_at"], 0);
    let request = &call["differences"][0];
    assert_eq!(
        (&request["index"], &request["method"]),
        (&json!(0), &json!("GET"))
    );
    let url = request["url"].as_str().expect("a URL");
    assert!(url.ends_with("/balances"), "{report:#}");
}

#[tokio::test]
async fn a_slower_loop_is_no_difference_and_stands_in_the_fuel() {
    let charged = Charged::new(4).await;
    let report = charged.verify(charged.upload(b'E').await).await;
    assert_eq!(report["clean"], true, "{report:#}");
    assert_eq!(types(&report), [""; 0]);
    let fuel = |of: &str| report["fuel"][of].as_u64().expect("a number");
    assert!(
        fuel("candidate") > fuel("recorded") * 2,
        "{}",
        report["fuel"]
    );
}

#[tokio::test]
async fn other_results_patches_paths_outcomes_and_missing_requests_are_told_apart() {
    let charged = Charged::new(1).await;
    let expected = [
        (b'F', vec!["result"]),
        (b'G', vec!["context-patch"]),
        (b'H', vec!["request"]),
        (b'I', vec!["result", "context-patch", "missing-request"]),
        (b'J', vec!["outcome", "missing-request"]),
    ];
    for (which, expected) in expected {
        let report = charged.verify(charged.upload(which).await).await;
        let name = char::from(which);
        assert_eq!(report["clean"], false, "{name}");
        assert_eq!(types(&report), expected, "{name}: {report:#}");
    }
}

#[tokio::test]
async fn an_activation_that_asks_for_verification_is_refused_when_it_differs_unless_told_otherwise()
{
    let charged = Charged::new(3).await;
    let server = &charged.server;
    let (same, changed) = (charged.upload(b'B').await, charged.upload(b'C').await);
    let active = "/v1/components/pay/active?verify=100";
    let refused = server
        .put(active, &json!({ "version": changed }))
        .await
        .problem(409, "verification-differs");
    assert_eq!(types(&refused["verification"]), ["request"; 3]);
    let component = server.get("/v1/components/pay").await.expect(200);
    assert_eq!(component["active"], 1, "nothing has changed");

    let done = server.put(active, &json!({ "version": same })).await;
    assert_eq!(done.expect(200)["active"], same);
    // Nothing ran on that one yet: there is nothing to compare with.
    server
        .put(active, &json!({ "version": changed }))
        .await
        .problem(409, "verification-differs");
    let told = format!("{active}&differences=accept");
    let done = server.put(&told, &json!({ "version": changed })).await;
    assert_eq!(done.expect(200)["active"], changed);
}

#[tokio::test]
async fn a_recorded_call_is_shown_with_what_went_in_and_out_and_runs_again_on_any_version() {
    let charged = Charged::new(5).await;
    let server = &charged.server;
    let id = &charged.sagas[0];
    let list = server
        .get(&format!("/v1/sagas/{id}/calls"))
        .await
        .expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list:#}");
    let seq = &list["items"][0]["seq"];
    let path = format!("/v1/sagas/{id}/calls/{seq}");
    let call = server.get(&path).await.expect(200);
    assert_eq!(call["input"]["input"]["order_id"], "order-0", "{call:#}");
    assert_eq!(call["outcome"], "completed");
    let request = &call["output"]["requests"][0];
    assert_eq!(request["method"], "POST");
    let body = request["exchange"]["request"]["body"]["text"].as_str();
    let body: Value = serde_json::from_str(body.expect("a body")).expect("JSON");
    assert_eq!(body["amount"], 1.0);
    let answer = request["exchange"]["response"]["body"]["text"].as_str();
    let answer: Value = serde_json::from_str(answer.expect("a body")).expect("JSON");
    assert_eq!(answer["payment_id"], call["output"]["result"]["payment_id"]);

    let before = (charged.ledger().await, server.events(id).await);
    let rerun_path = format!("{path}/rerun");
    let rerun = async |body: Value| server.post(&rerun_path, &body).await;
    let again = rerun(json!({})).await.expect(200);
    assert_eq!(again["comparison"]["differences"], json!([]), "{again:#}");
    assert_eq!(again["output"]["result"], call["output"]["result"]);
    let version = charged.upload(b'C').await;
    let changed = rerun(json!({ "version": version })).await.expect(200);
    assert_eq!(changed["comparison"]["differences"][0]["type"], "request");
    rerun(json!({"version": 99}))
        .await
        .problem(404, "unknown-component");
    let after = (charged.ledger().await, server.events(id).await);
    assert_eq!(after, before, "neither the services nor the saga noticed");
}

#[tokio::test]
async fn what_was_not_recorded_in_full_cannot_be_compared_and_the_report_says_so() {
    let charged = Charged::new(0).await;
    let server = &charged.server;
    for record in ["summary", "none"] {
        let policy = json!({
            "allowed_hosts": [charged.orders.url().trim_start_matches("http://")],
            "config": {"services_url": charged.orders.url()},
            "record": record,
        });
        server
            .put("/v1/components/pay/policy", &policy)
            .await
            .expect(200);
        let saga = server
            .run("pay", order_input(&format!("o-{record}"), "user_1", 1, 1.0))
            .await;
        let events = server.events(saga["id"].as_str().expect("an id")).await;
        let done = events
            .iter()
            .find(|event| event["type"] == "act_completed")
            .expect("it is done");
        assert_eq!(done["metering"]["requests"], 1);
        match record {
            "summary" => {
                assert_eq!(done["requests"][0]["status"], 201, "{done:#}");
                assert_eq!(done["requests"][0].get("exchange"), None);
            }
            _ => assert_eq!(done.get("requests"), None, "{done:#}"),
        }
    }
    let report = charged.verify(1).await;
    assert_eq!(report["clean"], false, "nothing was compared: {report:#}");
    assert_eq!(
        (&report["calls"], &report["compared"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(
        report["incomparable"],
        json!({"not-recorded": 2}),
        "{report:#}"
    );
}
