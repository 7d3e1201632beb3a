//! JSON Schema of a saga's input.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::definition::Problem;

/// Most problems that one validation reports.
const MAX_PROBLEMS: usize = 32;

/// A compiled JSON Schema.
#[derive(Clone)]
pub struct Schema(Arc<jsonschema::Validator>);

impl Schema {
    /// Compiles a schema. References to other documents are not followed.
    ///
    /// # Errors
    /// What is wrong with the schema, for people.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        jsonschema::validator_for(schema)
            .map(|validator| Self(Arc::new(validator)))
            .map_err(|error| error.to_string())
    }

    /// Checks `value`.
    ///
    /// # Errors
    /// Every problem, each with its place in `value`, up to a bound.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Problem>> {
        let problems: Vec<_> = self
            .0
            .iter_errors(value)
            .take(MAX_PROBLEMS)
            .map(|error| Problem::new(error.instance_path().as_str(), error.to_string()))
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}
