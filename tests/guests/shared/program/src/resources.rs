//! What a step uses up of the engine, and WASI by its own interfaces: on `wasm32-unknown-unknown` the standard library
//! has nothing behind it.

use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wasip2::cli::{stderr, stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::io::streams::OutputStream;
use wasip2::random::{insecure, insecure_seed, random};

/// As much as WASI lets a stream take in one call.
const WRITE_BYTES: usize = 4_096;

pub(crate) fn print(text: &str) {
    write(&stdout::get_stdout(), text);
}

pub(crate) fn eprint(text: &str) {
    write(&stderr::get_stderr(), text);
}

fn write(stream: &OutputStream, text: &str) {
    for part in text.as_bytes().chunks(WRITE_BYTES) {
        stream
            .blocking_write_and_flush(part)
            .expect("standard streams can be written");
    }
}

/// How many bytes came.
pub(crate) fn random(bytes: u64) -> usize {
    random::get_random_bytes(bytes).len()
}

/// What differs from one moment to the next, where nobody takes care that it does not.
pub(crate) fn world() -> Value {
    let time = wall_clock::now();
    // There the standard library has neither a clock nor random numbers.
    let has_std = !cfg!(target_os = "unknown");
    let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH);
    json!({
        "random": [random::get_random_bytes(16), random::get_random_bytes(16)],
        "random_number": random::get_random_u64().to_string(),
        "insecure": insecure::get_insecure_random_bytes(16),
        "insecure_seed": format!("{:?}", insecure_seed::insecure_seed()),
        "time": [time.seconds, u64::from(time.nanoseconds)],
        "std_time_ms": has_std.then(|| since_1970().map_or(0, |since| since.as_millis().to_string().parse::<u64>().unwrap_or(0))),
        "std_random": has_std.then(|| RandomState::new().hash_one(7).to_string()),
    })
}

pub(crate) fn sleep(duration_ms: u64) {
    monotonic_clock::subscribe_duration(duration_ms.saturating_mul(1_000_000)).block();
}

pub(crate) fn allocate(bytes: usize) {
    black_box(vec![1_u8; bytes]);
}

pub(crate) fn spin() -> ! {
    loop {
        black_box(0);
    }
}

pub(crate) fn recurse() {
    black_box(deeper(1));
}

/// Has work to do after its call, so that it cannot become a loop.
#[expect(unconditional_recursion, reason = "that is the point")]
fn deeper(depth: u64) -> u64 {
    deeper(black_box(depth + 1)) + black_box(1)
}
