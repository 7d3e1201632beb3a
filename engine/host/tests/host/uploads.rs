//! What may be uploaded, and how it is kept.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use wasaga_core::{Digest, Evidence, Policy};
use wasaga_host::{Host, HostConfig, LoadError, PrepareError, Prepared};

use crate::support::{Sandbox, Service, Shelf, completed, failed, guest};

async fn prepare(bytes: Vec<u8>) -> Result<Prepared, PrepareError> {
    let cache = tempfile::tempdir().unwrap();
    host(cache.path(), Shelf::default()).prepare(bytes).await
}

fn host(cache: &Path, shelf: Shelf) -> Host {
    Host::new(HostConfig::new(cache), Arc::new(shelf)).unwrap()
}

#[tokio::test]
async fn a_step_is_taken_and_described() {
    let bytes = guest("bench");
    let prepared = prepare(bytes.clone()).await.unwrap();
    assert_eq!(prepared.digest, Digest::of(&bytes));
    assert_eq!(prepared.size_bytes, bytes.len() as u64);
    let warnings = wasaga_host::warnings(&prepared.info, &Policy::default());
    assert_eq!(warnings, Vec::<String>::new());
    assert!(
        prepared
            .info
            .exports
            .iter()
            .any(|export| export == "wasaga:saga/action@0.1.0")
    );
    assert!(
        prepared
            .info
            .imports
            .iter()
            .any(|import| import == "wasaga:saga/log@0.1.0")
    );
}

#[tokio::test]
async fn an_import_that_gives_nothing_is_a_warning() {
    let prepared = prepare(guest("wasi")).await.unwrap();
    let warnings = wasaga_host::warnings(&prepared.info, &Policy::default());
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("wasi:sockets")),
        "{prepared:?}"
    );
}

#[tokio::test]
async fn what_is_no_wasm_is_refused() {
    let not_wasm: [&[u8]; 5] = [
        b"",
        b"hello",
        b"\0asm",
        b"(component)",
        b"\0asm\x09\0\x01\0",
    ];
    for bytes in not_wasm {
        let error = prepare(bytes.to_vec()).await.unwrap_err();
        assert!(matches!(error, PrepareError::NotWasm(_)), "{error}");
    }
}

#[tokio::test]
async fn a_truncated_component_is_refused() {
    let mut bytes = wasaga_host::componentize(guest("bench")).unwrap();
    bytes.truncate(bytes.len() / 2);
    let error = prepare(bytes).await.unwrap_err();
    assert!(matches!(error, PrepareError::Compile(_)), "{error}");
}

#[tokio::test]
async fn a_core_module_without_a_component_type_is_refused() {
    let error = prepare(b"\0asm\x01\0\0\0".to_vec()).await.unwrap_err();
    assert_eq!(error, PrepareError::NoComponentType);
}

#[tokio::test]
async fn compiled_code_is_never_taken_from_outside() {
    let cache = tempfile::tempdir().unwrap();
    host(cache.path(), Shelf::default())
        .prepare(guest("bench"))
        .await
        .unwrap();
    let compiled = std::fs::read(compiled(cache.path())).unwrap();
    let error = prepare(compiled[32..].to_vec()).await.unwrap_err();
    assert!(
        matches!(&error, PrepareError::NotWasm(reason) if reason.contains("compiled")),
        "{error}"
    );
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let mut config = HostConfig::new(cache.path());
    config.max_component_bytes = 10;
    let host = Host::new(config, Arc::new(Shelf::default())).unwrap();
    let error = host.prepare(guest("bench")).await.unwrap_err();
    assert!(matches!(
        error,
        PrepareError::TooLarge { max_bytes: 10, .. }
    ));
}

#[tokio::test]
async fn a_component_without_an_action_is_refused() {
    let error = prepare(guest("no-action")).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PrepareError::NoAction { .. }), "{text}");
    assert!(text.contains("acme:greeter/greeting@1.0.0"), "{text}");
}

#[tokio::test]
async fn an_import_that_the_engine_lacks_is_named() {
    let error = prepare(guest("foreign-import")).await.unwrap_err();
    let imports = vec!["acme:crm/customers@1.0.0".to_owned()];
    assert_eq!(error, PrepareError::UnknownImports { imports });
}

#[tokio::test]
async fn a_component_for_another_contract_is_told_so() {
    // The same component, with another version in the names of its imports and exports.
    let mut bytes = wasaga_host::componentize(guest("bench")).unwrap();
    let (from, to) = (b"action@0.1.0", b"action@0.9.0");
    let places: Vec<_> = (0..bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    let error = prepare(bytes).await.unwrap_err();
    assert!(
        matches!(&error, PrepareError::OtherContract { found } if found.contains("0.9.0")),
        "{error}"
    );
    assert!(error.to_string().contains("0.1.0"));
}

#[tokio::test]
async fn a_component_that_nobody_has_is_missing() {
    let mut sandbox = Sandbox::new("script").await;
    sandbox.digest = Digest::of(b"nothing");
    let called = sandbox.act(json!({})).await;
    assert_eq!(failed(&called).0.code, "component-missing");
    assert_eq!(called.report.evidence, Evidence::Unchanged);
}

#[tokio::test]
async fn a_version_is_compiled_once_however_many_call_it_first() {
    let cache = tempfile::tempdir().unwrap();
    let shelf = Shelf::default();
    let digest = shelf.put(guest("script"));
    let mut sandbox = Sandbox::new("script").await;
    sandbox.host = host(cache.path(), shelf);
    sandbox.digest = digest;
    let calls = (0..8).map(|_| sandbox.act(json!({})));
    for called in futures::future::join_all(calls).await {
        completed(&called);
    }
    assert_eq!(sandbox.host.stats().compiles, 1);
}

#[tokio::test]
async fn versions_beyond_the_limit_are_dropped_and_come_back_from_the_cache() {
    let sandbox = Sandbox::with("script", |config| config.max_loaded_components = 1).await;
    sandbox.host.prepare(guest("bench")).await.unwrap();
    completed(&sandbox.act(json!({})).await);
    sandbox.host.prepare(guest("bench")).await.unwrap();
    completed(&sandbox.act(json!({})).await);
    let stats = sandbox.host.stats();
    assert_eq!(stats.components_loaded, 1);
    assert!(stats.cache_hits >= 3, "{stats:?}");
}

#[tokio::test]
async fn a_version_is_in_memory_from_when_it_is_loaded_until_it_is_unloaded() {
    let sandbox = Sandbox::new("script").await;
    let (host, digest) = (&sandbox.host, sandbox.digest);
    assert!(host.loaded().is_empty());
    host.load(digest).await.unwrap();
    assert_eq!(host.loaded(), [digest]);
    assert!(host.unload(digest));
    assert!(!host.unload(digest), "it is gone");
    assert!(host.loaded().is_empty());

    completed(&sandbox.act(json!({})).await);
    assert_eq!(host.loaded(), [digest], "a call loads what it needs");

    let nothing = Digest::of(b"nothing");
    let error = host.load(nothing).await.unwrap_err();
    assert!(matches!(error, LoadError::Missing(digest) if digest == nothing));
}

#[tokio::test]
async fn a_call_on_a_version_that_is_unloaded_goes_on_to_its_end() {
    let service = Service::start().await;
    let sandbox = Sandbox::reaching(&service).await;
    let request = json!({"method": "GET", "url": service.url("/hang"), "timeout_ms": 200});
    let call = sandbox.call(json!({"requests": [request], "tolerate": true}));
    let unload = async {
        while service.received().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(sandbox.host.unload(sandbox.digest));
    };
    let (called, ()) = tokio::join!(sandbox.run(&call), unload);
    completed(&called);
    assert!(sandbox.host.loaded().is_empty());
}

#[tokio::test]
async fn what_compiles_to_more_than_the_limit_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    let mut config = HostConfig::new(cache.path());
    config.compiler.max_compiled_bytes = 1_000;
    let host = Host::new(config, Arc::new(Shelf::default())).unwrap();
    let error = host.prepare(guest("bench")).await.unwrap_err();
    assert!(
        matches!(
            error,
            PrepareError::CompiledTooLarge {
                max_bytes: 1_000,
                ..
            }
        ),
        "{error}"
    );
    assert!(host.loaded().is_empty());
}

#[tokio::test]
async fn the_cache_is_believed_only_as_this_engine_wrote_it() {
    let cache = tempfile::tempdir().unwrap();
    let compile = async || {
        let host = host(cache.path(), Shelf::default());
        host.prepare(guest("bench")).await.unwrap();
        (host.stats().compiles, host.stats().cache_hits)
    };
    assert_eq!(compile().await, (1, 0));
    assert_eq!(compile().await, (0, 1), "what was compiled is kept");

    let file = compiled(cache.path());
    let good = std::fs::read(&file).unwrap();
    for at in [0, 40, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        assert_eq!(compile().await, (1, 0), "byte {at} was changed");
    }
    for bad in [&b""[..], &good[..20], &good[..good.len() - 1]] {
        std::fs::write(&file, bad).unwrap();
        assert_eq!(compile().await, (1, 0), "{} bytes", bad.len());
    }
    std::fs::remove_file(cache.path().join("key")).unwrap();
    assert_eq!(compile().await, (1, 0), "another key");
    assert_eq!(compile().await, (0, 1));
}

#[tokio::test]
async fn the_cache_belongs_to_this_user_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("cache");
    host(&dir, Shelf::default())
        .prepare(guest("bench"))
        .await
        .unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("key")), 0o600);
    assert_eq!(mode(&compiled(&dir)), 0o600);
}

/// The one compiled component in a cache.
fn compiled(cache: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut compiled = files.filter(|path| path.extension().is_some_and(|is| is == "compiled"));
    let first = compiled.next().expect("a compiled component");
    assert_eq!(compiled.next(), None);
    first
}
