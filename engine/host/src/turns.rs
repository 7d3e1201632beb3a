//! Turns of a call that keeps the host busy.
//!
//! Fuel makes a component that computes let others run. One that calls the host over and over uses
//! time and next to no fuel, so that is where it has to let them run as well: else its timeout is not
//! seen, and whatever shares its thread stands still.

use std::time::{Duration, Instant};

use wasmtime::{CallHook, CallHookHandler, StoreContextMut};

use crate::store::CallState;

/// After so much time, the next call into the host that returns ends the turn.
const TURN: Duration = Duration::from_millis(1);

/// Ends a turn on the way back from any call into the host: the engine's own imports, WASI, and what
/// wasmtime does for a component.
pub(crate) struct Turns;

#[async_trait::async_trait]
impl CallHookHandler<CallState> for Turns {
    async fn handle_call_event(
        &self,
        mut store: StoreContextMut<'_, CallState>,
        event: CallHook,
    ) -> wasmtime::Result<()> {
        if matches!(event, CallHook::ReturningFromHost) && store.data().turn_began.elapsed() >= TURN
        {
            tokio::task::yield_now().await;
            store.data_mut().turn_began = Instant::now();
        }
        Ok(())
    }
}
