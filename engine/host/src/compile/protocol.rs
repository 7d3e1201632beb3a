//! What a host and the process that compiles for it say to each other.
//!
//! The host gives the [`Assignment`] as an argument, in JSON: the process limits itself by it before
//! it reads anything. The upload follows on standard input, which stays open for as long as somebody
//! wants the answer: its end ends the process. On standard output comes one line of JSON, the
//! [`Answer`], and after it the compiled code.

use serde::{Deserialize, Serialize};

use crate::prepare::PrepareError;

/// Longest line that is an answer.
pub(super) const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// What to compile, for whom, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignment {
    /// Of the engine that will run the code; see [`compatibility`](crate::engine::compatibility).
    pub(super) compatibility: u64,
    /// Bytes that come on standard input.
    pub(super) wasm_bytes: u64,
    /// Seconds of computing time.
    pub(super) cpu_s: u64,
    /// Bytes of address space.
    pub(super) memory_bytes: u64,
    /// Most bytes that may be answered.
    pub(super) max_compiled_bytes: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// So many bytes of code follow.
    Compiled {
        /// How many.
        bytes: u64,
    },
    /// Nothing follows.
    Refused(PrepareError),
}
