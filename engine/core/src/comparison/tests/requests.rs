//! What is different in what two calls send.

use serde_json::{Value, json};

use super::{Aspect, compared, completed, declined, differences, get, post, request, sent};
use crate::id::Digest;
use crate::recording::{Body, RequestRecord};

fn with_headers(headers: &[(&str, &str)]) -> RequestRecord {
    request("POST", "http://a/", Body::Empty, headers)
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
fn a_request_that_is_not_sent_is_missing() {
    let recorded = [post("http://a/1", "[1]"), post("http://a/2", "[2]")];
    let comparison = sent(&recorded, &recorded[1..], &[Some(1)]);
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
