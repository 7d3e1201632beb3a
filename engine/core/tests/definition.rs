//! What is wrong with a document is said with its place, all of it at once.

#![allow(clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use serde_json::{Value, json};
use wasaga_core::definition::{Known, MAX_NESTING, MAX_NODES};
use wasaga_core::{Definition, Name};

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// Places and messages of a document's problems.
fn problems(document: &Value) -> Vec<(String, String)> {
    match Definition::parse(&name("order"), document) {
        Ok(_) => Vec::new(),
        Err(invalid) => {
            let problems = invalid.problems.into_iter();
            problems
                .map(|problem| (problem.pointer, problem.message))
                .collect()
        }
    }
}

fn entry(entry: Value) -> Value {
    json!({ "steps": [entry] })
}

fn step(name: &str) -> Value {
    json!({"step": name, "component": "c"})
}

fn pivot(name: &str) -> Value {
    json!({"step": name, "component": "c", "pivot": true})
}

#[test]
fn each_fault_is_reported_at_its_place() {
    let cases = [
        (entry(json!({"component": "c"})), "/steps/0", "`step`"),
        (entry(json!({"step": "a"})), "/steps/0", "`component`"),
        (entry(json!({})), "/steps/0", "which says what it is"),
        (
            entry(json!({"step": "a", "component": "c", "retries": 1})),
            "/steps/0/retries",
            "unknown field",
        ),
        (
            entry(json!({"sleep": "1s", "steps": []})),
            "/steps/0/steps",
            "unknown field",
        ),
        (
            json!({"steps": [step("a"), {"parallel": [[step("a")]]}]}),
            "/steps/1/parallel/0/0/step",
            "another step",
        ),
        (
            json!({"steps": [{"step": "sleep-1", "component": "c"}, {"sleep": "1s"}]}),
            "/steps/1",
            "another step",
        ),
        (
            entry(json!({"choice": []})),
            "/steps/0/choice",
            "at least one",
        ),
        (
            entry(json!({"choice": [{"steps": []}, {"steps": []}]})),
            "/steps/0/choice/0",
            "only the last",
        ),
        (
            entry(json!({"choice": [{"when": "1 +", "steps": []}]})),
            "/steps/0/choice/0/when",
            "1 +",
        ),
        (
            entry(json!({"choice": [{"when": "true"}]})),
            "/steps/0/choice/0",
            "`steps`",
        ),
        (
            entry(json!({"parallel": [step("a")]})),
            "/steps/0/parallel/0",
            "array",
        ),
        (
            entry(json!({"parallel": []})),
            "/steps/0/parallel",
            "at least one",
        ),
        (
            entry(json!({"for_each": 3, "steps": []})),
            "/steps/0/for_each",
            "array",
        ),
        (
            entry(json!({"for_each": [], "max_concurrency": 0, "steps": []})),
            "/steps/0/max_concurrency",
            "whole number",
        ),
        (
            entry(json!({"for_each": [], "as": "input", "steps": []})),
            "/steps/0/as",
            "something else",
        ),
        (
            entry(json!({"for_each": [], "steps": [{"for_each": [], "steps": []}]})),
            "/steps/0/steps/0",
            "a loop around",
        ),
        (
            json!({"steps": [{"for_each": [], "as": "x", "steps": []}, {"step": "a", "component": "c", "arguments": {"$cel": "x"}}]}),
            "/steps/1/arguments/$cel",
            "x",
        ),
        (entry(json!({"saga": "other"})), "/steps/0", "`step`"),
        (
            entry(json!({"saga": "order", "step": "a"})),
            "/steps/0/saga",
            "nests itself",
        ),
        (
            entry(json!({"saga": "other", "step": "a", "version": 0})),
            "/steps/0/version",
            "whole number",
        ),
        (
            entry(json!({"sleep": "soon"})),
            "/steps/0/sleep",
            "length of time",
        ),
        (
            entry(json!({"sleep": 5})),
            "/steps/0/sleep",
            "length of time",
        ),
        (
            entry(json!({"parallel": [[pivot("a")]]})),
            "/steps/0/parallel/0/0/pivot",
            "inside a `parallel`",
        ),
        (
            entry(json!({"for_each": [], "steps": [{"choice": [{"steps": [pivot("a")]}]}]})),
            "/steps/0/steps/0/choice/0/steps/0/pivot",
            "inside a `for_each`",
        ),
        (
            json!({"commit": "manual", "steps": [pivot("a")]}),
            "/commit",
            "pivot",
        ),
        (
            json!({"commit_timeout": "1s", "steps": []}),
            "/commit_timeout",
            "manual",
        ),
        (
            json!({"commit": "later", "steps": []}),
            "/commit",
            "`automatic`, `manual`",
        ),
        (
            entry(json!({"step": "a", "component": "c", "fallback": {"on": ["x"]}})),
            "/steps/0/fallback",
            "at least one",
        ),
        (
            entry(
                json!({"step": "a", "component": "c", "fallback": {"component": "d", "circuit_breaker": {"failure_threshold": 0}}}),
            ),
            "/steps/0/fallback/circuit_breaker/failure_threshold",
            "whole number",
        ),
        (
            entry(json!({"step": "a", "component": "c", "on_exhausted": "stop"})),
            "/steps/0/on_exhausted",
            "`compensate`, `pause`",
        ),
        (
            entry(json!({"step": "a", "component": "c", "reply_timeout": "0s"})),
            "/steps/0/reply_timeout",
            "more than no time",
        ),
        (json!({"name": "other", "steps": []}), "/name", "`order`"),
        (json!({}), "", "`steps`"),
    ];
    for (document, pointer, words) in cases {
        let found = problems(&document);
        let fits = |(at, message): &(String, String)| at == pointer && message.contains(words);
        assert!(
            found.len() == 1 && found.iter().all(fits),
            "{document}: {found:?}"
        );
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let document = json!({"deadline": "x", "steps": [
        {"component": "c"}, {"choice": [{"when": "nosuch", "steps": [{"sleep": 1}]}]}]});
    let mut places: Vec<_> = problems(&document).into_iter().map(|(at, _)| at).collect();
    places.sort();
    assert_eq!(
        places,
        [
            "/deadline",
            "/steps/0",
            "/steps/1/choice/0/steps/0/sleep",
            "/steps/1/choice/0/when"
        ]
    );
}

#[test]
fn nodes_are_bounded_in_number_and_depth() {
    let many: Vec<_> = (0..=MAX_NODES).map(|_| json!({"sleep": "1s"})).collect();
    assert_eq!(problems(&json!({ "steps": many[1..] })), []);
    assert_eq!(problems(&json!({ "steps": many })).len(), 1);
    // A parallel has two levels of arrays a container: deep enough before JSON itself is too deep.
    let nested = |depth| (0..depth).fold(json!([]), |inside, _| json!([{"parallel": [inside]}]));
    assert_eq!(problems(&json!({ "steps": nested(MAX_NESTING) })), []);
    assert_eq!(
        problems(&json!({ "steps": nested(MAX_NESTING + 1) })).len(),
        1
    );
}

/// Components but `nobody`, and some definitions.
struct Shelf(Vec<Arc<Definition>>);

impl Known for Shelf {
    fn component(&self, name: &Name) -> bool {
        name.as_str() != "nobody"
    }

    fn definition(&self, name: &Name, version: Option<u32>) -> Option<Arc<Definition>> {
        let known = self.0.iter().find(|known| known.name == *name);
        known
            .filter(|_| version.is_none_or(|version| version == 1))
            .cloned()
    }
}

#[test]
fn a_new_definition_may_only_refer_to_what_is_there() {
    let known = |text: &str, document: Value| {
        Arc::new(Definition::parse(&name(text), &document).expect("a definition"))
    };
    let shelf = Shelf(vec![
        known("plain", json!({"steps": []})),
        known("back", json!({"steps": [{"step": "a", "saga": "order"}]})),
        known("further", json!({"steps": [{"step": "a", "saga": "back"}]})),
        known("bound", json!({"steps": [pivot("a")]})),
    ]);
    let check = |node: Value| {
        let checked = Definition::check(&name("order"), &entry(node), &shelf);
        checked.err().map(|invalid| {
            assert_eq!(invalid.problems.len(), 1, "{invalid}");
            (
                invalid.problems[0].pointer.clone(),
                invalid.problems[0].message.clone(),
            )
        })
    };
    let nests = |saga: &str| json!({"step": "n", "saga": saga});
    assert_eq!(check(nests("plain")), None);
    assert_eq!(check(step("a")), None);
    assert_eq!(
        check(json!({"step": "n", "saga": "bound", "pivot": true})),
        None
    );
    for (node, place, words) in [
        (
            json!({"step": "a", "component": "nobody"}),
            "component",
            "upload",
        ),
        (
            json!({"step": "a", "component": "c", "fallback": {"component": "nobody"}}),
            "fallback/component",
            "upload",
        ),
        (nests("nothing"), "saga", "apply it first"),
        (
            json!({"step": "n", "saga": "plain", "version": 2}),
            "saga",
            "version 2",
        ),
        (
            nests("further"),
            "saga",
            "`further` nests `back` nests `order`",
        ),
        (nests("bound"), "saga", "pivot"),
    ] {
        let (at, message) = check(node.clone()).unwrap_or_else(|| panic!("{node} was taken"));
        assert_eq!(at, format!("/steps/0/{place}"));
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_node_without_a_name_is_called_by_its_kind_and_number() {
    let document = json!({"steps": [
        {"sleep": "1s"}, {"choice": [{"steps": [{"sleep": "1s"}]}]}, {"step": "own", "parallel": [[]]},
        {"for_each": [], "steps": []}]});
    let definition = Definition::parse(&name("order"), &document).expect("a definition");
    let names: Vec<_> = definition
        .nodes()
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["sleep-1", "choice-1", "sleep-2", "own", "for_each-1"]
    );
}
