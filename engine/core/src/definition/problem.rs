//! What is wrong with a document, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its place: a JSON pointer (RFC 6901), empty for the whole document.
    pub pointer: String,
    /// What was expected and what is there.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// A field's name as a JSON pointer spells it.
    #[must_use]
    pub fn escape(field: &str) -> String {
        field.replace('~', "~0").replace('/', "~1")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "/"
        } else {
            &self.pointer
        };
        write!(f, "{place}: {}", self.message)
    }
}

/// A document that is no definition, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the definition has {} problem(s)", self.problems.len())?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "; {problem}"))
    }
}

impl std::error::Error for Invalid {}
