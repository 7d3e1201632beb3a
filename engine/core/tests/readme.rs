//! Every example of the page on definitions is one.

#![allow(clippy::expect_used, reason = "tests")]

use serde_json::{Value, json};
use wasaga_core::{Definition, Name};

const PAGE: &str = include_str!("../README.md");

/// The JSON blocks of the page.
fn examples() -> Vec<&'static str> {
    let after = PAGE.split("```json\n").skip(1);
    after
        .map(|rest| rest.split("```").next().expect("the end of a block"))
        .collect()
}

#[test]
fn every_example_is_a_definition_or_an_entry_of_one() {
    let examples = examples();
    assert!(examples.len() >= 10, "found {}", examples.len());
    let name = Name::new("order").expect("a name");
    for example in examples {
        let value: Value = serde_json::from_str(example).unwrap_or_else(|error| {
            panic!("{error} in\n{example}");
        });
        // A document says its name; what has none is one entry of `steps`.
        let document = match value.get("name") {
            Some(_) => value,
            None => json!({ "steps": [value] }),
        };
        if let Err(invalid) = Definition::parse(&name, &document) {
            panic!("{invalid} in\n{example}");
        }
    }
}

#[test]
fn every_kind_of_node_has_an_example() {
    let examples = examples().concat();
    for kind in [
        "component",
        "choice",
        "parallel",
        "for_each",
        "saga",
        "sleep",
    ] {
        assert!(examples.contains(&format!("\"{kind}\":")), "{kind}");
    }
}
