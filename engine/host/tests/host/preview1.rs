//! Core modules that know WASI preview 1 only, as many compilers make them.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use wasaga_core::{Evidence, LogLevel};
use wasaga_host::{Called, Host, HostConfig};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use crate::support::{Sandbox, Shelf, failed};

/// The module of a file with the component type of a step.
fn module(file: &str) -> Vec<u8> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host");
    let mut module = wat::parse_file(tests.join(file)).unwrap();
    let mut contract = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = contract.push_dir(wit).unwrap();
    let world = contract.select_world(&[package], Some("step")).unwrap();
    wit_component::embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8)
        .unwrap();
    module
}

fn printed(called: &Called) -> Vec<&str> {
    let lines = called.logs.iter();
    let printed = lines.filter(|line| line.level == LogLevel::Stdout);
    printed.map(|line| line.message.as_str()).collect()
}

#[tokio::test]
async fn a_core_module_of_preview_1_becomes_a_component_whose_output_is_logged() {
    let cache = tempfile::tempdir().unwrap();
    let shelf = Shelf::default();
    let digest = shelf.put(module("preview1.wat"));
    let host = Host::new(HostConfig::new(cache.path()), Arc::new(shelf)).unwrap();
    let prepared = host.prepare(module("preview1.wat")).await.unwrap();
    assert_eq!(prepared.digest, digest, "it is known by what was uploaded");
    let imports = &prepared.info.imports;
    assert!(
        imports
            .iter()
            .any(|import| import.starts_with("wasi:cli/stdout@0.2.")),
        "{imports:?}"
    );

    let mut sandbox = Sandbox::new("script").await;
    (sandbox.host, sandbox.digest) = (host, digest);
    let called = sandbox.act(json!({})).await;
    assert_eq!(failed(&called).0.code, "trap");
    assert_eq!(called.report.evidence, Evidence::Unchanged);
    assert_eq!(printed(&called), ["hello from preview 1"]);
}

#[tokio::test]
async fn time_and_random_numbers_of_preview_1_are_those_of_the_attempt() {
    let cache = tempfile::tempdir().unwrap();
    let shelf = Shelf::default();
    let digest = shelf.put(module("preview1-world.wat"));
    let host = Host::new(HostConfig::new(cache.path()), Arc::new(shelf)).unwrap();
    let mut sandbox = Sandbox::new("script").await;
    (sandbox.host, sandbox.digest) = (host, digest);
    let first = sandbox.act(json!({})).await;
    let again = sandbox.act(json!({})).await;
    assert_eq!(printed(&first), printed(&again));
    let time_ns: u64 = 1_700_000_000_123_000_000;
    let time: String = time_ns
        .to_le_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(
        printed(&first)[0].starts_with(&time),
        "{:?}",
        printed(&first)
    );
    let mut call = sandbox.call(json!({}));
    call.attempt = 2;
    let other = sandbox.run(&call).await;
    assert_ne!(printed(&first), printed(&other));
}
