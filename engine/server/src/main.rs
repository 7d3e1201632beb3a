//! The `wasaga` binary.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    wasaga::cli::run(wasaga::cli::Cli::parse())
}
