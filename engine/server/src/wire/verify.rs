//! Trying a version on what another one did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasaga_core::comparison::{Compared, Comparison};
use wasaga_core::{Direction, Name, SagaId, StepPath};

use super::schema;

/// What to try a version on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyVersion {
    /// The calls of so many sagas, the latest first.
    #[schema(minimum = 1, maximum = 1000)]
    pub sagas: u32,
    /// The version whose calls they are; the active one unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<u32>,
}

impl Default for VerifyVersion {
    fn default() -> Self {
        Self {
            sagas: 100,
            against: None,
        }
    }
}

/// What came of it. Nothing was sent, and no saga was touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// The component.
    #[schema(value_type = schema::Name)]
    pub component: Name,
    /// The version that was tried.
    pub version: u32,
    /// The version whose calls it was tried on.
    pub against: u32,
    /// Whether there was something to compare and nothing is different.
    pub clean: bool,
    /// Sagas whose calls were looked at.
    pub sagas: u32,
    /// Their calls on the version that it was tried on.
    pub calls: u32,
    /// Whether there were more calls than one verification runs.
    pub more: bool,
    /// Calls that were run again and compared.
    pub compared: u32,
    /// Those without any difference.
    pub same: u32,
    /// Those that ended in the same way, with the same result.
    pub same_outcome: u32,
    /// Those that changed the context in the same way.
    pub same_context_patch: u32,
    /// Those that sent the same requests in the same order.
    pub same_requests: u32,
    /// How many calls could not be compared, by reason.
    pub incomparable: BTreeMap<String, u32>,
    /// Units of fuel of all compared calls together.
    #[schema(value_type = schema::Compared)]
    pub fuel: Compared,
    /// The most memory that one of them used, in bytes.
    #[schema(value_type = schema::Compared)]
    pub memory_bytes: Compared,
    /// The first calls with differences, at most 100.
    pub different: Vec<DifferentCall>,
    /// How long it took.
    pub duration_ms: u64,
}

/// A call with differences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DifferentCall {
    /// Whose call it is.
    #[schema(value_type = schema::SagaId)]
    pub saga: SagaId,
    /// Which of its calls: the number of the event that started it.
    pub seq: u64,
    /// Of which step.
    #[schema(value_type = schema::StepPath)]
    pub step: StepPath,
    /// Which function.
    #[schema(value_type = schema::Direction)]
    pub direction: Direction,
    /// Which attempt.
    pub attempt: u32,
    /// What is different.
    #[serde(flatten)]
    #[schema(value_type = schema::Comparison)]
    pub comparison: Comparison,
}
