//! The description against the routes, and against what the core writes.

use serde_json::{Value, json};
use wasaga_core::comparison::{
    Change, Changes, Compared, HeaderChange, HeaderChanges, Outcome, Part, ShownBody,
};
use wasaga_core::event::SkipReason;
use wasaga_core::recording::{Body, Exchange, Message, RequestErrorKind};
use wasaga_core::schema::Schema;
use wasaga_core::state::UndoOutcome;
use wasaga_core::{
    Certainty, Comparison, Difference, Digest, Direction, Event, Failure, FailureKind, Limits,
    LogLevel, LogLine, Metering, Name, Order, Pin, Policy, Record, Recording, Repin, Reply,
    RequestRecord, SagaError, SagaId, SecretGrant, Status, StepPath, StepStatus, Timestamp,
};

use crate::api::router::description;

fn document() -> Value {
    serde_json::to_value(description()).expect("JSON")
}

#[test]
fn every_route_is_described() {
    let document = document();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let routes = [
        ("/v1/components", &["get"][..]),
        ("/v1/components/{name}", &["get", "post"]),
        ("/v1/components/{name}/active", &["put"]),
        ("/v1/components/{name}/candidate", &["delete", "put"]),
        ("/v1/components/{name}/move", &["post"]),
        ("/v1/components/{name}/policy", &["put"]),
        ("/v1/components/{name}/switches", &["get"]),
        (
            "/v1/components/{name}/versions/{version}",
            &["delete", "get", "patch"],
        ),
        ("/v1/components/{name}/versions/{version}/verify", &["post"]),
        ("/v1/components/{name}/versions/{version}/wasm", &["get"]),
        ("/v1/definitions", &["get"]),
        ("/v1/definitions/{name}", &["get", "put"]),
        ("/v1/definitions/{name}/versions/{version}", &["get"]),
        ("/v1/definitions/{name}/diagram", &["get"]),
        (
            "/v1/definitions/{name}/versions/{version}/diagram",
            &["get"],
        ),
        ("/v1/schemas/definition", &["get"]),
        ("/v1/sagas", &["get", "post"]),
        ("/v1/sagas/{id}", &["get"]),
        ("/v1/sagas/{id}/events", &["get"]),
        ("/v1/sagas/{id}/logs", &["get"]),
        ("/v1/sagas/{id}/calls", &["get"]),
        ("/v1/sagas/{id}/calls/{seq}", &["get"]),
        ("/v1/sagas/{id}/calls/{seq}/rerun", &["post"]),
        ("/v1/sagas/{id}/diagram", &["get"]),
        ("/v1/sagas/batch", &["post"]),
        ("/v1/sagas/{id}/cancel", &["post"]),
        ("/v1/sagas/{id}/pause", &["post"]),
        ("/v1/sagas/{id}/resume", &["post"]),
        ("/v1/sagas/{id}/retry", &["post"]),
        ("/v1/sagas/{id}/skip", &["post"]),
        ("/v1/sagas/{id}/abandon", &["post"]),
        ("/v1/sagas/{id}/commit", &["post"]),
        ("/v1/sagas/{id}/reject", &["post"]),
        ("/v1/callbacks/{token}", &["post"]),
        ("/v1/events", &["get"]),
        ("/v1/secrets", &["get"]),
        ("/v1/breakers", &["get"]),
        ("/v1/breakers/{component}/{action}/reset", &["post"]),
        ("/healthz", &["get"]),
        ("/readyz", &["get"]),
        ("/metrics", &["get"]),
    ];
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), routes.len(), "{:?}", paths.keys());
    for (path, methods) in routes {
        let described: Vec<&String> = paths[path].as_object().expect("an object").keys().collect();
        assert_eq!(described, methods, "{path}");
    }
}

#[test]
fn every_error_is_a_problem() {
    for (path, item) in document()["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                if status.starts_with(['4', '5']) {
                    let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(
                        schema, "#/components/schemas/Problem",
                        "{method} {path} {status}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_operation_says_whom_it_refuses() {
    for (path, item) in document()["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let has = |status: &str| operation["responses"].get(status).is_some();
            assert!(has("421"), "{method} {path}");
            assert_eq!(has("403"), method != "get", "{method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference
                        .strip_prefix('#')
                        .expect("a reference within the document");
                    assert!(
                        document.pointer(pointer).is_some(),
                        "{reference} leads nowhere"
                    );
                }
                fields.values().for_each(|field| check(field, document));
            }
            Value::Array(items) => items.iter().for_each(|item| check(item, document)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

fn json(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("JSON")
}

/// Whether `value` is as the schema of that name says, and has no field that it does not name.
fn check(document: &Value, name: &str, value: &Value) {
    let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": document["components"] });
    let problems = Schema::compile(&schema)
        .expect("a JSON Schema")
        .check(value);
    assert_eq!(problems, Ok(()), "{name}: {value}");
    let described = &document["components"]["schemas"][name];
    let described: Vec<&Value> = match described["oneOf"].as_array() {
        Some(variants) => variants.iter().collect(),
        None => vec![described],
    };
    let fields = value
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys());
    for field in fields {
        assert!(
            described
                .iter()
                .any(|variant| variant["properties"].get(field).is_some()),
            "{name} has an undescribed field {field}"
        );
    }
}

#[test]
fn what_the_core_writes_is_as_described() {
    let document = document();
    let step = StepPath::root(&Name::new("pay").expect("a name"));
    let at = Timestamp::from_unix_ms(0);
    let details = Some(json!({ "left": 1 }));
    let (code, message) = ("declined".to_owned(), "no".to_owned());
    let failure = Failure {
        kind: FailureKind::Permanent,
        code: code.clone(),
        message: message.clone(),
        details: details.clone(),
    };
    check(&document, "Failure", &json(failure));
    check(
        &document,
        "SagaError",
        &json(SagaError {
            step: Some(step.clone()),
            code,
            message,
            details,
        }),
    );
    check(&document, "Metering", &json(Metering::default()));
    let limits = Limits {
        fuel: Some(1),
        memory_bytes: Some(2),
        payload_bytes: Some(3),
        log_bytes: Some(4),
        response_bytes: Some(5),
        requests: Some(6),
    };
    check(&document, "Limits", &json(limits));
    let grant = SecretGrant {
        secret: "service-key".to_owned(),
        hosts: vec!["example.com".to_owned()],
    };
    check(&document, "SecretGrant", &json(&grant));
    check(
        &document,
        "Policy",
        &json(Policy {
            allowed_imports: Some(vec!["wasi:io/*".to_owned()]),
            secrets: [("key".to_owned(), grant)].into(),
            limits,
            ..Policy::default()
        }),
    );
    for recording in [Recording::None, Recording::Summary, Recording::Full] {
        check(&document, "Recording", &json(recording));
    }
    let line = LogLine {
        at,
        step,
        direction: Direction::Compensate,
        attempt: 1,
        level: LogLevel::Stderr,
        message: "hello".to_owned(),
    };
    check(&document, "LogLine", &json(line));
    check(&document, "Digest", &json(Digest::of(b"wasm")));
    check(&document, "SagaId", &json(SagaId::from_parts(1, &[7; 10])));
    for status in Status::ALL {
        check(&document, "SagaStatus", &json(status));
    }
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
        check(&document, "StepStatus", &json(status));
    }
    for direction in Direction::ALL {
        check(&document, "Direction", &json(direction));
    }
    for reason in [
        SkipReason::NoEffect,
        SkipReason::Definition,
        SkipReason::Operator,
    ] {
        check(&document, "SkipReason", &json(reason));
    }
    for outcome in [
        UndoOutcome::Open,
        UndoOutcome::Running,
        UndoOutcome::Undone,
        UndoOutcome::Failed,
        UndoOutcome::Skipped,
    ] {
        check(&document, "UndoOutcome", &json(outcome));
    }
}

#[test]
fn operations_have_names_of_their_own() {
    let document = document();
    let mut names: Vec<&str> = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("operations").values())
        .map(|operation| operation["operationId"].as_str().expect("a name"))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn what_is_recorded_of_a_call_is_as_described() {
    let document = document();
    let bodies = [
        Body::Empty,
        Body::Text("text".to_owned()),
        Body::Base64("AA==".to_owned()),
        Body::Omitted(Digest::of(b"much")),
    ];
    for body in &bodies {
        check(&document, "RecordedBody", &json(body));
    }
    let message = Message {
        headers: vec![("accept".to_owned(), "text/plain".to_owned())],
        body: bodies[1].clone(),
    };
    let empty = Message::default();
    for message in [&message, &empty] {
        check(&document, "Message", &json(message));
    }
    let exchange = Exchange {
        request: message,
        response: Some(empty),
    };
    check(&document, "Exchange", &json(&exchange));
    let kinds = [
        RequestErrorKind::Forbidden,
        RequestErrorKind::InvalidRequest,
        RequestErrorKind::Connect,
        RequestErrorKind::Timeout,
        RequestErrorKind::Transport,
        RequestErrorKind::TooLarge,
        RequestErrorKind::GivenUp,
    ];
    for error_kind in kinds {
        let record = RequestRecord {
            method: "POST".to_owned(),
            url: "http://a/".to_owned(),
            status: Some(200),
            error: Some("gone".to_owned()),
            error_kind: Some(error_kind),
            duration_ms: 1.5,
            request_bytes: 1,
            response_bytes: 2,
            exchange: Some(Box::new(exchange.clone())),
        };
        check(&document, "RequestRecord", &json(record));
    }
    let failure = Failure::permanent("declined", "no");
    for reply in [Reply::Succeeded(json!({"a": 1})), Reply::Failed(failure)] {
        check(&document, "Reply", &json(reply));
    }
}

#[test]
fn what_a_comparison_writes_is_as_described() {
    let document = document();
    let text = |recorded: &str, candidate: &str| Compared {
        recorded: recorded.to_owned(),
        candidate: candidate.to_owned(),
    };
    let change = Change {
        pointer: "/a".to_owned(),
        recorded: Some(json!(null)),
        candidate: Some(json!([1])),
    };
    check(&document, "ValueChange", &json(&change));
    let changes = || Changes {
        changes: vec![change.clone()],
        more: 3,
    };
    check(&document, "ValueChanges", &json(changes()));
    let bodies = [
        ShownBody::Empty,
        ShownBody::Text("text".to_owned()),
        ShownBody::Digest(Digest::of(b"much")),
    ];
    for body in &bodies {
        check(&document, "ShownBody", &json(body));
    }
    let header = HeaderChange {
        name: "accept".to_owned(),
        recorded: Some("a".to_owned()),
        candidate: None,
    };
    check(&document, "HeaderChange", &json(&header));
    let headers = HeaderChanges {
        changes: vec![header],
        more: 1,
    };
    let parts = [
        Part::Method(text("GET", "PUT")),
        Part::Url(text("http://a/", "http://b/")),
        Part::Headers(headers),
        Part::JsonBody(changes()),
        Part::Body(Compared {
            recorded: bodies[0].clone(),
            candidate: bodies[1].clone(),
        }),
    ];
    for part in &parts {
        check(&document, "RequestPart", &json(part));
    }
    let ends = [Certainty::Definite, Certainty::Uncertain].map(|certainty| Outcome::Failed {
        kind: FailureKind::Retryable,
        certainty,
        code: "unavailable".to_owned(),
        message: "later".to_owned(),
    });
    let mut ends = ends.to_vec();
    ends.extend([Outcome::Completed, Outcome::Pending]);
    for end in &ends {
        check(&document, "CallEnd", &json(end));
    }
    let (method, url) = ("GET".to_owned(), "http://a/".to_owned());
    let differences = vec![
        Difference::Outcome(Compared {
            recorded: ends[0].clone(),
            candidate: ends[2].clone(),
        }),
        Difference::Result(changes()),
        Difference::ContextPatch(changes()),
        Difference::PendingPayload(changes()),
        Difference::Failure {
            message: Some(text("a", "b")),
            details: changes(),
        },
        Difference::Failure {
            message: None,
            details: Changes::default(),
        },
        Difference::Order { sent: vec![1, 0] },
        Difference::Request {
            index: 0,
            recorded_index: 1,
            method: method.clone(),
            url: url.clone(),
            parts: parts.to_vec(),
        },
        Difference::UnrecordedRequest {
            index: 0,
            method: method.clone(),
            url: url.clone(),
            body: bodies[1].clone(),
        },
        Difference::MissingRequest {
            recorded_index: 0,
            method,
            url,
            body: bodies[2].clone(),
        },
    ];
    for difference in &differences {
        check(&document, "Difference", &json(difference));
    }
    let fuel = Compared {
        recorded: 1,
        candidate: 2,
    };
    check(&document, "Compared", &json(fuel));
    let comparison = Comparison {
        differences,
        more: 1,
        diverged_at: Some(2),
        fuel,
        memory_bytes: fuel,
    };
    check(&document, "Comparison", &json(comparison));
}

#[test]
fn what_a_change_of_version_writes_is_as_described() {
    let repin = Repin {
        step: StepPath::root(&Name::new("pay").expect("a name")),
        pin: Pin {
            component: Name::new("pay").expect("a name"),
            version: 2,
            digest: Digest::of(b"wasm"),
        },
    };
    let record = Record {
        seq: 7,
        at: Timestamp::from_unix_ms(0),
        event: Event::VersionChanged {
            pins: vec![repin],
            order: Order {
                by: "ops".to_owned(),
                reason: None,
            },
        },
    };
    let schema =
        json!({ "$ref": "#/components/schemas/Event", "components": document()["components"] });
    let written = json(record);
    let problems = Schema::compile(&schema)
        .expect("a JSON Schema")
        .check(&written);
    assert_eq!(problems, Ok(()), "{written}");
    assert_eq!(written["type"], "version_changed");
}
