//! The sandbox, tried with components that do what a component must not, and those that behave.

#![allow(clippy::unwrap_used, reason = "tests")]

mod confirmation;
mod echo;
mod exports;
mod limits;
mod preview1;
mod recording;
mod repeatable;
mod replay;
mod replies;
mod requests;
mod results;
mod secrets;
mod support;
mod turns;
mod uploads;
mod wasi_http;
