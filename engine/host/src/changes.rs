//! How one version of a component differs from another, seen from outside.

use serde::Serialize;
use wasaga_core::ComponentInfo;

/// What a version imports and exports that another one does not, and the other way round. Names
/// carry their versions: an interface in another version is one that went and one that came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// What it asks of the engine and the one before did not.
    pub added_imports: Vec<String>,
    /// What it asks for no more.
    pub removed_imports: Vec<String>,
    /// What it can and the one before could not.
    pub added_exports: Vec<String>,
    /// What it can no more.
    pub removed_exports: Vec<String>,
}

impl Changes {
    /// What changes for whoever replaces `before` by `after`.
    #[must_use]
    pub fn between(before: &ComponentInfo, after: &ComponentInfo) -> Self {
        Self {
            added_imports: beyond(&before.imports, &after.imports),
            removed_imports: beyond(&after.imports, &before.imports),
            added_exports: beyond(&before.exports, &after.exports),
            removed_exports: beyond(&after.exports, &before.exports),
        }
    }
}

/// What `names` has and `known` does not.
fn beyond(known: &[String], names: &[String]) -> Vec<String> {
    let unknown = names.iter().filter(|name| !known.contains(name));
    unknown.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_what_one_version_has_and_the_other_does_not() {
        let info = |imports: &[&str], exports: &[&str]| ComponentInfo {
            imports: imports.iter().map(ToString::to_string).collect(),
            exports: exports.iter().map(ToString::to_string).collect(),
        };
        let before = info(&["a:b/log@1.0.0", "a:b/io@0.2.0"], &["a:b/act@1.0.0"]);
        let after = info(
            &["a:b/io@0.2.1", "a:b/log@1.0.0"],
            &["a:b/act@1.0.0", "a:b/confirm@1.0.0"],
        );
        let changes = Changes::between(&before, &after);
        let expected = Changes {
            added_imports: vec!["a:b/io@0.2.1".to_owned()],
            removed_imports: vec!["a:b/io@0.2.0".to_owned()],
            added_exports: vec!["a:b/confirm@1.0.0".to_owned()],
            removed_exports: Vec::new(),
        };
        assert_eq!(changes, expected);
        assert_eq!(Changes::between(&after, &after), Changes::default());
    }
}
