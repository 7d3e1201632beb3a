//! The leaf that runs an action.

use std::time::Duration;

use crate::expression::Template;
use crate::id::Name;
use crate::limits::Limits;
use crate::retry::RetryPolicy;

/// Runs one action of a component.
#[derive(Clone, Debug)]
pub struct Step {
    /// Unique in the definition.
    pub name: Name,
    /// The component that holds the action.
    pub component: Name,
    /// Which of the component's actions; the step's name unless the document says otherwise.
    pub action: Name,
    /// What the step gets besides input and context.
    pub arguments: Template,
    /// Wall time of one attempt.
    pub timeout: Duration,
    /// When to try again.
    pub retry: RetryPolicy,
    /// What one attempt may use.
    pub limits: Limits,
    /// How the step is undone.
    pub compensate: CompensationPolicy,
}

/// How a step is undone.
#[derive(Clone, Debug)]
pub struct CompensationPolicy {
    /// Wall time of one attempt.
    pub timeout: Duration,
    /// When to try again.
    pub retry: RetryPolicy,
    /// What one attempt may use.
    pub limits: Limits,
    /// Whether a step that failed is undone too.
    pub failed: CompensateFailed,
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
