//! What a failure has to lead to.

use std::collections::BTreeMap;

use wasaga_core::{Call, Direction, FailureKind, Status, StepPath};

use super::plan::{CODE, Fault};
use super::tree::{Stop, Tree};

/// How a tree has to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The status of the outermost saga.
    pub(crate) status: Status,
    /// By saga, which node its error names, and with which code.
    pub(crate) errors: BTreeMap<String, (Option<StepPath>, String)>,
    /// Where an operator has to step in.
    pub(crate) stops: Vec<Stop>,
}

impl Expected {
    /// Nothing goes wrong.
    pub(crate) const fn completed() -> Self {
        Self {
            status: Status::Completed,
            errors: BTreeMap::new(),
            stops: Vec::new(),
        }
    }

    /// Nothing goes wrong, and nobody wants it.
    pub(crate) fn rejected() -> Self {
        Self {
            status: Status::Compensated,
            errors: BTreeMap::from([(String::new(), (None, "rejected".to_owned()))]),
            stops: Vec::new(),
        }
    }
}

impl Tree<'_> {
    /// Whether a saga, or one around it, cannot turn back any more.
    pub(super) fn is_bound(&self, saga: usize) -> bool {
        let state = &self.sagas[saga].state;
        let parent = state.parent.as_ref();
        let around = parent.and_then(|parent| self.find(parent.saga));
        state.pivot.is_some() || around.is_some_and(|around| self.is_bound(around))
    }

    /// Notes what follows from a call that is about to fail.
    pub(super) fn expect(&mut self, saga: usize, call: &Call, fault: &Fault) {
        let path = &call.id.step;
        let permanent = fault.kind == FailureKind::Permanent;
        match call.id.direction {
            Direction::Act | Direction::OnReply => {
                let state = &self.sagas[saga].state;
                let failures = state.step(path).map_or(0, |step| step.failures) + 1;
                let policy = state.policy(path, call.id.direction);
                let most = policy.map_or(0, |policy| policy.retry.max_attempts);
                let is_last = failures >= most && state.pivot.is_none();
                if permanent || is_last {
                    self.fails(saga, path, fault);
                }
            }
            Direction::Confirm | Direction::Compensate if permanent => {
                self.expected.stops.push(Stop {
                    saga: self.sagas[saga].label.clone(),
                    status: Status::Stuck,
                    step: Some(path.clone()),
                });
            }
            Direction::Confirm | Direction::Compensate => {}
        }
    }

    /// A step fails for good.
    fn fails(&mut self, saga: usize, path: &StepPath, fault: &Fault) {
        let state = &self.sagas[saga].state;
        let step = state.definition.step_at(path);
        let fallback = step.and_then(|step| step.fallback.as_ref());
        let failure = fault.failure();
        if !path.is_fallback() && fallback.is_some_and(|fallback| fallback.takes(&failure)) {
            return;
        }
        // What failed first is named: that the way around it failed too is told beside it.
        let own = path.is_fallback().then(|| {
            let primary = state
                .steps
                .iter()
                .find(|step| step.path.fallback() == *path);
            let error = primary.and_then(|step| step.error.as_ref());
            primary
                .zip(error)
                .map(|(step, error)| (step.path.clone(), error.code.clone()))
        });
        let (path, code) = own
            .flatten()
            .unwrap_or_else(|| (path.clone(), CODE.to_owned()));
        self.turns_back(saga, path, &code);
    }

    /// A saga has to turn back because of a node, and so has the one around it.
    fn turns_back(&mut self, saga: usize, path: StepPath, code: &str) {
        let Self { sagas, .. } = &*self;
        let (label, state) = (sagas[saga].label.clone(), &sagas[saga].state);
        if state.pivot.is_some() {
            self.expected.stops.push(Stop {
                saga: label,
                status: Status::Paused,
                step: Some(path),
            });
            return;
        }
        let around = state.parent.as_ref();
        let around = around.and_then(|parent| Some((self.find(parent.saga)?, parent.step.clone())));
        self.expected
            .errors
            .insert(label, (Some(path), code.to_owned()));
        match around {
            Some((parent, step)) => self.turns_back(parent, step, code),
            None => self.expected.status = Status::Compensated,
        }
    }
}
