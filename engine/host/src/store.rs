//! What the host knows of a call while it runs.

use std::sync::Arc;
use std::time::Instant;

use wasaga_core::Policy;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_config::WasiConfigVariables;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::egress::{Granted, Outbound};
use crate::imports::Hooks;
use crate::limits::{Limiter, MAX_HEADER_BYTES, MAX_RESOURCES};
use crate::logs::Log;
use crate::repeatable::Repeatable;

/// The data of a call's store.
pub(crate) struct CallState {
    pub(crate) limiter: Limiter,
    /// When the call last let others run, see [`Turns`](crate::turns::Turns).
    pub(crate) turn_began: Instant,
    pub(crate) log: Log,
    pub(crate) policy: Arc<Policy>,
    /// The secrets that it may use.
    pub(crate) granted: Arc<Granted>,
    pub(crate) repeatable: Repeatable,
    /// The way out, shared with requests that are under way.
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) table: ResourceTable,
    /// Made when the component first uses WASI: many never do.
    pub(crate) wasi: Option<WasiCtx>,
    pub(crate) wasi_config: Option<WasiConfigVariables>,
    pub(crate) wasi_http: WasiHttpCtx,
    pub(crate) hooks: Hooks,
}

impl CallState {
    pub(crate) fn new(
        limiter: Limiter,
        log: Log,
        policy: Arc<Policy>,
        granted: Arc<Granted>,
        repeatable: Repeatable,
        outbound: Arc<Outbound>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let mut wasi_http = WasiHttpCtx::new();
        wasi_http.set_field_size_limit(MAX_HEADER_BYTES);
        Self {
            limiter,
            turn_began: Instant::now(),
            log,
            policy,
            granted,
            repeatable,
            hooks: Hooks::new(Arc::clone(&outbound)),
            outbound,
            table,
            wasi: None,
            wasi_config: None,
            wasi_http,
        }
    }
}
