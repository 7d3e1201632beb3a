//! Walks a tree of sagas to its end, as an engine would: the state machine decides, the sandbox calls,
//! and the only memory is the records that were committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use uuid::Uuid;
use wasaga_core::event::PauseCause;
use wasaga_core::state::{Act, CommitState, Phase, Progress};
use wasaga_core::transition::Version;
use wasaga_core::{
    Bounds, Call, Certainty, ChildEnd, ChildOrder, CutOff, Effect, Env, Evidence, Failure, Input,
    NewSaga, Order, Parent, Record, Reply, Report, SagaId, Starts, State, Status, StepPath,
    Timestamp, Told, TransitionError, Verb, Want, effects, start, transition,
};

use super::expect::Expected;
use super::plan::{CallKey, Decision, Delivery, Moment, Plan, Route, Turns, report};
use super::stage::{Stage, View};

/// Far more turns than any tree of the matrix takes.
const MAX_TURNS: usize = 5_000;

/// A saga of the tree.
pub(crate) struct Saga {
    /// Where it is nested, as in [`CallKey::saga`].
    pub(crate) label: String,
    /// Everything that a crash leaves of it.
    pub(crate) journal: Vec<Record>,
    pub(crate) state: State,
}

/// A call that came to an end.
pub(crate) struct Made {
    pub(crate) call: CallKey,
    /// Whether its saga, or one around it, could not turn back any more.
    pub(crate) is_bound: bool,
}

/// A saga that stood still until an operator said that it is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) saga: String,
    pub(crate) status: Status,
    /// What it says that it stopped at.
    pub(crate) step: Option<StepPath>,
}

/// A saga, and those nested in it.
pub(crate) struct Tree<'a> {
    pub(super) stage: &'a Stage,
    plan: &'a Plan,
    /// The outermost first, each before those within it.
    pub(crate) sagas: Vec<Saga>,
    /// Batches of records that were committed.
    pub(crate) commits: u64,
    pub(crate) made: Vec<Made>,
    pub(crate) stops: Vec<Stop>,
    pub(crate) expected: Expected,
    /// For each fault, how many attempts have failed by it.
    pub(crate) failed: Vec<u32>,
    now: Timestamp,
    random: Option<StdRng>,
}

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

/// Whether the engine lived on after a commit.
#[derive(PartialEq, Eq)]
enum Engine {
    GoesOn,
    Crashed,
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

    /// The outermost saga.
    pub(crate) fn root(&self) -> &State {
        &self.sagas[0].state
    }

    fn over(self) -> Result<Self, String> {
        if self.sagas.iter().all(|saga| saga.state.status().is_over()) {
            Ok(self)
        } else {
            Err(format!("nothing goes on: {}", self.portrait()))
        }
    }

    /// Each saga with its status, and how its steps stand.
    fn portrait(&self) -> String {
        let sagas = self.sagas.iter().map(|saga| {
            let steps = saga.state.steps.iter();
            let steps: Vec<_> = steps
                .map(|step| format!("{} {:?}", step.path, step.status()))
                .collect();
            let status = saga.state.status();
            format!("`{}` is {status} ({})", saga.label, steps.join(", "))
        });
        sagas.collect::<Vec<_>>().join("; ")
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
        let stop = stops.find_map(|(index, saga)| Some(Todo::Retry(index, stop(saga)?)));
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

    /// A call comes to its end.
    async fn calls(&mut self, saga: usize, call: &Call) -> Result<(), String> {
        let key = CallKey::of(&self.sagas[saga].label, call);
        let report = if let Some(report) = self.detour(saga, call) {
            report
        } else if let Some(index) = self.fault(&key) {
            let fault = self.plan.faults[index].clone();
            if fault.moment == Moment::AfterEffect {
                self.make(call).await;
            }
            self.failed[index] += 1;
            self.expect(saga, call, &fault);
            fault.report()
        } else {
            self.make(call).await
        };
        let is_bound = self.is_bound(saga);
        self.made.push(Made {
            call: key,
            is_bound,
        });
        let call = call.id.clone();
        self.give(saga, Input::Returned { call, report }).await?;
        Ok(())
    }

    /// Makes a call for real, as often as the plan says. The last answer counts.
    async fn make(&self, call: &Call) -> Report {
        let report = self.stage.call(call).await;
        match self.plan.delivery {
            Delivery::Once => report,
            Delivery::Twice => self.stage.call(call).await,
        }
    }

    /// Which fault this attempt of a call fails by.
    fn fault(&self, key: &CallKey) -> Option<usize> {
        let faults = self.plan.faults.iter().zip(&self.failed);
        let mut open = faults.map(|(fault, failed)| fault.call == *key && *failed < fault.times);
        open.position(|is_open| is_open)
    }

    /// What is reported of a step's own work where the route goes by its fallback.
    fn detour(&self, saga: usize, call: &Call) -> Option<Report> {
        let state = &self.sagas[saga].state;
        let fallback = state.definition.step_at(&call.id.step)?.fallback.as_ref()?;
        if self.plan.route != Route::Fallbacks || call.id.step.is_fallback() {
            return None;
        }
        let code = fallback.on.first().map_or("detour", String::as_str);
        let failure = Failure::permanent(code, "the route goes by the fallback");
        // A step that is on its way back is not one that fails.
        let is_act = CallKey::of("", call).is_act();
        is_act.then(|| report(failure, Certainty::Definite, Evidence::Unchanged))
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

    async fn start(
        &mut self,
        id: SagaId,
        definition: &str,
        input: Arc<Value>,
        parent: Option<Parent>,
        label: String,
    ) -> Result<(), String> {
        let view = self.view();
        let new = NewSaga {
            id,
            version: 1,
            input,
            tags: BTreeMap::new(),
            parent,
        };
        let definition = self.stage.definition(definition);
        let turn = start(definition, new, &self.env(&view)).map_err(|error| error.to_string())?;
        self.sagas.push(Saga {
            label,
            journal: turn.records,
            state: turn.state,
        });
        self.committed().await?;
        Ok(())
    }

    /// Something happens to a saga, and what follows is committed.
    async fn give(&mut self, saga: usize, input: Input) -> Result<Engine, String> {
        let said = format!("{input:?}");
        let is_news = self.take(saga, input).map_err(|error| {
            let said: String = said.chars().take(300).collect();
            format!("{error}, when it got {said}")
        })?;
        if is_news {
            self.committed().await
        } else {
            Ok(Engine::GoesOn)
        }
    }

    fn take(&mut self, saga: usize, input: Input) -> Result<bool, TransitionError> {
        let view = self.view();
        let turn = transition(&self.sagas[saga].state, input, &self.env(&view))?;
        let is_news = !turn.records.is_empty();
        let saga = &mut self.sagas[saga];
        saga.journal.extend(turn.records);
        saga.state = turn.state;
        Ok(is_news)
    }

    async fn committed(&mut self) -> Result<Engine, String> {
        self.commits += 1;
        if self.plan.crash_after != Some(self.commits) {
            return Ok(Engine::GoesOn);
        }
        self.crash().await?;
        Ok(Engine::Crashed)
    }

    /// The engine is gone, and comes back: calls that were on their way were made and their answers are
    /// lost, and of each saga there is its journal. In a tree that is shuffled some were not made.
    async fn crash(&mut self) -> Result<(), String> {
        for saga in 0..self.sagas.len() {
            for effect in effects(&self.sagas[saga].state) {
                let Effect::Call(call) = effect else {
                    continue;
                };
                let key = CallKey::of(&self.sagas[saga].label, &call);
                let fault = self.fault(&key).map(|index| self.plan.faults[index].moment);
                let was_made = self.random.as_mut().is_none_or(|random| random.random());
                if was_made
                    && self.detour(saga, &call).is_none()
                    && fault != Some(Moment::BeforeEffect)
                {
                    self.make(&call).await;
                }
            }
        }
        for saga in &mut self.sagas {
            let definition = Arc::clone(&saga.state.definition);
            saga.state = State::fold(saga.state.id, definition, &saga.journal)
                .map_err(|error| format!("a journal that cannot be folded: {error}"))?;
        }
        self.now = self.now.after(Duration::from_secs(1));
        for saga in 0..self.sagas.len() {
            let by = CutOff::Crash;
            let is_news = self.take(saga, Input::Recover { by });
            self.commits += u64::from(is_news.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    fn view(&self) -> View<'a> {
        View {
            stage: self.stage,
            breakers_open: self.plan.route == Route::BreakersOpen,
        }
    }

    fn env<'v>(&self, view: &'v View<'a>) -> Env<'v> {
        Env {
            now: self.now,
            world: view,
            starts: Starts::Allowed,
            bounds: Bounds::default(),
        }
    }

    pub(super) fn find(&self, id: SagaId) -> Option<usize> {
        self.sagas.iter().position(|saga| saga.state.id == id)
    }
}

/// Why a saga stands still, when it takes an operator to go on.
fn stop(saga: &Saga) -> Option<Stop> {
    let state = &saga.state;
    let step = match (&state.pause, state.phase) {
        (Some(pause), _) => match &pause.cause {
            PauseCause::Operator => None,
            PauseCause::Exhausted { step }
            | PauseCause::Pivot { step }
            | PauseCause::Poison { step } => Some(step.clone()),
        },
        (None, Phase::Stuck(_)) => {
            let gave_up = state.steps.iter().find(|step| {
                let efforts = [&step.confirmation, &step.compensation];
                efforts
                    .iter()
                    .any(|effort| effort.progress == Progress::Failed)
            });
            gave_up.map(|step| step.path.clone())
        }
        (None, _) => return None,
    };
    Some(Stop {
        saga: saga.label.clone(),
        status: state.status(),
        step,
    })
}

/// Whether a step's act is done.
pub(super) const fn is_completed(act: &Act) -> bool {
    matches!(act, Act::Completed { .. })
}
