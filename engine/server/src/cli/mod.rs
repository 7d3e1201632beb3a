//! The command line: what can be asked, and how a command's outcome becomes an exit code.

mod breaker;
mod called;
mod client;
mod comparison;
mod component;
mod componentize;
mod definition;
mod error;
mod events;
mod follow;
mod input;
mod live;
mod output;
mod page;
mod saga;
mod secret;
mod signature;
mod sse;
mod stream;
mod words;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::client::Client;
use self::error::Outcome;
pub(crate) use self::error::Usage;
pub(crate) use self::output::{Cell, Format, Output, Tone};
use wasaga::serve;

use crate::bench;

/// Runs sagas whose steps are WebAssembly components.
///
/// Exit codes: 0 done, 1 the saga or the call did not complete, what was compared is different, or the
/// server refused, 2 wrong usage, 3 the server cannot be reached.
#[derive(Debug, Parser)]
#[command(name = "wasaga", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
struct Shared {
    /// Address of the server that client commands talk to
    #[arg(
        long,
        global = true,
        env = "WASAGA_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:7420"
    )]
    server: String,
    /// Print the server's JSON instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Options),
    /// Upload components, choose which version sagas take, try versions, and grant what they may use
    #[command(subcommand)]
    Component(component::Command),
    /// Apply definitions and look at them
    #[command(subcommand)]
    Definition(definition::Command),
    /// Start sagas, look at them, and steer them
    #[command(subcommand)]
    Saga(saga::Command),
    /// Look at circuit breakers, and close them
    #[command(subcommand)]
    Breaker(breaker::Command),
    /// See which secrets the server has
    #[command(subcommand)]
    Secret(secret::Command),
    /// Show what happens to all sagas from now on, one line an event
    Events,
    /// Make a component of a core module that carries its component type
    Componentize(componentize::Options),
    /// Measure the engine against its own ceilings
    Bench(bench::Options),
    /// Compile one component: what a server starts for each upload
    #[command(name = serve::COMPILE_COMMAND, hide = true)]
    CompileComponent {
        /// What the server says
        assignment: String,
    },
}

/// Runs a command to its end.
pub(crate) fn run(cli: Cli) -> ExitCode {
    // Whichever part makes the first HTTP client needs it; a second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let format = if cli.shared.json {
        Format::Json
    } else {
        Format::Text
    };
    let mut output = Output::standard(format);
    match dispatch(cli, &mut output) {
        Ok(outcome) => outcome.into(),
        Err(error) => error::report(&error, &output),
    }
}

fn dispatch(cli: Cli, output: &mut Output) -> anyhow::Result<Outcome> {
    // The server takes all cores; a client waits most of the time.
    let runtime = match cli.command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?,
        _ => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
    };
    let server = cli.shared.server;
    runtime.block_on(async {
        match cli.command {
            Command::Serve(options) => {
                serve::run(options).await?;
                Ok(Outcome::Done)
            }
            Command::Component(command) => command.run(&server, output).await,
            Command::Definition(command) => command.run(&Client::new(&server)?, output).await,
            Command::Saga(command) => command.run(&Client::new(&server)?, output).await,
            Command::Breaker(command) => {
                command.run(&Client::new(&server)?, output).await?;
                Ok(Outcome::Done)
            }
            Command::Secret(command) => {
                command.run(&Client::new(&server)?, output).await?;
                Ok(Outcome::Done)
            }
            Command::Events => {
                events::run(&Client::new(&server)?, output).await?;
                Ok(Outcome::Done)
            }
            Command::Componentize(options) => componentize::run(&options, output),
            Command::CompileComponent { assignment } => {
                wasaga_host::compile_component(&assignment)?;
                Ok(Outcome::Done)
            }
            Command::Bench(options) => {
                bench::run(&options, output).await?;
                Ok(Outcome::Done)
            }
        }
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::CommandFactory;

    use super::Cli;
    pub(crate) use super::output::tests::plain;

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        Cli::command().debug_assert();
    }
}
