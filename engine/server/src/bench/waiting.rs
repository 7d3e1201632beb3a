//! What sagas that wait for replies cost in memory: they live on disk, so next to nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use wasaga_core::{Direction, Name, ReplyToken, SagaId, Status, StepPath};

use super::Place;
use super::report::{per_second, rounded};
use super::scenario::{COMPONENT, Scenario};
use super::server::{self, Server};
use crate::cli::{Client, Format, Output};

/// Name of the definition and of its step.
const NAME: &str = "ask";
/// Sagas started with one request.
const BATCH: usize = 1_000;
/// Replies on their way at the same time.
const REPLIES: usize = 32;
/// How long everything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) place: Place,
    /// Sagas that wait
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    sagas: u32,
    /// How many of them are answered
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    replies: u32,
}

/// What was measured. Its JSON is read by programs: fields stay.
#[derive(Debug, Serialize)]
struct Report {
    waiting: u64,
    /// From the first request until all of them wait.
    started_per_s: f64,
    empty_resident_mb: f64,
    waiting_resident_mb: f64,
    grown_mb: f64,
    replied: usize,
    /// From the first reply until all that were answered are completed.
    replied_per_s: f64,
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
    let scenario = Scenario { steps: 1, wasm };
    scenario.set_up(server.url()).await?;
    let definition = json!({"steps": [{"step": NAME, "component": COMPONENT, "action": NAME}]});
    let apply = client.request(Method::PUT, &["v1", "definitions", NAME]);
    client.send(apply.json(&definition)).await?;
    let empty = resident(server)?;

    output.note(format!("{} sagas that wait for a reply", options.sagas));
    let begin = Instant::now();
    let mut ids = Vec::with_capacity(options.sagas as usize);
    while ids.len() < options.sagas as usize {
        let count = BATCH.min(options.sagas as usize - ids.len());
        ids.extend(start(&client, count).await?);
    }
    let waiting = u64::from(options.sagas);
    wait_for(&client, Status::Waiting, waiting).await?;
    let started = begin.elapsed();
    let full = resident(server)?;

    // Spread over all of them, not the first or the last.
    let every = (ids.len() / (options.replies as usize).max(1)).max(1);
    let answered: Vec<SagaId> = ids
        .into_iter()
        .step_by(every)
        .take(options.replies as usize)
        .collect();
    output.note(format!("{} replies", answered.len()));
    let begin = Instant::now();
    reply(&client, &answered).await?;
    wait_for(&client, Status::Completed, answered.len() as u64).await?;
    let replied = begin.elapsed();
    for id in answered.iter().take(10) {
        check(&client, *id).await?;
    }
    Ok(Report {
        waiting,
        started_per_s: rounded(per_second(options.sagas as usize, started)),
        empty_resident_mb: megabytes(empty),
        waiting_resident_mb: megabytes(full),
        grown_mb: rounded(megabytes(full) - megabytes(empty)),
        replied: answered.len(),
        replied_per_s: rounded(per_second(answered.len(), replied)),
    })
}

fn resident(server: &Server) -> anyhow::Result<u64> {
    server
        .resident_bytes()
        .context("this system does not say how much memory a process has")
}

async fn start(client: &Client, count: usize) -> anyhow::Result<Vec<SagaId>> {
    let saga = json!({"definition": NAME, "input": {"order": "order-1"}});
    let body = json!({ "sagas": vec![saga; count] });
    let request = client.request(Method::POST, &["v1", "sagas", "batch"]);
    let answer: Value = client.send(request.json(&body)).await?.json()?;
    let items = answer["items"].as_array().context("a batch has items")?;
    ensure!(
        items.len() == count,
        "{} of {count} sagas were started",
        items.len()
    );
    let ids = items.iter().map(|item| {
        let id = item["id"].as_str().context("a saga has an id")?;
        Ok(id.parse()?)
    });
    ids.collect()
}

/// Answers each saga once.
async fn reply(client: &Client, sagas: &[SagaId]) -> anyhow::Result<()> {
    use futures::{StreamExt as _, TryStreamExt as _};
    let step = StepPath::root(&Name::new(NAME)?);
    futures::stream::iter(sagas)
        .map(|saga| {
            let key = wasaga_core::id::idempotency_key(*saga, &step, Direction::Act, 0);
            let token = ReplyToken { saga: *saga, key }.to_string();
            async move {
                let request = client.request(Method::POST, &["v1", "callbacks", &token]);
                let reply = json!({"succeeded": {"approved_by": "somebody"}});
                client.send(request.json(&reply)).await.map(|_| ())
            }
        })
        .buffer_unordered(REPLIES)
        .try_collect()
        .await
}

/// Waits until so many sagas have a status.
async fn wait_for(client: &Client, status: Status, count: u64) -> anyhow::Result<()> {
    let line = format!("wasaga_sagas{{status=\"{status}\"}} ");
    let begin = Instant::now();
    loop {
        let metrics = client.get(&["metrics"]).await?;
        let found = metrics
            .text()?
            .lines()
            .find_map(|metric| metric.strip_prefix(&line))
            .and_then(|value| value.trim().parse::<u64>().ok())
            .unwrap_or(0);
        if found == count {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            bail!("{found} sagas are {status} after {PATIENCE:?}, and not {count}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn check(client: &Client, saga: SagaId) -> anyhow::Result<()> {
    let answer: Value = client
        .get(&["v1", "sagas", &saga.to_string()])
        .await?
        .json()?;
    let result = &answer["steps"][0]["result"];
    ensure!(
        answer["status"] == "completed" && result["approved_by"] == "somebody",
        "a saga that was answered has not taken its reply: {answer}"
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn megabytes(bytes: u64) -> f64 {
    rounded(bytes as f64 / 1e6)
}

fn show(report: &Report, output: &mut Output) -> std::io::Result<()> {
    let Report {
        waiting,
        started_per_s,
        empty_resident_mb,
        waiting_resident_mb,
        grown_mb,
        replied,
        replied_per_s,
    } = report;
    output.line(format!(
        "{waiting} sagas wait for a reply; {started_per_s:.0} a second were brought there"
    ))?;
    output.line(format!(
        "resident memory {empty_resident_mb:.1} MB before, {waiting_resident_mb:.1} MB now: {grown_mb:.1} MB more"
    ))?;
    output.line(format!(
        "{replied} replies completed {replied} sagas, {replied_per_s:.0} a second"
    ))
}
