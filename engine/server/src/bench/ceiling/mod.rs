//! What the engine's parts do alone. The engine cannot be faster than either.

pub(super) mod journal;
mod sandbox;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use wasaga_coordinator::Blobs;
use wasaga_core::Digest;
use wasaga_host::{Host, HostConfig};
use wasaga_journal::{Journal, MemoryJournal};

use super::report::{Ceilings, rounded};
use super::scenario::Scenario;
use super::walk::walk;

/// Measures both, one after the other, each for so long.
pub(super) async fn measure(
    scenario: &Scenario,
    data: &Path,
    duration: Duration,
) -> anyhow::Result<Ceilings> {
    std::thread::scope(|scope| {
        // The load came from one thread; these take every core, as the server did.
        let measured = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(measure_on_all_cores(scenario, data, duration))
        });
        measured
            .join()
            .map_err(|_| anyhow!("measuring the ceilings panicked"))?
    })
}

async fn measure_on_all_cores(
    scenario: &Scenario,
    data: &Path,
    duration: Duration,
) -> anyhow::Result<Ceilings> {
    let components = MemoryJournal::new();
    components
        .put_blob(Digest::of(&scenario.wasm), &scenario.wasm)
        .await?;
    let host = Host::new(
        HostConfig::new(data.join("cache")),
        Arc::new(Blobs(Arc::new(components))),
    )
    .context("the sandbox")?;
    let walked = walk(scenario, &host).await?;
    let sandbox = sandbox::sagas_per_s(host, walked.calls, duration).await?;
    let journal = journal::sagas_per_s(&data.join("journal"), &walked.turns, duration).await?;
    Ok(Ceilings {
        journal_sagas_per_s: rounded(journal),
        sandbox_sagas_per_s: rounded(sandbox),
    })
}
