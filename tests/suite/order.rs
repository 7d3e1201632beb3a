//! The order saga against its services.

use serde_json::{Value, json};

use crate::support::{Orders, Server, order_input};

fn steps(saga: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = saga["steps"].as_array().expect("steps");
    steps
        .iter()
        .map(|step| (text(&step["step"]), text(&step["status"])))
        .collect()
}

fn expected(statuses: [&str; 4]) -> Vec<(String, String)> {
    [
        "validate_order",
        "reserve_inventory",
        "process_payment",
        "ship_order",
    ]
    .into_iter()
    .zip(statuses)
    .map(|(step, status)| (step.to_owned(), status.to_owned()))
    .collect()
}

#[tokio::test]
async fn an_order_completes_and_what_fails_is_undone_in_the_books() {
    let orders = Orders::start(&[]);
    let server = Server::start();
    orders.teach(&server).await;

    let bought = server
        .run("order", order_input("o1", "user_1", 2, 100.0))
        .await;
    assert_eq!(bought["status"], "completed", "{bought:#}");
    assert_eq!(steps(&bought), expected(["completed"; 4]));
    assert!(
        bought["context"]["tracking_number"].is_string(),
        "{bought:#}"
    );
    assert_eq!(bought["error"], Value::Null);
    assert_eq!(bought["progress"]["done"], 4);

    let poor = server
        .run("order", order_input("o2", "user_3", 1, 500.0))
        .await;
    assert_eq!(poor["status"], "compensated", "{poor:#}");
    assert_eq!(poor["error"]["step"], "process_payment");
    assert_eq!(poor["error"]["code"], "insufficient-funds");

    let unshippable = server
        .run("order", order_input("o3", "user_3", 1, 50.0))
        .await;
    assert_eq!(unshippable["status"], "compensated", "{unshippable:#}");
    assert_eq!(unshippable["error"]["step"], "ship_order");
    assert_eq!(
        steps(&unshippable),
        expected(["compensated"; 4]),
        "a shipment that was refused was asked for, so it is cancelled too"
    );

    let mut asked = order_input("o4", "user_2", 1, 50.0);
    asked["fail_shipping"] = true.into();
    let failed = server.run("order", asked).await;
    assert_eq!(failed["error"]["code"], "shipping-failed", "{failed:#}");

    orders.audit(&[
        "complete=1",
        "undone=3",
        "open=0",
        "shipments=1",
        "product_1=98",
        "user_1=900",
        "user_2=500",
        "user_3=200",
    ]);
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_before_anything_is_booked() {
    let orders = Orders::start(&[]);
    let server = Server::start();
    orders.teach(&server).await;
    let mut order = order_input("o1", "user_1", 0, -1.0);
    order["colour"] = "red".into();
    let body = serde_json::json!({"definition": "order", "input": order});
    let problem = server
        .post("/v1/sagas", &body)
        .await
        .problem(422, "invalid-input");
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert!(
        pointers.contains(&"/quantity") && pointers.contains(&"/amount"),
        "{problem:#}"
    );
    assert_eq!(
        server.get("/v1/sagas").await.expect(200)["items"],
        serde_json::json!([])
    );
    orders.audit(&["complete=0", "undone=0"]);
}

#[tokio::test]
async fn an_order_of_every_kind_of_node_completes_or_is_undone_as_it_is_decided() {
    let orders = Orders::start(&[]);
    let server = Server::start();
    orders.teach_every_node(&server).await;
    for (order, decision, status) in [
        ("kept", "commit", "completed"),
        ("returned", "reject", "compensated"),
    ] {
        let input = json!({
            "order_id": order, "user_id": "user_1", "product_id": "product_1", "quantity": 2,
            "amount": 100, "services_url": orders.url(),
            "gifts": [{"order_id": format!("{order}-gift"), "product_id": "product_2", "amount": 5}],
        });
        let id = server.begin("every-node", input).await;
        let asks = server.waits_for(&id, "reply").await;
        let token = asks["token"].as_str().expect("a token");
        let approved = json!({"succeeded": {"approved": true}});
        server
            .post(&format!("/v1/callbacks/{token}"), &approved)
            .await
            .expect(202);
        server.waits_for(&id, "commit").await;
        server.order(&id, decision, json!({})).await.expect(202);
        let saga = server.settled(&id).await;
        assert_eq!(saga["status"], status, "{saga:#}");
    }
    orders.audit(&["open=0", "complete=2", "undone=2", "confirmed=2"]);
}
