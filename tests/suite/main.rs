//! Integration tests: real server processes, real components, real services.
//!
//! They run the binaries that `cargo build --workspace` made and the guests that `tests/guests.sh`
//! made; `tests/run.sh` does both before it runs them.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod api;
mod cli;
mod crash;
mod hostile;
mod limits;
mod operators;
mod order;
mod poison;
mod recovery;
mod replies;
mod secrets;
mod semantics;
mod support;
mod swap;
mod verify;
mod watching;
