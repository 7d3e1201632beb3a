//! How wasmtime is set up.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig,
};

use crate::config::HostConfig;
use crate::limits::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};

/// Kept in place of every memory that is not in use. The kernel says which of these pages were
/// written, and only those are cleared.
const KEEP_RESIDENT_BYTES: usize = 2 * 1024 * 1024;

/// The same for every table: a table of a small component fits.
const KEEP_RESIDENT_TABLE_BYTES: usize = 64 * 1024;

/// Slots that stay warm: bounds what is kept resident.
const MAX_WARM_SLOTS: u32 = 64;

/// Instances of JavaScript and Python components need more than a megabyte of bookkeeping.
const MAX_INSTANCE_BYTES: usize = 10 * 1024 * 1024;

/// Makes the engine, with memories from a pool where the address space allows it.
///
/// # Errors
/// When wasmtime does not support this machine.
pub(crate) fn engine(host: &HostConfig) -> wasmtime::Result<Engine> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(host)));
    Engine::new(&config).or_else(|error| {
        tracing::warn!("no memory pool, calls take longer: {error:#}");
        let mut config = self::config();
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config)
    })
}

/// Makes an engine that only compiles, for one that [`engine`] made: on one core, and without
/// reserving anything.
///
/// # Errors
/// When wasmtime does not support this machine.
pub(crate) fn compiler() -> wasmtime::Result<Engine> {
    let mut config = config();
    config
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        .parallel_compilation(false);
    Engine::new(&config)
}

/// What of wasmtime, its settings and this machine compiled code depends on. Engines with the same
/// number take each other's code.
pub(crate) fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // One call a store: nothing in it runs concurrently.
        .concurrency_support(false)
        .consume_fuel(true)
        // Bulk memory operations cost by the byte.
        .operator_cost(OperatorCost::new())
        // What no step needs is not there to be attacked.
        .wasm_gc(false)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        // A trap's message is the component's own words. Frames would be those of its toolchain.
        .wasm_backtrace_max_frames(None);
    config
}

fn pool(host: &HostConfig) -> PoolingAllocationConfig {
    let calls = host.max_concurrent_calls;
    let memory_bytes = usize::try_from(host.limits.cap.memory_bytes).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    // There is a slot for whatever the calls that may run together can ask for, so none of them
    // fails because of the others.
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(MAX_CORE_INSTANCES))
        .total_memories(calls.saturating_mul(MAX_MEMORIES))
        .total_tables(calls.saturating_mul(MAX_TABLES))
        .total_stacks(calls)
        .total_gc_heaps(calls)
        .max_component_instance_size(MAX_INSTANCE_BYTES)
        .max_core_instance_size(MAX_INSTANCE_BYTES)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_memories_per_module(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(MAX_TABLES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(memory_bytes.next_multiple_of(64 * 1024).min(1 << 32))
        .max_unused_warm_slots(calls.min(MAX_WARM_SLOTS))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_TABLE_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use wasmtime::component::Component;

    use super::*;

    #[test]
    fn what_the_compiler_makes_is_taken_by_the_engine_that_runs_it() {
        let running = engine(&HostConfig::new("unused")).expect("an engine");
        let compiling = compiler().expect("an engine");
        assert_eq!(compatibility(&running), compatibility(&compiling));
        assert_ne!(compatibility(&running), compatibility(&Engine::default()));

        let wasm = wat::parse_str("(component (core module (func)))").expect("a component");
        let code = compiling.precompile_component(&wasm).expect("code");
        // SAFETY: the line above made it.
        unsafe { Component::deserialize(&running, &code) }.expect("a component");
    }
}
