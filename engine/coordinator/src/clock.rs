//! The one place that asks for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use wasaga_core::Timestamp;

/// The time of the wall clock: it has to mean the same after a restart.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
