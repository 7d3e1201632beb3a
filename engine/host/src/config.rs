//! What an operator can say about the sandbox.

use std::path::PathBuf;
use std::time::Duration;

use wasaga_core::Limits;

use crate::secrets::Secrets;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// How the sandbox is set up. [`HostConfig::new`] has values for a small server.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Directory of compiled components and of the key that they are signed with. It is made when it
    /// is not there, and only this user may read it (0700).
    pub cache_dir: PathBuf,
    /// Bytes that the directory may hold; files that were not loaded for longest go first.
    pub max_cache_bytes: u64,
    /// How uploads are compiled, and what that may take.
    pub compiler: CompilerConfig,
    /// What a call may use.
    pub limits: DefaultLimits,
    /// Calls that run at the same time. Others wait, first come, first served.
    pub max_concurrent_calls: u32,
    /// Calls of one component that run at the same time, so that one whose service hangs cannot take
    /// every place.
    pub max_calls_per_component: u32,
    /// Size of an upload.
    pub max_component_bytes: u64,
    /// Versions kept ready to be called. The one that was not called for longest is dropped, and
    /// loaded from the cache when it is called again.
    pub max_loaded_components: u32,
    /// Units of fuel after which a busy call lets others run.
    pub fuel_yield_interval: u64,
    /// Time to reach a service: name lookup, connection and TLS handshake.
    pub connect_timeout: Duration,
    /// Bytes of the body of an outgoing request.
    pub max_request_bytes: u64,
    /// What policies may let components use without knowing it.
    pub secrets: Secrets,
    /// Bytes of one body of a request or a response that a recording keeps. Of a larger one it keeps
    /// the digest.
    pub max_recorded_body_bytes: u64,
    /// Bytes of all headers and bodies that the recording of one call keeps.
    pub max_recorded_call_bytes: u64,
}

impl HostConfig {
    /// 256 calls at a time, 128 of one component; 64 MiB an upload, 128 versions loaded; limits as
    /// [`DefaultLimits::default`] says.
    #[must_use]
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            max_cache_bytes: 4 * GIB,
            compiler: CompilerConfig::default(),
            limits: DefaultLimits::default(),
            max_concurrent_calls: 256,
            max_calls_per_component: 128,
            max_component_bytes: 64 * MIB,
            max_loaded_components: 128,
            fuel_yield_interval: 1_000_000,
            connect_timeout: Duration::from_secs(10),
            max_request_bytes: 4 * MIB,
            secrets: Secrets::default(),
            max_recorded_body_bytes: 64 * KIB,
            max_recorded_call_bytes: 256 * KIB,
        }
    }
}

/// How a component is compiled. A hostile one can be made to take the compiler long, to need much
/// memory, and perhaps to crash it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerConfig {
    /// Where the compiler runs.
    pub place: CompilerPlace,
    /// Computing time of one compilation. By the clock it may take
    /// [`CLOCK_FACTOR`](Self::CLOCK_FACTOR) times as long, because it gives way to calls.
    pub timeout: Duration,
    /// Address space of a compiler: its own, what was uploaded, and what comes of it.
    pub memory_bytes: u64,
    /// Size of what comes of it.
    pub max_compiled_bytes: u64,
    /// Compilers at the same time; each takes one core.
    pub max_concurrent: u32,
}

/// Where the compiler runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompilerPlace {
    /// In this process, one component at a time on all cores, within none of the limits but the
    /// compiled size: for components that one trusts.
    InProcess,
    /// In a process of its own for each component, with every limit.
    Process {
        /// The program, by its absolute path.
        program: PathBuf,
        /// Its arguments. One more follows them, which the program hands to
        /// [`compile_component`](crate::compile_component).
        arguments: Vec<String>,
        /// Its whole environment: nothing of this process's is handed on.
        environment: Vec<(String, String)>,
    },
}

impl CompilerConfig {
    /// How many times its computing time a compilation may take by the clock.
    pub const CLOCK_FACTOR: u32 = 4;
}

impl Default for CompilerConfig {
    /// In this process; elsewhere 60 s, 2 GiB of memory, 512 MiB compiled, one for each core.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            place: CompilerPlace::InProcess,
            timeout: Duration::from_secs(60),
            memory_bytes: 2 * GIB,
            max_compiled_bytes: 512 * MIB,
            max_concurrent: u32::try_from(cores).unwrap_or(u32::MAX),
        }
    }
}

/// The limits of a call for which neither its definition nor its component's policy has any, and
/// those that neither can exceed.
#[derive(Clone, Copy, Debug)]
pub struct DefaultLimits {
    /// Where nobody says otherwise.
    pub default: CallLimits,
    /// Whatever anybody says.
    pub cap: CallLimits,
}

/// What one call may use; [`Limits`] with every field set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Units of fuel; about one for each WebAssembly instruction.
    pub fuel: u64,
    /// Bytes of all linear memories together.
    pub memory_bytes: u64,
    /// Bytes of a result, a context patch, a pending action's payload, or failure details.
    pub payload_bytes: u64,
    /// Bytes that a call may write to the saga's log.
    pub log_bytes: u64,
    /// Bytes of the body of a response to an outgoing request.
    pub response_bytes: u64,
    /// Outgoing requests.
    pub requests: u32,
}

impl Default for DefaultLimits {
    /// A billion units of fuel (about a second of computing), 128 MiB of memory, 1 MiB a payload,
    /// 64 KiB of log, 4 MiB a response, 100 requests. Capped at 100 times the fuel, 1 GiB of memory
    /// and about ten times the others.
    fn default() -> Self {
        Self {
            default: CallLimits {
                fuel: 1_000_000_000,
                memory_bytes: 128 * MIB,
                payload_bytes: MIB,
                log_bytes: 64 * KIB,
                response_bytes: 4 * MIB,
                requests: 100,
            },
            cap: CallLimits {
                fuel: 100_000_000_000,
                memory_bytes: GIB,
                payload_bytes: 8 * MIB,
                log_bytes: MIB,
                response_bytes: 32 * MIB,
                requests: 1_000,
            },
        }
    }
}

impl DefaultLimits {
    /// What a call may use for which `wanted` is what its definition and its component's policy say.
    #[must_use]
    pub fn effective(&self, wanted: Limits) -> CallLimits {
        let Self { default, cap } = self;
        let bytes =
            |wanted: Option<u64>, default: u64, cap: u64| wanted.unwrap_or(default).min(cap);
        CallLimits {
            fuel: bytes(wanted.fuel, default.fuel, cap.fuel),
            memory_bytes: bytes(wanted.memory_bytes, default.memory_bytes, cap.memory_bytes),
            payload_bytes: bytes(
                wanted.payload_bytes,
                default.payload_bytes,
                cap.payload_bytes,
            ),
            log_bytes: bytes(wanted.log_bytes, default.log_bytes, cap.log_bytes),
            response_bytes: bytes(
                wanted.response_bytes,
                default.response_bytes,
                cap.response_bytes,
            ),
            requests: wanted
                .requests
                .unwrap_or(default.requests)
                .min(cap.requests),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_the_wanted_one_else_the_default_and_never_above_the_cap() {
        let limits = DefaultLimits::default();
        let wanted = Limits {
            fuel: Some(7),
            memory_bytes: Some(u64::MAX),
            ..Limits::default()
        };
        let effective = limits.effective(wanted);
        assert_eq!(effective.fuel, 7);
        assert_eq!(effective.memory_bytes, limits.cap.memory_bytes);
        assert_eq!(effective.requests, limits.default.requests);
    }
}
