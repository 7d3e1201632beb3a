//! One step of a saga.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Direction, Evidence, Failure, Metering, Reply};
use crate::event::{Pin, SkipReason};
use crate::id::{Name, SagaId};
use crate::path::StepPath;
use crate::time::Timestamp;

/// A step that was reached: one that calls a component, its fallback, or one that is a nested saga.
#[derive(Clone, Debug)]
pub struct StepState {
    /// Which step.
    pub path: StepPath,
    /// The version its calls run on; absent when it could not be started, and for a nested saga.
    pub pin: Option<Pin>,
    /// The nested saga, when it is one.
    pub child: Option<Child>,
    /// Its arguments with their expressions evaluated.
    pub arguments: Arc<Value>,
    /// The node whose result it gets as `previous`.
    pub previous: Option<StepPath>,
    /// How its act stands.
    pub act: Act,
    /// Attempts of `act` and `on-reply` that were started.
    pub attempts: u32,
    /// How many of them belong to calls before the present one: a reply makes a new call.
    pub earlier_attempts: u32,
    /// Attempts of the present call that failed; one cut off by the end of the engine is none of
    /// them.
    pub failures: u32,
    /// Attempts in a row, in any direction, during which the engine went down.
    pub crashes: u32,
    /// How often it answered that a reply has to come.
    pub rounds: u32,
    /// The reply that `on-reply` is called with.
    pub reply: Option<Arc<Reply>>,
    /// The call that asked for the reply which is waited for, or was in vain.
    pub asked: Option<Asked>,
    /// A reply that came while the call which asks for it was still on its way.
    pub early_reply: Option<Arc<Reply>>,
    /// The failure of the last attempt that failed.
    pub error: Option<Arc<Failure>>,
    /// Whether any attempt may have changed anything outside.
    pub evidence: Evidence,
    /// What all attempts of the act used together; of memory, the most.
    pub metering: Metering,
    /// How it is made final.
    pub confirmation: Effort,
    /// How it is undone.
    pub compensation: Effort,
    /// When its first attempt started.
    pub started_at: Timestamp,
    /// When its latest attempt started, in any direction.
    pub attempted_at: Timestamp,
    /// When its act ended for good.
    pub finished_at: Option<Timestamp>,
}

/// A call that asked for a reply: what it takes to make it again when none came.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The reply that it was called with itself, when it was an `on-reply`.
    pub with: Option<Arc<Reply>>,
    /// Attempts of the calls before it.
    pub earlier_attempts: u32,
}

/// A nested saga.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its id.
    pub id: SagaId,
    /// Name of its definition.
    pub definition: Name,
    /// Version of its definition, when one is named.
    pub version: Option<u32>,
    /// Its input.
    pub input: Arc<Value>,
}

/// How a step's act stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// An attempt runs, or the nested saga does.
    Running,
    /// The next attempt starts then.
    Backoff {
        /// When.
        until: Timestamp,
    },
    /// A reply has to come.
    Pending {
        /// What whoever replies gets to see.
        payload: Arc<Value>,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// Done.
    Completed {
        /// What it left.
        result: Arc<Value>,
    },
    /// Given up.
    Failed,
    /// Not tried, or not any more, because its circuit breaker is open.
    Bypassed,
}

/// How an undo or a confirmation stands.
#[derive(Clone, Debug)]
pub struct Effort {
    /// How far it is.
    pub progress: Progress,
    /// Attempts that were started.
    pub attempts: u32,
    /// Attempts that failed since it was begun or ordered again.
    pub failures: u32,
    /// The failure of the last attempt that failed.
    pub error: Option<Arc<Failure>>,
    /// What all attempts used together; of memory, the most.
    pub metering: Metering,
    /// When it ended for good.
    pub finished_at: Option<Timestamp>,
}

/// How far an undo or a confirmation is.
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
    /// Done.
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
    /// Between attempts, or until a reply comes or a time is reached.
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
    /// Failed, and needs no undo; or an operator said that none is needed.
    Skipped,
}

impl Effort {
    const fn none() -> Self {
        Self {
            progress: Progress::None,
            attempts: 0,
            failures: 0,
            error: None,
            metering: Metering {
                fuel: 0,
                memory_bytes: 0,
                duration_ms: 0.0,
                requests: 0,
            },
            finished_at: None,
        }
    }
}

impl Progress {
    /// Whether it runs or will run by itself.
    #[must_use]
    pub const fn is_busy(self) -> bool {
        matches!(self, Self::Running | Self::Backoff { .. })
    }

    /// When the next attempt starts, if that is what is waited for.
    #[must_use]
    pub const fn backoff_until(self) -> Option<Timestamp> {
        match self {
            Self::Backoff { until } => Some(until),
            _ => None,
        }
    }
}

impl StepState {
    pub(super) fn reached(path: StepPath, at: Timestamp) -> Self {
        Self {
            path,
            pin: None,
            child: None,
            arguments: Arc::new(Value::Null),
            previous: None,
            act: Act::Failed,
            attempts: 0,
            earlier_attempts: 0,
            failures: 0,
            crashes: 0,
            rounds: 0,
            reply: None,
            asked: None,
            early_reply: None,
            error: None,
            evidence: Evidence::Unchanged,
            metering: Metering::default(),
            confirmation: Effort::none(),
            compensation: Effort::none(),
            started_at: at,
            attempted_at: at,
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

    /// Which call runs, as far as the journal knows, with its attempt. A nested saga is no call.
    #[must_use]
    pub fn running(&self) -> Option<(Direction, u32)> {
        if self.child.is_some() {
            return None;
        }
        if self.act == Act::Running {
            return Some((self.act_direction(), self.attempts));
        }
        if self.confirmation.progress == Progress::Running {
            return Some((Direction::Confirm, self.confirmation.attempts));
        }
        (self.compensation.progress == Progress::Running)
            .then_some((Direction::Compensate, self.compensation.attempts))
    }

    /// Which function the attempts of the act call at present.
    #[must_use]
    pub const fn act_direction(&self) -> Direction {
        if self.reply.is_some() {
            Direction::OnReply
        } else {
            Direction::Act
        }
    }

    /// The effort of a direction that has one.
    #[must_use]
    pub const fn effort(&self, direction: Direction) -> &Effort {
        match direction {
            Direction::Confirm => &self.confirmation,
            Direction::Act | Direction::OnReply | Direction::Compensate => &self.compensation,
        }
    }

    pub(super) const fn effort_mut(&mut self, direction: Direction) -> &mut Effort {
        match direction {
            Direction::Confirm => &mut self.confirmation,
            Direction::Act | Direction::OnReply | Direction::Compensate => &mut self.compensation,
        }
    }

    /// When the next attempt starts, in any direction, if this step waits for one.
    #[must_use]
    pub const fn backoff_until(&self) -> Option<Timestamp> {
        match (
            &self.act,
            self.confirmation.progress,
            self.compensation.progress,
        ) {
            (Act::Backoff { until }, _, _) => Some(*until),
            (_, Progress::Backoff { until }, _) | (_, _, Progress::Backoff { until }) => {
                Some(until)
            }
            _ => None,
        }
    }

    /// Whether the act has not ended.
    #[must_use]
    pub const fn is_acting(&self) -> bool {
        matches!(
            self.act,
            Act::Running | Act::Backoff { .. } | Act::Pending { .. }
        )
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
                Act::Backoff { .. } | Act::Pending { .. } => StepStatus::Waiting,
                Act::Completed { .. } => StepStatus::Completed,
                Act::Failed => StepStatus::Failed,
                Act::Bypassed => StepStatus::Skipped,
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
