//! How deep JSON may be nested.

use serde_json::Value;

/// Deepest nesting of a value that a saga takes in: input, arguments, results, patches, details.
///
/// What is read back from a journal is nested some levels deeper, inside its event, and the reader
/// of JSON gives up at 128: a value that was taken in must never be one that cannot be read again.
pub const MAX_DEPTH: usize = 64;

/// How deep a value is nested: 0 for a number, 1 for `[]`, 2 for `[[]]`.
#[must_use]
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Says that a value is nested too deep, if it is.
///
/// # Errors
/// The depth and the most there may be, for people.
pub fn check_depth(value: &Value) -> Result<(), String> {
    let depth = depth(value);
    if depth > MAX_DEPTH {
        return Err(format!("nested {depth} deep; the most is {MAX_DEPTH}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_as_deep_as_its_deepest_part() {
        let read = |text| depth(&serde_json::from_str(text).expect("JSON"));
        assert_eq!(read("7"), 0);
        assert_eq!(read("[]"), 1);
        assert_eq!(read(r#"{"a": [1, {"b": []}], "c": 2}"#), 4);
        let deep = "[".repeat(65) + &"]".repeat(65);
        assert!(check_depth(&serde_json::from_str(&deep).expect("JSON")).is_err());
    }
}
