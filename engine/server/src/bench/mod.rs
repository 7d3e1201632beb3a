//! `wasaga bench`: what the engine does in a second, beside what its journal and its sandbox alone would do.
//!
//! | file | what it holds |
//! |---|---|
//! | `scenario` | the definitions that are run, and where the component comes from |
//! | `server` | a server process of its own |
//! | `load` | sagas over HTTP, so many at a time |
//! | `walk` | one saga without a server: the calls and the journal rows that it is made of |
//! | `ceiling/` | those rows straight to the journal, those calls straight to the sandbox |
//! | `percentile` | of measured times |
//! | `report` | the figures, as a table and as JSON |
//! | `waiting` | what sagas that wait for replies cost in memory |
//! | `history` | what a million finished sagas cost those that run |
//! | `swap` | what sagas notice when the active version changes under them |
//! | `verify` | how long it takes to try a version on recorded calls |
//! | `build` | two versions of the component that do the same |

mod build;
mod ceiling;
mod history;
mod load;
mod percentile;
mod report;
mod scenario;
mod server;
mod swap;
mod verify;
mod waiting;
mod walk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tempfile::TempDir;

use self::load::Load;
use self::report::{Report, Run};
use self::scenario::{SagaPath, Scenario};
use self::server::Server;
use crate::cli::{Format, Output};

/// Measure the engine against its own ceilings.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    throughput: Throughput,
}

/// Something else to measure.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measure what sagas that wait for replies cost in memory
    Waiting(waiting::Options),
    /// Measure what finished sagas cost those that run, and how fast they are listed
    History(history::Options),
    /// Measure what sagas notice when the active version of their component changes again and again
    Swap(swap::Options),
    /// Measure how long it takes to try a version on recorded calls
    Verify(verify::Options),
}

/// Where to measure, and with what.
#[derive(Debug, Args)]
struct Place {
    /// The component to run, one whose actions `one`, `two` and `three` fail when their argument
    /// `fail` is true, and whose `ask` waits for a reply; found beside the executable unless given
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Folder to keep the data in while it runs; on a file system in memory nothing is ever durable,
    /// and the figures mean little
    #[arg(long, default_value = "./wasaga-data", value_name = "DIR")]
    data: PathBuf,
}

/// How to measure throughput.
#[derive(Debug, Args)]
struct Throughput {
    #[command(flatten)]
    place: Place,
    /// How long to measure each run
    #[arg(long, default_value = "5s", value_parser = wasaga_core::time::parse_duration)]
    duration: Duration,
    /// How long to run before measuring
    #[arg(long, default_value = "1s", value_parser = wasaga_core::time::parse_duration)]
    warmup: Duration,
    /// Steps of a saga
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    steps: u32,
    /// Sagas at the same time, one run for each number
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 256], value_name = "N,…",
          value_parser = clap::value_parser!(u32).range(1..=4096))]
    concurrency: Vec<u32>,
}

/// Measures, and shows the figures.
///
/// The server is ended and its data removed also when something fails, or on Ctrl-C.
pub(crate) async fn run(options: &Options, output: &mut Output) -> anyhow::Result<()> {
    let place = match &options.what {
        None => &options.throughput.place,
        Some(What::Waiting(options)) => &options.place,
        Some(What::History(options)) => &options.place,
        Some(What::Swap(options)) => &options.place,
        Some(What::Verify(options)) => &options.place,
    };
    let component = scenario::component_file(place.component.as_deref())?;
    let wasm = std::fs::read(&component).with_context(|| component.display().to_string())?;
    let data = Data::new(&place.data)?;
    if data.in_memory() {
        output.note(format!(
            "{} is in memory: what is written there is not durable, so the figures are too good",
            place.data.display()
        ));
    }
    tokio::select! {
        done = measure_and_show(options, wasm, data.path(), output) => done,
        () = interrupted() => bail!("interrupted"),
    }
}

async fn measure_and_show(
    options: &Options,
    wasm: Vec<u8>,
    data: &Path,
    output: &mut Output,
) -> anyhow::Result<()> {
    match &options.what {
        None => {
            let report = measure(&options.throughput, wasm, data, output).await?;
            match output.format() {
                Format::Json => output.line(serde_json::to_string(&report)?)?,
                Format::Text => report.show(output)?,
            }
        }
        Some(What::Waiting(options)) => waiting::run(options, wasm, data, output).await?,
        Some(What::History(options)) => history::run(options, wasm, data, output).await?,
        Some(What::Swap(options)) => swap::run(options, wasm, data, output).await?,
        Some(What::Verify(options)) => verify::run(options, wasm, data, output).await?,
    }
    Ok(())
}

async fn measure(
    options: &Throughput,
    wasm: Vec<u8>,
    data: &Path,
    output: &Output,
) -> anyhow::Result<Report> {
    let scenario = Scenario {
        steps: options.steps,
        wasm,
    };
    let runs = server::during(data, async |server| {
        runs(options, &scenario, server, output).await
    })
    .await?;
    // One after the other: they would take each other's cores.
    output.note("the same calls straight to the sandbox, the same rows straight to the journal");
    let ceilings = ceiling::measure(&scenario, data, options.duration).await?;
    Ok(Report { runs, ceilings })
}

async fn runs(
    options: &Throughput,
    scenario: &Scenario,
    server: &Server,
    output: &Output,
) -> anyhow::Result<Vec<Run>> {
    scenario.set_up(server.url()).await?;
    let mut runs = Vec::new();
    for path in SagaPath::ALL {
        for &concurrency in &options.concurrency {
            output.note(format!("{path}, {concurrency} at a time"));
            let load = Load {
                address: server.address(),
                request: scenario.start_request(path),
                expected: path.ends_with(),
                concurrency,
                warmup: options.warmup,
                duration: options.duration,
            };
            let measured = load
                .run()
                .await
                .with_context(|| format!("{path}, {concurrency} at a time"))?;
            runs.push(Run::new(path, concurrency, measured)?);
        }
    }
    Ok(runs)
}

async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without signals there is nothing to wait for.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// A folder of its own in the one that was asked for; removed in the end, with the other one if that is
/// empty then.
struct Data {
    parent: PathBuf,
    /// `None` only while it is being removed.
    own: Option<TempDir>,
}

impl Data {
    fn new(parent: &Path) -> anyhow::Result<Self> {
        let context = || {
            format!(
                "{} cannot hold the data: choose another folder with --data",
                parent.display()
            )
        };
        std::fs::create_dir_all(parent).with_context(context)?;
        let own = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(parent)
            .with_context(context)?;
        Ok(Self {
            parent: parent.to_owned(),
            own: Some(own),
        })
    }

    fn path(&self) -> &Path {
        self.own.as_ref().map_or(&self.parent, |own| own.path())
    }

    fn in_memory(&self) -> bool {
        #[cfg(target_os = "linux")]
        {
            /// From Linux's `magic.h`.
            const TMPFS: i128 = 0x0102_1994;
            rustix::fs::statfs(self.path()).is_ok_and(|stat| i128::from(stat.f_type) == TMPFS)
        }
        #[cfg(not(target_os = "linux"))]
        false
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        drop(self.own.take());
        // Fails, as it should, when there is something else in it.
        let _ = std::fs::remove_dir(&self.parent);
    }
}
