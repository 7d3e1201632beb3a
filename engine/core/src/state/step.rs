//! One step of a saga.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Evidence, Failure, Metering};
use crate::event::{Pin, SkipReason};
use crate::id::StepPath;
use crate::time::Timestamp;

/// A step that was reached.
#[derive(Clone, Debug)]
pub struct StepState {
    /// Which step.
    pub path: StepPath,
    /// The version its calls run on; absent when it could not be started.
    pub pin: Option<Pin>,
    /// Its arguments with their expressions evaluated.
    pub arguments: Arc<Value>,
    /// The step whose result it gets as `previous`.
    pub previous: Option<StepPath>,
    /// How its act stands.
    pub act: Act,
    /// Attempts of the act that were started.
    pub attempts: u32,
    /// Attempts of the act that failed; one cut off by the end of the engine is none of them.
    pub failures: u32,
    /// The failure of the last attempt that failed.
    pub error: Option<Arc<Failure>>,
    /// Whether any attempt may have changed anything outside.
    pub evidence: Evidence,
    /// What all attempts of the act used together; of memory, the most.
    pub metering: Metering,
    /// How its compensation stands.
    pub compensation: Compensation,
    /// When its first attempt started.
    pub started_at: Timestamp,
    /// When its act ended for good.
    pub finished_at: Option<Timestamp>,
}

/// How a step's act stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// An attempt runs.
    Running,
    /// The next attempt starts then.
    Backoff {
        /// When.
        until: Timestamp,
    },
    /// Done.
    Completed {
        /// What it left.
        result: Arc<Value>,
    },
    /// Given up.
    Failed,
}

/// How a step's compensation stands.
#[derive(Clone, Debug)]
pub struct Compensation {
    /// How far it is.
    pub progress: Progress,
    /// Attempts that were started.
    pub attempts: u32,
    /// Attempts that failed.
    pub failures: u32,
    /// The failure of the last attempt that failed.
    pub error: Option<Arc<Failure>>,
    /// What all attempts used together; of memory, the most.
    pub metering: Metering,
    /// When it ended for good.
    pub finished_at: Option<Timestamp>,
}

/// How far a compensation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not begun.
    None,
    /// An attempt runs.
    Running,
    /// The next attempt starts then.
    Backoff {
        /// When.
        until: Timestamp,
    },
    /// Undone.
    Completed,
    /// Given up.
    Failed,
    /// Not needed.
    Skipped(SkipReason),
}

/// A step's status in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// Not reached.
    Pending,
    /// An attempt runs.
    Running,
    /// Between attempts.
    Waiting,
    /// Done.
    Completed,
    /// Given up.
    Failed,
    /// Being undone.
    Compensating,
    /// Undone.
    Compensated,
    /// Could not be undone.
    CompensationFailed,
    /// Failed, and needs no undo.
    Skipped,
}

impl StepState {
    pub(super) fn reached(path: StepPath, at: Timestamp) -> Self {
        Self {
            path,
            pin: None,
            arguments: Arc::new(Value::Null),
            previous: None,
            act: Act::Failed,
            attempts: 0,
            failures: 0,
            error: None,
            evidence: Evidence::Unchanged,
            metering: Metering::default(),
            compensation: Compensation {
                progress: Progress::None,
                attempts: 0,
                failures: 0,
                error: None,
                metering: Metering::default(),
                finished_at: None,
            },
            started_at: at,
            finished_at: None,
        }
    }

    /// What the act left, when it completed.
    #[must_use]
    pub const fn result(&self) -> Option<&Arc<Value>> {
        match &self.act {
            Act::Completed { result } => Some(result),
            _ => None,
        }
    }

    /// Whether a call of this step runs, in either direction.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.act == Act::Running || self.compensation.progress == Progress::Running
    }

    /// When the next attempt starts, in either direction, if this step waits for one.
    #[must_use]
    pub const fn backoff_until(&self) -> Option<Timestamp> {
        match (&self.act, self.compensation.progress) {
            (Act::Backoff { until }, _) => Some(*until),
            (_, Progress::Backoff { until }) => Some(until),
            _ => None,
        }
    }

    /// The step's status.
    #[must_use]
    pub const fn status(&self) -> StepStatus {
        match self.compensation.progress {
            Progress::Running | Progress::Backoff { .. } => StepStatus::Compensating,
            Progress::Completed => StepStatus::Compensated,
            Progress::Failed => StepStatus::CompensationFailed,
            Progress::Skipped(_) => StepStatus::Skipped,
            Progress::None => match self.act {
                Act::Running => StepStatus::Running,
                Act::Backoff { .. } => StepStatus::Waiting,
                Act::Completed { .. } => StepStatus::Completed,
                Act::Failed => StepStatus::Failed,
            },
        }
    }
}

impl Metering {
    /// Adds what another attempt used.
    pub(super) fn add(&mut self, more: &Self) {
        self.fuel = self.fuel.saturating_add(more.fuel);
        self.memory_bytes = self.memory_bytes.max(more.memory_bytes);
        self.duration_ms += more.duration_ms;
        self.requests = self.requests.saturating_add(more.requests);
    }
}
