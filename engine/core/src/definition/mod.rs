//! A definition: which steps, in which order, under which policies.
//!
//! [`Definition::parse`] reads the JSON document that a user writes and reports every problem at
//! once. What comes out is a tree of [`Node`]s, kept in one list in the order of the document:
//! containers such as [`Parallel`], and leaves such as [`Step`]. Each kind of node is a variant of
//! [`Kind`], a file in `parse`, and a file in `transition`.

mod node;
mod parse;
mod problem;
mod step;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use self::node::{
    Branch, Choice, ForEach, Kind, Nested, Node, NodeId, Parallel, Place, Sequence, Sleep,
};
pub use self::parse::Known;
pub use self::problem::{Invalid, Problem};
pub use self::step::{
    BreakerPolicy, CallPolicy, CompensateFailed, Fallback, OnExhausted, Step, Work,
};

use crate::id::{Digest, Name};
use crate::path::StepPath;
use crate::schema::Schema;

/// Most nodes of a definition.
pub const MAX_NODES: usize = 1_000;

/// Most containers around a node.
pub const MAX_NESTING: usize = 16;

/// A checked definition. Immutable: a change is a new version.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: Name,
    /// What input must look like.
    pub input_schema: Option<Schema>,
    /// How long a saga may go forward.
    pub deadline: Option<Duration>,
    /// Who says that a saga whose steps are done is final.
    pub commit: Commit,
    /// What a saga does.
    pub body: Sequence,
    /// The document it was read from.
    pub document: Arc<Value>,
    nodes: Vec<Node>,
    by_name: HashMap<Name, NodeId>,
    /// Whether anything runs at the same time as anything else.
    is_concurrent: bool,
}

/// Who says that a saga whose steps are done is final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commit {
    /// It is, at once.
    #[default]
    Automatic,
    /// Somebody has to commit or reject it.
    Manual {
        /// How long it waits for that before it is rejected; for ever when absent.
        timeout: Option<Duration>,
    },
}

/// A branch that runs at the same time as its siblings: a branch of a parallel, or a round of a loop
/// that runs several at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BranchPath {
    /// The parallel or the loop.
    pub of: StepPath,
    /// Which of its branches or rounds.
    pub index: u32,
}

impl Definition {
    /// Reads a definition. `name` is the one it is stored under; the document need not repeat it.
    ///
    /// # Errors
    /// Every problem of the document, each with a JSON pointer to its place.
    pub fn parse(name: &Name, document: &Value) -> Result<Self, Invalid> {
        parse::definition(name, document, None)
    }

    /// Reads a definition that is new: a component or a nested saga that nobody knows is a problem
    /// too.
    ///
    /// # Errors
    /// Every problem of the document, each with a JSON pointer to its place.
    pub fn check(name: &Name, document: &Value, known: &dyn Known) -> Result<Self, Invalid> {
        parse::definition(name, document, Some(known))
    }

    fn new(name: Name, document: Arc<Value>, nodes: Vec<Node>, body: Sequence) -> Self {
        let by_name = nodes
            .iter()
            .zip(0..)
            .map(|(node, index): (&Node, u32)| (node.name.clone(), NodeId(index)))
            .collect();
        let is_concurrent = nodes.iter().any(|node| node.kind.is_concurrent());
        Self {
            name,
            input_schema: None,
            deadline: None,
            commit: Commit::Automatic,
            body,
            document,
            nodes,
            by_name,
            is_concurrent,
        }
    }

    /// Identifies the content: documents that differ in nothing but white space and the order of
    /// fields have the same digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // A JSON object is a sorted map here, so its text is canonical.
        Digest::of(self.document.to_string().as_bytes())
    }

    /// All nodes, in the order in which the document has them: containers before what they contain.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A node.
    ///
    /// # Panics
    /// When the id is another definition's.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The node at a path.
    #[must_use]
    pub fn node_at(&self, path: &StepPath) -> Option<&Node> {
        let id = self.by_name.get(path.name())?;
        Some(self.node(*id))
    }

    /// The step at a path, which may be that of its fallback.
    #[must_use]
    pub fn step_at(&self, path: &StepPath) -> Option<&Step> {
        match &self.node_at(path)?.kind {
            Kind::Step(step) => Some(step),
            _ => None,
        }
    }

    /// What the step at a path calls: its own work, or its fallback's.
    #[must_use]
    pub fn work_at(&self, path: &StepPath) -> Option<&Work> {
        let step = self.step_at(path)?;
        if path.is_fallback() {
            step.fallback.as_ref().map(|fallback| &fallback.work)
        } else {
            Some(&step.work)
        }
    }

    /// Names of the definitions that this one nests, each once for each place.
    pub fn nested(&self) -> impl Iterator<Item = &Nested> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Saga(nested) => Some(nested),
            _ => None,
        })
    }

    /// Whether a step of it is one after which a saga only goes forward.
    #[must_use]
    pub fn has_pivot(&self) -> bool {
        self.nodes.iter().any(|node| node.kind.is_pivot())
    }

    /// The branches that a node is in and that run at the same time as others, the outermost first.
    #[must_use]
    pub fn branches_of(&self, path: &StepPath) -> Vec<BranchPath> {
        let mut branches = Vec::new();
        if !self.is_concurrent {
            return branches;
        }
        let mut path = path.clone();
        let mut node = self.node_at(&path);
        while let Some(place) = node.and_then(|node| node.place) {
            let parent = self.node(place.node);
            match &parent.kind {
                Kind::ForEach(each) => {
                    let Some((of, index)) = path.enclosing() else {
                        break;
                    };
                    if each.max_concurrency > 1 {
                        branches.push(BranchPath {
                            of: of.clone(),
                            index,
                        });
                    }
                    path = of;
                }
                Kind::Parallel(_) => branches.push(BranchPath {
                    of: path.sibling(&parent.name),
                    index: place.branch,
                }),
                Kind::Choice(_) | Kind::Step(_) | Kind::Saga(_) | Kind::Sleep(_) => {}
            }
            node = Some(parent);
        }
        branches.reverse();
        branches
    }
}
