//! The `wasaga` binary: the server, and the command line that talks to it.

mod bench;
mod cli;

use std::process::ExitCode;

use clap::Parser;

/// A saga makes and drops many small things on all threads: the system's allocator takes a sixth
/// of a busy server's time for that, this one half as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
