//! Where a node stands in one saga.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::Name;

/// Where a node stands in one saga: its name, and, inside loops, which round it belongs to.
///
/// | path | what |
/// |---|---|
/// | `pay` | the node `pay` |
/// | `picks[3].pick` | the node `pick` in round 3 (from 0) of the loop `picks` |
/// | `picks[3]` | the round itself |
/// | `pay:fallback` | the fallback of the step `pay` |
///
/// Names have no brackets and no colon, so a path has one meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepPath(Arc<str>);

const FALLBACK: &str = ":fallback";

impl StepPath {
    /// The path of a node outside every loop.
    #[must_use]
    pub fn root(node: &Name) -> Self {
        Self(node.shared())
    }

    /// The path of a node in a round of a loop, or outside every loop.
    #[must_use]
    pub fn within(round: Option<&Self>, node: &Name) -> Self {
        match round {
            Some(round) => Self(format!("{round}.{node}").into()),
            None => Self::root(node),
        }
    }

    /// The path of a round of this loop.
    #[must_use]
    pub fn round(&self, index: u32) -> Self {
        Self(format!("{self}[{index}]").into())
    }

    /// The path of this step's fallback.
    #[must_use]
    pub fn fallback(&self) -> Self {
        Self(format!("{self}{FALLBACK}").into())
    }

    /// Whether this is the fallback of a step.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        self.0.ends_with(FALLBACK)
    }

    /// The name of the node, as the definition has it.
    #[must_use]
    pub fn name(&self) -> &str {
        let path = self.0.strip_suffix(FALLBACK).unwrap_or(&self.0);
        path.rfind("].").map_or(path, |end| &path[end + 2..])
    }

    /// The loop and the number of the innermost round that this node is in.
    #[must_use]
    pub fn enclosing(&self) -> Option<(Self, u32)> {
        Some(split(self.enclosing_round()?)?).map(|(of, index)| (Self(of.into()), index))
    }

    /// The innermost round that this node is in, as text.
    #[must_use]
    pub fn enclosing_round(&self) -> Option<&str> {
        self.0.rfind("].").map(|end| &self.0[..=end])
    }

    /// The path of another node in the same round.
    #[must_use]
    pub fn sibling(&self, node: &Name) -> Self {
        match self.enclosing_round() {
            Some(round) => Self(format!("{round}.{node}").into()),
            None => Self::root(node),
        }
    }

    /// Whether this node is in the same round as the other one, or in one around it: only then its
    /// name means something there.
    #[must_use]
    pub fn is_named_in_round_of(&self, other: &Self) -> bool {
        let Some(own) = self.enclosing_round() else {
            return true;
        };
        let rest = other.0.strip_prefix(own);
        rest.is_some_and(|rest| rest.starts_with('.'))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `picks[3]` as `picks` and 3.
fn split(round: &str) -> Option<(&str, u32)> {
    let (of, index) = round.strip_suffix(']')?.rsplit_once('[')?;
    Some((of, index.parse().ok()?))
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    #[test]
    fn a_path_knows_its_node_and_the_rounds_around_it() {
        let orders = StepPath::root(&name("orders"));
        assert_eq!((orders.name(), orders.enclosing()), ("orders", None));
        let items = StepPath::within(Some(&orders.round(2)), &name("items.all"));
        assert_eq!(items.as_str(), "orders[2].items.all");
        let pick = StepPath::within(Some(&items.round(13)), &name("pick"));
        assert_eq!(pick.as_str(), "orders[2].items.all[13].pick");
        assert_eq!(pick.name(), "pick");
        assert_eq!(pick.enclosing(), Some((items.clone(), 13)));
        assert_eq!(items.enclosing(), Some((orders, 2)));
        let fallback = pick.fallback();
        assert!(fallback.is_fallback() && !pick.is_fallback());
        assert_eq!(
            (fallback.name(), fallback.enclosing()),
            ("pick", Some((items, 13)))
        );
    }

    #[test]
    fn a_name_means_something_in_its_own_round_and_in_those_within() {
        let orders = StepPath::root(&name("orders"));
        let first = StepPath::within(Some(&orders.round(1)), &name("a"));
        let same = StepPath::within(Some(&orders.round(1)), &name("b"));
        let tenth = StepPath::within(Some(&orders.round(10)), &name("b"));
        let deeper = StepPath::within(Some(&same.round(0)), &name("c"));
        assert!(first.is_named_in_round_of(&same) && first.is_named_in_round_of(&deeper));
        assert!(!first.is_named_in_round_of(&tenth) && !deeper.is_named_in_round_of(&same));
        assert!(orders.is_named_in_round_of(&deeper));
    }
}
