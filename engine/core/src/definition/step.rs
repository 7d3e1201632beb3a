//! The leaf that runs an action.

use std::time::Duration;

use crate::call::Failure;
use crate::expression::Template;
use crate::id::Name;
use crate::limits::Limits;
use crate::retry::RetryPolicy;

/// Runs one action of a component.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it calls.
    pub work: Work,
    /// What it calls instead when that fails.
    pub fallback: Option<Fallback>,
    /// Whether the saga only goes forward once it is done.
    pub pivot: bool,
    /// What becomes of the saga when its retries are used up.
    pub on_exhausted: OnExhausted,
    /// How long it waits for a reply; for ever when absent.
    pub reply_timeout: Option<Duration>,
}

/// An action, and the policies under which it is called.
#[derive(Clone, Debug)]
pub struct Work {
    /// The component that holds the action.
    pub component: Name,
    /// Which of the component's actions; the step's name unless the document says otherwise.
    pub action: Name,
    /// What the action gets besides input and context.
    pub arguments: Template,
    /// How it is done. Holds for `on-reply` too.
    pub act: CallPolicy,
    /// How it is undone.
    pub compensate: CallPolicy,
    /// Whether it is undone when it failed.
    pub compensate_failed: CompensateFailed,
    /// How it is made final.
    pub confirm: CallPolicy,
}

/// How a call is made.
#[derive(Clone, Debug)]
pub struct CallPolicy {
    /// Wall time of one attempt.
    pub timeout: Duration,
    /// When to try again.
    pub retry: RetryPolicy,
    /// What one attempt may use.
    pub limits: Limits,
}

/// What a step calls when its own work failed, or is known to fail.
#[derive(Clone, Debug)]
pub struct Fallback {
    /// What it calls.
    pub work: Work,
    /// Codes of the failures that it is for; of any failure when empty.
    pub on: Vec<String>,
    /// When the step's own work is not even tried.
    pub breaker: Option<BreakerPolicy>,
}

impl Fallback {
    /// Whether it is there for a failure.
    #[must_use]
    pub fn takes(&self, failure: &Failure) -> bool {
        self.on.is_empty() || self.on.contains(&failure.code)
    }
}

/// When an action that keeps failing is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row after which it is left alone; at least 1.
    pub failure_threshold: u32,
    /// How long it is left alone before one call tries it again.
    pub reset_timeout: Duration,
}

/// What becomes of a saga whose step failed for the last time with a failure that may be retried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExhausted {
    /// It compensates.
    #[default]
    Compensate,
    /// It stops for an operator.
    Pause,
}

/// Whether a step that was started and did not complete is compensated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompensateFailed {
    /// Unless it is proven that nothing outside changed.
    #[default]
    Auto,
    /// Whatever is known.
    Always,
    /// Not at all.
    Never,
}
