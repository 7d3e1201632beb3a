//! What operators can do to a saga.

use super::forward::{is_exhausted, is_for};
use super::{Active, Env, TransitionError, Turn};
use crate::event::{Event, Order, PauseCause, Pin, Repin};
use crate::id::Name;
use crate::path::StepPath;
use crate::state::{Act, CommitState, Phase, Progress, SagaError, Stand, Status, StepState, Stuck};

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Stop, and undo what was done. A call that runs is let finish.
    Cancel,
    /// Start nothing more until somebody says `Resume`. A call that runs is let finish.
    Pause,
    /// Go on.
    Resume,
    /// Try again at once what waits for its next attempt or has given up.
    Retry {
        /// Which step; all when absent.
        step: Option<StepPath>,
        /// On which version.
        version: Version,
    },
    /// Do without the compensations or confirmations that gave up.
    Skip {
        /// Of which step; of all when absent.
        step: Option<StepPath>,
    },
    /// Run the calls that are still to come on another version. Those that were made stay as they
    /// are, and so does one that runs.
    ChangeVersion {
        /// Of which component.
        component: Name,
        /// Only of the steps that are bound to this version; of all when absent.
        from: Option<u32>,
        /// The version.
        to: Active,
    },
    /// Give the saga up as it is.
    Abandon,
    /// Make a saga final that waits for it.
    Commit,
    /// Undo a saga that waits to be committed.
    Reject,
}

/// On which version of its component a step is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The one that it is bound to.
    #[default]
    Pinned,
    /// The one that is active.
    Active,
}

impl Verb {
    /// What happens to the saga, as a participle.
    #[must_use]
    pub const fn participle(&self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Retry { .. } => "retried",
            Self::Skip { .. } => "skipped",
            Self::ChangeVersion { .. } => "moved to another version",
            Self::Abandon => "abandoned",
            Self::Commit => "committed",
            Self::Reject => "rejected",
        }
    }

    /// The statuses that allow it.
    #[must_use]
    pub const fn allowed(&self) -> &'static [Status] {
        use Status::{Compensating, Confirming, Paused, Running, Stuck, Waiting};
        match self {
            Self::Cancel => &[Running, Waiting, Paused],
            Self::Pause => &[Running, Waiting, Confirming, Compensating],
            Self::Resume => &[Paused],
            Self::Retry { .. } => &[Running, Waiting, Paused, Confirming, Compensating, Stuck],
            Self::Skip { .. } => &[Stuck],
            Self::ChangeVersion { .. } => &[Waiting, Paused, Stuck],
            Self::Abandon => &[Paused, Stuck],
            Self::Commit | Self::Reject => &[Waiting],
        }
    }
}

impl Turn {
    pub(super) fn order(
        &mut self,
        verb: Verb,
        order: Order,
        env: &Env<'_>,
    ) -> Result<(), TransitionError> {
        let status = self.state.status();
        if !verb.allowed().contains(&status) {
            return Err(TransitionError::Status {
                saga: self.state.id,
                status,
                verb: verb.participle(),
                allowed: verb.allowed(),
            });
        }
        let participle = verb.participle();
        let unfit = |reason: &str| TransitionError::Unfit {
            saga: self.state.id,
            verb: participle,
            reason: reason.to_owned(),
        };
        match verb {
            Verb::Cancel => {
                if self.state.phase != Phase::Forward {
                    return Err(unfit(
                        "it is on its last way already; resume it or abandon it",
                    ));
                }
                self.turn_back("cancelled", participle, order)
            }
            Verb::Reject | Verb::Commit
                if !matches!(self.state.commit, CommitState::Awaited { .. }) =>
            {
                Err(unfit("it does not wait to be committed"))
            }
            Verb::Reject => self.turn_back("rejected", participle, order),
            Verb::Commit => Ok(self.emit(Event::SagaCommitted { order })?),
            Verb::Pause => Ok(self.emit(Event::SagaPaused {
                cause: PauseCause::Operator,
                order: Some(order),
            })?),
            Verb::Resume => self.resume(order),
            Verb::Abandon => Ok(self.emit(Event::SagaAbandoned { order })?),
            Verb::Retry { step, version } => {
                let steps =
                    self.chosen(self.to_retry(), step, participle, "waits to be tried again")?;
                let pins = match version {
                    Version::Pinned => Vec::new(),
                    Version::Active => self.active_pins(&steps, env)?,
                };
                Ok(self.emit(Event::RetryOrdered { steps, pins, order })?)
            }
            Verb::Skip { step } => {
                let gave_up = self.state.steps.iter().filter(|step| self.gave_up(step));
                let gave_up = gave_up.map(|step| step.path.clone()).collect();
                let steps = self.chosen(gave_up, step, participle, "gave up")?;
                Ok(self.emit(Event::SkipOrdered { steps, order })?)
            }
            Verb::ChangeVersion {
                component,
                from,
                to,
            } => {
                let pins = self.moved(&component, from, to);
                if pins.is_empty() {
                    let bound = from.map_or_else(
                        || {
                            format!(
                                "another version of component `{component}` than {}",
                                to.version
                            )
                        },
                        |from| format!("version {from} of component `{component}`"),
                    );
                    return Err(unfit(&format!(
                        "no step of it is bound to {bound}, has calls to come and makes none now"
                    )));
                }
                Ok(self.emit(Event::VersionChanged { pins, order })?)
            }
        }
    }

    fn turn_back(
        &mut self,
        code: &str,
        participle: &'static str,
        order: Order,
    ) -> Result<(), TransitionError> {
        if self.state.is_bound() {
            return Err(self.bound(participle));
        }
        // What made the saga stop comes before what somebody made of it.
        let stopped = match self.state.pause.as_ref().map(|pause| &pause.cause) {
            Some(PauseCause::Exhausted { .. }) => self.state.first_failure(),
            _ => None,
        };
        let error = stopped.unwrap_or_else(|| SagaError::by_order(code, &order));
        Ok(self.emit(Event::SagaFailed {
            error,
            by: Some(order.by),
            reason: order.reason,
        })?)
    }

    /// Lets a paused saga go on. What made it stop gets all its attempts again: to pause once more
    /// at once would help nobody.
    fn resume(&mut self, order: Order) -> Result<(), TransitionError> {
        let mut gave_up = self.failed();
        match self.state.pause.as_ref().map(|pause| &pause.cause) {
            Some(PauseCause::Pivot { .. }) => {}
            // What failed beside it in another way is not tried again, but turns the saga back.
            Some(PauseCause::Exhausted { .. }) => gave_up.retain(|path| self.is_exhausted(path)),
            Some(PauseCause::Operator | PauseCause::Poison { .. }) | None => gave_up.clear(),
        }
        Ok(self.emit(if gave_up.is_empty() {
            Event::SagaResumed { order }
        } else {
            Event::RetryOrdered {
                steps: gave_up,
                pins: Vec::new(),
                order,
            }
        })?)
    }

    /// One of some steps, or all of them.
    fn chosen(
        &self,
        candidates: Vec<StepPath>,
        step: Option<StepPath>,
        verb: &'static str,
        what: &str,
    ) -> Result<Vec<StepPath>, TransitionError> {
        let fits = match &step {
            Some(step) => candidates.contains(step),
            None => !candidates.is_empty(),
        };
        if fits {
            return Ok(step.map_or(candidates, |step| vec![step]));
        }
        let names: Vec<_> = candidates.iter().map(|path| format!("`{path}`")).collect();
        let reason = match step {
            None => format!("nothing of it {what}"),
            Some(step) if names.is_empty() => {
                format!("`{step}` is no step that {what}, and no other is")
            }
            Some(step) => format!(
                "`{step}` is no step that {what}: expected one of {}",
                names.join(", ")
            ),
        };
        Err(TransitionError::Unfit {
            saga: self.state.id,
            verb,
            reason,
        })
    }

    /// What waits for its next attempt, or gave up.
    fn to_retry(&self) -> Vec<StepPath> {
        if self.state.phase == Phase::Forward {
            let waits = self.state.steps.iter();
            let waits = waits.filter(|step| matches!(step.act, Act::Backoff { .. }));
            let waits = waits.map(|step| step.path.clone());
            // What failed in a saga that does not stand still is about to turn it back.
            return match self.state.pause {
                Some(_) => waits.chain(self.failed()).collect(),
                None => waits.collect(),
            };
        }
        let waits = |step: &StepState| match self.state.phase {
            Phase::Confirming => matches!(step.confirmation.progress, Progress::Backoff { .. }),
            Phase::Backward => matches!(step.compensation.progress, Progress::Backoff { .. }),
            _ => false,
        };
        let steps = self.state.steps.iter();
        steps
            .filter(|step| waits(step) || self.gave_up(step))
            .map(|step| step.path.clone())
            .collect()
    }

    /// What failed for good and keeps a saga from going forward. Of a step and its fallback, the one
    /// that counts.
    fn failed(&self) -> Vec<StepPath> {
        let other_way = |own: &StepState| {
            let step = self.state.definition.step_at(&own.path);
            let fallback = step.and_then(|step| step.fallback.as_ref());
            !own.path.is_fallback() && fallback.is_some_and(|fallback| is_for(fallback, own))
        };
        let steps = self.state.steps.iter();
        let steps = steps
            .filter(|step| step.act == Act::Failed && !other_way(step))
            .map(|step| step.path.clone());
        let nodes = self.state.nodes.iter();
        let nodes = nodes
            .filter(|(_, node)| matches!(node.stand, Stand::Failed { .. }))
            .map(|(path, _)| path.clone());
        steps.chain(nodes).collect()
    }

    /// Whether a step failed only because its retries are used up, and its definition says to pause
    /// then.
    fn is_exhausted(&self, path: &StepPath) -> bool {
        let step = self.state.definition.step_at(path);
        let own = self.state.step(path);
        step.zip(own)
            .is_some_and(|(step, own)| is_exhausted(step, own))
    }

    fn gave_up(&self, step: &StepState) -> bool {
        match self.state.phase {
            Phase::Confirming | Phase::Stuck(Stuck::Confirming) => {
                step.confirmation.progress == Progress::Failed
            }
            Phase::Backward | Phase::Stuck(Stuck::Backward) => {
                step.compensation.progress == Progress::Failed
            }
            _ => false,
        }
    }

    /// The steps that may still call a component and do not call it now, bound to another version.
    fn moved(&self, component: &Name, from: Option<u32>, to: Active) -> Vec<Repin> {
        let fits = |pin: &Pin| {
            pin.component == *component
                && pin.version != to.version
                && from.is_none_or(|from| pin.version == from)
        };
        let steps = self.state.steps.iter();
        let steps = steps.filter(|step| {
            step.pin.as_ref().is_some_and(fits)
                && step.running().is_none()
                && self.may_be_called(step)
        });
        steps
            .map(|step| Repin {
                step: step.path.clone(),
                pin: Pin {
                    component: component.clone(),
                    version: to.version,
                    digest: to.digest,
                },
            })
            .collect()
    }

    /// Whether a call of a step may still come.
    fn may_be_called(&self, step: &StepState) -> bool {
        match self.state.phase {
            // What is final is not undone any more, unless the saga around this one is.
            Phase::Confirming | Phase::Stuck(Stuck::Confirming) if self.state.parent.is_none() => {
                let confirmation = step.confirmation.progress;
                confirmation.is_busy() || confirmation == Progress::Failed
            }
            _ => !matches!(
                step.compensation.progress,
                Progress::Completed | Progress::Skipped(_)
            ),
        }
    }

    fn active_pins(
        &self,
        steps: &[StepPath],
        env: &Env<'_>,
    ) -> Result<Vec<Repin>, TransitionError> {
        let pinned = steps
            .iter()
            .filter_map(|path| Some((path, self.state.step(path)?.pin.as_ref()?)));
        pinned
            .map(|(path, pin)| {
                let active = env.world.active(&pin.component, self.state.id);
                let active = active.ok_or_else(|| TransitionError::Unfit {
                    saga: self.state.id,
                    verb: "retried",
                    reason: format!(
                        "component `{}` has no active version: upload or activate one",
                        pin.component
                    ),
                })?;
                Ok(Repin {
                    step: path.clone(),
                    pin: Pin {
                        component: pin.component.clone(),
                        version: active.version,
                        digest: active.digest,
                    },
                })
            })
            .collect()
    }
}
