//! What a call finds the same when it is run again: random numbers and the time of day.
//!
//! An attempt may run twice, after a crash or to try another version on what was recorded of it. A
//! step that makes up an order number, or puts a date into a request, does the same both times.

use std::time::Duration;

use rand::rngs::ChaCha20Rng;
use rand::{Rng as _, SeedableRng as _};
use wasaga_core::Call;
use wasmtime_wasi::{HostWallClock, WasiCtxBuilder};

use crate::keys::HostKey;
use crate::limits::MAX_RANDOM_BYTES;

/// Names of the streams of random numbers: what is drawn from one says nothing of the others.
const SECURE: &str = "random numbers";
const INSECURE: &str = "insecure random numbers";
const INSECURE_SEED: &str = "insecure random seed";

/// The random numbers and the time of one attempt.
#[derive(Clone)]
pub(crate) struct Repeatable {
    key: HostKey,
    idempotency_key: [u8; 16],
    attempt: u32,
    started_at: Duration,
}

impl Repeatable {
    pub(crate) fn new(key: HostKey, call: &Call) -> Self {
        let started_at = u64::try_from(call.started_at.unix_ms()).unwrap_or(0);
        Self {
            key,
            idempotency_key: call.idempotency_key.into_bytes(),
            attempt: call.attempt,
            started_at: Duration::from_millis(started_at),
        }
    }

    /// Gives a component these random numbers and this time.
    pub(crate) fn set_up(&self, wasi: &mut WasiCtxBuilder) {
        let mut seed = [0; 16];
        self.random(INSECURE_SEED).fill_bytes(&mut seed);
        wasi.secure_random(self.random(SECURE))
            .insecure_random(self.random(INSECURE))
            .insecure_random_seed(u128::from_le_bytes(seed))
            .max_random_size(MAX_RANDOM_BYTES)
            .wall_clock(Standing(self.started_at));
    }

    fn random(&self, stream: &str) -> ChaCha20Rng {
        let attempt = self.attempt.to_be_bytes();
        let seed = self.key.derive(stream, &[&self.idempotency_key, &attempt]);
        ChaCha20Rng::from_seed(seed)
    }
}

/// A clock that always shows the same time.
struct Standing(Duration);

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}
