//! Drops versions of components from memory that no saga needs any more.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;

/// How often it looks, beside after each change of which version sagas take: sagas that were bound to
/// a version end without saying so.
const PERIOD: Duration = Duration::from_secs(60);

/// How long it waits after a change: calls that were decided for the version before start by then.
const SETTLE: Duration = Duration::from_secs(5);

/// Looks until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    loop {
        tokio::select! {
            () = engine.stopping.cancelled() => return,
            () = engine.components.switched.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
        tokio::select! {
            () = engine.stopping.cancelled() => return,
            () = tokio::time::sleep(SETTLE) => {}
        }
        if let Err(error) = engine.components.unload_unused().await {
            tracing::warn!(%error, "versions that no saga needs could not be found");
        }
    }
}
