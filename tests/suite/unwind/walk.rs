//! Walks a tree of sagas to its end, as an engine would: the state machine decides, the sandbox calls,
//! and the only memory is the records that were committed.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use uuid::Uuid;
use wasaga_core::state::{CommitState, Phase};
use wasaga_core::transition::Version;
use wasaga_core::{
    Call, ChildEnd, ChildOrder, Effect, Input, Order, Reply, SagaId, Timestamp, Told, Verb, Want,
    effects,
};

use super::commit::Engine;
use super::expect::Expected;
use super::plan::{Decision, Plan, Turns};
use super::stage::Stage;
use super::tree::{Stop, Tree};

/// Far more turns than any tree of the matrix takes.
const MAX_TURNS: usize = 5_000;

/// What could happen next.
enum Todo {
    Call(usize, Box<Call>),
    Child(usize, Box<ChildOrder>),
    Tell(usize, Box<Told>),
    Reply(usize, Uuid),
    Decide(usize),
    Retry(usize, Stop),
    Wake(Timestamp),
}

impl<'a> Tree<'a> {
    /// Walks a saga of a definition, with all that it nests, until nothing is left to do.
    ///
    /// # Errors
    /// When the state machine refuses what happens, or nothing goes on and not all is over.
    pub(crate) async fn walk(
        stage: &'a Stage,
        plan: &'a Plan,
        definition: &str,
        input: Value,
    ) -> Result<Self, String> {
        let random = match plan.turns {
            Turns::InOrder => None,
            Turns::Shuffled(seed) => Some(StdRng::seed_from_u64(seed)),
        };
        let mut tree = Self {
            stage,
            plan,
            sagas: Vec::new(),
            commits: 0,
            made: Vec::new(),
            stops: Vec::new(),
            expected: Expected::completed(),
            failed: vec![0; plan.faults.len()],
            now: Timestamp::from_unix_ms(1_700_000_000_000),
            random,
        };
        let id = SagaId::from_uuid(Uuid::now_v7());
        tree.start(id, definition, Arc::new(input), None, String::new())
            .await?;
        for _ in 0..MAX_TURNS {
            match tree.next() {
                Some(todo) => tree.happens(todo).await?,
                None => return tree.over(),
            }
        }
        Err(format!(
            "no end after {MAX_TURNS} turns: {}",
            tree.portrait()
        ))
    }

    fn over(self) -> Result<Self, String> {
        if self.sagas.iter().all(|saga| saga.state.status().is_over()) {
            Ok(self)
        } else {
            Err(format!("nothing goes on: {}", self.portrait()))
        }
    }

    /// What happens next: what the sagas ask for, then what the outside says by itself, then what an
    /// operator says, and when there is nothing of all that, time goes by.
    fn next(&mut self) -> Option<Todo> {
        let mut todo = Vec::new();
        for (index, saga) in self.sagas.iter().enumerate() {
            todo.extend(effects(&saga.state).into_iter().filter_map(|effect| {
                Some(match effect {
                    Effect::Call(call) => Todo::Call(index, call),
                    Effect::Child(order) if self.is_open(&order) => Todo::Child(index, order),
                    Effect::TellParent(told) => Todo::Tell(index, told),
                    Effect::Child(_) | Effect::WakeAt(_) => return None,
                })
            }));
        }
        for (index, saga) in self.sagas.iter().enumerate() {
            let state = &saga.state;
            let keys = state.steps.iter().filter_map(|step| state.reply_key(step));
            if state.phase == Phase::Forward {
                todo.extend(keys.map(|key| Todo::Reply(index, key)));
            }
            if state.phase == Phase::Forward && matches!(state.commit, CommitState::Awaited { .. })
            {
                todo.push(Todo::Decide(index));
            }
        }
        if !todo.is_empty() {
            let random = self.random.as_mut();
            let index = random.map_or(0, |random| random.random_range(0..todo.len()));
            return Some(todo.swap_remove(index));
        }
        let mut stops = self.sagas.iter().enumerate();
        let stop = stops.find_map(|(index, saga)| Some(Todo::Retry(index, saga.stop()?)));
        stop.or_else(|| {
            let times = self.sagas.iter().filter_map(|saga| saga.state.wake_at());
            times.min().map(Todo::Wake)
        })
    }

    /// Whether a nested saga has not got yet what is wanted of it.
    fn is_open(&self, order: &ChildOrder) -> bool {
        let child = self
            .find(order.child.id)
            .map(|index| &self.sagas[index].state);
        match order.want {
            Want::Run => child.is_none(),
            Want::Undo => {
                child.is_none_or(|child| matches!(child.phase, Phase::Forward | Phase::Completed))
            }
        }
    }

    async fn happens(&mut self, todo: Todo) -> Result<(), String> {
        match todo {
            Todo::Call(saga, call) => self.calls(saga, &call).await,
            Todo::Child(parent, order) => self.orders(parent, *order).await,
            Todo::Tell(child, told) => self.tells(child, *told).await,
            Todo::Reply(saga, key) => {
                let reply = Reply::Succeeded(json!({"by": "the outside"}));
                self.give(saga, Input::Reply { key, reply }).await?;
                Ok(())
            }
            Todo::Decide(saga) => {
                let verb = match self.plan.decision {
                    Decision::Commit => Verb::Commit,
                    Decision::Reject => {
                        self.expected = Expected::rejected();
                        Verb::Reject
                    }
                };
                self.operator(saga, verb).await
            }
            Todo::Retry(saga, stop) => {
                self.stops.push(stop);
                let version = Version::Pinned;
                self.operator(
                    saga,
                    Verb::Retry {
                        step: None,
                        version,
                    },
                )
                .await
            }
            Todo::Wake(at) => {
                self.now = at;
                for saga in 0..self.sagas.len() {
                    let wakes = self.sagas[saga].state.wake_at();
                    if wakes.is_some_and(|at| at <= self.now)
                        && self.give(saga, Input::Tick).await? == Engine::Crashed
                    {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    async fn operator(&mut self, saga: usize, verb: Verb) -> Result<(), String> {
        let order = Order {
            by: "matrix".to_owned(),
            reason: None,
        };
        self.give(saga, Input::Order { verb, order }).await?;
        Ok(())
    }

    async fn orders(&mut self, parent: usize, order: ChildOrder) -> Result<(), String> {
        let child = self.find(order.child.id);
        let path = order.parent.step.clone();
        match (order.want, child) {
            (Want::Run, None) => {
                let label = format!("{}{path}/", self.sagas[parent].label);
                let definition = order.child.definition.as_str().to_owned();
                let (id, input) = (order.child.id, order.child.input);
                self.start(id, &definition, input, Some(order.parent), label)
                    .await
            }
            // It was never started.
            (Want::Undo, None) => {
                let end = ChildEnd::Compensated { error: None };
                let child = order.child.id;
                let step = path;
                self.give(parent, Input::ChildEnded { step, child, end })
                    .await?;
                Ok(())
            }
            (Want::Undo, Some(child)) => {
                self.give(child, Input::Undo).await?;
                Ok(())
            }
            (Want::Run, Some(_)) => Ok(()),
        }
    }

    async fn tells(&mut self, child: usize, told: Told) -> Result<(), String> {
        let parent = self
            .find(told.parent.saga)
            .ok_or_else(|| format!("saga {} has a parent that is not there", told.child))?;
        let ended = Input::ChildEnded {
            step: told.parent.step,
            child: told.child,
            end: told.end,
        };
        if self.give(parent, ended).await? == Engine::GoesOn {
            self.give(child, Input::ParentTold).await?;
        }
        Ok(())
    }
}
