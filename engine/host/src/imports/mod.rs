//! What a component may import, one file an interface.

mod config;
mod http;
mod log;
mod wasi;
mod wasi_http;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::wasaga::saga;
use crate::store::CallState;

pub(crate) use wasi_http::Hooks;

/// Interfaces of `wasi:…@0.2`, by package.
const WASI: [(&str, &[&str]); 7] = [
    (
        "cli",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
    ),
    ("clocks", &["monotonic-clock", "wall-clock"]),
    ("filesystem", &["preopens", "types"]),
    ("http", &["outgoing-handler", "types"]),
    ("io", &["error", "poll", "streams"]),
    ("random", &["insecure", "insecure-seed", "random"]),
    (
        "sockets",
        &[
            "instance-network",
            "ip-name-lookup",
            "network",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
    ),
];

/// The other interfaces, with their versions.
const OTHERS: [&str; 5] = [
    "wasaga:saga/config@0.1.0",
    "wasaga:saga/http@0.1.0",
    "wasaga:saga/log@0.1.0",
    "wasaga:saga/types@0.1.0",
    "wasi:config/store@0.2.0-rc.1",
];

/// Links everything that a component may import.
///
/// # Errors
/// When two interfaces have the same name.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, CallState::wasi_config)?;
    saga::log::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    saga::config::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    saga::http::add_to_linker::<_, HasSelf<CallState>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Whether the engine has this interface. Any 0.2 version of WASI will do.
pub(crate) fn known(import: &str) -> bool {
    if OTHERS.contains(&import) {
        return true;
    }
    let Some((name, version)) = import.split_once('@') else {
        return false;
    };
    let Some((package, interface)) = name.strip_prefix("wasi:").and_then(|n| n.split_once('/'))
    else {
        return false;
    };
    version.starts_with("0.2.")
        && !version.contains('-')
        && WASI
            .iter()
            .any(|(known, interfaces)| *known == package && interfaces.contains(&interface))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_known_by_name_and_version() {
        assert!(known("wasaga:saga/http@0.1.0"));
        assert!(known("wasi:io/streams@0.2.3"));
        assert!(!known("wasaga:saga/http@0.2.0"));
        assert!(!known("wasi:io/streams@0.3.0"));
        assert!(!known("wasi:keyvalue/store@0.2.0"));
        assert!(!known("acme:crm/customers@1.0.0"));
        assert!(!known("print"));
    }
}
