//! The API as its callers see it.

#![allow(clippy::unwrap_used, reason = "tests")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{MAX_BODY_BYTES, Shop, router};
use crate::books::tests::opening;
use crate::idempotency::Desk;

struct Caller(Router);

struct Answer {
    status: StatusCode,
    replayed: bool,
    body: Value,
}

impl Caller {
    fn new() -> Self {
        Self(router(Shop::new(Desk::open(opening()))))
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.0.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status,
            replayed,
            body,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.send(request).await
    }

    async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        let request = Request::post(path)
            .header("Idempotency-Key", key)
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn count(&self, path: &str) -> usize {
        self.get(path).await.body["items"].as_array().unwrap().len()
    }
}

#[track_caller]
fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.body["code"], code);
    assert!(answer.body["message"].is_string(), "{}", answer.body);
}

#[tokio::test]
async fn an_order_goes_through_every_act() {
    let shop = Caller::new();
    let order = json!({"order_id": "o", "product_id": "product_1", "quantity": 2});
    let reserved = shop.post("/inventory/reservations", "1", order).await;
    assert_eq!(reserved.status, StatusCode::CREATED);
    assert_eq!(reserved.body["reservation_id"], "reservation_1");

    let payment = json!({"order_id": "o", "user_id": "user_1", "amount": 19.99});
    let charged = shop.post("/payments", "2", payment).await;
    assert_eq!(charged.status, StatusCode::CREATED);
    assert_eq!(charged.body["amount"], 19.99);

    let shipment =
        json!({"order_id": "o", "user_id": "user_1", "address": "1 Main St", "fail": null});
    let shipped = shop.post("/shipments", "3", shipment).await;
    assert_eq!(shipped.status, StatusCode::CREATED);
    assert_eq!(shipped.body["tracking_number"], "TRACK-000003");

    let order = shop.get("/orders/o").await.body;
    assert_eq!(order["status"], "complete");
    assert_eq!(order["payment"]["state"], "done");
    assert_eq!(order["payment"]["payment_id"], charged.body["payment_id"]);
    let inventory = shop.get("/inventory").await.body;
    assert_eq!(order["reservation"]["confirmed"], false);
    let confirmed = shop
        .post(
            "/inventory/reservations/confirm",
            "4",
            json!({"order_id": "o"}),
        )
        .await;
    assert_eq!(confirmed.status, StatusCode::OK);
    assert_eq!(confirmed.body, json!({"confirmed": true}));
    let order = shop.get("/orders/o").await.body;
    assert_eq!(order["reservation"]["confirmed"], true);
    assert_eq!(
        inventory["items"][0],
        json!({"product_id": "product_1", "stock": 100, "available": 98, "reserved": 2})
    );
    let balances = shop.get("/balances").await.body;
    assert_eq!(
        balances["items"][0],
        json!({"user_id": "user_1", "initial": 1000, "balance": 980.01})
    );
    assert_eq!(shop.count("/shipments").await, 1);
    let ledger = shop.get("/ledger").await.body;
    assert_eq!(ledger["items"][1]["kind"], "charged");
    assert_eq!(ledger["items"][1]["amount"], 19.99);
    assert_eq!(ledger["items"][1]["key"], "2");
}

#[tokio::test]
async fn undos_say_whether_there_was_something_to_undo() {
    let shop = Caller::new();
    let order = json!({"order_id": "o", "product_id": "product_1", "quantity": 2});
    shop.post("/inventory/reservations", "1", order).await;
    for (path, field, had_effect) in [
        ("/inventory/reservations/release", "released", true),
        ("/payments/refund", "refunded", false),
        ("/shipments/cancel", "cancelled", false),
    ] {
        let undone = shop.post(path, path, json!({"order_id": "o"})).await;
        assert_eq!(undone.status, StatusCode::OK);
        assert_eq!(undone.body, json!({ field: had_effect }));
    }
    let order = shop.get("/orders/o").await.body;
    assert_eq!(order["status"], "undone");
    assert_eq!(order["reservation"]["reservation_id"], "reservation_1");
    assert_eq!(order["payment"], json!({"state": "undone"}));

    let late = json!({"order_id": "o", "user_id": "user_1", "amount": 1});
    let late = shop.post("/payments", "late", late).await;
    is_problem(&late, 409, "already-undone");
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer() {
    let shop = Caller::new();
    let payment = json!({"order_id": "o", "user_id": "user_1", "amount": 100});
    let first = shop.post("/payments", "k", payment.clone()).await;
    let second = shop.post("/payments", "k", payment.clone()).await;
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!(first.status, second.status);
    assert_eq!(first.body, second.body);
    assert_eq!(shop.count("/ledger").await, 1);

    let under_another_key = shop.post("/payments", "l", payment).await;
    is_problem(&under_another_key, 409, "already-exists");
    let other = json!({"order_id": "o", "user_id": "user_1", "amount": 101});
    let reused = shop.post("/payments", "k", other).await;
    is_problem(&reused, 422, "idempotency-key-reused");
}

#[tokio::test]
async fn each_refusal_has_its_status_and_code() {
    let shop = Caller::new();
    for (path, body, status, code) in [
        (
            "/inventory/reservations",
            json!({"order_id": "o", "product_id": "product_9", "quantity": 1}),
            404,
            "unknown-product",
        ),
        (
            "/inventory/reservations",
            json!({"order_id": "o", "product_id": "product_1", "quantity": 101}),
            409,
            "out-of-stock",
        ),
        (
            "/payments",
            json!({"order_id": "o", "user_id": "user_3", "amount": 500}),
            402,
            "insufficient-funds",
        ),
        (
            "/payments",
            json!({"order_id": "o", "user_id": "user_9", "amount": 1}),
            404,
            "unknown-user",
        ),
        (
            "/shipments",
            json!({"order_id": "o", "user_id": "user_3", "address": "x"}),
            422,
            "shipping-failed",
        ),
        (
            "/shipments",
            json!({"order_id": "o", "user_id": "user_1", "address": "x", "fail": true}),
            422,
            "shipping-failed",
        ),
        (
            "/inventory/reservations/confirm",
            json!({"order_id": "o"}),
            409,
            "not-reserved",
        ),
    ] {
        let key = format!("{code} {body}");
        is_problem(&shop.post(path, &key, body).await, status, code);
    }
    assert_eq!(shop.count("/ledger").await, 0);
    assert_eq!(shop.count("/orders").await, 0);
}

#[tokio::test]
async fn a_request_that_changes_something_needs_a_key() {
    let shop = Caller::new();
    for path in [
        "/inventory/reservations",
        "/inventory/reservations/confirm",
        "/inventory/reservations/release",
        "/payments",
        "/payments/refund",
        "/shipments",
        "/shipments/cancel",
    ] {
        let request = Request::post(path).body(Body::from("{}")).unwrap();
        let answer = shop.send(request).await;
        is_problem(&answer, 400, "idempotency-key-required");
    }
    let long = shop.post("/payments", &"k".repeat(256), json!({})).await;
    is_problem(&long, 400, "invalid-request");
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_and_the_message_says_why() {
    let shop = Caller::new();
    for (body, why) in [
        (
            json!({"order_id": "o", "product_id": "product_1"}),
            "quantity",
        ),
        (
            json!({"order_id": "", "product_id": "p", "quantity": 1}),
            "empty",
        ),
        (
            json!({"order_id": "o", "product_id": "p", "quantity": 0}),
            "nonzero",
        ),
        (
            json!({"order_id": "o", "product_id": "p", "quantity": 1.5}),
            "u32",
        ),
        (
            json!({"order_id": "o".repeat(201), "product_id": "p", "quantity": 1}),
            "200",
        ),
        (json!([]), "invalid length"),
    ] {
        let answer = shop.post("/inventory/reservations", "k", body).await;
        is_problem(&answer, 400, "invalid-request");
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(why), "no {why:?} in {message:?}");
    }
    for amount in [json!(0), json!(-5), json!(0.001), json!("100"), json!(1e12)] {
        let body = json!({"order_id": "o", "user_id": "user_1", "amount": amount});
        let answer = shop.post("/payments", "k", body).await;
        is_problem(&answer, 400, "invalid-request");
    }
    let huge = json!({"order_id": "o".repeat(MAX_BODY_BYTES)});
    let answer = shop.post("/payments/refund", "k", huge).await;
    is_problem(&answer, 413, "payload-too-large");
}

#[tokio::test]
async fn lists_are_paged() {
    let shop = Caller::new();
    for order in ["a", "b", "c"] {
        let body = json!({"order_id": order, "user_id": "user_1"});
        shop.post("/shipments", order, body).await;
    }
    for (path, field) in [
        ("/orders", "order_id"),
        ("/shipments", "order_id"),
        ("/ledger", "order_id"),
    ] {
        let mut seen = Vec::new();
        let mut query = "?limit=2".to_owned();
        loop {
            let page = shop.get(&format!("{path}{query}")).await.body;
            let items = page["items"].as_array().unwrap();
            seen.extend(
                items
                    .iter()
                    .map(|item| item[field].as_str().unwrap().to_owned()),
            );
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("?limit=2&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(seen, ["a", "b", "c"], "{path}");
    }
    assert_eq!(shop.count("/ledger?order_id=b").await, 1);
    is_problem(&shop.get("/ledger?cursor=x").await, 400, "invalid-request");
    is_problem(&shop.get("/orders?limit=x").await, 400, "invalid-request");
}

#[tokio::test]
async fn a_reset_needs_no_key_and_opens_fresh_books() {
    let shop = Caller::new();
    let payment = json!({"order_id": "o", "user_id": "user_1", "amount": 100});
    shop.post("/payments", "k", payment).await;
    let request = Request::post("/reset").body(Body::empty()).unwrap();
    assert_eq!(shop.send(request).await.status, StatusCode::NO_CONTENT);
    assert_eq!(shop.count("/ledger").await, 0);
    assert_eq!(
        shop.get("/balances").await.body["items"][0]["balance"],
        1000
    );
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let shop = Caller::new();
    is_problem(&shop.get("/nowhere").await, 404, "not-found");
    is_problem(&shop.get("/orders/none").await, 404, "unknown-order");
    is_problem(&shop.get("/payments").await, 405, "method-not-allowed");
    let request = Request::builder().method(Method::DELETE).uri("/ledger");
    let answer = shop.send(request.body(Body::empty()).unwrap()).await;
    is_problem(&answer, 405, "method-not-allowed");
}
