//! What sagas notice when the active version of their component changes under them: nothing but a new
//! version for steps that start from then on.
//!
//! The component's builds know their own work: a compensation that ran on another version than its act
//! would fail, and its saga would end stuck, which ends the measurement.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::Place;
use super::build;
use super::load::Load;
use super::percentile::Times;
use super::report::{per_second, rounded};
use super::scenario::{self, COMPONENT, SagaPath, Scenario};
use super::server::{self, Server};
use crate::cli::{Client, Format, Output};

/// Sagas that are looked at in the end.
const LOOKED_AT: &str = "1000";

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) place: Place,
    /// Activations in all, back and forth between two versions
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    activations: u32,
    /// How long to measure each turn
    #[arg(long, default_value = "5s", value_parser = wasaga_core::time::parse_duration)]
    duration: Duration,
    /// Turns with activations, each after one without
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    turns: u32,
    /// Sagas at the same time; half of them complete, half are undone
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=4096))]
    concurrency: u32,
}

/// What was measured. Its JSON is read by programs: fields stay.
#[derive(Debug, Serialize)]
struct Report {
    activations: u32,
    sagas: usize,
    /// Of the last thousand sagas: how many have steps of both versions.
    mixed: usize,
    without: Figures,
    with: Figures,
    /// The longest activation, from request to answer.
    longest_activation_ms: f64,
    /// The 99th percentile with activations by the one without.
    p99_ratio: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    sagas_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

pub(super) async fn run(
    options: &Options,
    wasm: Vec<u8>,
    data: &Path,
    output: &mut Output,
) -> anyhow::Result<()> {
    let report = server::during(data, async |server| {
        measure(options, wasm, server, output).await
    })
    .await?;
    match output.format() {
        Format::Json => output.line(serde_json::to_string(&report)?)?,
        Format::Text => show(&report, output)?,
    }
    Ok(())
}

async fn measure(
    options: &Options,
    wasm: Vec<u8>,
    server: &Server,
    output: &Output,
) -> anyhow::Result<Report> {
    let client = Client::new(server.url())?;
    let other = build::other(&wasm)?;
    let scenario = Scenario { steps: 3, wasm };
    scenario.set_up(server.url()).await?;
    let versions = [1, scenario::upload(&client, &other, "false").await?];
    let (mut without, mut with) = (Times::default(), Times::default());
    let mut longest = Duration::ZERO;
    let mut done = 0;
    for turn in 1..=options.turns {
        output.note(format!("turn {turn}: without activations"));
        without = without.and(sagas(options, &scenario, server).await?);
        let many = (options.activations - done) / (options.turns - turn + 1);
        output.note(format!("turn {turn}: with {many} activations"));
        let (times, took) = tokio::try_join!(
            sagas(options, &scenario, server),
            activate(&client, versions, many, options.duration),
        )?;
        with = with.and(times);
        longest = longest.max(took);
        done += many;
    }
    let elapsed = options.duration * options.turns;
    let count = without.len() + with.len();
    let [without, with] = [without, with].map(|times| Figures::new(&times, elapsed));
    let (without, with) = (without?, with?);
    Ok(Report {
        activations: done,
        sagas: count,
        mixed: mixed(&client).await?,
        p99_ratio: (with.p99_ms / without.p99_ms * 100.0).round() / 100.0,
        without,
        with,
        longest_activation_ms: rounded(longest.as_secs_f64() * 1_000.0),
    })
}

impl Figures {
    fn new(times: &Times, elapsed: Duration) -> anyhow::Result<Self> {
        let nothing = "no saga ended while it was measured: choose a longer --duration";
        Ok(Self {
            sagas_per_s: rounded(per_second(times.len(), elapsed)),
            p50_ms: times.percentile_ms(50).context(nothing)?,
            p99_ms: times.percentile_ms(99).context(nothing)?,
        })
    }
}

/// Sagas of both kinds for a while. Each has to end as it must.
async fn sagas(options: &Options, scenario: &Scenario, server: &Server) -> anyhow::Result<Times> {
    let load = |path: SagaPath, concurrency| Load {
        address: server.address(),
        request: scenario.start_request(path),
        expected: path.ends_with(),
        concurrency,
        warmup: Duration::ZERO,
        duration: options.duration,
    };
    let half = options.concurrency / 2;
    let complete = load(SagaPath::Complete, options.concurrency - half);
    let compensate = load(SagaPath::Compensate, half);
    let (complete, compensate) = tokio::try_join!(complete.run(), compensate.run())?;
    Ok(complete.times.and(compensate.times))
}

/// Activates one version and the other in turns, spread over a time. Answers how long the longest took.
async fn activate(
    client: &Client,
    versions: [u32; 2],
    many: u32,
    duration: Duration,
) -> anyhow::Result<Duration> {
    let mut longest = Duration::ZERO;
    let mut beat = tokio::time::interval(duration / (many + 1));
    for version in versions.iter().rev().cycle().take(many as usize) {
        beat.tick().await;
        let request = client.request(Method::PUT, &["v1", "components", COMPONENT, "active"]);
        let began = Instant::now();
        let answer: Value = client
            .send(request.json(&json!({ "version": version })))
            .await?
            .json()?;
        longest = longest.max(began.elapsed());
        ensure!(
            answer["active"] == *version,
            "version {version} is not active: {answer}"
        );
    }
    Ok(longest)
}

/// How many of the last sagas have steps of more than one version.
async fn mixed(client: &Client) -> anyhow::Result<usize> {
    let request = client.request(Method::GET, &["v1", "sagas"]);
    let page: Value = client
        .send(request.query(&[("limit", LOOKED_AT)]))
        .await?
        .json()?;
    let items = page["items"].as_array().context("a list has items")?;
    let mut mixed = 0;
    for item in items {
        let id = item["id"].as_str().context("a saga has an id")?;
        let saga: Value = client.get(&["v1", "sagas", id]).await?.json()?;
        let steps = saga["steps"].as_array().context("a saga has steps")?;
        let versions: BTreeSet<Option<u64>> =
            steps.iter().map(|step| step["version"].as_u64()).collect();
        mixed += usize::from(versions.len() > 1);
    }
    Ok(mixed)
}

fn show(report: &Report, output: &mut Output) -> std::io::Result<()> {
    let Report {
        activations,
        sagas,
        mixed,
        without,
        with,
        longest_activation_ms,
        p99_ratio,
    } = report;
    let figures = |figures: &Figures| {
        let Figures {
            sagas_per_s,
            p50_ms,
            p99_ms,
        } = figures;
        format!("{sagas_per_s:.0} sagas/s, p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms")
    };
    output.line(format!("without activations  {}", figures(without)))?;
    output.line(format!("with {activations} activations  {}", figures(with)))?;
    output.line(format!(
        "p99 {p99_ratio:.2} times as long; the longest activation took {longest_activation_ms:.1} ms"
    ))?;
    output.line(format!(
        "{sagas} sagas ended as they must, each undone by the versions that acted; {mixed} of the last {LOOKED_AT} ran on both"
    ))
}
