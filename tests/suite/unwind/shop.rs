//! The order services, and their books.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use wasaga_core::{Policy, Status};

use super::matrix::Books;
use crate::process::{Process, binary};

/// The order services with more of everything than the matrix takes.
pub(crate) struct Shop {
    process: Process,
    client: reqwest::Client,
}

/// What a cell's saga does for its orders.
pub(crate) struct Orders<'a> {
    pub(crate) shop: &'a Shop,
    /// The orders of a cell, by its name.
    pub(crate) of_cell: fn(&str) -> Vec<String>,
    /// Whether their reservations are made final.
    pub(crate) are_confirmed: bool,
}

impl Shop {
    pub(crate) fn open() -> Self {
        // Only the first installation counts; a second one is no fault.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plenty = ["--stock", "1000000", "--balance", "1000000"];
        let arguments: Vec<_> = ["--listen", "127.0.0.1:0"]
            .into_iter()
            .chain(plenty)
            .collect();
        Self {
            process: Process::start(&binary("order-services"), &arguments),
            client: reqwest::Client::new(),
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.process.url
    }

    /// What a component is granted that works for the shop.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            allowed_hosts: vec![self.url().trim_start_matches("http://").to_owned()],
            config: BTreeMap::from([("services_url".to_owned(), self.url().to_owned())]),
            ..Policy::default()
        }
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let url = format!("{}{path}", self.url());
        let response = self.client.get(&url).send().await;
        let value = async { response?.json().await };
        value.await.map_err(|error| format!("{url}: {error}"))
    }

    /// Lets `order-services audit` check the books, and each of `expect` (such as `complete=3`).
    #[track_caller]
    pub(crate) fn audit(&self, expect: &[&str]) {
        let mut command = Command::new(binary("order-services"));
        command.args(["audit", "--quiet", "--url", self.url()]);
        for expectation in expect {
            command.args(["--expect", expectation]);
        }
        let output = command.output().expect("the audit runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "the books are wrong:\n{said}");
    }

    /// Checks what was done for an order: everything, or nothing that was not undone; each effect once.
    async fn check(&self, order: &str, status: Status, is_confirmed: bool) -> Result<(), String> {
        let seen = self.get(&format!("/orders/{order}")).await?;
        let (wanted, confirmed) = match status {
            Status::Completed => ("complete", json!(is_confirmed)),
            _ => ("undone", Value::Null),
        };
        // An order that nothing was tried for is not known at all.
        let is_as_wanted = if seen["code"] == "unknown-order" {
            wanted == "undone"
        } else {
            let reservation = &seen["reservation"];
            let is_final =
                (reservation["state"] == "done").then(|| reservation["confirmed"].clone());
            seen["status"] == wanted && is_final.unwrap_or_default() == confirmed
        };
        let ledger = self.get(&format!("/ledger?order_id={order}")).await?;
        let mut kinds: Vec<_> = ledger["items"]
            .as_array()
            .ok_or_else(|| format!("this is no ledger: {ledger}"))?
            .iter()
            .filter_map(|entry| entry["kind"].as_str())
            .collect();
        let effects = kinds.join(", ");
        kinds.sort_unstable();
        if is_as_wanted && kinds.is_sorted_by(|a, b| a < b) {
            Ok(())
        } else {
            Err(format!(
                "order {order} has to be {wanted}, each effect once, and has: {effects}; {seen}"
            ))
        }
    }
}

impl Books for Orders<'_> {
    async fn check(&self, cell: &str, status: Status) -> Result<(), String> {
        for order in (self.of_cell)(cell) {
            self.shop.check(&order, status, self.are_confirmed).await?;
        }
        Ok(())
    }
}
