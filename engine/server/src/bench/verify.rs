//! How long it takes to try a version on recorded calls.

use std::path::Path;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::Place;
use super::build;
use super::scenario::{self, COMPONENT, SagaPath, Scenario};
use super::server::{self, Server};
use crate::cli::{Client, Format, Output};
use wasaga::wire::Verification;

/// Steps of a saga, each of which is one call.
const STEPS: u32 = 3;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) place: Place,
    /// Calls that are recorded, at least
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3_000))]
    calls: u32,
}

/// What was measured. Its JSON is read by programs: fields stay.
#[derive(Debug, Serialize)]
struct Report {
    calls: u32,
    /// The version that made them, run on them again.
    same_ms: u64,
    same: u32,
    /// Another one, which leaves another result each time.
    other_ms: u64,
    different: u32,
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
    let Report {
        calls,
        same_ms,
        same,
        other_ms,
        different,
    } = report;
    match output.format() {
        Format::Json => output.line(serde_json::to_string(&report)?)?,
        Format::Text => {
            output.line(format!(
                "{calls} calls again on the version that made them: {same_ms} ms, {same} the same"
            ))?;
            output.line(format!(
                "{calls} calls on another version: {other_ms} ms, {different} different"
            ))?;
        }
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
    let scenario = Scenario { steps: STEPS, wasm };
    scenario.set_up(server.url()).await?;
    let sagas = options.calls.div_ceil(STEPS);
    output.note(format!("{sagas} sagas of {STEPS} calls"));
    for _ in 0..sagas {
        let request = client.request(Method::POST, &["v1", "sagas"]);
        let request = request.query(&[("wait", "30s")]);
        let request = request
            .json(&json!({"definition": SagaPath::Complete.as_str(), "input": Scenario::input()}));
        let saga: Value = client.send(request).await?.json()?;
        ensure!(saga["status"] == "completed", "a saga failed: {saga}");
    }
    let version = scenario::upload(&client, &other, "false").await?;
    output.note("verifying");
    let same = verify(&client, 1, sagas).await?;
    ensure!(same.clean, "the same bytes differ: {:?}", same.different);
    let changed = verify(&client, version, sagas).await?;
    Ok(Report {
        calls: same.calls,
        same_ms: same.duration_ms,
        same: same.same,
        other_ms: changed.duration_ms,
        different: changed.compared - changed.same,
    })
}

async fn verify(client: &Client, version: u32, sagas: u32) -> anyhow::Result<Verification> {
    let number = version.to_string();
    let path = ["v1", "components", COMPONENT, "versions", &number, "verify"];
    let request = client.request(Method::POST, &path);
    let answer = client
        .send(request.json(&json!({ "sagas": sagas })))
        .await
        .with_context(|| format!("verifying version {version}"))?;
    answer.json()
}
