use serde_json::{Value, json};

use super::*;
use crate::call::{CallId, Direction, Evidence, Metering};
use crate::effect::Call;
use crate::event::{CutOff, Pin};
use crate::history::RecordedCall;
use crate::id::{Digest, Name, SagaId};
use crate::path::StepPath;
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

fn with_headers(headers: &[(&str, &str)]) -> RequestRecord {
    request("POST", "http://a/", Body::Empty, headers)
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

/// The parts that are different between a request and the one it was answered from.
fn parts(recorded: RequestRecord, candidate: RequestRecord) -> Value {
    let found = differences(&sent(&[recorded], &[candidate], &[Some(0)]));
    match found.as_array().map(Vec::as_slice) {
        Some([]) => json!([]),
        Some([one]) if one["type"] == "request" => one["parts"].clone(),
        _ => panic!("{found}"),
    }
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

#[test]
fn two_requests_are_compared_part_by_part() {
    let digest = |bytes: &[u8]| json!({"digest": Digest::of(bytes).to_string()});
    let to = "http://a/pay";
    let body = |body| request("POST", to, body, &[]);
    let table = [
        (
            parts(
                post(to, r#"{"amount": 5, "to": "b"}"#),
                post(to, r#"{"to": "b", "amount": 7}"#),
            ),
            json!([{"part": "json-body", "changes":
                [{"pointer": "/amount", "recorded": 5, "candidate": 7}]}]),
        ),
        (
            parts(
                post(to, r#"{"a": 1, "b": 2}"#),
                post(to, r#"{ "b":2,"a":1 }"#),
            ),
            json!([]),
        ),
        // What is no object and no list is compared as it is spelled.
        (
            parts(post(to, "1.0"), post(to, "1.00")),
            json!([{"part": "body", "recorded": {"text": "1.0"}, "candidate": {"text": "1.00"}}]),
        ),
        (
            parts(post(to, "a=1&b=2"), post(to, "a=1&b=3")),
            json!([{"part": "body", "recorded": {"text": "a=1&b=2"}, "candidate": {"text": "a=1&b=3"}}]),
        ),
        (
            parts(body(Body::Empty), body(Body::Text("{}".to_owned()))),
            json!([{"part": "body", "recorded": "empty", "candidate": {"text": "{}"}}]),
        ),
        // `//4=` is the bytes ff fe.
        (
            parts(
                body(Body::Base64("//4=".to_owned())),
                body(Body::Base64("//8=".to_owned())),
            ),
            json!([{"part": "body", "recorded": digest(&[255, 254]), "candidate": digest(&[255, 255])}]),
        ),
        // The bound up to which bodies are kept may have changed in between.
        (
            parts(
                body(Body::Omitted(Digest::of(&[255, 254]))),
                body(Body::Base64("//4=".to_owned())),
            ),
            json!([]),
        ),
        (
            parts(
                body(Body::Omitted(Digest::of(b"[1]"))),
                body(Body::Text("[2]".to_owned())),
            ),
            json!([{"part": "body", "recorded": digest(b"[1]"), "candidate": {"text": "[2]"}}]),
        ),
        (
            parts(
                get("http://a/1"),
                request("HEAD", "http://a/2", Body::Empty, &[]),
            ),
            json!([{"part": "method", "recorded": "GET", "candidate": "HEAD"},
                {"part": "url", "recorded": "http://a/1", "candidate": "http://a/2"}]),
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
}

#[test]
fn headers_are_multisets_without_those_that_differ_by_nature() {
    let headers = |one: &[(&str, &str)], other: &[(&str, &str)]| {
        let parts = parts(with_headers(one), with_headers(other));
        parts[0]["changes"].clone()
    };
    let same = Value::Null;
    let table = [
        (
            headers(
                &[("Accept", "a"), ("x-n", "1")],
                &[("X-N", "1"), ("accept", "a")],
            ),
            same.clone(),
        ),
        (
            headers(
                &[
                    ("user-agent", "v1"),
                    ("traceparent", "00-1"),
                    ("content-length", "2"),
                ],
                &[("User-Agent", "v2"), ("tracestate", "x=1"), ("host", "a")],
            ),
            same,
        ),
        (
            headers(&[("x", "1"), ("x", "1")], &[("x", "1")]),
            json!([{"name": "x", "recorded": "1"}]),
        ),
        (
            headers(
                &[("b", "1"), ("c", "1"), ("d", "1")],
                &[("a", "1"), ("c", "2"), ("d", "1"), ("e", "1")],
            ),
            json!([
                {"name": "a", "candidate": "1"},
                {"name": "b", "recorded": "1"},
                {"name": "c", "recorded": "1", "candidate": "2"},
                {"name": "e", "candidate": "1"},
            ]),
        ),
        (
            headers(&[("Idempotency-Key", "k1")], &[("idempotency-key", "k2")]),
            json!([{"name": "idempotency-key", "recorded": "k1", "candidate": "k2"}]),
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_request_that_is_not_sent_is_missing_and_shifts_the_keys_of_those_behind_it() {
    let keyed = |url, key| {
        request(
            "POST",
            url,
            Body::Text("[1]".to_owned()),
            &[("idempotency-key", key)],
        )
    };
    let recorded = [keyed("http://a/1", "k0"), keyed("http://a/2", "k1")];
    let comparison = sent(&recorded, &[keyed("http://a/2", "k0")], &[Some(1)]);
    assert_eq!(
        differences(&comparison),
        json!([{"type": "missing-request", "recorded_index": 0, "method": "POST",
            "url": "http://a/1", "body": {"text": "[1]"}}])
    );
    assert!(!comparison.is_same_in(Aspect::Requests));
    assert!(comparison.is_same_in(Aspect::Outcome) && comparison.is_same_in(Aspect::ContextPatch));
}

#[test]
fn the_order_of_requests_counts() {
    let all: Vec<_> = (0..4).map(|n| get(&format!("http://a/{n}"))).collect();
    let answered = |order: &[usize]| {
        let candidate: Vec<_> = order.iter().map(|place| all[*place].clone()).collect();
        let sources: Vec<_> = order.iter().map(|place| Some(*place)).collect();
        differences(&sent(&all, &candidate, &sources))
    };
    assert_eq!(
        answered(&[0, 2, 1, 3]),
        json!([{"type": "order", "sent": [2, 1, 3]}])
    );
    assert_eq!(
        answered(&[1, 2, 3, 0]),
        json!([{"type": "order", "sent": [1, 2, 3, 0]}])
    );
    let skipped = answered(&[0, 1, 3]);
    assert_eq!(skipped[0]["type"], "missing-request", "{skipped}");
    assert_eq!(skipped.as_array().map(Vec::len), Some(1), "{skipped}");
}

#[test]
fn nothing_is_said_of_what_follows_from_a_made_up_answer() {
    let recorded = [
        post("http://a/1", "[1]"),
        post("http://a/2", "[2]"),
        post("http://a/3", "[3]"),
    ];
    let candidate = [
        post("http://a/1", "[5]"),
        post("http://b/audit", "[9]"),
        post("http://a/2", "[6]"),
        post("http://b/audit", "[9]"),
    ];
    let comparison = compared(
        (completed(json!(1), None), recorded.to_vec()),
        (declined("no", None), candidate.to_vec()),
        &[Some(0), None, Some(1), None],
    );
    assert_eq!(comparison.diverged_at, Some(1));
    assert_eq!(
        differences(&comparison),
        json!([
            {"type": "request", "index": 0, "recorded_index": 0, "method": "POST", "url": "http://a/1",
                "parts": [{"part": "json-body", "changes":
                    [{"pointer": "/0", "recorded": 1, "candidate": 5}]}]},
            {"type": "unrecorded-request", "index": 1, "method": "POST", "url": "http://b/audit",
                "body": {"text": "[9]"}},
        ])
    );
    for aspect in [Aspect::Outcome, Aspect::ContextPatch, Aspect::Requests] {
        assert!(!comparison.is_same_in(aspect));
    }
}

#[test]
fn one_request_more_at_the_end_is_that_and_nothing_else() {
    let recorded = [get("http://a/1")];
    let candidate = [get("http://a/1"), get("http://a/2")];
    for answered_from in [&[Some(0), None][..], &[Some(0)], &[Some(0), Some(7)]] {
        let comparison = sent(&recorded, &candidate, answered_from);
        assert_eq!(comparison.diverged_at, Some(1));
        assert_eq!(
            differences(&comparison),
            json!([{"type": "unrecorded-request", "index": 1, "method": "GET",
                "url": "http://a/2", "body": "empty"}])
        );
    }
}

#[test]
fn a_request_that_goes_elsewhere_is_one_difference_and_not_two() {
    let first = get("http://a/0");
    let recorded = post("http://a/v1/pay?x=1", "[1]");
    let text = |text: &str| Body::Text(text.to_owned());
    let url = "http://a/v1/pay?x=1";
    let paired = [
        (post("http://a/v2/pay", "[ 1 ]"), json!(["url"])),
        (post("http://b/v1/pay", "[1]"), json!(["url"])),
        (request("PUT", url, text("[1]"), &[]), json!(["method"])),
        (
            request("PUT", "http://A/pay", text("[1]"), &[]),
            json!(["method", "url"]),
        ),
    ];
    for (candidate, expected) in paired {
        let comparison = sent(
            &[first.clone(), recorded.clone()],
            &[first.clone(), candidate],
            &[Some(0), None],
        );
        let found = differences(&comparison);
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
        let found = &found[0];
        assert_eq!(
            (&found["type"], &found["url"]),
            (&json!("request"), &json!(url))
        );
        let parts = found["parts"].as_array().expect("parts").iter();
        let parts: Value = parts.map(|part| part["part"].clone()).collect();
        assert_eq!(parts, expected);
        assert_eq!(comparison.diverged_at, Some(1));
    }
    let others = [
        post("http://a/v2/pay", "[2]"),
        request("PUT", "http://b/pay", text("[1]"), &[]),
    ];
    for candidate in others {
        let comparison = sent(
            &[first.clone(), recorded.clone()],
            &[first.clone(), candidate],
            &[Some(0), None],
        );
        let found = differences(&comparison);
        assert_eq!(found[0]["type"], "unrecorded-request", "{found}");
    }
    // One that is sent later as it was recorded is not the one that changed.
    let comparison = sent(
        std::slice::from_ref(&recorded),
        &[post("http://a/audit", "[1]"), recorded.clone()],
        &[None, Some(0)],
    );
    let found = differences(&comparison);
    assert_eq!(found[0]["type"], "unrecorded-request", "{found}");
}

fn recorded_call(end: Option<RecordedEnd>) -> RecordedCall {
    let name = |text| Name::new(text).expect("a name");
    let step = StepPath::root(&name("pay"));
    let call = Call {
        saga: SagaId::from_key("1"),
        definition: name("order"),
        id: CallId {
            direction: Direction::Act,
            step,
            attempt: 1,
        },
        attempt: 1,
        pin: Pin {
            component: name("pay"),
            version: 1,
            digest: Digest::of(b"pay"),
        },
        action: name("pay"),
        idempotency_key: uuid::Uuid::from_u128(7),
        input: json!({}).into(),
        context: json!({}).into(),
        arguments: json!(null).into(),
        previous: None,
        result: None,
        reply: None,
        timeout: std::time::Duration::from_secs(1),
        limits: crate::limits::Limits::default(),
        started_at: Timestamp::from_unix_ms(0),
    };
    RecordedCall {
        seq: 2,
        call: Box::new(call),
        end,
    }
}

#[test]
fn only_what_would_come_again_can_be_compared() {
    let failed = |code, certainty| {
        RecordedOutcome::Ended(Ended::Failed {
            failure: Failure::retryable(code, "no"),
            certainty,
        })
    };
    let done = || RecordedOutcome::Ended(completed(json!(1), None));
    let by = CutOff::Shutdown;
    let bare = |outcome| Some(end(outcome, Vec::new()));
    let uncertain = |code| bare(failed(code, Certainty::Uncertain));
    let engine = |code: &str| {
        Err(Incomparable::Engine {
            code: code.to_owned(),
        })
    };
    let summary = RequestRecord {
        exchange: None,
        ..get("http://a/")
    };
    let mut uncounted = end(done(), Vec::new());
    uncounted.metering.requests = 1;
    let mut omitted = get("http://a/");
    if let Some(exchange) = &mut omitted.exchange {
        exchange.response = Some(Message {
            headers: Vec::new(),
            body: Body::Omitted(Digest::of(b"much")),
        });
    }
    let table = [
        (None, Err(Incomparable::Running)),
        (
            bare(RecordedOutcome::Interrupted(by)),
            Err(Incomparable::Interrupted { by }),
        ),
        (
            bare(RecordedOutcome::Abandoned),
            Err(Incomparable::Abandoned),
        ),
        (uncertain("timeout"), Err(Incomparable::TimedOut)),
        (uncertain("context-too-large"), engine("context-too-large")),
        (
            uncertain("component-unavailable"),
            engine("component-unavailable"),
        ),
        (uncertain("out-of-fuel"), Ok(())),
        (uncertain("memory-limit"), Ok(())),
        (uncertain("trap"), Ok(())),
        (bare(failed("timeout", Certainty::Definite)), Ok(())),
        (Some(uncounted), Err(Incomparable::NotRecorded)),
        (
            Some(end(done(), vec![get("http://a/"), summary])),
            Err(Incomparable::NotRecorded),
        ),
        (
            Some(end(done(), vec![get("http://a/"), omitted])),
            Err(Incomparable::ResponseOmitted { recorded_index: 1 }),
        ),
        (Some(end(done(), vec![get("http://a/")])), Ok(())),
        (bare(done()), Ok(())),
    ];
    for (end, expected) in table {
        let call = recorded_call(end);
        assert_eq!(comparable(&call).map(|_| ()), expected, "{:?}", call.end);
    }
}

#[test]
fn a_reason_is_said_to_programs_and_to_people() {
    let reason = Incomparable::Engine {
        code: "context-too-large".to_owned(),
    };
    let json = serde_json::to_value(&reason).expect("JSON");
    assert_eq!(
        json,
        json!({"reason": "engine", "code": "context-too-large"})
    );
    assert!(reason.to_string().contains("`context-too-large`"));
}
