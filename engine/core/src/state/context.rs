//! The saga's context, and what branches that run at the same time do to it.
//!
//! A branch sees the context as it was when the branches began, with its own patches. What it did
//! reaches the others when all of them are done. Two branches that touch the same place would make
//! the outcome depend on which was faster: that is an error, found when the second one does it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::definition::{BranchPath, Problem};
use crate::path::StepPath;

/// The contexts of a saga.
#[derive(Clone, Debug)]
pub(crate) struct Contexts {
    /// What everything sees that is in no branch.
    shared: Arc<Value>,
    /// Patches of the branches that run, in the order in which they came.
    branches: Arc<HashMap<BranchPath, Vec<Arc<Value>>>>,
    /// Places that the branches of a node have touched, by node.
    touched: Arc<HashMap<StepPath, Touched>>,
}

/// Two branches touched the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The node whose branches they are.
    pub(crate) of: StepPath,
    /// The place in the context, a JSON pointer.
    pub(crate) pointer: String,
}

impl Contexts {
    pub(super) fn new() -> Self {
        Self {
            shared: Arc::new(Value::Object(Map::new())),
            branches: Arc::default(),
            touched: Arc::default(),
        }
    }

    pub(crate) const fn shared(&self) -> &Arc<Value> {
        &self.shared
    }

    /// What a node sees that is in these branches, the outermost first.
    pub(crate) fn seen_in(&self, branches: &[BranchPath]) -> Arc<Value> {
        let mut patches = branches
            .iter()
            .filter_map(|branch| self.branches.get(branch))
            .flatten()
            .peekable();
        if patches.peek().is_none() {
            return Arc::clone(&self.shared);
        }
        let mut context = Value::clone(&self.shared);
        patches.for_each(|patch| json_patch::merge(&mut context, patch));
        Arc::new(context)
    }

    /// Whether a patch from these branches touches what a sibling has touched.
    pub(crate) fn conflict(&self, branches: &[BranchPath], patch: &Value) -> Option<Conflict> {
        branches.iter().find_map(|branch| {
            let touched = self.touched.get(&branch.of)?;
            let pointer = touched.conflict(branch.index, patch)?;
            Some(Conflict {
                of: branch.of.clone(),
                pointer,
            })
        })
    }

    /// Takes in a patch from these branches.
    pub(super) fn patch(&mut self, branches: &[BranchPath], patch: &Arc<Value>) {
        let Some(innermost) = branches.last() else {
            json_patch::merge(Arc::make_mut(&mut self.shared), patch);
            return;
        };
        Arc::make_mut(&mut self.branches)
            .entry(innermost.clone())
            .or_default()
            .push(Arc::clone(patch));
        for branch in branches {
            Arc::make_mut(&mut self.touched)
                .entry(branch.of.clone())
                .or_default()
                .touch(branch.index, patch);
        }
    }

    /// Shows what the branches of a node did to everything in `outer`, the branches that the node is
    /// in itself.
    pub(crate) fn join(&mut self, of: &StepPath, count: usize, outer: &[BranchPath]) {
        if !self.touched.contains_key(of) {
            return;
        }
        Arc::make_mut(&mut self.touched).remove(of);
        let branches = Arc::make_mut(&mut self.branches);
        let patches: Vec<_> = (0..u32::try_from(count).unwrap_or(u32::MAX))
            .filter_map(|index| {
                let of = of.clone();
                branches.remove(&BranchPath { of, index })
            })
            .flatten()
            .collect();
        match outer.last() {
            Some(branch) => branches.entry(branch.clone()).or_default().extend(patches),
            None => {
                let shared = Arc::make_mut(&mut self.shared);
                patches
                    .iter()
                    .for_each(|patch| json_patch::merge(shared, patch));
            }
        }
    }
}

/// Places of a JSON document, and which branches touched them.
#[derive(Clone, Debug, Default)]
struct Touched {
    /// Who touched this place or one within it.
    by: Touchers,
    /// Whether somebody touched the place itself, and with it all that is within.
    whole: bool,
    within: HashMap<String, Touched>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Touchers {
    #[default]
    Nobody,
    One(u32),
    Several,
}

impl Touchers {
    const fn is_other_than(self, branch: u32) -> bool {
        match self {
            Self::Nobody => false,
            Self::One(one) => one != branch,
            Self::Several => true,
        }
    }

    const fn add(&mut self, branch: u32) {
        *self = match self {
            Self::Nobody => Self::One(branch),
            Self::One(one) if *one == branch => Self::One(branch),
            Self::One(_) | Self::Several => Self::Several,
        };
    }
}

impl Touched {
    /// The first place in a patch of this branch that another one touched.
    fn conflict(&self, branch: u32, patch: &Value) -> Option<String> {
        match patch {
            Value::Object(fields) if !(self.whole && self.by.is_other_than(branch)) => {
                fields.iter().find_map(|(name, value)| {
                    let within = self.within.get(name)?;
                    let rest = within.conflict(branch, value)?;
                    Some(format!("/{}{rest}", Problem::escape(name)))
                })
            }
            _ => self.by.is_other_than(branch).then(String::new),
        }
    }

    fn touch(&mut self, branch: u32, patch: &Value) {
        self.by.add(branch);
        match patch {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.within
                        .entry(name.clone())
                        .or_default()
                        .touch(branch, value);
                }
            }
            _ => self.whole = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::Name;

    fn node(name: &str) -> StepPath {
        StepPath::root(&Name::new(name).expect("a name"))
    }

    fn branch(of: &str, index: u32) -> BranchPath {
        BranchPath {
            of: node(of),
            index,
        }
    }

    #[test]
    fn branches_see_their_own_patches_until_they_are_joined() {
        let mut contexts = Contexts::new();
        contexts.patch(&[], &Arc::new(json!({"a": 1})));
        let (left, right) = ([branch("p", 0)], [branch("p", 1)]);
        contexts.patch(&left, &Arc::new(json!({"l": 1, "a": null})));
        contexts.patch(&left, &Arc::new(json!({"l": 2})));
        contexts.patch(&right, &Arc::new(json!({"r": 1})));
        assert_eq!(*contexts.seen_in(&left), json!({"l": 2}));
        assert_eq!(*contexts.seen_in(&right), json!({"a": 1, "r": 1}));
        assert_eq!(**contexts.shared(), json!({"a": 1}));
        contexts.join(&node("p"), 2, &[]);
        assert_eq!(**contexts.shared(), json!({"l": 2, "r": 1}));
    }

    #[test]
    fn an_inner_join_stays_within_the_outer_branch() {
        let mut contexts = Contexts::new();
        let inner = [branch("p", 1), branch("q", 0)];
        contexts.patch(&inner, &Arc::new(json!({"x": 1})));
        contexts.join(&node("q"), 1, &[branch("p", 1)]);
        assert_eq!(*contexts.seen_in(&[branch("p", 1)]), json!({"x": 1}));
        assert_eq!(**contexts.shared(), json!({}));
        contexts.join(&node("p"), 2, &[]);
        assert_eq!(**contexts.shared(), json!({"x": 1}));
    }

    #[test]
    fn two_branches_may_not_touch_the_same_place() {
        let mut contexts = Contexts::new();
        contexts.patch(&[branch("p", 0)], &Arc::new(json!({"a": {"b": 1}, "c": 1})));
        let from = |index: u32, patch: Value| {
            contexts
                .conflict(&[branch("p", index)], &patch)
                .map(|conflict| conflict.pointer)
        };
        assert_eq!(from(1, json!({"a": {"x": 1}, "d": 1})), None);
        assert_eq!(from(1, json!({"a": {"b": 2}})), Some("/a/b".into()));
        assert_eq!(from(1, json!({"a": null})), Some("/a".into()));
        assert_eq!(from(1, json!({"c": {"x": 1}})), Some("/c".into()));
        assert_eq!(from(0, json!({"a": null, "c": 2})), None);
    }
}
