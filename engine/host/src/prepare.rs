//! From what was uploaded to what can be called.

use std::borrow::Cow;

use wasaga_core::{ComponentInfo, Digest};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::component::types::Component as ComponentType;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Module};
use wit_component::ComponentEncoder;

use crate::exports::{ACTION, Exports};
use crate::imports;
use crate::logs::truncated;
use crate::registry::Loaded;
use crate::store::CallState;

/// The package of the contract, and its version.
const CONTRACT: (&str, &str) = ("wasaga:saga/", "0.1.0");
/// Imports or exports that are named in an answer.
const MAX_NAMES: usize = 256;
/// Length of what wasmtime has to say.
const MAX_REASON_BYTES: usize = 2_000;

/// What an upload turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The sha256 of the bytes that were uploaded.
    pub digest: Digest,
    /// How many they are.
    pub size_bytes: u64,
    /// What the component imports and exports.
    pub info: ComponentInfo,
    /// What its author should know: an import that gives nothing, for example.
    pub warnings: Vec<String>,
}

/// Why an upload cannot be a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// It is no WebAssembly.
    #[error("not a WebAssembly component: {0}")]
    NotWasm(&'static str),
    /// It is larger than it may be.
    #[error("the component has {size_bytes} bytes, at most {max_bytes} are allowed")]
    TooLarge {
        /// What it has.
        size_bytes: u64,
        /// What it may have.
        max_bytes: u64,
    },
    /// It is a core module, and does not say what component it is.
    #[error(
        "a core WebAssembly module without a component type: build it with bindings of the \
         `wasaga:saga` package (wit-bindgen or one of the SDKs), or for a component target"
    )]
    NoComponentType,
    /// It is a core module from which no component can be made.
    #[error("no component can be made of this core module: {0}")]
    Encode(String),
    /// It exports no action.
    #[error(
        "the component does not export `{ACTION}`, which every step must; it exports {}",
        listed(.exports)
    )]
    NoAction {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// It was built for another version of the contract.
    #[error(
        "the component was built for another version of the contract: it has `{found}`, this engine \
         knows version {}; build it again with the engine's `wit/`", CONTRACT.1
    )]
    OtherContract {
        /// An interface that shows it.
        found: String,
    },
    /// It imports what the engine does not have.
    #[error("the component imports what this engine does not have: {}", listed(.imports))]
    UnknownImports {
        /// All of them.
        imports: Vec<String>,
    },
    /// Names fit, but types do not.
    #[error("the component does not fit the engine: {0}")]
    Mismatch(String),
    /// It is not valid, or wasmtime cannot compile it.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What the bytes are, by their first eight.
enum Binary {
    Component,
    CoreModule,
}

/// Looks at the first bytes only.
///
/// # Errors
/// [`PrepareError::NotWasm`].
fn binary(bytes: &[u8]) -> Result<Binary, PrepareError> {
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(Binary::Component),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(Binary::CoreModule),
        [0, b'a', b's', b'm', ..] => Err(PrepareError::NotWasm("it is of an unknown version")),
        [] => Err(PrepareError::NotWasm("it is empty")),
        _ => Err(PrepareError::NotWasm(
            match Engine::detect_precompiled(bytes) {
                Some(_) => "it is compiled code; upload the component that it was compiled from",
                None => "it does not start as one (`\\0asm`)",
            },
        )),
    }
}

/// Compiles an upload. Takes seconds for large ones: not for an async task.
///
/// # Errors
/// When it is no component, no component can be made of it, or it does not compile.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, PrepareError> {
    let component = match binary(bytes)? {
        Binary::Component => Cow::Borrowed(bytes),
        Binary::CoreModule => Cow::Owned(encode(bytes)?),
    };
    Component::from_binary(engine, &component)
        .map_err(|error| PrepareError::Compile(reason(&error)))
}

/// Makes of a core module the component that [`Host::prepare`](crate::Host::prepare) would make of it.
/// A component stays as it is.
///
/// # Errors
/// When it is no WebAssembly, or no component can be made of it.
pub fn componentize(bytes: Vec<u8>) -> Result<Vec<u8>, PrepareError> {
    match binary(&bytes)? {
        Binary::Component => Ok(bytes),
        Binary::CoreModule => encode(&bytes),
    }
}

/// Makes a component of a core module that carries its component type.
fn encode(module: &[u8]) -> Result<Vec<u8>, PrepareError> {
    let error = |error: &dyn std::fmt::Display| {
        PrepareError::Encode(truncated(&format!("{error:#}"), MAX_REASON_BYTES).to_owned())
    };
    // The encoder trusts the sizes that a module names.
    Module::validate(&Engine::default(), module).map_err(|e| PrepareError::Compile(reason(&e)))?;
    let (stripped, _) = wit_component::metadata::decode(module).map_err(|e| error(&e))?;
    if stripped.is_none() {
        return Err(PrepareError::NoComponentType);
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        })
        .and_then(|mut encoder| encoder.encode())
        .map_err(|e| error(&e))
}

/// Checks a component's imports and exports, and links it.
///
/// # Errors
/// When the engine lacks an import, the component lacks `action`, or types do not fit.
pub(crate) fn link(
    linker: &Linker<CallState>,
    component: &Component,
) -> Result<Loaded, PrepareError> {
    let info = info(linker.engine(), &component.component_type());
    let mut names = info.imports.iter().chain(&info.exports);
    if let Some(found) = names.find(|name| is_other_contract(name)) {
        return Err(PrepareError::OtherContract {
            found: found.clone(),
        });
    }
    if !info.exports.iter().any(|export| export == ACTION) {
        return Err(PrepareError::NoAction {
            exports: info.exports,
        });
    }
    let mismatch = |error: wasmtime::Error| PrepareError::Mismatch(reason(&error));
    let pre = linker.instantiate_pre(component).map_err(|error| {
        let unknown = info.imports.iter().filter(|import| !imports::known(import));
        let imports: Vec<String> = unknown.cloned().collect();
        if imports.is_empty() {
            mismatch(error)
        } else {
            PrepareError::UnknownImports { imports }
        }
    })?;
    let exports = Exports::of(&pre).map_err(mismatch)?;
    Ok(Loaded { pre, exports, info })
}

/// What an author should know of a component that is all right.
///
/// Files are not worth a word: standard libraries import them whether a step uses them or not.
pub(crate) fn warnings(info: &ComponentInfo) -> Vec<String> {
    let sockets = info
        .imports
        .iter()
        .any(|import| import.starts_with("wasi:sockets/"));
    let warning = "imports `wasi:sockets`: a step has no sockets, every connection fails; requests \
                   go through `wasaga:saga/http` or `wasi:http`";
    sockets.then(|| warning.to_owned()).into_iter().collect()
}

fn info(engine: &Engine, component: &ComponentType) -> ComponentInfo {
    let names =
        |names: &mut dyn Iterator<Item = &str>| names.take(MAX_NAMES).map(str::to_owned).collect();
    ComponentInfo {
        imports: names(&mut component.imports(engine).map(|(name, _)| name)),
        exports: names(&mut component.exports(engine).map(|(name, _)| name)),
    }
}

fn is_other_contract(name: &str) -> bool {
    name.starts_with(CONTRACT.0)
        && name
            .split_once('@')
            .is_none_or(|(_, version)| version != CONTRACT.1)
}

/// What wasmtime has to say, from the outside in.
fn reason(error: &wasmtime::Error) -> String {
    truncated(&format!("{error:#}"), MAX_REASON_BYTES).to_owned()
}
