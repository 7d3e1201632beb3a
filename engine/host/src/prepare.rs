//! From what was uploaded to what can be called.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasaga_core::{ComponentInfo, Digest};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::component::types::Component as ComponentType;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Module};
use wit_component::ComponentEncoder;

use crate::exports::{ACTION, Exports};
use crate::logs::truncated;
use crate::registry::Loaded;
use crate::store::CallState;
use crate::{engine, imports};

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
}

/// Why an upload cannot be a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PrepareError {
    /// It is no WebAssembly.
    #[error("not a WebAssembly component: {0}")]
    NotWasm(Cow<'static, str>),
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
    /// Compiling it takes too long.
    #[error(
        "compiling the component took longer than {cpu_time:?} of computing time: split its largest \
         functions, or raise the server's --compile-timeout"
    )]
    CompileTimeout {
        /// What it may take.
        cpu_time: Duration,
    },
    /// The compiler had to give way to calls for too long.
    #[error(
        "the component was not compiled within {wall_time:?}, because the server has too much else to \
         do: try again later, or raise the server's --compile-timeout"
    )]
    CompileStarved {
        /// How long it was tried.
        wall_time: Duration,
    },
    /// Compiling it takes too much memory.
    #[error(
        "compiling the component needed more than {memory_bytes} bytes of memory: split its largest \
         functions, or raise the server's --compile-memory"
    )]
    CompileMemory {
        /// What it may take.
        memory_bytes: u64,
    },
    /// What comes of it is too large.
    #[error(
        "the compiled component has {size_bytes} bytes, at most {max_bytes} are allowed: make it \
         smaller, or raise the server's --max-compiled-size"
    )]
    CompiledTooLarge {
        /// What it has.
        size_bytes: u64,
        /// What it may have.
        max_bytes: u64,
    },
    /// The compiler came to a sudden end over it.
    #[error("the compiler crashed over the component ({0})")]
    CompilerCrashed(String),
    /// There is no compiler, whatever the component is.
    #[error("the server cannot compile components now: {0}")]
    CompilerUnavailable(String),
}

impl PrepareError {
    /// Whether it says as much of the server as of the component: the same bytes may do another time,
    /// or with other limits.
    #[must_use]
    pub const fn is_of_the_server(&self) -> bool {
        matches!(
            self,
            Self::CompileTimeout { .. }
                | Self::CompileStarved { .. }
                | Self::CompileMemory { .. }
                | Self::CompiledTooLarge { .. }
                | Self::CompilerCrashed(_)
                | Self::CompilerUnavailable(_)
        )
    }
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
pub(crate) enum Binary {
    Component,
    CoreModule,
}

/// Looks at the first bytes only.
///
/// # Errors
/// [`PrepareError::NotWasm`].
pub(crate) fn recognize(bytes: &[u8]) -> Result<Binary, PrepareError> {
    let not_wasm = |reason| Err(PrepareError::NotWasm(Cow::Borrowed(reason)));
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(Binary::Component),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(Binary::CoreModule),
        [0, b'a', b's', b'm', ..] => not_wasm("it is of an unknown version"),
        [] => not_wasm("it is empty"),
        _ => not_wasm(match Engine::detect_precompiled(bytes) {
            Some(_) => "it is compiled code; upload the component that it was compiled from",
            None => "it does not start as one (`\\0asm`)",
        }),
    }
}

/// Compiles an upload to code that an engine like this one can load. Takes seconds for large ones:
/// not for an async task.
///
/// # Errors
/// When it is no component, no component can be made of it, or it does not compile.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, PrepareError> {
    let component = match recognize(bytes)? {
        Binary::Component => Cow::Borrowed(bytes),
        Binary::CoreModule => Cow::Owned(encode(engine, bytes)?),
    };
    engine
        .precompile_component(&component)
        .map_err(|error| PrepareError::Compile(reason(&error)))
}

/// Makes of a core module the component that [`Host::prepare`](crate::Host::prepare) would make of it.
/// A component stays as it is.
///
/// # Errors
/// When it is no WebAssembly, or no component can be made of it.
pub fn componentize(bytes: Vec<u8>) -> Result<Vec<u8>, PrepareError> {
    match recognize(&bytes)? {
        Binary::Component => Ok(bytes),
        Binary::CoreModule => {
            let engine = engine::compiler()
                .map_err(|error| PrepareError::CompilerUnavailable(reason(&error)))?;
            encode(&engine, &bytes)
        }
    }
}

/// Makes a component of a core module that carries its component type.
fn encode(engine: &Engine, module: &[u8]) -> Result<Vec<u8>, PrepareError> {
    let error = |error: &dyn std::fmt::Display| {
        PrepareError::Encode(truncated(&format!("{error:#}"), MAX_REASON_BYTES).to_owned())
    };
    // The encoder trusts the sizes that a module names.
    Module::validate(engine, module).map_err(|e| PrepareError::Compile(reason(&e)))?;
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
    // Grants are held against names that are kept: none may be left out.
    let count = component.component_type().imports(linker.engine()).len();
    if count > MAX_NAMES {
        let reason = format!("it has {count} imports, at most {MAX_NAMES} are allowed");
        return Err(PrepareError::Mismatch(reason));
    }
    let exports = Exports::of(&pre).map_err(mismatch)?;
    Ok(Loaded { pre, exports, info })
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
pub(crate) fn reason(error: &wasmtime::Error) -> String {
    truncated(&format!("{error:#}"), MAX_REASON_BYTES).to_owned()
}
