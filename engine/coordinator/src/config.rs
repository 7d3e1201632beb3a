//! What an operator can set.

use std::time::Duration;

use wasaga_core::{Bounds, Status};

/// Settings of a [`Coordinator`](crate::Coordinator).
#[derive(Clone, Debug)]
pub struct Config {
    /// Most sagas in memory. Those beyond wait on disk, the oldest first.
    pub max_resident: u32,
    /// Most appends in one transaction.
    pub max_commit: usize,
    /// How long a shutdown waits for calls that run; after it they are left for recovery.
    pub shutdown_grace: Duration,
    /// How long other engines on the same store wait before they take this one for dead.
    pub lease: Duration,
    /// Most tags of a saga.
    pub max_tags: usize,
    /// Most bytes of a tag's name, and of its value.
    pub max_tag_bytes: usize,
    /// Most definition versions that are kept parsed.
    pub max_parsed_definitions: usize,
    /// What sagas may grow to, and how often they may bring the engine down.
    pub bounds: Bounds,
    /// How long finished sagas are kept, by status; for ever when a status is not there.
    pub retention: Vec<Retention>,
}

/// How long sagas that ended in a status are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Which status: one that is an end.
    pub status: Status,
    /// How long after its last event a saga is deleted.
    pub age: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_resident: 1024,
            max_commit: 512,
            shutdown_grace: Duration::from_secs(20),
            lease: Duration::from_secs(30),
            max_tags: 16,
            max_tag_bytes: 128,
            max_parsed_definitions: 1024,
            bounds: Bounds::default(),
            retention: Vec::new(),
        }
    }
}
