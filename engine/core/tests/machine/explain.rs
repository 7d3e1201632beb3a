//! What the journal of a saga has to say for its status to be right.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wasaga_core::definition::{CompensateFailed, Kind, Sequence};
use wasaga_core::{Definition, Event, Evidence, Record, State, Status, StepPath};

/// What a journal tells of a saga, read by other eyes than the state machine's.
#[derive(Default)]
pub(crate) struct Story {
    /// Steps in the order in which they were first started.
    started: Vec<StepPath>,
    running: BTreeSet<StepPath>,
    pub(crate) completed: BTreeSet<StepPath>,
    /// Steps that may have had an effect.
    uncertain: BTreeSet<StepPath>,
    undone: BTreeSet<StepPath>,
    not_needed: BTreeSet<StepPath>,
    gave_up: BTreeSet<StepPath>,
    confirmed: BTreeSet<StepPath>,
    unconfirmed: BTreeSet<StepPath>,
    pub(crate) skipped_by_operator: BTreeSet<StepPath>,
    undo_order: Vec<StepPath>,
    /// Which branch a choice took.
    chosen: BTreeMap<StepPath, Option<u32>>,
    rounds: BTreeMap<StepPath, u32>,
    joined: BTreeSet<StepPath>,
    slept: BTreeSet<StepPath>,
    context: Value,
    conflicted: bool,
    backward: bool,
    bound: bool,
    confirming: bool,
}

impl Story {
    pub(crate) fn of(definition: &Definition, journal: &[Record]) -> Self {
        let mut story = Self {
            context: serde_json::json!({}),
            ..Self::default()
        };
        for record in journal {
            story.hear(definition, &record.event);
        }
        story
    }

    fn starts(&mut self, step: &StepPath) {
        assert!(!self.backward, "never forward after backward");
        assert!(!self.confirming, "nothing is started once all is done");
        if !self.started.contains(step) {
            self.started.push(step.clone());
        }
        assert!(self.running.insert(step.clone()), "{step} runs twice");
    }

    fn hear(&mut self, definition: &Definition, event: &Event) {
        match event {
            Event::ActStarted { step, .. } | Event::OnReplyStarted { step, .. } => {
                self.starts(step);
            }
            Event::ChildStarted { step, .. } => {
                // What an abandoned child before it left is the operator's.
                self.uncertain.remove(step);
                self.starts(step);
            }
            Event::ActPending { step, .. } => {
                self.running.remove(step);
                self.uncertain.insert(step.clone());
            }
            Event::ActCompleted {
                step,
                context_patch,
                ..
            } => {
                self.running.remove(step);
                assert!(self.completed.insert(step.clone()), "{step} is done twice");
                if let Some(patch) = context_patch {
                    merge(&mut self.context, patch);
                }
                let node = definition.node_at(step).expect("a node");
                self.bound |= node.kind.is_pivot();
            }
            Event::ActFailed { step, evidence, .. } => {
                self.running.remove(step);
                if *evidence == Evidence::Possible {
                    self.uncertain.insert(step.clone());
                }
            }
            Event::ActInterrupted { step, .. } => {
                self.running.remove(step);
                self.uncertain.insert(step.clone());
            }
            Event::StepFailed { failure, .. } => {
                self.conflicted |= failure.code == "context-conflict";
            }
            Event::ChoiceMade { step, branch, .. } => {
                assert!(!self.backward);
                self.chosen.insert(step.clone(), *branch);
            }
            Event::LoopStarted { step, items, .. } => {
                assert!(!self.backward);
                let rounds = items.as_array().expect("a list").len();
                self.rounds
                    .insert(step.clone(), u32::try_from(rounds).expect("few"));
            }
            Event::ParallelCompleted { step, .. } | Event::LoopCompleted { step, .. } => {
                assert!(!self.backward);
                self.joined.insert(step.clone());
            }
            Event::SleepCompleted { step } => {
                assert!(!self.backward);
                self.slept.insert(step.clone());
            }
            Event::SagaConfirming { .. } => {
                assert!(!self.backward);
                assert!(self.is_done(definition, &definition.body, None));
                self.confirming = true;
            }
            Event::ConfirmationStarted { step, .. } => {
                assert!(self.confirming && !self.backward);
                assert!(self.completed.contains(step));
                assert!(self.running.insert(step.clone()));
                assert_eq!(self.running.len(), 1, "one after the other");
            }
            Event::ConfirmationCompleted { step, .. } => {
                self.running.remove(step);
                self.unconfirmed.remove(step);
                assert!(self.confirmed.insert(step.clone()));
            }
            Event::ConfirmationFailed { step, retry_at, .. } => {
                self.running.remove(step);
                if retry_at.is_none() {
                    self.unconfirmed.insert(step.clone());
                }
            }
            Event::SagaFailed { .. } => {
                assert!(!self.bound, "never backward after the pivot");
                assert!(!self.backward && !self.confirming, "a saga turns once");
                self.backward = true;
            }
            Event::SagaReversed => {
                assert!(!self.bound && !self.backward);
                self.backward = true;
            }
            Event::CompensationStarted { step, attempt } => {
                assert!(self.backward);
                if *attempt == 1 {
                    self.undo_order.push(step.clone());
                }
                assert!(self.running.insert(step.clone()));
                assert_eq!(self.running.len(), 1, "one after the other");
            }
            Event::CompensationCompleted { step, .. } => {
                self.running.remove(step);
                self.gave_up.remove(step);
                assert!(self.undone.insert(step.clone()), "{step} is undone twice");
            }
            Event::CompensationFailed { step, retry_at, .. } => {
                self.running.remove(step);
                if retry_at.is_none() {
                    self.gave_up.insert(step.clone());
                }
            }
            Event::CompensationInterrupted { step, .. }
            | Event::ConfirmationInterrupted { step, .. } => {
                self.running.remove(step);
            }
            Event::CompensationSkipped { step, .. } => {
                assert!(self.not_needed.insert(step.clone()));
            }
            Event::RetryOrdered { steps, .. } => {
                for step in steps {
                    self.gave_up.remove(step);
                    self.unconfirmed.remove(step);
                }
            }
            Event::VersionChanged { pins, .. } => {
                assert!(pins.iter().all(|repin| !self.running.contains(&repin.step)));
            }
            Event::SkipOrdered { steps, .. } => {
                for step in steps {
                    self.gave_up.remove(step);
                    self.unconfirmed.remove(step);
                    self.skipped_by_operator.insert(step.clone());
                }
            }
            Event::SagaStarted { .. }
            | Event::ActBypassed { .. }
            | Event::ReplyReceived { .. }
            | Event::SleepStarted { .. }
            | Event::CommitAwaited { .. }
            | Event::SagaCommitted { .. }
            | Event::SagaPaused { .. }
            | Event::SagaResumed { .. }
            | Event::SagaAbandoned { .. }
            | Event::SagaCompleted
            | Event::SagaCompensated
            | Event::SagaStuck
            | Event::ParentTold => {}
        }
    }

    /// Whether every node that had to be done was.
    fn is_done(&self, definition: &Definition, steps: &Sequence, round: Option<&StepPath>) -> bool {
        steps.0.iter().all(|id| {
            let node = definition.node(*id);
            let path = StepPath::within(round, &node.name);
            match &node.kind {
                Kind::Step(_) => {
                    self.completed.contains(&path) != self.completed.contains(&path.fallback())
                }
                Kind::Saga(_) => self.completed.contains(&path),
                Kind::Sleep(_) => self.slept.contains(&path),
                Kind::Choice(choice) => match self.chosen.get(&path) {
                    Some(Some(branch)) => {
                        let branch = &choice.branches[*branch as usize];
                        self.is_done(definition, &branch.steps, round)
                    }
                    Some(None) => true,
                    None => false,
                },
                Kind::Parallel(parallel) => {
                    let mut branches = parallel.branches.iter();
                    self.joined.contains(&path)
                        && branches.all(|branch| self.is_done(definition, branch, round))
                }
                Kind::ForEach(each) => {
                    let rounds = self.rounds.get(&path).copied().unwrap_or(0);
                    self.joined.contains(&path)
                        && (0..rounds).all(|index| {
                            self.is_done(definition, &each.steps, Some(&path.round(index)))
                        })
                }
            }
        })
    }

    /// Checks that a status is right.
    pub(crate) fn explains(&self, definition: &Definition, state: &State) {
        let mut reverse = self.started.clone();
        reverse.reverse();
        reverse.retain(|step| self.undo_order.contains(step));
        assert_eq!(self.undo_order, reverse, "undone in reverse order of start");
        match state.status() {
            Status::Completed => {
                assert!(!self.backward);
                assert!(self.is_done(definition, &definition.body, None));
                assert!(self.unconfirmed.is_empty() && self.running.is_empty());
            }
            Status::Stuck if !self.backward => {
                assert!(self.confirming && !self.unconfirmed.is_empty());
            }
            status @ (Status::Compensated | Status::Stuck) => {
                assert!(self.backward && self.running.is_empty());
                assert_eq!(status == Status::Stuck, !self.gave_up.is_empty());
                for step in &self.started {
                    self.accounts_for(definition, step);
                }
            }
            Status::Abandoned => {}
            status => panic!("a saga that is {status} has more to do"),
        }
    }

    /// Checks the context of a completed saga: what its steps did, in the order in which they did it.
    /// Branches that do not touch the same place can be taken in any order.
    pub(crate) fn explains_context(&self, state: &State) {
        if state.status() == Status::Completed && !self.conflicted {
            assert_eq!(self.context, **state.context());
        }
    }

    fn accounts_for(&self, definition: &Definition, step: &StepPath) {
        let work = definition.work_at(step);
        let policy = work.map(|work| work.compensate_failed).unwrap_or_default();
        let needed = self.completed.contains(step)
            || match policy {
                CompensateFailed::Always => true,
                CompensateFailed::Never => false,
                CompensateFailed::Auto => self.uncertain.contains(step),
            };
        let tried = self.undone.contains(step)
            || self.gave_up.contains(step)
            || self.skipped_by_operator.contains(step);
        assert_eq!(tried, needed, "{step} was left");
        assert_eq!(self.not_needed.contains(step), !needed, "{step}");
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = serde_json::json!({});
    }
    let target = target.as_object_mut().expect("an object");
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
