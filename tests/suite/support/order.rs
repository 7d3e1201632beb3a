//! The order services, and a server that runs the order saga against them.

use std::process::Command;

use serde_json::{Value, json};

use super::process::{Process, binary, guest};
use super::server::Server;

/// The order services.
pub(crate) struct Orders(Process);

impl Orders {
    /// Starts the services with the stock and balances of the demonstration, or with more.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut arguments = vec!["--listen", "127.0.0.1:0"];
        arguments.extend(options);
        Self(Process::start(&binary("order-services"), &arguments))
    }

    /// Where the services are.
    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    /// Uploads the steps and applies the definition.
    pub(crate) async fn teach(&self, server: &Server) {
        let own = ["order", "inventory", "payment", "shipping"].map(|name| (name, name));
        self.upload(server, &own).await;
        Self::apply(server, "order").await;
    }

    /// Uploads the steps of the example with every kind of node, and applies its definitions.
    pub(crate) async fn teach_every_node(&self, server: &Server) {
        let steps = [
            ("order", "order"),
            ("payment", "payment"),
            ("shipping", "shipping"),
            ("reservations", "confirm"),
            ("approvals", "callback"),
            ("couriers", "script"),
        ];
        self.upload(server, &steps).await;
        Self::apply(server, "parcel").await;
        Self::apply(server, "every-node").await;
    }

    /// Uploads guests as components, which may reach the services.
    async fn upload(&self, server: &Server, components: &[(&str, &str)]) {
        for (component, wasm) in components {
            server.upload(component, guest(wasm)).await.expect(201);
            let policy = json!({
                "allowed_hosts": [self.0.url.trim_start_matches("http://")],
                "config": {"services_url": self.0.url},
            });
            server
                .put(&format!("/v1/components/{component}/policy"), &policy)
                .await
                .expect(200);
        }
    }

    async fn apply(server: &Server, definition: &str) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/order");
        let bytes = std::fs::read(format!("{folder}/{definition}.json")).expect("a definition");
        let document = serde_json::from_slice(&bytes).expect("JSON");
        server.define(definition, document).await.expect(201);
    }

    /// Lets `order-services audit` check the books: every order complete or undone, every effect
    /// once, and each of `expect` (such as `complete=3`).
    #[track_caller]
    pub(crate) fn audit(&self, expect: &[&str]) {
        let mut command = Command::new(binary("order-services"));
        command.args(["audit", "--url", &self.0.url]);
        for expectation in expect {
            command.args(["--expect", expectation]);
        }
        let output = command.output().expect("the audit runs");
        assert!(
            output.status.success(),
            "the books are wrong:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// The input of an order.
pub(crate) fn order_input(order: &str, user: &str, quantity: u32, amount: f64) -> Value {
    json!({"order_id": order, "user_id": user, "product_id": "product_1", "quantity": quantity,
           "amount": amount, "shipping_address": "1 Main Street"})
}
