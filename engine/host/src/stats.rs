//! What the sandbox has done, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers since the host was made, except where they say "now".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStats {
    /// Calls that run now.
    pub calls_running: u64,
    /// Calls that wait for a place now.
    pub calls_waiting: u64,
    /// Calls that ended.
    pub calls: u64,
    /// Calls that ended with a failure.
    pub calls_failed: u64,
    /// Calls that were replayed: they are in none of the other numbers, but for those that run or
    /// wait now.
    pub replays: u64,
    /// Versions ready to be called now.
    pub components_loaded: u64,
    /// Versions that were loaded from the cache on disk.
    pub cache_hits: u64,
    /// Versions that were compiled.
    pub compiles: u64,
    /// Units of fuel that all calls used.
    pub fuel: u64,
    /// Requests that all calls sent, or were refused.
    pub requests: u64,
}

/// The counters behind [`HostStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) calls_running: AtomicU64,
    pub(crate) calls_waiting: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) calls_failed: AtomicU64,
    pub(crate) replays: AtomicU64,
    pub(crate) cache_hits: AtomicU64,
    pub(crate) compiles: AtomicU64,
    pub(crate) fuel: AtomicU64,
    pub(crate) requests: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self, components_loaded: usize) -> HostStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HostStats {
            calls_running: read(&self.calls_running),
            calls_waiting: read(&self.calls_waiting),
            calls: read(&self.calls),
            calls_failed: read(&self.calls_failed),
            replays: read(&self.replays),
            components_loaded: components_loaded as u64,
            cache_hits: read(&self.cache_hits),
            compiles: read(&self.compiles),
            fuel: read(&self.fuel),
            requests: read(&self.requests),
        }
    }
}

/// Counts something for as long as it lives, also when a future is dropped halfway.
#[derive(Debug)]
pub(crate) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    pub(crate) fn enter(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
