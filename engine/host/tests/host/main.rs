//! The sandbox, tried with components that do what a component must not, and those that behave.

#![allow(clippy::unwrap_used, reason = "tests")]

mod limits;
mod requests;
mod results;
mod support;
mod uploads;
