//! What others have to know of, and sagas that nest one another.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Reader;
use crate::definition::{Definition, Nested};
use crate::id::Name;

/// What a new definition may refer to.
pub trait Known {
    /// Whether somebody uploaded a component.
    fn component(&self, name: &Name) -> bool;
    /// A version of a definition, the latest when none is named.
    fn definition(&self, name: &Name, version: Option<u32>) -> Option<Arc<Definition>>;
}

impl Reader<'_> {
    /// A nested saga has to exist, may not nest this one, and has to be one that can be undone.
    pub(super) fn check_nested(&mut self, nested: &Nested, pointer: &str) {
        if nested.definition == self.name {
            self.problem(pointer, format!("`{}` nests itself", self.name));
            return;
        }
        let Some(known) = self.known else {
            return;
        };
        let Some(definition) = known.definition(&nested.definition, nested.version) else {
            let version = nested
                .version
                .map_or_else(String::new, |version| format!(" in version {version}"));
            let message = format!(
                "there is no definition `{}`{version}: apply it first",
                nested.definition
            );
            self.problem(pointer, message);
            return;
        };
        if let Some(way) = self.way_back(known, &definition) {
            let message = format!("`{}` nests itself: {way}", self.name);
            self.problem(pointer, message);
        }
        if definition.has_pivot() && !nested.pivot {
            let message = format!(
                "`{}` has a pivot, so it cannot be undone once that is done: say `\"pivot\": true` \
                 here too, or nest another one",
                nested.definition
            );
            self.problem(pointer, message);
        }
    }

    /// How one gets from a definition back to the one that is read.
    fn way_back(&self, known: &dyn Known, from: &Arc<Definition>) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![(Arc::clone(from), format!("`{}`", from.name))];
        while let Some((definition, way)) = open.pop() {
            for nested in definition.nested() {
                let way = format!("{way} nests `{}`", nested.definition);
                if nested.definition == self.name {
                    return Some(way);
                }
                if seen.insert((nested.definition.clone(), nested.version))
                    && let Some(next) = known.definition(&nested.definition, nested.version)
                {
                    open.push((next, way));
                }
            }
        }
        None
    }
}
