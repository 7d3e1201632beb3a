//! What a step uses up of the engine, and WASI by its own interfaces: on `wasm32-unknown-unknown` the standard library
//! has nothing behind it.

use std::hint::black_box;

use wasip2::cli::{stderr, stdout};
use wasip2::clocks::monotonic_clock;
use wasip2::io::streams::OutputStream;
use wasip2::random::random;

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
