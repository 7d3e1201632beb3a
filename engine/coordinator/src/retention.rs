//! Deletes finished sagas whose time is over, when an operator wants that.

use std::sync::Arc;
use std::time::Duration;

use wasaga_core::Timestamp;
use wasaga_journal::{JournalError, Prune};

use crate::clock;
use crate::config::Retention;
use crate::engine::Engine;

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(60);

/// Most sagas deleted in one transaction: sagas that run wait for it.
const CHUNK: u32 = 200;

/// Deletes until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    if engine.config.retention.is_empty() {
        return;
    }
    loop {
        for retention in &engine.config.retention {
            if let Err(error) = delete(&engine, *retention).await {
                tracing::warn!(%error, status = %retention.status, "old sagas could not be deleted");
            }
        }
        tokio::select! {
            () = engine.stopping.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn delete(engine: &Engine, retention: Retention) -> Result<(), JournalError> {
    let age = i64::try_from(retention.age.as_millis()).unwrap_or(i64::MAX);
    let prune = Prune {
        statuses: vec![retention.status],
        updated_before: Timestamp::from_unix_ms(clock::now().unix_ms().saturating_sub(age)),
        limit: CHUNK,
    };
    while !engine.stopping.is_cancelled() {
        let deleted = engine.journal.prune(&prune).await?;
        engine.metrics.deleted(deleted);
        if deleted < u64::from(CHUNK) {
            return Ok(());
        }
        // Whoever waits to write goes first.
        tokio::task::yield_now().await;
    }
    Ok(())
}
