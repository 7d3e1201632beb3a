//! The nodes of a saga that call nothing.

use std::sync::Arc;

use serde_json::Value;

use crate::call::Failure;
use crate::path::StepPath;
use crate::time::Timestamp;

/// A choice, a parallel, a loop or a sleep that was reached.
#[derive(Clone, Debug)]
pub struct NodeState {
    /// How it stands.
    pub stand: Stand,
    /// How it stood before it failed, when it had begun: from there it is tried again.
    pub before: Option<Arc<Stand>>,
    /// When it was reached.
    pub started_at: Timestamp,
    /// When it was done, or failed.
    pub finished_at: Option<Timestamp>,
}

/// How a node stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Stand {
    /// A choice took this branch, or none.
    Chose {
        /// The branch, from 0.
        branch: Option<u32>,
    },
    /// A loop runs.
    Looping {
        /// The list.
        items: Arc<Value>,
        /// The node whose result its first steps get as `previous`.
        previous: Option<StepPath>,
    },
    /// All branches or rounds are done.
    Joined {
        /// What their last nodes left, in order; `null` for one that left nothing.
        results: Arc<Value>,
    },
    /// It waits.
    Sleeping {
        /// Until when.
        until: Timestamp,
    },
    /// The wait is over.
    Slept,
    /// It could not be done.
    Failed {
        /// Why.
        failure: Arc<Failure>,
    },
}
