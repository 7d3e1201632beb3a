//! What the tests stand on: processes that are ended with the test, a client, and waiting for
//! conditions.

mod order;
mod process;
mod server;

pub(crate) use self::order::{Orders, order_input};
pub(crate) use self::process::{guest, wasaga};
pub(crate) use self::server::{Answer, Server};

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything that should happen may take before a test gives it up. Long: machines are
/// slow, and a test that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `check` answers with something.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut check: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "still not so after {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
