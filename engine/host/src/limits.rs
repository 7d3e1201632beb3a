//! Limits that the sandbox enforces while a component runs.

use wasmtime::ResourceLimiter;

/// Linear memories of one component.
pub(crate) const MAX_MEMORIES: u32 = 4;
/// Tables of one component.
pub(crate) const MAX_TABLES: u32 = 16;
/// Elements of one table.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 50_000;
/// Core instances of one component: a Python component has about forty, one a library.
pub(crate) const MAX_CORE_INSTANCES: u32 = 200;
/// Handles to resources that a component may hold.
pub(crate) const MAX_COMPONENT_HANDLES: usize = 1_000;
/// Resources that the engine holds for a component: streams, requests, timers.
pub(crate) const MAX_RESOURCES: usize = 1_000;
/// Random bytes that a component may ask for at once.
pub(crate) const MAX_RANDOM_BYTES: u64 = 64 * 1024;
/// Size of a set of `wasi:http` header fields.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Sums the memories of a store, and says no to what is too much.
#[derive(Debug)]
pub(crate) struct Limiter {
    max_memory_bytes: usize,
    /// What all memories have together. They never shrink, so it is also the most that they had.
    pub(crate) memory_bytes: usize,
    /// Whether the limit forbade what the component asked for last.
    pub(crate) memory_refused: bool,
}

impl Limiter {
    pub(crate) fn new(max_memory_bytes: u64) -> Self {
        Self {
            max_memory_bytes: usize::try_from(max_memory_bytes).unwrap_or(usize::MAX),
            memory_bytes: 0,
            memory_refused: false,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        let total = self.memory_bytes.saturating_add(growth);
        self.memory_refused = total > self.max_memory_bytes;
        if self.memory_refused {
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    /// Gives nothing back: wasmtime reports failures of growth that it never asked for here, and a
    /// component that can cause those could lower its account as it likes.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_limited_together_and_a_failure_gives_nothing_back() {
        let mut limiter = Limiter::new(100);
        let mut grow = |current, desired| limiter.memory_growing(current, desired, None).ok();
        assert_eq!(grow(0, 60), Some(true));
        assert_eq!(grow(0, 50), Some(false), "a second memory shares the limit");
        assert_eq!(grow(0, 40), Some(true));
        limiter
            .memory_grow_failed(wasmtime::Error::msg("no pages"))
            .expect("no trap");
        assert_eq!(limiter.memory_growing(60, 61, None).ok(), Some(false));
        assert_eq!(limiter.memory_bytes, 100);
    }

    #[test]
    fn a_refusal_counts_until_the_component_gets_memory_again() {
        let mut limiter = Limiter::new(100);
        assert_eq!(limiter.memory_growing(0, 101, None).ok(), Some(false));
        assert!(limiter.memory_refused);
        assert_eq!(limiter.memory_growing(0, 100, None).ok(), Some(true));
        assert!(!limiter.memory_refused);
    }

    #[test]
    fn growth_beyond_a_memory_s_own_maximum_is_neither_granted_nor_the_limit_s_doing() {
        let mut limiter = Limiter::new(100);
        assert_eq!(limiter.memory_growing(0, 60, Some(50)).ok(), Some(false));
        assert!(!limiter.memory_refused);
        assert_eq!(limiter.memory_bytes, 0);
    }
}
