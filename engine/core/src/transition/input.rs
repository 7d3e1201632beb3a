//! What can happen to a saga, and what a transition sees of the outside.

use uuid::Uuid;

use super::{ChildEnd, Verb};
use crate::call::{CallId, Reply, Report};
use crate::event::{CutOff, Order, Pin};
use crate::id::{Digest, Name, SagaId};
use crate::path::StepPath;
use crate::time::Timestamp;

/// What the outside looks like at the moment of a transition.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The time.
    pub now: Timestamp,
    /// Components and circuit breakers.
    pub world: &'a dyn World,
    /// Whether calls may be started.
    pub starts: Starts,
    /// What the server's configuration bounds.
    pub bounds: Bounds,
}

/// Whether a transition may start calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// Whatever is ready is started.
    Allowed,
    /// Nothing is started: the engine is full, or about to end. The saga stands between two calls
    /// until somebody says [`Input::Recover`] or [`Input::Tick`].
    Held,
}

/// What the server's configuration bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most elements that a loop may run over.
    pub max_loop_items: u32,
    /// Most sagas around a nested one.
    pub max_depth: u32,
    /// Attempts in a row during which the engine may go down before the saga is paused; at least 1.
    pub max_crashes: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_loop_items: 1_000,
            max_depth: 8,
            max_crashes: 3,
        }
    }
}

/// What a transition asks of the outside.
pub trait World: Sync {
    /// The version that a saga's step takes when it first starts. `None` when there is no such
    /// component, or none of its versions is active.
    fn active(&self, component: &Name, saga: SagaId) -> Option<Active>;

    /// Whether a version takes part in two phases: it exports `confirmation`.
    fn confirms(&self, pin: &Pin) -> bool;

    /// Whether the circuit breaker of an action lets this step's call through. A breaker that is half
    /// open lets one step try; the same step, asking again, is let through again.
    fn admits(
        &self,
        component: &Name,
        action: &Name,
        saga: SagaId,
        step: &StepPath,
        now: Timestamp,
    ) -> bool;
}

/// A component's active version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active {
    /// Its number.
    pub version: u32,
    /// Digest of its bytes.
    pub digest: Digest,
}

/// What can happen to a saga.
#[derive(Clone, Debug)]
pub enum Input {
    /// A call ended.
    Returned {
        /// Which call.
        call: CallId,
        /// What came of it.
        report: Report,
    },
    /// Time went by.
    Tick,
    /// Whoever ran the saga's calls is gone, or goes now.
    Recover {
        /// How.
        by: CutOff,
    },
    /// Somebody replies to a pending step.
    Reply {
        /// The idempotency key of the call that asked, or will ask, for it.
        key: Uuid,
        /// What it says.
        reply: Reply,
    },
    /// A nested saga ended.
    ChildEnded {
        /// Which step it is.
        step: StepPath,
        /// Its id.
        child: SagaId,
        /// How.
        end: ChildEnd,
    },
    /// The saga around this one knows how it ended.
    ParentTold,
    /// The saga around this one wants it undone.
    Undo,
    /// An operator wants something.
    Order {
        /// What.
        verb: Verb,
        /// Who and why.
        order: Order,
    },
}
