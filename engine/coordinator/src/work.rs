//! What runs for one saga in memory: its calls, and what it has to say to other sagas.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};
use wasaga_core::{Call, CallId, ChildEnd, Effect, Input, SagaId, StepPath, Want};
use wasaga_host::Called;

use crate::engine::Engine;
use crate::nested;

/// What tells one effect from another: the same effect is run once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Call(CallId),
    Child {
        step: StepPath,
        child: SagaId,
        want: Want,
        attempt: u32,
    },
    /// How the saga ended: one that had completed may be undone, and tells again.
    TellParent(Discriminant<ChildEnd>),
}

impl Key {
    /// The key of an effect; a timer has none.
    pub(crate) fn of(effect: &Effect) -> Option<Self> {
        match effect {
            Effect::Call(call) => Some(Self::Call(call.id.clone())),
            Effect::Child(order) => Some(Self::Child {
                step: order.parent.step.clone(),
                child: order.child.id,
                want: order.want,
                attempt: order.attempt,
            }),
            Effect::TellParent(told) => Some(Self::TellParent(discriminant(&told.end))),
            Effect::WakeAt(_) => None,
        }
    }
}

/// What came of an effect.
pub(crate) enum Done {
    /// A call ended.
    Called(CallId, Called),
    /// Another saga was asked or told, and this is what follows from its answer.
    Asked(Key, Option<Input>),
    /// The work panicked: an error of the engine.
    Panicked,
}

/// What runs. Dropping it ends all of it.
#[derive(Default)]
pub(crate) struct Running {
    tasks: JoinSet<(Key, Done)>,
    handles: HashMap<Key, AbortHandle>,
}

impl Running {
    pub(crate) fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// Whether a component is being called.
    pub(crate) fn is_calling(&self) -> bool {
        self.handles.keys().any(|key| matches!(key, Key::Call(_)))
    }

    /// Runs an effect, unless it runs.
    pub(crate) fn start(&mut self, engine: &Arc<Engine>, effect: Effect) {
        let Some(key) = Key::of(&effect) else {
            return;
        };
        if self.handles.contains_key(&key) || self.is_starting(&key) {
            return;
        }
        let engine = Arc::clone(engine);
        let handle = match effect {
            Effect::Call(call) => self.tasks.spawn(run_call(engine, call)),
            Effect::Child(order) => {
                let key = key.clone();
                self.tasks.spawn(async move {
                    let input = nested::ask(&engine, &order).await;
                    (key.clone(), Done::Asked(key, input))
                })
            }
            Effect::TellParent(told) => {
                let key = key.clone();
                self.tasks.spawn(async move {
                    nested::tell(&engine, &told).await;
                    (key.clone(), Done::Asked(key, Some(Input::ParentTold)))
                })
            }
            Effect::WakeAt(_) => return,
        };
        self.handles.insert(key, handle);
    }

    /// Whether the nested saga that is to be undone is just being started: it has to be there to be
    /// undone.
    fn is_starting(&self, key: &Key) -> bool {
        let Key::Child {
            child,
            want: Want::Undo,
            ..
        } = key
        else {
            return false;
        };
        self.handles.keys().any(|running| {
            matches!(running, Key::Child { child: other, want: Want::Run, .. } if other == child)
        })
    }

    /// Ends what the saga does not ask for any more: an operator gave it up. What is being said to
    /// other sagas is said to its end: nobody knows how much of it was heard.
    pub(crate) fn keep_only(&mut self, effects: &[Effect]) {
        if self.handles.is_empty() {
            return;
        }
        let wanted: Vec<_> = effects.iter().filter_map(Key::of).collect();
        self.handles.retain(|key, handle| {
            let stays = matches!(key, Key::Child { .. }) || wanted.contains(key);
            if !stays {
                handle.abort();
            }
            stays
        });
    }

    /// The next that ends. Never, when nothing runs.
    pub(crate) async fn next(&mut self) -> Done {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((key, done))) => {
                    // What was ended while it ended by itself is not asked for any more.
                    if self.handles.remove(&key).is_some() {
                        return done;
                    }
                }
                Some(Err(error)) if error.is_panic() => return Done::Panicked,
                Some(Err(_)) => {}
                None => return std::future::pending().await,
            }
        }
    }
}

async fn run_call(engine: Arc<Engine>, call: Box<Call>) -> (Key, Done) {
    let policy = engine.components.policy(&call.pin.component);
    let called = engine.host.call(&call, &policy).await;
    (Key::Call(call.id.clone()), Done::Called(call.id, called))
}
