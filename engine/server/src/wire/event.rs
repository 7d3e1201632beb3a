//! What streams of events carry.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasaga_core::{Record, SagaId};

use super::schema;

/// Type of the event that says how far a saga is. Its data is a [`Progress`](super::Progress).
pub const PROGRESS_EVENT: &str = "progress";

/// Type of the last event of a stream whose reader was too slow. Its data is a [`Lagged`].
pub const LAGGED_EVENT: &str = "lagged";

/// An event of some saga's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SagaEvent {
    /// Which saga.
    #[schema(value_type = schema::SagaId)]
    pub saga: SagaId,
    /// What happened to it.
    #[serde(flatten)]
    #[schema(value_type = schema::Event)]
    pub record: Record,
}

/// Why a stream ends though there is more to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lagged {
    /// The last event that was sent: come back with it as `Last-Event-ID`.
    pub last_event_id: u64,
    /// For people.
    pub message: String,
}
