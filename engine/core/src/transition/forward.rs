//! Going forward: which nodes are ready, and what it means when none is.

use super::{Env, Turn};
use crate::definition::{Node, Sequence, Step};
use crate::event::Event;
use crate::id::StepPath;
use crate::state::{FoldError, SagaError, State};
use crate::time::Timestamp;

/// How far a node is.
pub(super) enum Progress<'a> {
    /// Done. Carries the step whose result is `previous` for what comes after.
    Done(Option<StepPath>),
    /// Something of it runs or waits.
    Busy,
    /// These can start now.
    Ready(Vec<Ready<'a>>),
    /// It failed, with this error.
    Failed(SagaError),
}

/// A leaf that can start.
pub(super) struct Ready<'a> {
    pub(super) step: &'a Step,
    pub(super) path: StepPath,
    pub(super) previous: Option<StepPath>,
}

impl Turn {
    /// Starts what is ready until nothing is, and ends or turns the saga.
    pub(super) fn forward(&mut self, env: &Env<'_>) -> Result<(), FoldError> {
        let definition = std::sync::Arc::clone(&self.state.definition);
        loop {
            match sequence(&definition.body, None, &self.state, self.now) {
                Progress::Busy => return Ok(()),
                Progress::Done(_) => return self.emit(Event::SagaCompleted),
                Progress::Failed(error) => return self.emit(Event::SagaFailed { error, by: None }),
                // Each start changes the state, so this ends.
                Progress::Ready(ready) => ready
                    .into_iter()
                    .try_for_each(|ready| self.begin(ready, env))?,
            }
        }
    }
}

fn node<'a>(
    node: &'a Node,
    previous: Option<StepPath>,
    state: &State,
    now: Timestamp,
) -> Progress<'a> {
    match node {
        Node::Step(step) => super::step::progress(step, previous, state, now),
    }
}

/// A sequence is as far as the first of its nodes that is not done.
fn sequence<'a>(
    sequence: &'a Sequence,
    mut previous: Option<StepPath>,
    state: &State,
    now: Timestamp,
) -> Progress<'a> {
    for child in &sequence.0 {
        match node(child, previous.clone(), state, now) {
            Progress::Done(last) => previous = last,
            unfinished => return unfinished,
        }
    }
    Progress::Done(previous)
}
