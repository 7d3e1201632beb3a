//! The parts of which events' meanings are made: checks that one fits, and changes to the state.
//!
//! Each answers with what stands against it, in words that follow "cannot happen".

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::{NodeState, Stand};
use super::step::{Act, Progress, StepState};
use super::{Phase, State, Stuck};
use crate::call::{Direction, Evidence, Failure, Metering};
use crate::event::{CutOff, Pin, Repin};
use crate::path::StepPath;
use crate::time::Timestamp;

impl State {
    pub(super) fn unpaused(&self) -> Result<(), String> {
        match self.pause {
            None => Ok(()),
            Some(_) => Err("while it is paused".to_owned()),
        }
    }

    /// A step whose attempt may start; the first one reaches it.
    pub(super) fn starting(
        &mut self,
        path: &StepPath,
        attempt: u32,
        at: Timestamp,
    ) -> Result<&mut StepState, String> {
        match self.step(path) {
            Some(state) => {
                let waits = matches!(state.act, Act::Backoff { .. });
                if !waits || attempt != state.attempts + 1 {
                    return Err(state.words());
                }
            }
            None if attempt == 1 => self.reach(StepState::reached(path.clone(), at)),
            None => return Err(unknown(path)),
        }
        let step = self.step_mut(path)?;
        step.attempted_at = at;
        Ok(step)
    }

    /// Binds a step to another version of its component, which no call of it may be running on.
    pub(super) fn bind(&mut self, repin: &Repin) -> Result<(), String> {
        let step = self.step_mut(&repin.step)?;
        let fits = |pin: &Pin| pin.component == repin.pin.component;
        if !step.pin.as_ref().is_some_and(fits) || step.running().is_some() {
            return Err(step.words());
        }
        step.pin = Some(repin.pin.clone());
        Ok(())
    }

    pub(super) fn reach(&mut self, step: StepState) {
        Arc::make_mut(&mut self.index).insert(step.path.clone(), self.steps.len());
        self.steps.push(Arc::new(step));
    }

    /// Puts a node where it stands now; from where it stood, this must be possible.
    pub(super) fn stands(
        &mut self,
        path: &StepPath,
        stand: Stand,
        at: Timestamp,
    ) -> Result<(), String> {
        let before = self.nodes.get(path);
        let fits = match (before.map(|node| &node.stand), &stand) {
            (None | Some(Stand::Looping { .. }), Stand::Joined { .. })
            | (None, Stand::Chose { .. } | Stand::Looping { .. } | Stand::Sleeping { .. })
            | (None | Some(Stand::Looping { .. }), Stand::Failed { .. })
            | (Some(Stand::Sleeping { .. }), Stand::Slept) => true,
            (Some(_), _) | (None, Stand::Slept) => false,
        };
        if !fits {
            return Err(format!("for `{path}` as it stands: {before:?}"));
        }
        let open = matches!(stand, Stand::Looping { .. } | Stand::Sleeping { .. });
        let started_at = before.map_or(at, |node| node.started_at);
        let has_failed = matches!(stand, Stand::Failed { .. });
        let before = before.filter(|_| has_failed);
        let before = before.map(|node| Arc::new(node.stand.clone()));
        let state = NodeState {
            stand,
            before,
            started_at,
            finished_at: (!open).then_some(at),
        };
        self.nodes_mut().insert(path.clone(), state);
        Ok(())
    }

    pub(super) fn nodes_mut(&mut self) -> &mut BTreeMap<StepPath, NodeState> {
        Arc::make_mut(&mut self.nodes)
    }

    /// Checks that something holds for every step that was reached.
    pub(super) fn every(&self, holds: impl Fn(&StepState) -> bool) -> Result<(), String> {
        match self.steps.iter().find(|step| !holds(step)) {
            Some(step) => Err(step.words()),
            None => Ok(()),
        }
    }

    pub(super) fn step_mut(&mut self, path: &StepPath) -> Result<&mut StepState, String> {
        let index = self.index.get(path).ok_or_else(|| unknown(path))?;
        Ok(Arc::make_mut(&mut self.steps[*index]))
    }

    pub(super) fn words_of(&self, path: &StepPath) -> String {
        self.step(path)
            .map_or_else(|| unknown(path), StepState::words)
    }

    /// A step whose attempt runs.
    pub(super) fn running_act(
        &mut self,
        path: &StepPath,
        attempt: u32,
    ) -> Result<&mut StepState, String> {
        let step = self.acting(path, attempt)?;
        if step.act == Act::Running {
            Ok(step)
        } else {
            Err(step.words())
        }
    }

    /// A step whose attempt runs, or waits for the reply it asked for.
    pub(super) fn acting(
        &mut self,
        path: &StepPath,
        attempt: u32,
    ) -> Result<&mut StepState, String> {
        let step = self.step_mut(path)?;
        let acts = matches!(step.act, Act::Running | Act::Pending { .. });
        if acts && step.attempts == attempt {
            Ok(step)
        } else {
            Err(step.words())
        }
    }

    pub(super) fn effort_started(
        &mut self,
        path: &StepPath,
        direction: Direction,
        attempt: u32,
        at: Timestamp,
    ) -> Result<(), String> {
        let step = self.step_mut(path)?;
        let effort = step.effort(direction);
        let ready = match effort.progress {
            Progress::Backoff { .. } => true,
            Progress::None => direction == Direction::Compensate,
            _ => false,
        };
        if !ready || attempt != effort.attempts + 1 {
            return Err(step.words());
        }
        let effort = step.effort_mut(direction);
        effort.progress = Progress::Running;
        effort.attempts = attempt;
        step.attempted_at = at;
        Ok(())
    }

    pub(super) fn running_effort(
        &mut self,
        path: &StepPath,
        direction: Direction,
        attempt: u32,
    ) -> Result<&mut StepState, String> {
        let step = self.step_mut(path)?;
        let effort = step.effort(direction);
        if effort.progress == Progress::Running && effort.attempts == attempt {
            Ok(step)
        } else {
            Err(step.words())
        }
    }

    pub(super) fn effort_completed(
        &mut self,
        path: &StepPath,
        direction: Direction,
        attempt: u32,
        metering: &Metering,
        at: Timestamp,
    ) -> Result<(), String> {
        let step = self.running_effort(path, direction, attempt)?;
        step.crashes = 0;
        let effort = step.effort_mut(direction);
        effort.progress = Progress::Completed;
        effort.metering.add(metering);
        effort.finished_at = Some(at);
        Ok(())
    }

    pub(super) fn effort_failed(
        &mut self,
        (path, direction, attempt): (&StepPath, Direction, u32),
        failure: &Failure,
        retry_at: Option<Timestamp>,
        metering: &Metering,
        at: Timestamp,
    ) -> Result<(), String> {
        let step = self.running_effort(path, direction, attempt)?;
        step.crashes = 0;
        let effort = step.effort_mut(direction);
        effort.failures += 1;
        effort.error = Some(Arc::new(failure.clone()));
        effort.metering.add(metering);
        match retry_at {
            Some(until) => effort.progress = Progress::Backoff { until },
            None => {
                effort.progress = Progress::Failed;
                effort.finished_at = Some(at);
            }
        }
        Ok(())
    }

    pub(super) fn effort_cut_off(
        &mut self,
        path: &StepPath,
        direction: Direction,
        attempt: u32,
        by: CutOff,
        at: Timestamp,
    ) -> Result<(), String> {
        let step = self.running_effort(path, direction, attempt)?;
        step.cut_off(by);
        step.effort_mut(direction).progress = Progress::Backoff { until: at };
        Ok(())
    }

    pub(super) fn forget_crashes(&mut self) {
        for step in &mut self.steps {
            if step.crashes > 0 {
                Arc::make_mut(step).crashes = 0;
            }
        }
    }

    pub(super) const fn go_on_from_stuck(&mut self) {
        match self.phase {
            Phase::Stuck(Stuck::Confirming) => self.phase = Phase::Confirming,
            Phase::Stuck(Stuck::Backward) => self.phase = Phase::Backward,
            _ => {}
        }
    }

    /// Makes whatever waits or gave up at a path ready to start at once, with all its retries.
    pub(super) fn try_again(&mut self, path: &StepPath, at: Timestamp) -> Result<(), String> {
        if let Some(node) = self.nodes_mut().remove(path) {
            if !matches!(node.stand, Stand::Failed { .. }) {
                return Err(format!("for `{path}` as it stands: {node:?}"));
            }
            // What could not be decided is decided anew. A loop keeps its list.
            if let Some(before) = node.before {
                let stand = Stand::clone(&before);
                let started_at = node.started_at;
                self.nodes_mut().insert(
                    path.clone(),
                    NodeState {
                        stand,
                        before: None,
                        started_at,
                        finished_at: None,
                    },
                );
            }
            return Ok(());
        }
        let phase = self.phase;
        let step = self.step_mut(path)?;
        match phase {
            Phase::Forward if matches!(step.act, Act::Backoff { .. } | Act::Failed) => {
                step.ask_again();
                step.act = Act::Backoff { until: at };
                step.failures = 0;
                step.finished_at = None;
                return Ok(());
            }
            Phase::Confirming | Phase::Backward => {
                let direction = if phase == Phase::Confirming {
                    Direction::Confirm
                } else {
                    Direction::Compensate
                };
                let effort = step.effort_mut(direction);
                if matches!(effort.progress, Progress::Backoff { .. } | Progress::Failed) {
                    effort.progress = Progress::Backoff { until: at };
                    effort.failures = 0;
                    effort.finished_at = None;
                    return Ok(());
                }
            }
            _ => {}
        }
        Err(step.words())
    }
}

impl StepState {
    /// Goes back to the call that asked for a reply which did not come, if that is what failed.
    pub(super) fn ask_again(&mut self) {
        if self.act == Act::Failed
            && self.reply.is_none()
            && let Some(asked) = self.asked.take()
        {
            self.reply = asked.with;
            self.earlier_attempts = asked.earlier_attempts;
            self.rounds -= 1;
        }
    }

    pub(super) const fn cut_off(&mut self, by: CutOff) {
        match by {
            CutOff::Crash => self.crashes += 1,
            CutOff::Shutdown => {}
        }
    }

    /// Ends whatever runs or waits.
    pub(super) fn give_up(&mut self, at: Timestamp) {
        if self.is_acting() {
            self.act = Act::Failed;
            self.evidence = Evidence::Possible;
            self.finished_at = Some(at);
        }
        for direction in [Direction::Confirm, Direction::Compensate] {
            let effort = self.effort_mut(direction);
            if effort.progress.is_busy() {
                effort.progress = Progress::Failed;
                effort.finished_at = Some(at);
            }
        }
    }

    pub(super) fn words(&self) -> String {
        format!(
            "while step `{}` is {:?} after {} attempts of act, {} of confirm and {} of compensate",
            self.path,
            self.status(),
            self.attempts,
            self.confirmation.attempts,
            self.compensation.attempts
        )
    }
}

pub(super) fn unknown(path: &StepPath) -> String {
    format!("for `{path}`, which was not reached")
}

pub(super) fn interrupted() -> Failure {
    Failure::retryable(
        "interrupted",
        "the engine ended while the attempt ran, and the saga was going backward",
    )
}
