//! The sandbox, tried with components that do what a component must not, and those that behave.

#![allow(clippy::unwrap_used, reason = "tests")]

mod confirmation;
mod exports;
mod limits;
mod preview1;
mod replies;
mod requests;
mod results;
mod support;
mod turns;
mod uploads;
mod wasi_http;
