//! Where and within which limits uploads are compiled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use wasaga_host::{CompilerConfig, CompilerPlace};

use super::limits::{Size, duration};

/// The hidden command that compiles one component.
pub const COMPILE_COMMAND: &str = "compile-component";

/// The running program, also when another one has taken its place on disk.
const RUNNING_PROGRAM: &str = "/proc/self/exe";

/// Lets the allocator take what it needs when it does: what it reserves ahead counts as memory.
const ALLOCATOR: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "0");

/// What compiling an upload may take. Each is compiled in a process of its own.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Compiler")]
pub(super) struct CompilerOptions {
    /// Computing time for compiling a component, in whole seconds. By the clock it may take four times
    /// as long, because it gives way to sagas
    #[arg(long, env = "WASAGA_COMPILE_TIMEOUT", value_name = "TIME", default_value = "60s", value_parser = duration)]
    compile_timeout: Duration,
    /// Memory for compiling a component; as many are compiled at the same time as there are cores
    #[arg(
        long,
        env = "WASAGA_COMPILE_MEMORY",
        value_name = "SIZE",
        default_value = "2GiB"
    )]
    compile_memory: Size,
    /// Size of a compiled component
    #[arg(
        long,
        env = "WASAGA_MAX_COMPILED_SIZE",
        value_name = "SIZE",
        default_value = "512MiB"
    )]
    max_compiled_size: Size,
}

impl CompilerOptions {
    pub(super) fn apply(&self, mut config: CompilerConfig) -> CompilerConfig {
        config.timeout = self.compile_timeout;
        config.memory_bytes = self.compile_memory.0;
        config.max_compiled_bytes = self.max_compiled_size.0;
        config
    }
}

/// A process of this program.
///
/// # Errors
/// When the system does not say which program this is.
pub(super) fn own_process() -> anyhow::Result<CompilerPlace> {
    let program = if Path::new(RUNNING_PROGRAM).exists() {
        PathBuf::from(RUNNING_PROGRAM)
    } else {
        std::env::current_exe().context("the path of this program, which compiles components")?
    };
    Ok(CompilerPlace::Process {
        program,
        arguments: vec![COMPILE_COMMAND.to_owned()],
        environment: vec![(ALLOCATOR.0.to_owned(), ALLOCATOR.1.to_owned())],
    })
}
