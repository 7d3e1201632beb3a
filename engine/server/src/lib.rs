//! The Wasaga server.
//!
//! | module | what it holds |
//! |---|---|
//! | `wire` | what goes over HTTP, for the server and its clients alike |
//! | `api` | the HTTP API |
//! | `serve` | the command that assembles and runs a server |
//! | `telemetry` | logs |

pub mod api;
pub mod serve;
pub mod telemetry;
pub mod wire;
