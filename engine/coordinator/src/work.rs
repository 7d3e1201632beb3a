//! What runs for one saga in memory: its calls, and what it has to say to other sagas.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
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
    /// The call that runs within the driver's own task: most sagas have one call at a time, and a
    /// task for it would cost two changes between threads.
    own: Option<(Key, BoxFuture<'static, Done>)>,
    tasks: JoinSet<(Key, Done)>,
    handles: HashMap<Key, AbortHandle>,
}

impl Running {
    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_none() && self.handles.is_empty()
    }

    /// Whether a component is being called.
    pub(crate) fn is_calling(&self) -> bool {
        self.own.is_some() || self.handles.keys().any(|key| matches!(key, Key::Call(_)))
    }

    fn runs(&self, key: &Key) -> bool {
        self.own.as_ref().is_some_and(|(own, _)| own == key) || self.handles.contains_key(key)
    }

    /// Runs an effect, unless it runs.
    pub(crate) fn start(&mut self, engine: &Arc<Engine>, effect: Effect) {
        let Some(key) = Key::of(&effect) else {
            return;
        };
        if self.runs(&key) || self.is_starting(&key) {
            return;
        }
        let engine = Arc::clone(engine);
        let handle = match effect {
            Effect::Call(call) if self.is_empty() => {
                self.own = Some((key, run_call(engine, call).boxed()));
                return;
            }
            Effect::Call(call) => {
                let key = key.clone();
                let called = run_call(engine, call);
                self.tasks.spawn(async move { (key, called.await) })
            }
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
        if let Some((own, _)) = &self.own
            && !effects.iter().any(|effect| matches!((effect, own), (Effect::Call(call), Key::Call(id)) if call.id == *id))
        {
            self.own = None;
        }
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
            let own = async {
                match &mut self.own {
                    Some((_, call)) => call.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                done = own => {
                    self.own = None;
                    return done;
                }
                Some(joined) = self.tasks.join_next(), if !self.tasks.is_empty() => match joined {
                    Ok((key, done)) => {
                        // What was ended while it ended by itself is not asked for any more.
                        if self.handles.remove(&key).is_some() {
                            return done;
                        }
                    }
                    Err(error) if error.is_panic() => return Done::Panicked,
                    Err(_) => {}
                },
            }
        }
    }
}

async fn run_call(engine: Arc<Engine>, call: Box<Call>) -> Done {
    let policy = engine.components.policy(&call.pin.component);
    let called = engine.host.call(&call, &policy).await;
    engine
        .metrics
        .called(call.id.direction, &call.pin, &called.report);
    Done::Called(call.id, called)
}
