//! `wasaga:saga/log`

use wasaga_core::LogLevel;

use crate::bindings::wasaga::saga::log::{Host, Level};
use crate::store::CallState;

impl Host for CallState {
    fn write(&mut self, level: Level, message: String) {
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.log.write(level, &message);
    }
}
