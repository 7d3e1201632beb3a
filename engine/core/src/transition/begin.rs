//! What starting a node is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::forward::Ready;
use super::{Env, MAX_COLLECTED_BYTES, MAX_CONTEXT_BYTES, MAX_ROUNDS, Turn};
use crate::call::{Certainty, Evidence, Failure, Metering};
use crate::definition::{Choice, Kind, Nested, Work};
use crate::event::{Evaluated, Event, Pin};
use crate::expression::{EvaluationError, Expression, Scope, Template};
use crate::id::SagaId;
use crate::path::StepPath;
use crate::state::{FoldError, Stand, State};
use crate::time::parse_duration;

impl Turn {
    /// Does what is ready, with one event.
    pub(super) fn begin(&mut self, ready: Ready, env: &Env<'_>) -> Result<(), FoldError> {
        let path = ready.path().clone();
        let event = match ready {
            Ready::Attempt { path, previous } => self.attempt(path, previous, env),
            Ready::ReplyTimeout { path } => self.reply_timeout(path),
            Ready::Child { path } => self.child(path, env),
            Ready::Choose { path } => self.choose(path),
            Ready::Join { path, results } => self.join(path, results),
            Ready::Loop { path, previous } => self.start_loop(path, previous, env),
            Ready::Sleep { path } => self.sleep(path),
            Ready::Wake { path } => Ok(Event::SleepCompleted { step: path }),
        };
        self.emit(event.unwrap_or_else(|failure| Event::StepFailed {
            step: path,
            failure,
        }))
    }

    /// The next call of a step.
    fn attempt(
        &self,
        path: StepPath,
        previous: Option<StepPath>,
        env: &Env<'_>,
    ) -> Result<Event, Failure> {
        let before = self.state.step(&path);
        if before.is_some_and(|step| step.reply.is_some()) {
            let attempt = before.map_or(0, |step| step.attempts) + 1;
            return Ok(Event::OnReplyStarted {
                step: path,
                attempt,
            });
        }
        let (Some(work), Some(step)) = (
            self.state.definition.work_at(&path),
            self.state.definition.step_at(&path),
        ) else {
            return Err(no_such(&path));
        };
        let breaker = step.fallback.as_ref().and_then(|fallback| fallback.breaker);
        if breaker.is_some() && !path.is_fallback() {
            let (component, action) = (&work.component, &work.action);
            let saga = self.state.id;
            if !env.world.admits(component, action, saga, &path, self.now) {
                return Ok(Event::ActBypassed { step: path });
            }
        }
        match before.and_then(|step| Some((step, step.pin.as_ref()?))) {
            // Retries keep version and arguments: an attempt is the same call once more.
            Some((before, pin)) => Ok(Event::ActStarted {
                attempt: before.attempts + 1,
                pin: pin.clone(),
                arguments: Arc::clone(&before.arguments),
                previous: before.previous.clone(),
                step: path,
            }),
            None => self.first_attempt(work, path, previous, env),
        }
    }

    fn first_attempt(
        &self,
        work: &Work,
        path: StepPath,
        previous: Option<StepPath>,
        env: &Env<'_>,
    ) -> Result<Event, Failure> {
        let arguments = self.evaluate(&work.arguments, &path)?;
        let active = env
            .world
            .active(&work.component, self.state.id)
            .ok_or_else(|| {
                Failure::permanent(
                    "component-unavailable",
                    format!(
                        "component `{}` has no active version: upload or activate one",
                        work.component
                    ),
                )
            })?;
        let pin = Pin {
            component: work.component.clone(),
            version: active.version,
            digest: active.digest,
        };
        Ok(Event::ActStarted {
            step: path,
            attempt: 1,
            pin,
            arguments,
            previous,
        })
    }

    fn reply_timeout(&self, path: StepPath) -> Result<Event, Failure> {
        let step = self.state.step(&path).ok_or_else(|| no_such(&path))?;
        Ok(Event::ActFailed {
            attempt: step.attempts,
            failure: Failure::permanent("reply-timeout", "no reply came in time"),
            // Whoever was asked may have done it and not said so.
            certainty: Certainty::Uncertain,
            evidence: Evidence::Possible,
            retry_at: None,
            metering: Metering::default(),
            requests: Vec::new(),
            step: path,
        })
    }

    fn child(&self, path: StepPath, env: &Env<'_>) -> Result<Event, Failure> {
        let Some(Kind::Saga(nested)) = self.kind_at(&path) else {
            return Err(no_such(&path));
        };
        let depth = self.state.parent.as_ref().map_or(0, |parent| parent.depth) + 1;
        if depth > env.bounds.max_depth {
            let message = format!(
                "saga `{}` would stand within {depth} others; the most is {}",
                nested.definition, env.bounds.max_depth
            );
            return Err(Failure::permanent("nested-too-deep", message));
        }
        let Nested {
            definition,
            version,
            input,
            ..
        } = nested;
        let input = self.evaluate(input, &path)?;
        let attempt = self.state.step(&path).map_or(0, |step| step.attempts) + 1;
        Ok(Event::ChildStarted {
            attempt,
            child: SagaId::of_child(self.state.id, &path, attempt, self.now),
            definition: definition.clone(),
            version: *version,
            input,
            step: path,
        })
    }

    fn choose(&self, path: StepPath) -> Result<Event, Failure> {
        let Some(Kind::Choice(Choice { branches })) = self.kind_at(&path) else {
            return Err(no_such(&path));
        };
        let view = View::of(&self.state, &path);
        let mut evaluated = Vec::new();
        for (branch, index) in branches.iter().zip(0..) {
            let holds = match &branch.when {
                None => true,
                Some(when) => {
                    let value = holds(when, &view)?;
                    evaluated.push(Evaluated {
                        when: when.source().to_owned(),
                        value,
                    });
                    value
                }
            };
            if holds {
                return Ok(Event::ChoiceMade {
                    step: path,
                    branch: Some(index),
                    evaluated,
                });
            }
        }
        Ok(Event::ChoiceMade {
            step: path,
            branch: None,
            evaluated,
        })
    }

    fn start_loop(
        &self,
        path: StepPath,
        previous: Option<StepPath>,
        env: &Env<'_>,
    ) -> Result<Event, Failure> {
        let Some(Kind::ForEach(each)) = self.kind_at(&path) else {
            return Err(no_such(&path));
        };
        let items = self.evaluate(&each.items, &path)?;
        let Some(list) = items.as_array() else {
            let message = format!("expected a list to run over, found {items:.100}");
            return Err(Failure::permanent("loop-not-a-list", message));
        };
        let most = env.bounds.max_loop_items;
        if list.len() > most as usize {
            let message = format!("the list has {} elements; the most is {most}", list.len());
            return Err(Failure::permanent("loop-too-long", message));
        }
        let rounds = self.rounds() + list.len();
        if rounds > MAX_ROUNDS {
            let message = format!(
                "the loops of the saga would have {rounds} rounds together; the most is {MAX_ROUNDS}"
            );
            return Err(Failure::permanent("loop-too-long", message));
        }
        Ok(Event::LoopStarted {
            step: path,
            items,
            previous,
        })
    }

    /// Rounds of the loops that were begun.
    fn rounds(&self) -> usize {
        let lists = self.state.nodes.iter().filter_map(|(path, node)| {
            let items = match &node.stand {
                Stand::Looping { items, .. } => items,
                Stand::Joined { results } => results,
                _ => return None,
            };
            let is_loop = matches!(self.kind_at(path), Some(Kind::ForEach(_)));
            items.as_array().filter(|_| is_loop).map(Vec::len)
        });
        lists.sum()
    }

    fn join(&self, path: StepPath, results: Vec<Option<StepPath>>) -> Result<Event, Failure> {
        let left = results.iter().flatten();
        let bytes: usize = left
            .filter_map(|path| self.state.result_at(path))
            .map(|result| result.to_string().len())
            .sum();
        if bytes > MAX_COLLECTED_BYTES {
            return Err(too_large("the results of its branches or rounds", bytes));
        }
        let outer = self.state.definition.branches_of(&path);
        let mut contexts = self.state.contexts.clone();
        contexts.join(&path, results.len(), &outer);
        check_context(&contexts.seen_in(&outer))?;
        Ok(match self.kind_at(&path) {
            Some(Kind::ForEach(_)) => Event::LoopCompleted {
                step: path,
                results,
            },
            _ => Event::ParallelCompleted {
                step: path,
                results,
            },
        })
    }

    fn sleep(&self, path: StepPath) -> Result<Event, Failure> {
        let Some(Kind::Sleep(sleep)) = self.kind_at(&path) else {
            return Err(no_such(&path));
        };
        let value = self.evaluate(&sleep.duration, &path)?;
        let length = read_duration(&value)?;
        Ok(Event::SleepStarted {
            step: path,
            until: self.now.after(length),
        })
    }

    fn kind_at(&self, path: &StepPath) -> Option<&Kind> {
        self.state.definition.node_at(path).map(|node| &node.kind)
    }

    fn evaluate(&self, template: &Template, path: &StepPath) -> Result<Arc<Value>, Failure> {
        // Most values are literals: they need no look at what the other nodes left.
        if let Template::Literal(value) = template {
            return Ok(Arc::clone(value));
        }
        let view = View::of(&self.state, path);
        template.evaluate(view.scope()).map_err(failed)
    }
}

impl Ready {
    pub(super) const fn path(&self) -> &StepPath {
        match self {
            Self::Attempt { path, .. }
            | Self::ReplyTimeout { path }
            | Self::Child { path }
            | Self::Choose { path }
            | Self::Join { path, .. }
            | Self::Loop { path, .. }
            | Self::Sleep { path }
            | Self::Wake { path } => path,
        }
    }
}

/// What the expressions of a node see.
struct View<'a> {
    input: &'a Value,
    context: Arc<Value>,
    steps: HashMap<String, Arc<Value>>,
    variables: Vec<(Arc<str>, Value)>,
}

impl<'a> View<'a> {
    fn of(state: &'a State, path: &StepPath) -> Self {
        Self {
            input: &state.input,
            context: state.context_at(path),
            steps: state.results_at(path),
            variables: state.variables_at(path),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            input: self.input,
            context: &self.context,
            steps: &self.steps,
            variables: &self.variables,
        }
    }
}

fn holds(when: &Expression, view: &View<'_>) -> Result<bool, Failure> {
    match when.evaluate(view.scope()).map_err(failed)? {
        Value::Bool(value) => Ok(value),
        other => Err(Failure::permanent(
            "expression-failed",
            format!(
                "the expression `{}` has to be true or false, and is {other:.100}",
                when.source()
            ),
        )),
    }
}

fn failed(error: EvaluationError) -> Failure {
    Failure::permanent("expression-failed", error.to_string())
}

fn read_duration(value: &Value) -> Result<Duration, Failure> {
    let text = value.as_str().ok_or_else(|| {
        let message = format!("expected a length of time such as \"10s\", found {value:.100}");
        Failure::permanent("sleep-not-a-time", message)
    })?;
    parse_duration(text).map_err(|error| Failure::permanent("sleep-not-a-time", error.to_string()))
}

/// Cannot happen to a path that was found by walking the definition.
fn no_such(path: &StepPath) -> Failure {
    Failure::permanent("no-such-step", format!("the definition has no `{path}`"))
}

/// Checks that a context is not too large.
pub(super) fn check_context(context: &Value) -> Result<(), Failure> {
    let bytes = context.to_string().len();
    if bytes <= MAX_CONTEXT_BYTES {
        return Ok(());
    }
    Err(Failure::permanent(
        "context-too-large",
        format!(
            "the context would grow to {bytes} bytes; the most is {MAX_CONTEXT_BYTES}: keep large \
             values outside and refer to them"
        ),
    ))
}

pub(super) fn too_large(what: &str, bytes: usize) -> Failure {
    Failure::permanent(
        "result-too-large",
        format!(
            "{what} have {bytes} bytes together; the most is {MAX_COLLECTED_BYTES}: keep large \
             values outside and refer to them"
        ),
    )
}
