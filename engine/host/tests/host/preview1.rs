//! Core modules that know WASI preview 1 only, as many compilers make them.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use wasaga_core::{Evidence, LogLevel};
use wasaga_host::{Host, HostConfig};
use wit_component::StringEncoding;
use wit_parser::Resolve;

use crate::support::{Sandbox, Shelf, failed};

/// The module of `preview1.wat` with the component type of a step.
fn module() -> Vec<u8> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host");
    let mut module = wat::parse_file(tests.join("preview1.wat")).unwrap();
    let mut contract = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let (package, _) = contract.push_dir(wit).unwrap();
    let world = contract.select_world(&[package], Some("step")).unwrap();
    wit_component::embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8)
        .unwrap();
    module
}

#[tokio::test]
async fn a_core_module_of_preview_1_becomes_a_component_whose_output_is_logged() {
    let cache = tempfile::tempdir().unwrap();
    let shelf = Shelf::default();
    let digest = shelf.put(module());
    let host = Host::new(HostConfig::new(cache.path()), Arc::new(shelf)).unwrap();
    let prepared = host.prepare(module()).await.unwrap();
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
    let lines = called.logs.iter();
    let printed: Vec<_> = lines
        .filter(|line| line.level == LogLevel::Stdout)
        .map(|line| line.message.as_str())
        .collect();
    assert_eq!(printed, ["hello from preview 1"]);
}
