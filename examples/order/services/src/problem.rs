//! Errors as callers see them: a status and `{"code", "message"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::books::Refusal;
use crate::idempotency::KeyError;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The books say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key says no.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A mutating request that could not be repeated safely.
    #[error(
        "this request changes something: send an Idempotency-Key header, the same one when you repeat it"
    )]
    KeyRequired,
    /// A body, header or query that is not what the route takes.
    #[error("{0}")]
    Invalid(String),
    /// A body over the bound.
    #[error("a body has at most {max_bytes} bytes")]
    TooLarge { max_bytes: usize },
    /// No such order.
    #[error("there is no order {0}")]
    UnknownOrder(String),
    /// No such route.
    #[error("there is nothing at {0}; GET / lists what there is")]
    NotFound(String),
    /// No such method on this route.
    #[error("{0} does not take this method")]
    MethodNotAllowed(String),
}

#[derive(Serialize)]
struct Body {
    code: &'static str,
    message: String,
}

impl Problem {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Refused(refusal) => of_refusal(refusal),
            Self::Key(KeyError::Reused) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused")
            }
            Self::Key(KeyError::Full { .. }) => (StatusCode::INSUFFICIENT_STORAGE, "answers-full"),
            Self::KeyRequired => (StatusCode::BAD_REQUEST, "idempotency-key-required"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid-request"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large"),
            Self::UnknownOrder(_) => (StatusCode::NOT_FOUND, "unknown-order"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let message = self.to_string();
        (status, Json(Body { code, message })).into_response()
    }
}

const fn of_refusal(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::UnknownProduct { .. } => (StatusCode::NOT_FOUND, "unknown-product"),
        Refusal::OutOfStock { .. } => (StatusCode::CONFLICT, "out-of-stock"),
        Refusal::UnknownUser { .. } => (StatusCode::NOT_FOUND, "unknown-user"),
        Refusal::InsufficientFunds { .. } => (StatusCode::PAYMENT_REQUIRED, "insufficient-funds"),
        Refusal::ShippingFailed { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "shipping-failed"),
        Refusal::AlreadyExists { .. } => (StatusCode::CONFLICT, "already-exists"),
        Refusal::AlreadyUndone { .. } => (StatusCode::CONFLICT, "already-undone"),
        Refusal::NotReserved { .. } => (StatusCode::CONFLICT, "not-reserved"),
        Refusal::LedgerFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "ledger-full"),
    }
}
