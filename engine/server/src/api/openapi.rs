//! The description of the API in OpenAPI 3.1, made from the handlers.

use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, Response};

use crate::wire::{PROBLEM_JSON, Problem};

/// What the handlers do not say.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wasaga",
        description = "Runs sagas whose steps are WebAssembly components.\n\n\
            Errors are problems (RFC 9457) with a stable `code`. Lists are paged: send `next_cursor` \
            as `cursor` until it is null.\n\n\
            The server answers to its IP address, to `localhost`, and to the names that it was given \
            with `--allowed-host`.",
    ),
    components(schemas(Problem)),
    tags(
        (name = "components", description = "Uploaded code, its versions, and what it is granted"),
        (name = "definitions", description = "Which steps a saga has, in which order, under which policies"),
        (name = "sagas", description = "Executions of definitions"),
        (name = "callbacks", description = "Replies to steps that wait for one"),
        (name = "breakers", description = "Actions that fail so often that they are left alone for a while"),
        (name = "operation", description = "Health, readiness and metrics"),
    ),
)]
pub(crate) struct Description;

/// Problem that every operation may answer with.
const ALWAYS: [(&str, &str); 1] = [(
    "421",
    "`unknown-host`: the server does not answer to the host of the request",
)];

/// Problem that every operation may answer with that changes something.
const CHANGING: [(&str, &str); 1] = [(
    "403",
    "`cross-site`: the request comes from a web page of another origin",
)];

/// Problems that every operation under `/v1` may answer with, beside its own.
const COMMON: [(&str, &str); 3] = [
    ("500", "`internal`"),
    (
        "503",
        "`overloaded`, `shutting-down`, `unavailable`: try again after `Retry-After` seconds",
    ),
    (
        "504",
        "`timeout`: whether the request was done is not known",
    ),
];

/// Adds what holds for every operation: each error is a problem.
pub(crate) fn finish(mut document: Document) -> Document {
    for (path, item) in &mut document.paths.paths {
        for operation in changing(item) {
            add(operation, &CHANGING);
        }
        for operation in operations(item) {
            add(operation, &ALWAYS);
            if path.starts_with("/v1/") {
                add(operation, &COMMON);
            }
            for (status, response) in &mut operation.responses.responses {
                if status.starts_with(['4', '5'])
                    && let RefOr::T(response) = response
                    && response.content.is_empty()
                {
                    let problem = ContentBuilder::new()
                        .schema(Some(Ref::from_schema_name("Problem")))
                        .build();
                    response
                        .content
                        .insert(PROBLEM_JSON.to_owned(), RefOr::T(problem));
                }
            }
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn changing(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.put, &mut item.post, &mut item.delete]
        .into_iter()
        .flatten()
}

fn add(operation: &mut Operation, problems: &[(&str, &str)]) {
    for &(status, description) in problems {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(Response::new(description)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wasaga_core::event::SkipReason;
    use wasaga_core::schema::Schema;
    use wasaga_core::state::UndoOutcome;
    use wasaga_core::{
        Digest, Direction, Failure, FailureKind, Limits, LogLevel, LogLine, Metering, Name, Policy,
        SagaError, SagaId, Status, StepPath, StepStatus, Timestamp,
    };

    use super::super::router::description;

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
            ("/v1/components/{name}/policy", &["put"]),
            ("/v1/components/{name}/versions/{version}", &["get"]),
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
            ("/v1/breakers", &["get"]),
            ("/v1/breakers/{component}/{action}/reset", &["post"]),
            ("/healthz", &["get"]),
            ("/readyz", &["get"]),
            ("/metrics", &["get"]),
        ];
        let paths = document["paths"].as_object().expect("paths");
        assert_eq!(paths.len(), routes.len(), "{:?}", paths.keys());
        for (path, methods) in routes {
            let described: Vec<&String> =
                paths[path].as_object().expect("an object").keys().collect();
            assert_eq!(described, methods, "{path}");
        }
    }

    #[test]
    fn every_error_is_a_problem() {
        for (path, item) in document()["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                for (status, response) in operation["responses"].as_object().expect("responses") {
                    if status.starts_with(['4', '5']) {
                        let schema =
                            &response["content"]["application/problem+json"]["schema"]["$ref"];
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
        let described = &document["components"]["schemas"][name]["properties"];
        for field in value
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys())
        {
            assert!(
                described.get(field).is_some(),
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
        check(
            &document,
            "Policy",
            &json(Policy {
                limits,
                ..Policy::default()
            }),
        );
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
}
