//! What is done to one tree of sagas: a cell of the matrix.

use std::fmt;

use wasaga_core::{Call, Certainty, Direction, Ended, Evidence, Failure, FailureKind, Metering};
use wasaga_core::{Report, StepPath};

/// The code of every failure that the matrix makes, where no fallback is to take it.
pub(crate) const CODE: &str = "made-to-fail";

/// A call of a tree, whichever attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallKey {
    /// The saga: where it is nested, a `/` after each step; empty for the outermost.
    pub(crate) saga: String,
    /// Which step of it.
    pub(crate) step: StepPath,
    /// Which function of its component.
    pub(crate) direction: Direction,
}

/// A call that is made to fail.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Which one.
    pub(crate) call: CallKey,
    /// Whether its effect happens all the same.
    pub(crate) moment: Moment,
    /// Whether trying again may help.
    pub(crate) kind: FailureKind,
    /// How many of its attempts fail.
    pub(crate) times: u32,
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It is not made, and that is known.
    BeforeEffect,
    /// It is made, and nobody knows how it ended.
    AfterEffect,
}

/// Which way a tree goes where it has a choice that is not its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Steps do their own work.
    Plain,
    /// Every step with a fallback fails without an effect, in a way that its fallback is there for.
    Fallbacks,
    /// Every circuit breaker is open.
    BreakersOpen,
}

/// What an operator says of a saga that waits to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Commit,
    Reject,
}

/// How often a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Once,
    /// For real both times, the second answer counts.
    Twice,
}

/// What comes first when several things can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// What was asked for first.
    InOrder,
    /// What a generator says that begins with this seed.
    Shuffled(u64),
}

/// What is done to one tree of sagas.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) route: Route,
    pub(crate) faults: Vec<Fault>,
    pub(crate) delivery: Delivery,
    /// The commit, counted from 1 over the whole tree, after which the engine crashes.
    pub(crate) crash_after: Option<u64>,
    pub(crate) decision: Decision,
    pub(crate) turns: Turns,
}

impl Plan {
    /// The happy path.
    pub(crate) const fn along(route: Route) -> Self {
        Self {
            route,
            faults: Vec::new(),
            delivery: Delivery::Once,
            crash_after: None,
            decision: Decision::Commit,
            turns: Turns::InOrder,
        }
    }

    pub(crate) fn with(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    pub(crate) const fn twice(mut self) -> Self {
        self.delivery = Delivery::Twice;
        self
    }

    pub(crate) const fn crashing_after(mut self, commit: u64) -> Self {
        self.crash_after = Some(commit);
        self
    }

    pub(crate) const fn rejected(mut self) -> Self {
        self.decision = Decision::Reject;
        self
    }

    pub(crate) const fn shuffled(mut self, seed: u64) -> Self {
        self.turns = Turns::Shuffled(seed);
        self
    }
}

impl Fault {
    /// Fails for good, at once.
    pub(crate) fn permanent(call: &CallKey, moment: Moment) -> Self {
        Self {
            call: call.clone(),
            moment,
            kind: FailureKind::Permanent,
            times: 1,
        }
    }

    /// Fails so often, after its effect, though it may be tried again.
    pub(crate) fn retryable(call: &CallKey, times: u32) -> Self {
        Self {
            call: call.clone(),
            moment: Moment::AfterEffect,
            kind: FailureKind::Retryable,
            times,
        }
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure {
            kind: self.kind,
            ..Failure::permanent(CODE, format!("{} was made to fail", self.call))
        }
    }

    /// What is reported instead of what the call returned.
    pub(crate) fn report(&self) -> Report {
        let (certainty, evidence) = match self.moment {
            Moment::BeforeEffect => (Certainty::Definite, Evidence::Unchanged),
            Moment::AfterEffect => (Certainty::Uncertain, Evidence::Possible),
        };
        report(self.failure(), certainty, evidence)
    }
}

/// The report of a failure.
pub(crate) fn report(failure: Failure, certainty: Certainty, evidence: Evidence) -> Report {
    Report {
        ended: Ended::Failed { failure, certainty },
        metering: Metering::default(),
        requests: Vec::new(),
        evidence,
    }
}

impl CallKey {
    pub(crate) fn of(saga: &str, call: &Call) -> Self {
        Self {
            saga: saga.to_owned(),
            step: call.id.step.clone(),
            direction: call.id.direction,
        }
    }

    /// Whether this is on the way forward.
    pub(crate) const fn is_act(&self) -> bool {
        matches!(self.direction, Direction::Act | Direction::OnReply)
    }
}

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}{}", self.direction, self.saga, self.step)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.route {
            Route::Plain => write!(f, "the plain route")?,
            Route::Fallbacks => write!(f, "the route of the fallbacks")?,
            Route::BreakersOpen => write!(f, "the route with open breakers")?,
        }
        for fault in &self.faults {
            let moment = match fault.moment {
                Moment::BeforeEffect => "before",
                Moment::AfterEffect => "after",
            };
            let kind = match fault.kind {
                FailureKind::Permanent => "for good",
                FailureKind::Retryable => "retryably",
            };
            write!(f, ", {} fails {kind} {moment} its effect", fault.call)?;
            if fault.times > 1 {
                write!(f, " {} times", fault.times)?;
            }
        }
        if self.delivery == Delivery::Twice {
            write!(f, ", every call twice")?;
        }
        if let Some(commit) = self.crash_after {
            write!(f, ", crash after commit {commit}")?;
        }
        if self.decision == Decision::Reject {
            write!(f, ", rejected at the end")?;
        }
        if let Turns::Shuffled(seed) = self.turns {
            write!(f, ", shuffled with seed {seed}")?;
        }
        Ok(())
    }
}
