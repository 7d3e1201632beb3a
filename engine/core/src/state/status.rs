//! A saga's status in one word.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{CommitState, NodeState, Phase, Stand, State, StepState};

/// A saga's status. A clean rollback and a failed one are never the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Going forward.
    Running,
    /// Going forward once a timer fires, a reply arrives, or a nested saga ends.
    Waiting,
    /// Stopped between two calls until an operator says how to go on.
    Paused,
    /// Every step is done and being made final.
    Confirming,
    /// Undoing what was done.
    Compensating,
    /// Over: every step is done.
    Completed,
    /// Over: every step is undone.
    Compensated,
    /// A compensation or a confirmation gave up: an operator has to act.
    Stuck,
    /// Over: an operator gave it up as it was.
    Abandoned,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Confirming,
        Self::Compensating,
        Self::Completed,
        Self::Compensated,
        Self::Stuck,
        Self::Abandoned,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Confirming => "confirming",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Stuck => "stuck",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether this is an end. Only a completed saga that is nested in another one leaves it again:
    /// when the other one is undone.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Compensated | Self::Abandoned)
    }

    /// Whether whoever waits for the saga need not wait longer: it is over, or goes on only once an
    /// operator has acted on what gave up.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        self.is_over() || matches!(self, Self::Stuck)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a status: expected one of running, waiting, paused, confirming, compensating, \
     completed, compensated, stuck, abandoned"
)]
pub struct StatusError(String);

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| StatusError(text.chars().take(40).collect()))
    }
}

impl State {
    /// The saga's status.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Forward | Phase::Confirming | Phase::Backward if self.pause.is_some() => {
                Status::Paused
            }
            Phase::Forward if self.is_waiting() => Status::Waiting,
            Phase::Forward => Status::Running,
            Phase::Confirming => Status::Confirming,
            Phase::Backward => Status::Compensating,
            Phase::Completed => Status::Completed,
            Phase::Compensated => Status::Compensated,
            Phase::Stuck(_) => Status::Stuck,
            Phase::Abandoned => Status::Abandoned,
        }
    }

    /// Whether nothing runs and something has to come first: a time, a reply, the end of a nested
    /// saga, a decision.
    fn is_waiting(&self) -> bool {
        let waits = |step: &StepState| step.is_acting() && step.running().is_none();
        let sleeps = |node: &NodeState| matches!(node.stand, Stand::Sleeping { .. });
        !self.is_calling()
            && (matches!(self.commit, CommitState::Awaited { .. })
                || self.steps.iter().any(|step| waits(step))
                || self.nodes.values().any(sleeps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back_what_it_writes() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        let error = "done".parse::<Status>().expect_err("no status");
        for status in Status::ALL {
            assert!(error.to_string().contains(status.as_str()), "{error}");
        }
    }
}
