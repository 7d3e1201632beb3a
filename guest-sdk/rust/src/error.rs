//! How a step fails.

use std::error::Error;
use std::fmt;

use serde_json::{Value, json};

use crate::bindings::wasaga::saga::types::Failure;
pub use crate::bindings::wasaga::saga::types::FailureKind;
use crate::http;

/// The code of a failure that was made by `?` from an error the SDK knows nothing about.
const UNEXPECTED: &str = "unexpected";

/// A step's failure: whether trying again may help, a stable code for machines, a message for people.
///
/// Any [`std::error::Error`] becomes a *retryable* one by `?`, with the code `unexpected`. An [`http::Error`] anywhere
/// in its chain of sources decides kind and code instead. Like `anyhow::Error`, this type does not implement
/// [`std::error::Error`] itself: that is what makes `?` work for all others.
///
/// ```
/// use wasaga_sdk::{StepError, json};
///
/// fn check(quantity: u32) -> Result<(), StepError> {
///     if quantity == 0 {
///         return Err(StepError::permanent("invalid-quantity", "an order needs at least one piece")
///             .with_details(json!({ "quantity": quantity })));
///     }
///     Ok(())
/// }
///
/// fn parse(text: &str) -> Result<u32, StepError> {
///     Ok(text.parse()?)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct StepError {
    failure: Box<Failure>,
}

impl StepError {
    /// A failure after which trying again may help: a service that does not answer, a lock that is held.
    pub fn retryable(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::Retryable, code, message)
    }

    /// A failure after which trying again cannot help: the saga rolls back.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::Permanent, code, message)
    }

    /// Adds what a machine, or an operator, may want to know beyond the message.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.failure.details = Some(details.to_string());
        self
    }

    /// Whether trying again may help.
    pub fn kind(&self) -> FailureKind {
        self.failure.kind
    }

    /// Stable and machine readable, for example `insufficient-funds`.
    pub fn code(&self) -> &str {
        &self.failure.code
    }

    /// For people.
    pub fn message(&self) -> &str {
        &self.failure.message
    }

    /// The details as JSON text.
    pub fn details(&self) -> Option<&str> {
        self.failure.details.as_deref()
    }

    fn new(kind: FailureKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        let failure = Failure {
            kind,
            code: code.into(),
            message: message.into(),
            details: None,
        };
        Self::replied(failure)
    }

    /// What a reply says about work that failed. No `From`: a `Failure` is an error like any other to that.
    pub(crate) fn replied(failure: Failure) -> Self {
        Self {
            failure: Box::new(failure),
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.message())
    }
}

impl<E: Error + 'static> From<E> for StepError {
    fn from(error: E) -> Self {
        if let Some(http) = chain(&error).find_map(|error| error.downcast_ref::<http::Error>()) {
            return http.to_step_error();
        }
        let causes: Vec<String> = chain(&error).skip(1).map(ToString::to_string).collect();
        let unexpected = Self::retryable(UNEXPECTED, error.to_string());
        if causes.is_empty() {
            unexpected
        } else {
            unexpected.with_details(json!({ "causes": causes }))
        }
    }
}

/// The error and its sources, outermost first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        *error.failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the warehouse is closed")]
    struct Closed(#[source] std::num::ParseIntError);

    #[derive(Debug, thiserror::Error)]
    #[error("the payment went wrong")]
    struct Payment(#[from] http::Error);

    fn parse_error() -> std::num::ParseIntError {
        "x".parse::<u32>().expect_err("x is no number")
    }

    #[test]
    fn any_error_becomes_retryable_with_its_message() {
        let error = StepError::from(parse_error());
        assert_eq!(error.kind(), FailureKind::Retryable);
        assert_eq!(error.code(), "unexpected");
        assert_eq!(error.message(), "invalid digit found in string");
        assert_eq!(error.details(), None);
    }

    #[test]
    fn the_causes_of_an_error_are_in_the_details() {
        let error = StepError::from(Closed(parse_error()));
        assert_eq!(error.message(), "the warehouse is closed");
        assert_eq!(
            error.details(),
            Some(r#"{"causes":["invalid digit found in string"]}"#)
        );
    }

    #[test]
    fn an_http_error_keeps_its_kind_inside_another_error() {
        let error = StepError::from(Payment(http::Error::Forbidden("pay.example".into())));
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert_eq!(error.code(), "http-forbidden");
    }

    #[test]
    fn a_failure_carries_what_the_error_said() {
        let error = StepError::permanent("out-of-stock", "none left")
            .with_details(json!({ "available": 0 }));
        assert_eq!(error.to_string(), "out-of-stock: none left");
        let failure = Failure::from(error);
        assert_eq!(failure.kind, FailureKind::Permanent);
        assert_eq!(failure.code, "out-of-stock");
        assert_eq!(failure.message, "none left");
        assert_eq!(failure.details.as_deref(), Some(r#"{"available":0}"#));
    }
}
