//! The unwind matrix: a saga is made to fail at each of its calls, before and after the call's effect;
//! every call is made twice; the engine crashes after each commit; all of that together. Each time the
//! saga has to end as it must, to name the node that failed, and to leave the services' books clean.
//!
//! It drives the state machine and the sandbox, and no server: a crash is to throw away all but the
//! records that were committed. What is run is a [`matrix::Subject`]: definitions, components, an input
//! and a check of the books.
//!
//! | file | what it holds |
//! |---|---|
//! | `matrix` | which cells there are, and running them |
//! | `plan` | a cell: what fails, when the engine crashes, how often calls are made |
//! | `tree` | a saga and those nested in it |
//! | `walk` | its way to its end, a turn at a time |
//! | `call` | its calls, and how they fail |
//! | `commit` | its journals, and the crash that leaves nothing else |
//! | `expect` | what a failure has to lead to |
//! | `judge` | whether a tree ended as it had to |
//! | `stage` | definitions and components |
//! | `shop` | the order services and their books |

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod call;
mod commit;
mod expect;
mod judge;
mod matrix;
mod plan;
#[path = "../support/process.rs"]
#[allow(dead_code, reason = "the suite uses all of it")]
mod process;
mod shop;
mod stage;
mod tree;
mod walk;

use serde_json::{Value, json};
use wasaga_core::Policy;

use matrix::{Subject, Tally};
use shop::{Orders, Shop};
use stage::Stage;

/// The components of the examples, by the names that the definitions call them, with the guests that
/// they are: those of the order saga, and three that do what their arguments say.
const COMPONENTS: [(&str, &str); 7] = [
    ("order", "order"),
    ("inventory", "inventory"),
    ("payment", "payment"),
    ("shipping", "shipping"),
    ("reservations", "confirm"),
    ("approvals", "callback"),
    ("couriers", "script"),
];

fn example(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/order");
    let bytes = std::fs::read(format!("{folder}/{name}.json")).expect("an example");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn components(shop: &Shop) -> Vec<(&'static str, &'static str, Policy)> {
    let granted = COMPONENTS.map(|(name, wasm)| (name, wasm, shop.policy()));
    granted.into()
}

/// A stage with some of the examples.
async fn stage(shop: &Shop, documents: &[&str]) -> Stage {
    let documents: Vec<_> = documents.iter().map(|name| example(name)).collect();
    Stage::new(components(shop), &documents).await
}

/// Runs a matrix on a definition. Nothing in it may be wrong, and neither may the books as a whole.
async fn run(subject: Subject<'_, Orders<'_>>) -> Tally {
    let seed = rand::random();
    let tally = subject.run(seed).await;
    println!("{} with seed {seed}: {tally}", subject.definition);
    assert!(tally.wrong.is_empty(), "with seed {seed}: {tally}");
    subject.books.shop.audit(&["open=0"]);
    tally
}

fn order_alone(cell: &str) -> Vec<String> {
    vec![cell.to_owned()]
}

fn an_order(cell: &str) -> Value {
    json!({"order_id": cell, "user_id": "user_1", "product_id": "product_1", "quantity": 2,
           "amount": 100})
}

/// The order of a cell, and those of its two gifts.
fn order_and_gifts(cell: &str) -> Vec<String> {
    let gifts = (1..=2).map(|number| format!("{cell}-gift-{number}"));
    [cell.to_owned()].into_iter().chain(gifts).collect()
}

fn with_gifts(services_url: &str, cell: &str, amount: u32) -> Value {
    let gifts: Vec<_> = order_and_gifts(cell)[1..]
        .iter()
        .zip([3, 9])
        .map(|(order, amount)| json!({"order_id": order, "product_id": "product_2", "amount": amount}))
        .collect();
    json!({"order_id": cell, "user_id": "user_1", "product_id": "product_1", "quantity": 2,
           "amount": amount, "gifts": gifts, "services_url": services_url})
}

#[tokio::test]
async fn a_saga_of_every_node_kind_unwinds_from_wherever_it_fails() {
    let shop = Shop::open();
    let stage = stage(&shop, &["every-node", "parcel"]).await;
    // Which amount it is decides which way it is paid.
    for amount in [100, 20] {
        let tally = run(Subject {
            stage: &stage,
            definition: "every-node",
            input: &|cell| with_gifts(shop.url(), cell, amount),
            books: Orders {
                shop: &shop,
                of_cell: order_and_gifts,
                are_confirmed: true,
            },
        })
        .await;
        assert!(tally.completed > 0 && tally.compensated > 0, "{tally}");
    }
}

#[tokio::test]
async fn a_saga_goes_forward_from_wherever_it_fails_after_its_pivot() {
    let shop = Shop::open();
    let stage = stage(&shop, &["every-node-pivot", "parcel"]).await;
    let tally = run(Subject {
        stage: &stage,
        definition: "every-node-pivot",
        input: &|cell| with_gifts(shop.url(), cell, 100),
        books: Orders {
            shop: &shop,
            of_cell: order_and_gifts,
            are_confirmed: true,
        },
    })
    .await;
    assert!(tally.completed > 0 && tally.compensated > 0, "{tally}");
}

#[tokio::test]
async fn the_order_saga_unwinds_from_wherever_it_fails() {
    let shop = Shop::open();
    let stage = stage(&shop, &["order"]).await;
    let tally = run(Subject {
        stage: &stage,
        definition: "order",
        input: &|cell| an_order(cell),
        books: Orders {
            shop: &shop,
            of_cell: order_alone,
            are_confirmed: false,
        },
    })
    .await;
    assert!(tally.completed > 0 && tally.compensated > 0, "{tally}");
}

#[tokio::test]
async fn an_undo_that_does_nothing_is_found_out() {
    let shop = Shop::open();
    let mut document = example("order");
    let url = format!("{}/shipments", shop.url());
    document["steps"][3] = json!({"step": "ship_order", "component": "couriers", "arguments":
        {"requests": [{"method": "POST", "url": url,
                       "body": {"$cel": "{'order_id': input.order_id, 'user_id': input.user_id}"}}]}});
    let stage = Stage::new(components(&shop), &[document]).await;
    let subject = Subject {
        stage: &stage,
        definition: "order",
        input: &|cell| an_order(cell),
        books: Orders {
            shop: &shop,
            of_cell: order_alone,
            are_confirmed: false,
        },
    };
    let tally = subject.run(0).await;
    let wrong = tally.wrong.first().expect("something is wrong");
    let cell = "the plain route, act of ship_order fails for good after its effect";
    assert!(wrong.starts_with(cell), "{tally}");
    assert!(wrong.contains("has to be undone"), "{tally}");
    assert!(
        wrong.contains("reserved, charged, shipped, refunded, released"),
        "{tally}"
    );
}
