//! WASI 0.2 with nothing behind it: no files, sockets, environment or arguments. What is printed
//! goes to the saga's log. Random numbers and the time of day are those of the attempt, see
//! [`Repeatable`](crate::repeatable::Repeatable); the monotonic clock runs.

use wasaga_core::LogLevel;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::store::CallState;

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (log, repeatable) = (&self.log, &self.repeatable);
        let ctx = self.wasi.get_or_insert_with(|| {
            let mut wasi = WasiCtx::builder();
            repeatable.set_up(&mut wasi);
            wasi.stdout(log.stream(LogLevel::Stdout))
                .stderr(log.stream(LogLevel::Stderr))
                .build()
        });
        WasiCtxView {
            ctx,
            table: &mut self.table,
        }
    }
}
