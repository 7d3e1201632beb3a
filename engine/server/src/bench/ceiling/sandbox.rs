//! The calls of sagas, straight to the sandbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::task::JoinSet;
use wasaga_core::{Call, Ended, Policy};
use wasaga_host::Host;

use super::super::report::per_second;

/// Makes the same calls again and again on all cores; a saga is all of them.
pub(super) async fn sagas_per_s(
    host: Host,
    calls: Vec<Call>,
    duration: Duration,
) -> anyhow::Result<f64> {
    let calls: Arc<[Call]> = calls.into();
    let begin = Instant::now();
    let mut workers = JoinSet::new();
    // One for each thread, and as many again so that none ever waits for work.
    for _ in 0..2 * tokio::runtime::Handle::current().metrics().num_workers() {
        workers.spawn(work(host.clone(), Arc::clone(&calls), begin + duration));
    }
    let mut sagas = 0;
    while let Some(done) = workers.join_next().await {
        sagas += done??;
    }
    Ok(per_second(sagas, begin.elapsed()))
}

async fn work(host: Host, calls: Arc<[Call]>, end: Instant) -> anyhow::Result<usize> {
    let policy = Arc::new(Policy::default());
    let mut sagas = 0;
    while Instant::now() < end {
        for call in calls.iter() {
            if let Ended::Failed { failure, .. } = host.call(call, &policy).await.report.ended {
                bail!(
                    "a call that must succeed failed: {}: {}",
                    failure.code,
                    failure.message
                );
            }
        }
        sagas += 1;
    }
    Ok(sagas)
}
