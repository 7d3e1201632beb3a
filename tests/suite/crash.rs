//! Kills the server again and again while orders run, and looks at the services' books.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::support::{Orders, Server, eventually, order_input};

const ORDERS: usize = 200;
const KILLS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn orders_survive_kills_at_random_moments_with_each_effect_once() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let orders = Orders::start(&["--stock", "1000000", "--balance", "1000000"]);
    // So many kills would make the server take sagas for what brings it down.
    let server = Server::start_with(&["--max-crashes", "1000"]);
    orders.teach(&server).await;
    let server = Arc::new(RwLock::new(server));

    // Each order is sent until it is taken: the same id again is the same saga.
    let clients: Vec<_> = (0..ORDERS)
        .map(|index| tokio::spawn(place(Arc::clone(&server), index)))
        .collect();
    let mut kills = 0;
    while kills < KILLS {
        // Not a wait for a condition: the moment of the kill is what is random.
        tokio::time::sleep(Duration::from_millis(random.random_range(5..120))).await;
        let mut server = server.write().await;
        server.kill_and_restart();
        kills += 1;
    }
    for client in clients {
        client.await.expect("an order is placed");
    }
    let server = server.read().await;
    eventually("no saga is unfinished", || async {
        for status in ["running", "waiting", "compensating"] {
            let list = server
                .get(&format!("/v1/sagas?status={status}&limit=1"))
                .await
                .expect(200);
            if !list["items"].as_array()?.is_empty() {
                return None;
            }
        }
        Some(())
    })
    .await;
    let completed = count(&server, "completed").await;
    let compensated = count(&server, "compensated").await;
    println!("{completed} completed, {compensated} compensated, {kills} kills");
    // Every fourth order was to fail. Were a call repeated under another key, the services would
    // refuse it, and more sagas would be undone.
    assert_eq!((completed, compensated), (ORDERS - ORDERS / 4, ORDERS / 4));
    assert!(
        interrupted(&server).await > 0,
        "no kill hit a call: the test shows nothing"
    );
    orders.audit(&["open=0", &format!("complete={completed}")]);
}

/// Places an order: every fourth one is to fail at shipping.
async fn place(server: Arc<RwLock<Server>>, index: usize) {
    let mut input = order_input(&format!("order-{index}"), "user_1", 1, 10.0);
    input["fail_shipping"] = index.is_multiple_of(4).into();
    let id = uuid::Uuid::now_v7();
    let body = json!({"definition": "order", "input": input, "id": id});
    // Spread over the kills, so that there is always something on its way.
    tokio::time::sleep(Duration::from_millis(10 * index as u64)).await;
    loop {
        let sent = {
            let server = server.read().await;
            server.request("POST", "/v1/sagas").json(&body).send().await
        };
        match sent {
            Ok(answer) if answer.status().is_success() => return,
            Ok(answer) if answer.status().as_u16() == 503 => {}
            Ok(answer) => panic!("{:?}", answer.text().await),
            // The server was killed meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn count(server: &Server, status: &str) -> usize {
    let list: Value = server
        .get(&format!("/v1/sagas?status={status}&limit=1000"))
        .await
        .expect(200);
    list["items"].as_array().expect("items").len()
}

/// How many calls were cut off by the kills.
async fn interrupted(server: &Server) -> usize {
    let list = server.get("/v1/sagas?limit=1000").await.expect(200);
    let mut count = 0;
    for saga in list["items"].as_array().expect("items") {
        let events = server.events(saga["id"].as_str().expect("an id")).await;
        let cut_off = |event: &&Value| {
            let kind = event["type"].as_str().unwrap_or_default();
            kind.ends_with("_interrupted")
        };
        count += events.iter().filter(cut_off).count();
    }
    count
}
