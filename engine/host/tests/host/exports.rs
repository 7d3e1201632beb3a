//! Components whose exports are, or are not, what the contract says.

use std::path::Path;
use std::sync::Arc;

use wasaga_host::{Host, HostConfig, PrepareError, Prepared};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use crate::support::{Shelf, guest};

/// Both worlds that add something to a step.
const FULL: &str = "world full { include callback-step; include two-phase-step; }";

/// The contract as one text.
fn contract() -> String {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    // The first has the package's name, which may stand at the top only.
    ["types.wit", "action.wit", "host.wit", "world.wit"]
        .map(|file| std::fs::read_to_string(wit.join(file)).unwrap())
        .join("\n")
        + FULL
}

/// The contract with one place changed.
fn altered(from: &str, to: &str) -> String {
    let contract = contract();
    assert!(contract.contains(from), "{from}");
    contract.replace(from, to)
}

/// A core module with the component type of this contract's `full` world. It is for uploading only:
/// each function traps.
fn module(contract: &str, functions: [&str; 4]) -> Vec<u8> {
    let exports: String = functions
        .iter()
        .map(|function| {
            format!(
                r#"(func (export "wasaga:saga/{function}") (param i32) (result i32) unreachable)"#
            )
        })
        .collect();
    let text = format!(
        r#"(module
             (memory (export "memory") 1)
             (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
             {exports})"#
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", contract).unwrap();
    let world = resolve.select_world(&[package], Some("full")).unwrap();
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    module
}

const FUNCTIONS: [&str; 4] = [
    "action@0.1.0#act",
    "action@0.1.0#compensate",
    "callback@0.1.0#on-reply",
    "confirmation@0.1.0#confirm",
];

async fn prepare(bytes: Vec<u8>) -> Result<Prepared, PrepareError> {
    let cache = tempfile::tempdir().unwrap();
    let host = Host::new(HostConfig::new(cache.path()), Arc::new(Shelf::default())).unwrap();
    host.prepare(bytes).await
}

#[tokio::test]
async fn exports_of_the_contract_are_taken_and_listed() {
    let made = module(&contract(), FUNCTIONS);
    for bytes in [made, guest("full")] {
        let mut exports = prepare(bytes).await.unwrap().info.exports;
        exports.sort();
        assert_eq!(
            exports,
            [
                "wasaga:saga/action@0.1.0",
                "wasaga:saga/callback@0.1.0",
                "wasaga:saga/confirmation@0.1.0",
            ]
        );
    }
}

#[tokio::test]
async fn exports_whose_types_are_not_the_contract_s_are_refused() {
    for (from, to, named) in [
        ("attempt: u32", "attempt: u64", "act"),
        ("%result: option<json>", "%result: json", "compensate"),
        ("reply: reply)", "reply: list<reply>)", "on-reply"),
        ("failed(failure),", "rejected(failure),", "on-reply"),
        ("%result: json) ->", "%result: option<json>) ->", "confirm"),
    ] {
        let error = prepare(module(&altered(from, to), FUNCTIONS))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, PrepareError::Mismatch(_)), "{to}: {text}");
        assert!(text.contains(&format!("`{named}`")), "{to}: {text}");
        assert!(text.contains("wasaga:saga/"), "{to}: {text}");
    }
}

#[tokio::test]
async fn an_export_that_lacks_a_function_is_refused() {
    for (at, named, other) in [
        (0, "act", "do-it"),
        (2, "on-reply", "on-answer"),
        (3, "confirm", "commit"),
    ] {
        let contract = altered(&format!("{named}: func("), &format!("{other}: func("));
        let renamed = FUNCTIONS[at].replace(&format!("#{named}"), &format!("#{other}"));
        let mut functions = FUNCTIONS;
        functions[at] = &renamed;
        let error = prepare(module(&contract, functions)).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, PrepareError::Mismatch(_)), "{text}");
        assert!(text.contains(&format!("`{named}`")), "{text}");
    }
}
