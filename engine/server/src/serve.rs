//! `wasaga serve`: what an operator can set, how a server is assembled, and how it ends.

mod compiler;
mod limits;
mod secrets;
mod signals;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wasaga_coordinator::{Blobs, Config, Coordinator, Retention};
use wasaga_host::{Host, HostConfig, Secrets};
use wasaga_journal::{Journal, SqliteJournal};

use self::compiler::CompilerOptions;
use self::limits::{RequestOptions, SagaOptions, SandboxOptions, retention};
use self::signals::Signals;
use crate::api::{self, AllowedHost, Api, connection};
use crate::telemetry::{self, LogFormat};

pub use self::compiler::COMPILE_COMMAND;

/// Folder of compiled components, within the data folder.
const CACHE: &str = "cache";

/// Time for answers to be sent after everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Options of `wasaga serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address and port to listen on; port 0 takes any that is free
    #[arg(
        long,
        env = "WASAGA_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7420"
    )]
    listen: SocketAddr,
    /// Name that clients may ask for the server by, beside its IP address and `localhost`; may be
    /// repeated, and is `*` for any. Requests for other names are refused, because a web page can
    /// make its name lead here
    #[arg(
        long = "allowed-host",
        env = "WASAGA_ALLOWED_HOSTS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    allowed_hosts: Vec<AllowedHost>,
    /// Folder of everything that is kept: the journal and the cache of compiled components
    #[arg(
        long,
        env = "WASAGA_DATA",
        value_name = "FOLDER",
        default_value = "wasaga-data"
    )]
    data: PathBuf,
    /// How long sagas that ended in a status are kept, for example `completed=30d`; may be repeated.
    /// Without it they are kept for ever
    #[arg(
        long = "retain",
        env = "WASAGA_RETAIN",
        value_name = "STATUS=TIME",
        value_delimiter = ',',
        value_parser = retention
    )]
    retain: Vec<Retention>,
    /// File of secrets that policies may let components use without knowing them: a JSON object of
    /// names and strings, which nobody but the server should be able to read. A secret may also stand in
    /// an environment variable, WASAGA_SECRET_ and its name
    #[arg(long, env = "WASAGA_SECRETS", value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// How log lines are written to standard error
    #[arg(
        long,
        env = "WASAGA_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text"
    )]
    log_format: LogFormat,
    /// What is logged, for example `warn` or `info,wasaga=debug`
    #[arg(
        long,
        env = "WASAGA_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    log: String,
    #[command(flatten)]
    requests: RequestOptions,
    #[command(flatten)]
    sagas: SagaOptions,
    #[command(flatten)]
    compiler: CompilerOptions,
    // Boxed, because they are many: the other commands need not be as large.
    #[command(flatten)]
    sandbox: Box<SandboxOptions>,
}

/// Runs a server until a signal ends it. The first SIGINT or SIGTERM ends it in order, the second
/// at once. Prints one line to standard output when it is ready.
///
/// # Errors
/// When the address or the data folder cannot be used.
pub async fn run(options: Options) -> anyhow::Result<()> {
    telemetry::start(options.log_format, &options.log)
        .map_err(|error| anyhow::anyhow!("--log {}: not a filter: {error}", options.log))?;
    let secrets = secrets::read(options.secrets.as_deref())?;
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    // Before anything is opened: opening takes up sagas again, and a server that cannot be reached
    // shall not.
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "cannot listen on {} (--listen chooses another address)",
            options.listen
        )
    })?;
    let address = listener.local_addr().context("the socket has no address")?;
    let coordinator = open(&options, secrets.clone()).await?;
    let stopping = CancellationToken::new();
    let api = Api::new(
        coordinator.clone(),
        options.requests.limits(),
        options.allowed_hosts,
        secrets,
        stopping.clone(),
    );
    let server = tokio::spawn(connection::serve(
        listener,
        api::router(Arc::new(api)),
        options.requests.connections(),
        stopping.clone(),
    ));
    announce(address)?;
    tracing::info!(%address, data = %options.data.display(), version = env!("CARGO_PKG_VERSION"), "ready");

    let signal = signals.next().await;
    tracing::info!(signal, "shutting down; once more ends at once");
    tokio::select! {
        () = shut_down(&coordinator, &stopping, server) => tracing::info!("ended"),
        signal = signals.next() => {
            tracing::warn!(signal, "ended at once; what ran is left to the next start");
            std::process::exit(1);
        }
    }
    Ok(())
}

async fn open(options: &Options, secrets: Secrets) -> anyhow::Result<Coordinator> {
    let data = options.data.as_path();
    let journal = SqliteJournal::open(data)
        .await
        .with_context(|| format!("cannot use {} for data (--data)", data.display()))?;
    let journal: Arc<dyn Journal> = Arc::new(journal);
    let host = Host::new(
        host_config(options, data, secrets)?,
        Arc::new(Blobs(Arc::clone(&journal))),
    )
    .context("the sandbox cannot be set up")?;
    let mut config = options.sagas.apply(Config::default());
    config.retention.clone_from(&options.retain);
    Coordinator::open(journal, host, config)
        .await
        .context("the sagas cannot be taken up again")
}

fn host_config(options: &Options, data: &Path, secrets: Secrets) -> anyhow::Result<HostConfig> {
    let mut config = options.sandbox.apply(HostConfig::new(data.join(CACHE)));
    config.max_component_bytes = options.requests.max_component_bytes();
    config.compiler = options.compiler.apply(config.compiler);
    config.compiler.place = compiler::own_process()?;
    config.secrets = secrets;
    Ok(config)
}

/// The one line on standard output.
fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "wasaga ready on http://{address}")
        .and_then(|()| out.flush())
        .context("standard output is closed")
}

/// Stops accepting and lets sagas come to a place where they can be taken up again; whoever waits
/// for one is answered with how far it is.
async fn shut_down(
    coordinator: &Coordinator,
    stopping: &CancellationToken,
    server: tokio::task::JoinHandle<()>,
) {
    stopping.cancel();
    coordinator.shutdown().await;
    if tokio::time::timeout(LAST_ANSWERS, server).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}
