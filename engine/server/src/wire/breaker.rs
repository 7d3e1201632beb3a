//! Circuit breakers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasaga_core::{Name, Timestamp};

use super::schema;

/// The circuit breaker of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Breaker {
    /// The component.
    #[schema(value_type = schema::Name)]
    pub component: Name,
    /// Which of its actions.
    #[schema(value_type = schema::Name)]
    pub action: Name,
    /// How it stands.
    pub state: BreakerState,
    /// Failures in a row that count.
    pub failures: u32,
    /// Since when it is open.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub opened_at: Option<Timestamp>,
    /// When one call may try.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub reset_at: Option<Timestamp>,
}

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes: steps go to their fallbacks at once.
    Open,
    /// One call may try.
    HalfOpen,
}
