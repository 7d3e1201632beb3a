//! The HTTP API.

mod mutate;
mod read;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use read::Page;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::routing::{get, post};

use crate::books::command::Command;
use crate::idempotency::Desk;
use crate::problem::Problem;

/// Commands are small: this is many times what one needs.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The one desk of the process. Whoever holds it is alone with the books, which makes each
/// request atomic; nobody waits for anything else while holding it.
#[derive(Clone)]
pub(crate) struct Shop(Arc<Mutex<Desk>>);

impl Shop {
    /// Shares `desk` among requests.
    pub(crate) fn new(desk: Desk) -> Self {
        Self(Arc::new(Mutex::new(desk)))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every route.
pub(crate) fn router(shop: Shop) -> Router {
    use mutate::{Body, Key, execute};

    Router::new()
        .route("/", get(read::index))
        .route("/healthz", get(async || "ok"))
        .route("/inventory", get(read::inventory))
        .route("/balances", get(read::balances))
        .route("/orders", get(read::orders))
        .route("/orders/{order_id}", get(read::order))
        .route("/ledger", get(read::ledger))
        .route("/reset", post(mutate::reset))
        .route(
            "/inventory/reservations",
            post(async |shop, Key(key), Body(body)| execute(shop, key, Command::Reserve(body))),
        )
        .route(
            "/inventory/reservations/confirm",
            post(async |shop, Key(key), Body(body)| execute(shop, key, Command::Confirm(body))),
        )
        .route(
            "/inventory/reservations/release",
            post(async |shop, Key(key), Body(body)| execute(shop, key, Command::Release(body))),
        )
        .route(
            "/payments",
            post(async |shop, Key(key), Body(body)| execute(shop, key, Command::Charge(body))),
        )
        .route(
            "/payments/refund",
            post(async |shop, Key(key), Body(body)| execute(shop, key, Command::Refund(body))),
        )
        .route(
            "/shipments",
            get(read::shipments)
                .post(async |shop, Key(key), Body(body)| execute(shop, key, Command::Ship(body))),
        )
        .route(
            "/shipments/cancel",
            post(async |shop, Key(key), Body(body)| execute(shop, key, Command::Cancel(body))),
        )
        .fallback(async |OriginalUri(uri): OriginalUri| Problem::NotFound(uri.path().to_owned()))
        .method_not_allowed_fallback(async |OriginalUri(uri): OriginalUri| {
            Problem::MethodNotAllowed(uri.path().to_owned())
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shop)
}
