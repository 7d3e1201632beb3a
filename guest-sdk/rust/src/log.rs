//! The saga's log: [`info!`](crate::info), [`warn!`](crate::warn) and their kin take what `format!` takes.
//!
//! ```
//! use wasaga_sdk::prelude::*;
//!
//! let (sku, left) = ("product_1", 98);
//! info!("reserved two of {sku}, {left} left");
//! warn!("the stock of {} runs low", sku);
//! ```

use crate::host;

pub use crate::bindings::wasaga::saga::log::Level;

/// Writes a message to the saga's log.
pub fn write(level: Level, message: &str) {
    host::log(level, message);
}

/// Writes each panic to the saga's log from now on: a panic traps, and where there is no standard error its message
/// would be lost. What [`export!`](crate::export) makes does this by itself.
pub fn panics() {
    std::panic::set_hook(Box::new(|panic| write(Level::Error, &panic.to_string())));
}

/// Writes to the saga's log what only somebody who follows each detail wants to see.
#[macro_export]
macro_rules! trace {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Trace, &::std::format!($($message)+)) };
}

/// Writes to the saga's log what helps to find a mistake in the step.
#[macro_export]
macro_rules! debug {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($message)+)) };
}

/// Writes to the saga's log what the step did.
#[macro_export]
macro_rules! info {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($message)+)) };
}

/// Writes to the saga's log what somebody should look at some time.
#[macro_export]
macro_rules! warn {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($message)+)) };
}

/// Writes to the saga's log what went wrong.
#[macro_export]
macro_rules! error {
    ($($message:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($message)+)) };
}
