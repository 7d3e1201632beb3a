//! The Wasaga server and command line.
//!
//! | module | what it holds |
//! |---|---|
//! | `wire` | what goes over HTTP, for the server and its clients alike |
//! | `api` | the HTTP API |
//! | `serve` | the command that assembles and runs a server |
//! | `telemetry` | logs |
//! | `cli` | the commands that talk to a server |
//! | `bench` | the command that measures one |

pub mod api;
pub mod bench;
pub mod cli;
pub mod serve;
pub mod telemetry;
pub mod wire;
