//! `GET /v1/schemas/definition`

use axum::http::header;
use axum::response::IntoResponse;

/// JSON Schema of definitions. Kept by hand beside the parser; the tests hold the two together.
const SCHEMA: &str = include_str!("definition.schema.json");

/// The JSON Schema (draft 2020-12) of definitions, for editors.
#[utoipa::path(
    get, path = "/v1/schemas/definition", tag = "definitions",
    responses((status = 200, description = "The schema", body = Object, content_type = "application/schema+json"))
)]
pub(crate) async fn show_definition_schema() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/schema+json")], SCHEMA)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wasaga_core::schema::Schema;
    use wasaga_core::{Definition, Name};

    use super::*;

    fn schema() -> Schema {
        let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
        Schema::compile(&schema).expect("a JSON Schema")
    }

    fn parse(document: &Value) -> Result<(), String> {
        let name = Name::new("order").expect("a name");
        Definition::parse(&name, document)
            .map(drop)
            .map_err(|invalid| invalid.to_string())
    }

    /// A definition that uses everything the format has.
    fn whole() -> Value {
        let limits = json!({ "fuel": 50_000_000, "memory": "32MiB", "payload": "64KiB", "log": "16KiB",
                             "response": "1MiB", "requests": 4 });
        let retry = json!({ "max_attempts": 3, "initial_interval": "200ms", "multiplier": 2.0,
                            "max_interval": "1h 30m", "jitter": 0.2 });
        let policy = json!({ "timeout": "30s", "retry": retry, "limits": limits });
        json!({
            "name": "order",
            "input_schema": { "type": "object", "required": ["id"] },
            "deadline": "7d",
            "commit": "automatic",
            "defaults": { "timeout": "10s", "retry": retry, "limits": limits,
                          "compensate": policy, "confirm": policy },
            "steps": [
                { "step": "reserve", "component": "inventory", "action": "hold",
                  "arguments": { "sku": { "$cel": "input.sku" }, "list": [1, { "$cel": "context.n" }] },
                  "timeout": "10s", "retry": retry, "limits": limits,
                  "compensate": policy, "confirm": policy, "compensate_failed": "always",
                  "fallback": {
                      "component": "backup", "action": "hold", "arguments": { "$cel": "input" },
                      "on": ["unavailable"],
                      "circuit_breaker": { "failure_threshold": 2, "reset_timeout": "60s" },
                      "timeout": "10s", "retry": retry, "limits": limits,
                      "compensate": policy, "confirm": policy, "compensate_failed": "never" },
                  "on_exhausted": "pause", "reply_timeout": "2d" },
                { "step": "pay", "component": "payment", "arguments": { "$cel": "input" },
                  "pivot": true },
                { "step": "check", "choice": [
                    { "when": "context.total > 100", "steps": [{ "step": "review", "component": "desk" }] },
                    { "steps": [] } ] },
                { "step": "both", "parallel": [
                    [{ "step": "notify", "component": "mail" }], [{ "sleep": "5s" }] ] },
                { "step": "picks", "for_each": { "$cel": "input.items" }, "as": "line",
                  "max_concurrency": 4,
                  "steps": [{ "step": "pick", "component": "warehouse", "arguments": { "$cel": "line" } }] },
                { "saga": "shipping", "step": "ship", "version": 2, "input": { "$cel": "input" },
                  "pivot": true },
                { "step": "rest", "sleep": { "$cel": "input.rest" } },
            ],
        })
    }

    /// The whole definition with one change.
    fn with(pointer: &str, value: Value) -> Value {
        let mut document = whole();
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        let parent = document.pointer_mut(parent).expect("a place");
        match parent {
            Value::Object(fields) => drop(fields.insert(field.to_owned(), value)),
            other => other[field.parse::<usize>().expect("an index")] = value,
        }
        document
    }

    #[test]
    fn the_schema_takes_what_the_parser_takes() {
        let schema = schema();
        let order: Value =
            serde_json::from_str(include_str!("../../../../../examples/order/order.json"))
                .expect("JSON");
        let good = [
            whole(),
            order,
            json!({ "steps": [] }),
            with("/input_schema", json!(true)),
            with("/$schema", json!("https://wasaga.example/definition")),
            with("/steps/0/arguments", json!("text")),
            with("/steps/1/compensate_failed", json!("never")),
            with("/steps/0/fallback", json!({ "action": "other" })),
            with("/steps/0/fallback/circuit_breaker", json!({})),
            with("/steps/2", json!({ "choice": [{ "steps": [] }] })),
            with("/steps/3", json!({ "parallel": [[]] })),
            with(
                "/steps/4",
                json!({ "for_each": [1, { "$cel": "input.n" }], "steps": [] }),
            ),
            with("/steps/5", json!({ "saga": "shipping", "step": "ship" })),
            with("/steps/6/sleep", json!("1h 30m")),
            json!({ "steps": [], "commit": "manual", "commit_timeout": "2d" }),
            json!({ "steps": [], "commit": "manual" }),
        ];
        for document in good {
            assert_eq!(parse(&document), Ok(()), "{document}");
            assert!(
                schema.check(&document).is_ok(),
                "{document}: {:?}",
                schema.check(&document)
            );
        }
    }

    #[test]
    fn the_schema_refuses_what_the_parser_refuses() {
        let schema = schema();
        let wrong = [
            json!([]),
            json!({}),
            json!({ "steps": {} }),
            with("/stepps", json!([])),
            with("/name", json!("not a name")),
            with("/input_schema", json!(7)),
            with("/deadline", json!(30)),
            with("/deadline", json!("soon")),
            with("/defaults/retries", json!(3)),
            with("/defaults/compensate/timeout", json!("-1s")),
            with("/steps/0", json!({ "component": "inventory" })),
            with("/steps/0", json!({ "step": "reserve" })),
            with("/steps/0/step", json!("")),
            with("/steps/0/component", json!("x".repeat(65))),
            with("/steps/0/action", json!(null)),
            with(
                "/steps/0/arguments/sku",
                json!({ "$cel": "input.sku", "more": 1 }),
            ),
            with("/steps/0/arguments/list", json!([{ "$cel": 7 }])),
            with("/steps/0/retry/max_attempts", json!(0)),
            with("/steps/0/retry/multiplier", json!(0.5)),
            with("/steps/0/retry/jitter", json!(1.5)),
            with("/steps/0/retry/initial_interval", json!(200)),
            with("/steps/0/limits/memory", Value::Null),
            with("/steps/0/limits/fuel", json!(0)),
            with("/steps/0/limits/fuel", json!(-1)),
            with("/steps/0/limits/memory", json!("lots")),
            with("/steps/0/limits/cpu", json!(1)),
            with("/steps/0/compensate/attempts", json!(1)),
            with("/steps/0/compensate_failed", json!("sometimes")),
            with("/commit", json!("later")),
            with("/commit_timeout", json!("2d")),
            json!({ "steps": [], "commit": "automatic", "commit_timeout": "2d" }),
            with("/defaults/confirm/retries", json!(3)),
            with("/steps/0/confirm/timeout", json!(10)),
            with("/steps/0/pivot", json!("yes")),
            with("/steps/0/on_exhausted", json!("stop")),
            with("/steps/0/reply_timeout", json!(60)),
            with("/steps/0/sleep", json!("5s")),
            with("/steps/0/fallback", json!({})),
            with("/steps/0/fallback", json!({ "on": ["unavailable"] })),
            with("/steps/0/fallback/step", json!("other")),
            with("/steps/0/fallback/on", json!("unavailable")),
            with("/steps/0/fallback/fallback", json!({ "action": "other" })),
            with(
                "/steps/0/fallback/circuit_breaker/failure_threshold",
                json!(0),
            ),
            with("/steps/0/fallback/circuit_breaker/window", json!("1m")),
            with("/steps/2/choice", json!([])),
            with("/steps/2/choice", json!({})),
            with("/steps/2/choice/0/when", json!(true)),
            with("/steps/2/choice/0", json!({ "when": "true" })),
            with("/steps/2/choice/0/then", json!([])),
            with("/steps/2/component", json!("c")),
            with("/steps/2/else", json!([])),
            with("/steps/3/parallel", json!([])),
            with(
                "/steps/3/parallel",
                json!([{ "step": "a", "component": "c" }]),
            ),
            with("/steps/3/parallel/0/0/component", json!(7)),
            with("/steps/3/max_concurrency", json!(2)),
            with("/steps/4/for_each", json!("items")),
            with("/steps/4/for_each", json!({ "items": 1 })),
            with("/steps/4/as", json!("a-b")),
            with("/steps/4/as", json!(7)),
            with("/steps/4/max_concurrency", json!(0)),
            with("/steps/4/max_concurrency", json!(1001)),
            with("/steps/4", json!({ "for_each": [] })),
            with("/steps/5", json!({ "saga": "shipping" })),
            with("/steps/5/version", json!(0)),
            with("/steps/5/arguments", json!({})),
            with("/steps/5/saga", json!("not a name")),
            with("/steps/6/sleep", json!(5)),
            with("/steps/6/sleep", json!("soon")),
            with("/steps/6/retry", json!({})),
            with("/steps/6", json!({ "while": "true" })),
        ];
        for document in wrong {
            assert!(parse(&document).is_err(), "the parser takes {document}");
            assert!(
                schema.check(&document).is_err(),
                "the schema takes {document}"
            );
        }
    }
}
