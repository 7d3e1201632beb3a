use std::sync::Arc;

use serde_json::{Value, json};
use wasaga_core::{Digest, Name, Record, SagaId};

use super::*;

fn parse(steps: &Value) -> Definition {
    let name = Name::new("order").expect("a name");
    Definition::parse(&name, &json!({ "steps": steps })).expect("a definition")
}

fn draw(steps: &Value) -> String {
    definition(&parse(steps))
}

/// The lines of a chart behind its first one, without indentation.
fn lines(chart: &str) -> Vec<&str> {
    let (first, rest) = chart.split_once('\n').expect("lines");
    assert_eq!(first, "flowchart TD");
    rest.lines().map(str::trim).collect()
}

/// A definition with every kind of node.
fn every_kind() -> Value {
    json!([
        { "step": "reserve", "component": "inventory", "action": "hold",
          "fallback": { "component": "backup", "on": ["unavailable", "timeout"] } },
        { "choice": [
            { "when": "input.n > 1", "steps": [{ "step": "review", "component": "desk" }] },
            { "steps": [] },
        ] },
        { "step": "both", "parallel": [
            [{ "step": "mail", "component": "mail" }],
            [{ "sleep": "5s" }],
            [],
        ] },
        { "step": "picks", "for_each": { "$cel": "input.items" }, "max_concurrency": 4,
          "steps": [{ "step": "pick", "component": "warehouse" }] },
        { "step": "ship", "saga": "shipping", "version": 2, "pivot": true },
    ])
}

#[test]
fn every_kind_of_node_has_its_shape_and_its_arrows() {
    let chart = draw(&every_kind());
    let expected = [
        r#"first(["order"])"#,
        r#"n1["reserve<br/>inventory · hold"]"#,
        "first --> n1",
        r#"n2["reserve:fallback<br/>backup · hold"]"#,
        r#"n1 -.->|"unavailable, timeout"| n2"#,
        r#"n3{"choice-1"}"#,
        "n1 --> n3",
        "n2 --> n3",
        r#"n4["review<br/>desk · review"]"#,
        r#"n3 -->|"input.n #62; 1"| n4"#,
        r#"n5{{"both"}}"#,
        "n4 --> n5",
        r#"n3 -->|"else"| n5"#,
        r#"n6["mail<br/>mail · mail"]"#,
        "n5 --> n6",
        r#"n7>"sleep-1<br/>sleep 5s"]"#,
        "n5 --> n7",
        r#"n5_end((" "))"#,
        "n6 --> n5_end",
        "n7 --> n5_end",
        "n5 --> n5_end",
        "n5_end --> n8",
        r#"subgraph n8["picks<br/>for each item in input.items<br/>4 at a time"]"#,
        r#"n9["pick<br/>warehouse · pick"]"#,
        "end",
        r#"n10[["ship (pivot)<br/>saga shipping v2"]]"#,
        "n8 --> n10",
        r#"last(["done"])"#,
        "n10 --> last",
    ];
    assert_eq!(lines(&chart), expected);
}

#[test]
fn a_definition_that_does_nothing_is_drawn_too() {
    let chart = draw(&json!([]));
    let expected = [r#"first(["order"])"#, r#"last(["done"])"#, "first --> last"];
    assert_eq!(lines(&chart), expected);
}

#[test]
fn a_choice_without_an_else_goes_past_its_branches() {
    let chart = draw(&json!([{ "choice": [
        { "when": "input.a", "steps": [] }, { "when": "input.b", "steps": [] },
    ] }]));
    assert!(
        lines(&chart).contains(&r#"n1 -->|"3 others"| last"#),
        "{chart}"
    );
}

#[test]
fn what_a_definition_says_cannot_leave_its_label() {
    let when = r#"input.n == "]; click n1 href \"javascript:x\" %%{init}%% <b>""#;
    let chart = draw(&json!([{ "choice": [
        { "when": when, "steps": [{ "step": "a", "component": "c" }] },
    ] }]));
    let arrow = lines(&chart)
        .into_iter()
        .find(|line| line.ends_with("| n2"))
        .expect("an arrow");
    let label = arrow
        .strip_prefix("n1 -->|\"")
        .and_then(|rest| rest.strip_suffix("\"| n2"))
        .expect("one label");
    assert!(!label.contains(['"', '<', '>', '`']), "{label}");
}

#[test]
fn a_chart_grows_with_its_definition_and_no_faster() {
    let branch = json!({ "when": format!("input.n == \"{}\"", "#".repeat(2000)), "steps": [] });
    let choice = json!({ "choice": vec![branch; 500] });
    let chart = draw(&json!(vec![choice; 4]));
    assert_eq!(lines(&chart).len(), 2 + 4 * 2 + 1, "{chart:.2000}");
    let steps: Vec<Value> = (0..1000)
        .map(|n| json!({ "step": format!("s{n}"), "component": "c" }))
        .collect();
    assert!(draw(&json!(steps)).len() < 100_000);
}

fn state(steps: &Value, events: &[Value]) -> State {
    let started =
        json!({ "type": "saga_started", "definition": "order", "version": 3, "input": {} });
    let read = |(event, seq): (&Value, u64)| -> Record {
        let mut record = event.clone();
        record["seq"] = seq.into();
        record["at"] = "2026-11-21T08:00:00.000Z".into();
        serde_json::from_value(record).expect("a record")
    };
    let records: Vec<_> = std::iter::once(&started)
        .chain(events)
        .zip(1..)
        .map(read)
        .collect();
    let id = SagaId::from_parts(1, &[7; 10]);
    State::fold(id, Arc::new(parse(steps)), &records).expect("a journal")
}

/// The ids of the nodes of a class.
fn class<'a>(chart: &'a str, class: &str) -> Vec<&'a str> {
    let found = lines(chart).into_iter().find_map(|line| {
        line.strip_prefix("class ")
            .and_then(|rest| rest.strip_suffix(&format!(" {class}")))
    });
    found.map_or(Vec::new(), |ids| ids.split(',').collect())
}

#[test]
fn a_saga_s_nodes_have_the_classes_of_their_statuses() {
    let metering = json!({ "fuel": 1, "memory_bytes": 1, "duration_ms": 1.0, "requests": 0 });
    let begun = |step: &str| {
        json!({ "type": "act_started", "step": step, "attempt": 1, "component": "c", "version": 1,
                "digest": Digest::of(b"wasm") })
    };
    let done = |step: &str| {
        json!({ "type": "act_completed", "step": step, "attempt": 1, "result": 1,
                "metering": metering })
    };
    let steps = json!([
        { "step": "picks", "for_each": { "$cel": "input.items" }, "max_concurrency": 2,
          "steps": [{ "step": "pick", "component": "warehouse" }] },
        { "choice": [{ "when": "input.a", "steps": [{ "step": "a", "component": "c" }] }] },
        { "step": "b", "component": "c", "fallback": { "component": "d" } },
    ]);
    let mut events = vec![
        json!({ "type": "loop_started", "step": "picks", "items": [1, 2] }),
        begun("picks[0].pick"),
        begun("picks[1].pick"),
        done("picks[0].pick"),
    ];
    let running = saga(&state(&steps, &events));
    assert!(lines(&running).contains(&r#"first(["order v3"])"#));
    assert!(lines(&running).contains(&r#"last(["running"])"#));
    // One round is done and one runs: the one that runs is shown.
    assert_eq!(class(&running, "running"), ["n1", "n2"]);
    assert_eq!(class(&running, "pending"), ["n3", "n4", "n5", "n6"]);
    assert_eq!(class(&running, "completed"), Vec::<&str>::new());
    events.extend([
        done("picks[1].pick"),
        json!({ "type": "loop_completed", "step": "picks",
                "results": ["picks[0].pick", "picks[1].pick"] }),
        json!({ "type": "choice_made", "step": "choice-1", "evaluated": [] }),
        begun("b"),
    ]);
    let later = saga(&state(&steps, &events));
    assert_eq!(class(&later, "completed"), ["n1", "n2", "n3"]);
    assert_eq!(class(&later, "skipped"), ["n4"]);
    assert_eq!(class(&later, "running"), ["n5"]);
    assert_eq!(class(&later, "pending"), ["n6"]);
}

#[test]
fn a_step_that_failed_is_shown_as_failed_also_when_it_needs_no_undo() {
    let metering = json!({ "fuel": 1, "memory_bytes": 1, "duration_ms": 1.0, "requests": 0 });
    let events = [
        json!({ "type": "act_started", "step": "a", "attempt": 1, "component": "c", "version": 1,
                "digest": Digest::of(b"wasm") }),
        json!({ "type": "act_failed", "step": "a", "attempt": 1, "certainty": "definite",
                "evidence": "unchanged", "metering": metering,
                "failure": { "kind": "permanent", "code": "no", "message": "no" } }),
        json!({ "type": "saga_failed", "error": { "step": "a", "code": "no", "message": "no" } }),
        json!({ "type": "compensation_skipped", "step": "a", "reason": "no-effect" }),
    ];
    let steps = json!([{ "step": "a", "component": "c" }, { "step": "b", "component": "c" }]);
    let chart = saga(&state(&steps, &events));
    assert_eq!(class(&chart, "failed"), ["n1"]);
    assert_eq!(class(&chart, "pending"), ["n2"]);
}

#[test]
fn every_status_has_a_class() {
    for status in [
        StepStatus::Pending,
        StepStatus::Running,
        StepStatus::Waiting,
        StepStatus::Completed,
        StepStatus::Failed,
        StepStatus::Compensating,
        StepStatus::Compensated,
        StepStatus::CompensationFailed,
        StepStatus::Skipped,
    ] {
        assert_eq!(CLASSES[rank(status)].0, status);
    }
}
