//! WASI 0.2 with nothing behind it: no files, sockets, environment or arguments. Clocks and random
//! numbers work, and what is printed goes to the saga's log.

use wasaga_core::LogLevel;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::limits::MAX_RANDOM_BYTES;
use crate::store::CallState;

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let log = &self.log;
        let ctx = self.wasi.get_or_insert_with(|| {
            WasiCtx::builder()
                .stdout(log.stream(LogLevel::Stdout))
                .stderr(log.stream(LogLevel::Stderr))
                .max_random_size(MAX_RANDOM_BYTES)
                .build()
        });
        WasiCtxView {
            ctx,
            table: &mut self.table,
        }
    }
}
