//! The Wasaga server.
//!
//! | module | what it holds |
//! |---|---|
//! | `wire` | what goes over HTTP, for the server and its clients alike |
//! | `api` | the HTTP API |
//! | `view` | sagas, their calls and verifications, as clients see them |
//! | `diagram` | definitions and sagas as Mermaid flowcharts |
//! | `serve` | the command that assembles and runs a server |
//! | `telemetry` | logs |

pub mod api;
pub mod diagram;
pub mod serve;
pub mod telemetry;
mod view;
pub mod wire;
