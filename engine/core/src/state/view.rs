//! What a node of a saga can see: the context, results by name, the variables of its loops.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Stand, State};
use crate::definition::Kind;
use crate::path::StepPath;

impl State {
    /// The context as a node sees it: that of the branch it is in.
    #[must_use]
    pub fn context_at(&self, path: &StepPath) -> Arc<Value> {
        self.contexts.seen_in(&self.definition.branches_of(path))
    }

    /// What a node left: the result of a step, or those of the rounds of a loop or the branches of a
    /// parallel as an array.
    #[must_use]
    pub fn result_at(&self, path: &StepPath) -> Option<&Arc<Value>> {
        if let Some(step) = self.step(path) {
            return step.result();
        }
        match &self.node(path)?.stand {
            Stand::Joined { results } => Some(results),
            _ => None,
        }
    }

    /// Results by name, as the expressions of a node see them: of what was done before it, in its own
    /// round of a loop and around it. What runs beside it is not seen: it may be done or not.
    #[must_use]
    pub fn results_at(&self, path: &StepPath) -> HashMap<String, Arc<Value>> {
        let own = self.definition.branches_of(path);
        let is_seen = |other: &StepPath| {
            other.is_named_in_round_of(path)
                && (own.is_empty()
                    || self.definition.branches_of(other).iter().all(|theirs| {
                        let same = own.iter().find(|own| own.of == theirs.of);
                        same.is_none_or(|own| own.index == theirs.index)
                    }))
        };
        self.left()
            .filter(|(path, _)| is_seen(path))
            .map(|(path, result)| (path.name().to_owned(), Arc::clone(result)))
            .collect()
    }

    /// The variables of the loops around a node, with their values in its rounds.
    #[must_use]
    pub fn variables_at(&self, path: &StepPath) -> Vec<(Arc<str>, Value)> {
        let mut variables = Vec::new();
        let mut enclosing = path.enclosing();
        while let Some((of, index)) = enclosing {
            let variable = match self.definition.node_at(&of).map(|node| &node.kind) {
                Some(Kind::ForEach(each)) => Some(&each.variable),
                _ => None,
            };
            let item = match self.node(&of).map(|node| &node.stand) {
                Some(Stand::Looping { items, .. }) => items.get(index as usize),
                _ => None,
            };
            if let (Some(variable), Some(item)) = (variable, item) {
                variables.push((Arc::clone(variable), item.clone()));
            }
            enclosing = of.enclosing();
        }
        variables
    }

    /// Results of the saga's steps by name, as the saga around it sees them. Those inside loops stand
    /// in the result of their loop.
    #[must_use]
    pub fn results(&self) -> HashMap<String, Arc<Value>> {
        self.left()
            .filter(|(path, _)| path.enclosing_round().is_none())
            .map(|(path, result)| (path.name().to_owned(), Arc::clone(result)))
            .collect()
    }

    /// Everything that was left, with where.
    fn left(&self) -> impl Iterator<Item = (&StepPath, &Arc<Value>)> {
        let steps = self
            .steps
            .iter()
            .filter_map(|step| Some((&step.path, step.result()?)));
        let nodes = self
            .nodes
            .iter()
            .filter_map(|(path, node)| match &node.stand {
                Stand::Joined { results } => Some((path, results)),
                _ => None,
            });
        steps.chain(nodes)
    }
}
