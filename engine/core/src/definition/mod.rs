//! A definition: which steps, in which order, under which policies.
//!
//! [`Definition::parse`] reads the JSON document that a user writes and reports every problem at
//! once. What comes out is a tree of [`Node`]s: containers such as [`Sequence`], and leaves such as
//! [`Step`]. Each kind of node is a variant here, a file in `parse`, and a file in `transition`.

mod parse;
mod problem;
mod step;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use self::problem::{Invalid, Problem};
pub use self::step::{CompensateFailed, CompensationPolicy, Step};

use crate::id::{Digest, Name, StepPath};
use crate::schema::Schema;

/// Most nodes of a definition.
pub const MAX_NODES: usize = 1_000;

/// A checked definition. Immutable: a change is a new version.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: Name,
    /// What input must look like.
    pub input_schema: Option<Schema>,
    /// How long a saga may go forward.
    pub deadline: Option<Duration>,
    /// What a saga does.
    pub body: Sequence,
    /// The document it was read from.
    pub document: Arc<Value>,
}

/// One entry of `steps`.
#[derive(Clone, Debug)]
pub enum Node {
    /// Runs an action of a component.
    Step(Step),
}

/// Nodes that run one after the other.
#[derive(Clone, Debug, Default)]
pub struct Sequence(pub Vec<Node>);

impl Definition {
    /// Reads a definition. `name` is the one it is stored under; the document need not repeat it.
    ///
    /// # Errors
    /// Every problem of the document, each with a JSON pointer to its place.
    pub fn parse(name: &Name, document: &Value) -> Result<Self, Invalid> {
        parse::definition(name, document, &|_| true)
    }

    /// Reads a definition that is new: a component that nobody `knows` is a problem too.
    ///
    /// # Errors
    /// Every problem of the document, each with a JSON pointer to its place.
    pub fn check(
        name: &Name,
        document: &Value,
        knows: &dyn Fn(&Name) -> bool,
    ) -> Result<Self, Invalid> {
        parse::definition(name, document, knows)
    }

    /// Identifies the content: documents that differ in nothing but white space and the order of
    /// fields have the same digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // A JSON object is a sorted map here, so its text is canonical.
        Digest::of(self.document.to_string().as_bytes())
    }

    /// All steps, in the order in which the document has them.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.body.0.iter().map(|node| match node {
            Node::Step(step) => step,
        })
    }

    /// The step that stands at a path.
    #[must_use]
    pub fn step_at(&self, path: &StepPath) -> Option<&Step> {
        self.steps()
            .find(|step| step.name.as_str() == path.as_str())
    }
}
