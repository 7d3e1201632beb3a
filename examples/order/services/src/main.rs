//! The services that the order example's steps call: inventory, payments and shipping in one
//! process, in memory, with a ledger of every effect that can be read back.

mod audit;
mod books;
mod idempotency;
mod problem;
mod routes;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Inventory, payments and shipping for the order example. Serves unless told otherwise.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the books of a running process and checks them.
    ///
    /// Exits with 1 when an order is neither complete nor undone, when an effect happened twice,
    /// when stock or balances do not follow from the ledger, or when an expectation is not met;
    /// with 3 when the books cannot be read.
    Audit(audit::Options),
}

/// Exit code of an audit that found nothing out.
const CANNOT_READ: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    let (result, failure) = match cli.command {
        Some(Command::Audit(options)) => (audit::run(&options).await, CANNOT_READ.into()),
        None => (serve::run(&cli.serve).await, ExitCode::FAILURE),
    };
    result.unwrap_or_else(|error| {
        eprintln!("order-services: {error:#}");
        failure
    })
}
