//! The nodes of the tree that a definition is.

use std::sync::Arc;

use super::step::Step;
use crate::expression::{Expression, Template};
use crate::id::Name;

/// Which node of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub(super) u32);

/// One entry of `steps`.
#[derive(Clone, Debug)]
pub struct Node {
    /// Unique in the definition: its `step` field, or its kind and number when it has none.
    pub name: Name,
    /// The container it stands in; absent for those of the definition itself.
    pub place: Option<Place>,
    /// What it does.
    pub kind: Kind,
}

/// A place in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The container.
    pub node: NodeId,
    /// Which of its branches, from 0. A loop has one.
    pub branch: u32,
}

/// What a node does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Runs an action of a component.
    Step(Box<Step>),
    /// Runs the first branch whose condition holds.
    Choice(Choice),
    /// Runs branches at the same time.
    Parallel(Parallel),
    /// Runs its steps once for each element of a list.
    ForEach(ForEach),
    /// Runs another saga.
    Saga(Nested),
    /// Waits.
    Sleep(Sleep),
}

impl Kind {
    /// Whether its branches run at the same time.
    #[must_use]
    pub fn is_concurrent(&self) -> bool {
        match self {
            Self::Parallel(_) => true,
            Self::ForEach(each) => each.max_concurrency > 1,
            Self::Step(_) | Self::Choice(_) | Self::Saga(_) | Self::Sleep(_) => false,
        }
    }

    /// Whether the saga only goes forward once it is done.
    #[must_use]
    pub fn is_pivot(&self) -> bool {
        match self {
            Self::Step(step) => step.pivot,
            Self::Saga(nested) => nested.pivot,
            Self::Choice(_) | Self::Parallel(_) | Self::ForEach(_) | Self::Sleep(_) => false,
        }
    }
}

/// Nodes that run one after the other.
#[derive(Clone, Debug, Default)]
pub struct Sequence(pub Vec<NodeId>);

/// Runs the first branch whose condition holds; none is no failure.
#[derive(Clone, Debug)]
pub struct Choice {
    /// In the order in which they are tried.
    pub branches: Vec<Branch>,
}

/// One branch of a choice.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Whether to run it; absent for the one that runs when no other does.
    pub when: Option<Expression>,
    /// What it does.
    pub steps: Sequence,
}

/// Runs branches at the same time. Done when all are.
#[derive(Clone, Debug)]
pub struct Parallel {
    /// At least one.
    pub branches: Vec<Sequence>,
}

/// Runs its steps once for each element of a list.
#[derive(Clone, Debug)]
pub struct ForEach {
    /// The list.
    pub items: Template,
    /// What expressions inside call the element.
    pub variable: Arc<str>,
    /// Rounds that run at the same time, at least 1. With 1 they follow one another, and each sees
    /// what those before it did to the context; with more each has a context of its own, as the
    /// branches of a parallel have.
    pub max_concurrency: u32,
    /// What a round does.
    pub steps: Sequence,
}

/// Runs another saga, a child with an id and a journal of its own.
#[derive(Clone, Debug)]
pub struct Nested {
    /// Name of its definition.
    pub definition: Name,
    /// Version of its definition; the latest at the time when absent.
    pub version: Option<u32>,
    /// Its input.
    pub input: Template,
    /// Whether this saga only goes forward once the child is done.
    pub pivot: bool,
}

/// Waits on disk.
#[derive(Clone, Debug)]
pub struct Sleep {
    /// How long: a string such as `5s`.
    pub duration: Template,
}
