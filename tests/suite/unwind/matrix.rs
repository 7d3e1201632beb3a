//! The matrix: every way in which a definition's saga can fail, or the engine can, one at a time and
//! together.
//!
//! It needs to know nothing of the definition. A first walk finds out which calls there are and how
//! many commits; the cells are made of these. For each cell a tree of sagas is walked with an order of
//! its own, its end is checked against what the plan has to lead to, and then the books are.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;

use futures::stream::{self, StreamExt as _};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use wasaga_core::definition::Kind;
use wasaga_core::{Direction, Status};

use super::judge::judge;
use super::plan::{CallKey, Fault, Moment, Plan, Route};
use super::stage::Stage;
use super::tree::Tree;

/// Trees that are walked at the same time.
const CONCURRENCY: usize = 16;

/// Failures that are reported one by one.
const MAX_TOLD: usize = 10;

/// Attempts that fail where failing for ever would never end.
const MANY: u32 = 5;

/// What the matrix is run on.
pub(crate) struct Subject<'a, B> {
    /// Definitions and components.
    pub(crate) stage: &'a Stage,
    /// Which of the definitions.
    pub(crate) definition: &'a str,
    /// The input of the saga of a cell, from the cell's name, which no other cell has.
    pub(crate) input: &'a (dyn Fn(&str) -> Value + Sync),
    /// What the saga leaves outside.
    pub(crate) books: B,
}

/// What sagas leave outside.
pub(crate) trait Books {
    /// Checks what the saga of a cell has left, which ended with this status: everything once, or
    /// nothing.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, cell: &str, status: Status) -> impl Future<Output = Result<(), String>>;
}

/// How the cells of a matrix went.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) completed: usize,
    pub(crate) compensated: usize,
    /// What is wrong, each with its plan.
    pub(crate) wrong: Vec<String>,
}

/// What a walk went by.
struct Trace {
    calls: Vec<CallKey>,
    /// The last act from which the tree could still turn back.
    last_free: Option<CallKey>,
    bound: BTreeSet<CallKey>,
    commits: u64,
}

impl<B: Books> Subject<'_, B> {
    /// Runs the matrix. `seed` decides what is random in it.
    pub(crate) async fn run(&self, seed: u64) -> Tally {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tally = Tally::default();
        let mut known = BTreeSet::new();
        for route in self.routes() {
            let Some(happy) = self.traced(&Plan::along(route), &mut tally).await else {
                continue;
            };
            let mut plans = along(route, &happy);
            // What is known from another route is not failed again.
            for call in happy.acts().filter(|call| !known.contains(*call)) {
                plans.extend(at(route, call, &happy));
                let fails = Plan::along(route).with(Fault::permanent(call, Moment::AfterEffect));
                let together = fails.twice().shuffled(random.random());
                let trace = self.traced(&together, &mut tally).await;
                plans.extend(trace.iter().flat_map(|trace| crashes(&together, trace)));
            }
            for way in self.ways_back(route, &happy) {
                let trace = self.traced(&way, &mut tally).await;
                plans.extend(trace.iter().flat_map(|trace| back(&way, trace)));
            }
            known.extend(happy.calls);
            self.run_all(&plans, &mut tally).await;
        }
        tally
    }

    /// Plans by which everything that is done is undone.
    fn ways_back(&self, route: Route, happy: &Trace) -> Vec<Plan> {
        let plan = Plan::along(route);
        let last = happy.last_free.as_ref();
        let last = last.map(|last| Fault::permanent(last, Moment::AfterEffect));
        let rejected = self.is_decided().then(|| plan.clone().rejected());
        let fails = last.map(|fault| plan.with(fault));
        fails.into_iter().chain(rejected).collect()
    }

    async fn run_all(&self, plans: &[Plan], tally: &mut Tally) {
        let cells = plans.iter().map(|plan| self.walked(plan));
        let mut cells = stream::iter(cells).buffer_unordered(CONCURRENCY);
        while let Some(result) = cells.next().await {
            match result.map(|tree| tree.root().status()) {
                Ok(Status::Completed) => tally.completed += 1,
                Ok(_) => tally.compensated += 1,
                Err(wrong) => tally.wrong.push(wrong),
            }
        }
    }

    /// Walks the tree of a cell, and checks it and the books.
    async fn walked<'p>(&'p self, plan: &'p Plan) -> Result<Tree<'p>, String> {
        let cell = uuid::Uuid::now_v7().to_string();
        let walk = async {
            let input = (self.input)(&cell);
            let tree = Tree::walk(self.stage, plan, self.definition, input).await?;
            judge(&tree, plan)?;
            self.books.check(&cell, tree.root().status()).await?;
            Ok(tree)
        };
        walk.await
            .map_err(|wrong: String| format!("{plan}: {wrong}"))
    }

    /// Which calls and commits there are along a plan, if it went as it must.
    async fn traced(&self, plan: &Plan, tally: &mut Tally) -> Option<Trace> {
        let walked = self.walked(plan).await;
        let tree = walked.map_err(|wrong| tally.wrong.push(wrong)).ok()?;
        let mut seen = BTreeSet::new();
        let mut calls = Vec::new();
        for made in &tree.made {
            if seen.insert(&made.call) {
                calls.push(made.call.clone());
            }
        }
        let bound = tree.made.iter().filter(|made| made.is_bound);
        let mut free = tree
            .made
            .iter()
            .filter(|made| made.call.is_act() && !made.is_bound);
        Some(Trace {
            calls,
            last_free: free.next_back().map(|made| made.call.clone()),
            bound: bound.map(|made| made.call.clone()).collect(),
            commits: tree.commits,
        })
    }

    fn routes(&self) -> Vec<Route> {
        let definitions = self.stage.definitions();
        let steps = definitions.flat_map(|definition| definition.nodes());
        let fallbacks: Vec<_> = steps
            .filter_map(|node| match &node.kind {
                Kind::Step(step) => step.fallback.as_ref(),
                _ => None,
            })
            .collect();
        let mut routes = vec![Route::Plain];
        if !fallbacks.is_empty() {
            routes.push(Route::Fallbacks);
        }
        if fallbacks.iter().any(|fallback| fallback.breaker.is_some()) {
            routes.push(Route::BreakersOpen);
        }
        routes
    }

    /// Whether somebody has to commit the saga.
    fn is_decided(&self) -> bool {
        let definition = self.stage.definition(self.definition);
        definition.commit != wasaga_core::definition::Commit::Automatic
    }
}

impl Trace {
    fn acts(&self) -> impl Iterator<Item = &CallKey> {
        self.calls.iter().filter(|call| call.is_act())
    }

    fn of(&self, direction: Direction) -> impl Iterator<Item = &CallKey> {
        let calls = self.calls.iter();
        calls.filter(move |call| call.direction == direction)
    }
}

/// The engine crashes, after each commit of a walk that went by this plan.
fn crashes<'p>(plan: &'p Plan, trace: &Trace) -> impl Iterator<Item = Plan> + use<'p> {
    (1..=trace.commits).map(|commit| plan.clone().crashing_after(commit))
}

/// Nothing fails but the engine; and confirmations, which have to get better.
fn along(route: Route, happy: &Trace) -> Vec<Plan> {
    let mut plans = vec![Plan::along(route).twice()];
    plans.extend(crashes(&Plan::along(route), happy));
    for call in happy.of(Direction::Confirm) {
        plans.push(Plan::along(route).with(Fault::retryable(call, 2)));
        plans.push(Plan::along(route).with(Fault::permanent(call, Moment::BeforeEffect)));
    }
    plans
}

/// One call on the way forward fails.
fn at(route: Route, call: &CallKey, happy: &Trace) -> Vec<Plan> {
    let for_ever = if happy.bound.contains(call) {
        MANY
    } else {
        u32::MAX
    };
    let fails = |fault| Plan::along(route).with(fault);
    vec![
        fails(Fault::permanent(call, Moment::BeforeEffect)),
        fails(Fault::permanent(call, Moment::AfterEffect)),
        fails(Fault::retryable(call, 1)),
        fails(Fault::retryable(call, for_ever)),
    ]
}

/// What can go wrong on a way back besides.
fn back(way: &Plan, trace: &Trace) -> Vec<Plan> {
    let mut plans = vec![way.clone().twice()];
    plans.extend(crashes(way, trace));
    for call in trace.of(Direction::Compensate) {
        plans.push(way.clone().with(Fault::retryable(call, 2)));
        plans.push(
            way.clone()
                .with(Fault::permanent(call, Moment::BeforeEffect)),
        );
    }
    plans
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (completed, compensated) = (self.completed, self.compensated);
        let wrong = self.wrong.len();
        let cells = completed + compensated + wrong;
        write!(
            f,
            "{cells} cells: {completed} completed, {compensated} compensated, {wrong} wrong"
        )?;
        for wrong in self.wrong.iter().take(MAX_TOLD) {
            write!(f, "\n  {wrong}")?;
        }
        Ok(())
    }
}
