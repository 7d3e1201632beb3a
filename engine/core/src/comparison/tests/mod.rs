//! What is different between two calls, case by case.

mod incomparable;
mod requests;

use serde_json::{Value, json};

use super::*;
use crate::call::{Evidence, Metering};
use crate::recording::{Body, Exchange, Message, RequestRecord};
use crate::time::Timestamp;

fn request(method: &str, url: &str, body: Body, headers: &[(&str, &str)]) -> RequestRecord {
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    RequestRecord {
        method: method.to_owned(),
        url: url.to_owned(),
        status: Some(200),
        error: None,
        error_kind: None,
        duration_ms: 1.0,
        request_bytes: 0,
        response_bytes: 0,
        exchange: Some(Box::new(Exchange {
            request: Message {
                headers: headers.collect(),
                body,
            },
            response: Some(Message::default()),
        })),
    }
}

fn get(url: &str) -> RequestRecord {
    request("GET", url, Body::Empty, &[])
}

fn post(url: &str, body: &str) -> RequestRecord {
    request("POST", url, Body::Text(body.to_owned()), &[])
}

fn completed(result: Value, context_patch: Option<Value>) -> Ended {
    Ended::Completed(Completion {
        result,
        context_patch,
    })
}

fn failed(kind: FailureKind, code: &str, message: &str, details: Option<Value>) -> Ended {
    Ended::Failed {
        failure: Failure {
            kind,
            code: code.to_owned(),
            message: message.to_owned(),
            details,
        },
        certainty: Certainty::Definite,
    }
}

fn declined(message: &str, details: Option<Value>) -> Ended {
    failed(FailureKind::Permanent, "declined", message, details)
}

fn end(outcome: RecordedOutcome, requests: Vec<RequestRecord>) -> RecordedEnd {
    RecordedEnd {
        seq: 3,
        at: Timestamp::from_unix_ms(0),
        outcome,
        metering: Metering {
            fuel: 100,
            memory_bytes: 64,
            duration_ms: 1.0,
            requests: u32::try_from(requests.len()).expect("few"),
        },
        requests,
    }
}

/// A call that ended: how, and what it sent.
type Run = (Ended, Vec<RequestRecord>);

fn compared(recorded: Run, candidate: Run, answered_from: &[Option<usize>]) -> Comparison {
    let report = Report {
        ended: candidate.0,
        metering: Metering {
            fuel: 250,
            memory_bytes: 128,
            ..Metering::default()
        },
        requests: candidate.1,
        evidence: Evidence::Possible,
    };
    let recorded = end(RecordedOutcome::Ended(recorded.0), recorded.1);
    let comparison = compare(&recorded, &report, answered_from);
    let json = serde_json::to_string(&comparison).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Comparison>(&json).expect("a comparison"),
        comparison
    );
    comparison
}

/// The differences as they go out.
fn differences(comparison: &Comparison) -> Value {
    serde_json::to_value(&comparison.differences).expect("JSON")
}

/// What is different between two calls that send nothing.
fn between(recorded: Ended, candidate: Ended) -> Value {
    differences(&compared(
        (recorded, Vec::new()),
        (candidate, Vec::new()),
        &[],
    ))
}

/// What is different between two calls that end well and send these.
fn sent(
    recorded: &[RequestRecord],
    candidate: &[RequestRecord],
    answered_from: &[Option<usize>],
) -> Comparison {
    let done = |requests: &[RequestRecord]| (completed(json!(1), None), requests.to_vec());
    compared(done(recorded), done(candidate), answered_from)
}

#[test]
fn what_is_the_same_is_clean_whatever_it_uses() {
    let requests = vec![get("http://a/1"), post("http://a/2", r#"{"amount": 5}"#)];
    for ended in [
        completed(json!({"id": 1}), Some(json!({"paid": true}))),
        Ended::Pending(json!({"for": "ops"})),
        declined("no", Some(json!([1]))),
        Ended::Completed(Completion::default()),
    ] {
        let run = (ended, requests.clone());
        let comparison = compared(run.clone(), run, &[Some(0), Some(1)]);
        assert!(comparison.is_clean(), "{comparison:?}");
        let fuel = Compared {
            recorded: 100,
            candidate: 250,
        };
        let memory_bytes = Compared {
            recorded: 64,
            candidate: 128,
        };
        assert_eq!(
            (comparison.fuel, comparison.memory_bytes),
            (fuel, memory_bytes)
        );
        for aspect in [Aspect::Outcome, Aspect::ContextPatch, Aspect::Requests] {
            assert!(comparison.is_same_in(aspect));
        }
    }
}

#[test]
fn calls_that_end_in_another_way_say_both() {
    let failure = |kind, certainty, code, message| json!({"ended": "failed", "kind": kind, "certainty": certainty, "code": code, "message": message});
    let no = failure("permanent", "definite", "declined", "no");
    let trap = Ended::Failed {
        failure: Failure::permanent("declined", "no"),
        certainty: Certainty::Uncertain,
    };
    let table = [
        (completed(json!(1), None), json!({"ended": "completed"})),
        (Ended::Pending(json!(1)), json!({"ended": "pending"})),
        (declined("no", None), no),
        (
            failed(FailureKind::Retryable, "declined", "no", None),
            failure("retryable", "definite", "declined", "no"),
        ),
        (
            failed(FailureKind::Permanent, "empty", "no", None),
            failure("permanent", "definite", "empty", "no"),
        ),
        (trap, failure("permanent", "uncertain", "declined", "no")),
    ];
    for (index, (recorded, one)) in table.iter().enumerate() {
        for (other_index, (candidate, other)) in table.iter().enumerate() {
            let expected = if index == other_index {
                json!([])
            } else {
                json!([{"type": "outcome", "recorded": one, "candidate": other}])
            };
            assert_eq!(between(recorded.clone(), candidate.clone()), expected);
        }
    }
}

#[test]
fn what_calls_leave_is_compared_place_by_place() {
    let result = |one, other| between(completed(one, None), completed(other, None));
    let patch = |one, other| between(completed(json!(1), one), completed(json!(1), other));
    let table = [
        (
            result(
                json!({"amount": 5, "to": "a"}),
                json!({"amount": 7, "to": "a"}),
            ),
            json!([{"type": "result", "changes":
                [{"pointer": "/amount", "recorded": 5, "candidate": 7}]}]),
        ),
        (
            result(json!(null), json!([])),
            json!([{"type": "result", "changes":
                [{"pointer": "", "recorded": null, "candidate": []}]}]),
        ),
        (
            patch(Some(json!({"a/b": {"~": null}})), Some(json!({"a/b": {}}))),
            json!([{"type": "context-patch", "changes":
                [{"pointer": "/a~1b/~0", "recorded": null}]}]),
        ),
        // Nothing is as much as an empty patch.
        (patch(None, Some(json!({}))), json!([])),
        (
            patch(None, Some(json!({"paid": true}))),
            json!([{"type": "context-patch", "changes":
                [{"pointer": "/paid", "candidate": true}]}]),
        ),
        (
            between(
                Ended::Pending(json!({"n": 1})),
                Ended::Pending(json!({"n": 1.5})),
            ),
            json!([{"type": "pending-payload", "changes":
                [{"pointer": "/n", "recorded": 1, "candidate": 1.5}]}]),
        ),
        (
            between(declined("no", None), declined("never", Some(json!(null)))),
            json!([{"type": "failure", "message": {"recorded": "no", "candidate": "never"},
                "details": {"changes": [{"pointer": "", "candidate": null}]}}]),
        ),
        (
            between(
                declined("no", Some(json!(1))),
                declined("no", Some(json!(2))),
            ),
            json!([{"type": "failure", "details":
                {"changes": [{"pointer": "", "recorded": 1, "candidate": 2}]}}]),
        ),
        (
            between(
                completed(json!(1), Some(json!({"a": 1}))),
                completed(json!(2), Some(json!({"a": 2}))),
            ),
            json!([
                {"type": "result", "changes": [{"pointer": "", "recorded": 1, "candidate": 2}]},
                {"type": "context-patch", "changes":
                    [{"pointer": "/a", "recorded": 1, "candidate": 2}]},
            ]),
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
}

#[test]
fn of_a_list_that_changed_in_length_only_what_came_or_went_is_shown() {
    let changes = |one: Value, other: Value| {
        let changes = Changes::between(&one, &other).changes.into_iter();
        let changes = changes.map(|change| (change.pointer, change.recorded, change.candidate));
        changes.collect::<Vec<_>>()
    };
    let at = |pointer: &str, recorded, candidate| (pointer.to_owned(), recorded, candidate);
    assert_eq!(
        changes(json!(["b", "c"]), json!(["a", "b", "c"])),
        [at("/0", None, Some(json!("a")))]
    );
    assert_eq!(
        changes(json!([1, 2, 3]), json!([1, 3])),
        [at("/1", Some(json!(2)), None)]
    );
    assert_eq!(
        changes(json!([1, 2, 3, 9]), json!([1, 4, 9])),
        [
            at("/1", Some(json!(2)), Some(json!(4))),
            at("/2", Some(json!(3)), None)
        ]
    );
    assert_eq!(
        changes(json!([{"n": 1}, {"n": 2}]), json!([{"n": 1}, {"n": 3}])),
        [at("/1/n", Some(json!(2)), Some(json!(3)))]
    );
    // The same element at both ends belongs to one of them.
    assert_eq!(
        changes(json!([1, 1]), json!([1])),
        [at("/1", Some(json!(1)), None)]
    );
}

#[test]
fn a_difference_is_shown_within_bounds_and_where_it_is() {
    let many = |value: u32| -> Value { (0..80).map(|_| json!(value)).collect() };
    let changes = Changes::between(&many(1), &many(2));
    assert_eq!((changes.changes.len(), changes.more), (MAX_CHANGES, 30));

    let text = |tail: &str| json!({"note": format!("{}{tail}", "ä".repeat(5_000))});
    let changes = Changes::between(&text("one"), &text("other"));
    let change = &changes.changes[0];
    let shown = change
        .recorded
        .as_ref()
        .and_then(Value::as_str)
        .expect("text");
    assert!(
        shown.starts_with("…ä") && shown.ends_with("äone"),
        "{shown}"
    );
    let shown = change
        .candidate
        .as_ref()
        .and_then(Value::as_str)
        .expect("text");
    assert!(shown.ends_with("äother") && shown.len() < 100, "{shown}");

    let changes = Changes::between(&many(1), &json!(7));
    let change = &changes.changes[0];
    assert_eq!(change.candidate, Some(json!(7)));
    let long = Changes::between(&json!(7), &json!(vec![1; 1_000]));
    let shown = long.changes[0].candidate.as_ref().and_then(Value::as_str);
    let shown = shown.expect("the beginning of its JSON");
    assert!(
        shown.starts_with("[1,1,") && shown.ends_with('…'),
        "{shown}"
    );
    assert!(shown.len() <= MAX_SHOWN_BYTES + '…'.len_utf8());

    let deep = |value: u32| json!({"a": { "x".repeat(5_000): value, "b": value }});
    let changes = Changes::between(&deep(1), &deep(2));
    let pointers: Vec<_> = changes
        .changes
        .iter()
        .map(|change| &change.pointer)
        .collect();
    assert_eq!(pointers, ["/a"], "as deep as a pointer can be shown");

    let recorded: Vec<_> = (0..40)
        .map(|n| post("http://a/", &format!("[{n}]")))
        .collect();
    let candidate: Vec<_> = (0..40).map(|_| post("http://a/", "[99]")).collect();
    let sources: Vec<_> = (0..40).map(Some).collect();
    let comparison = sent(&recorded, &candidate, &sources);
    assert_eq!(
        (comparison.differences.len(), comparison.more),
        (MAX_DIFFERENCES, 8)
    );
}
