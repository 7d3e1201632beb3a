//! What steps write to their saga's log.

use serde::{Deserialize, Serialize};

use crate::call::Direction;
use crate::path::StepPath;
use crate::time::Timestamp;

/// One line of a saga's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// By which step.
    pub step: StepPath,
    /// Which way the step went.
    pub direction: Direction,
    /// In which attempt.
    pub attempt: u32,
    /// How much it matters.
    pub level: LogLevel,
    /// What was written.
    pub message: String,
}

/// How much a log line matters, from least to most. `Stdout` and `Stderr` are lines that a
/// component printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words say it")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Stdout,
    Stderr,
}
