//! Plays a saga: says what came of its calls and shows what followed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wasaga_core::{
    Active, Bounds, Call, Certainty, ChildEnd, ChildOrder, Completion, CutOff, Definition, Digest,
    Direction, Effect, Ended, Env, Event, Evidence, Failure, FailureKind, Input, Metering, Name,
    NewSaga, Order, Parent, Pin, Record, Reply, Report, SagaId, Starts, State, Status, StepPath,
    StepStatus, Timestamp, Told, TransitionError, Verb, World, effects, start, transition,
};

use crate::ledger::Ledger;

/// Every component has an active version but `nobody`, and `later` has none before version 2.
/// `two-phase` takes part in two phases.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    pub(crate) version: u32,
    /// Components whose circuit breaker is open.
    pub(crate) broken: BTreeSet<&'static str>,
}

impl World for Outside {
    fn active(&self, component: &Name, _saga: SagaId) -> Option<Active> {
        let is_active = match component.as_str() {
            "nobody" => false,
            "later" => self.version > 1,
            _ => true,
        };
        is_active.then(|| Active {
            version: self.version,
            digest: Digest::of(&self.version.to_be_bytes()),
        })
    }

    fn confirms(&self, pin: &Pin) -> bool {
        pin.component.as_str() == "two-phase"
    }

    fn admits(
        &self,
        component: &Name,
        _action: &Name,
        _saga: SagaId,
        _step: &StepPath,
        _now: Timestamp,
    ) -> bool {
        !self.broken.contains(component.as_str())
    }
}

pub(crate) fn definition(document: &Value) -> Arc<Definition> {
    let name = Name::new("play").unwrap();
    Arc::new(Definition::parse(&name, document).unwrap())
}

pub(crate) fn path(text: &str) -> StepPath {
    serde_json::from_value(json!(text)).expect("a path")
}

pub(crate) fn report(ended: Ended, evidence: Evidence) -> Report {
    Report {
        ended,
        metering: Metering::default(),
        requests: Vec::new(),
        evidence,
    }
}

pub(crate) fn failed(kind: FailureKind, certainty: Certainty) -> Ended {
    let failure = Failure {
        kind,
        code: "declined".into(),
        message: "no".into(),
        details: Some(json!(1)),
    };
    Ended::Failed { failure, certainty }
}

pub(crate) fn completed(result: Value, context_patch: Option<Value>) -> Ended {
    Ended::Completed(Completion {
        result,
        context_patch,
    })
}

pub(crate) fn order() -> Order {
    Order {
        by: "ops".into(),
        reason: None,
    }
}

#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) state: State,
    pub(crate) journal: Vec<Record>,
    pub(crate) batches: usize,
    pub(crate) now: Timestamp,
    pub(crate) outside: Outside,
    pub(crate) bounds: Bounds,
    pub(crate) held: bool,
    /// The calls that were made, by other eyes than the journal's.
    pub(crate) ledger: Ledger,
    last: usize,
}

impl Play {
    pub(crate) fn of(document: Value) -> Self {
        Self::with_input(document, json!({"order": 7}))
    }

    pub(crate) fn with_input(document: Value, input: Value) -> Self {
        let id = SagaId::from_parts(1, &[3; 10]);
        let now = Timestamp::from_unix_ms(1_000_000);
        let outside = Outside {
            version: 1,
            broken: BTreeSet::new(),
        };
        Self::start(&definition(&document), id, input, None, now, outside)
    }

    /// The nested saga that an order of its parent is about.
    pub(crate) fn of_order(document: &Value, order: &ChildOrder, parent: &Self) -> Self {
        let (id, input) = (order.child.id, Value::clone(&order.child.input));
        let around = Some(order.parent.clone());
        let outside = parent.outside.clone();
        Self::start(
            &definition(document),
            id,
            input,
            around,
            parent.now,
            outside,
        )
    }

    fn start(
        definition: &Arc<Definition>,
        id: SagaId,
        input: Value,
        parent: Option<Parent>,
        now: Timestamp,
        outside: Outside,
    ) -> Self {
        let bounds = Bounds::default();
        let env = Env {
            now,
            world: &outside,
            starts: Starts::Allowed,
            bounds,
        };
        let saga = NewSaga {
            id,
            version: 1,
            input: Arc::new(input),
            tags: BTreeMap::new(),
            parent,
        };
        let turn = start(definition, saga, &env).expect("a saga");
        let last = turn.records.len();
        let mut play = Self {
            state: turn.state,
            journal: turn.records,
            batches: 1,
            now,
            outside,
            bounds,
            held: false,
            ledger: Ledger::default(),
            last,
        };
        play.ledger = Ledger::of(play.calls());
        play
    }

    /// Types and steps of the events that the last input caused.
    pub(crate) fn last_batch(&self) -> Vec<String> {
        self.journal[self.journal.len() - self.last..]
            .iter()
            .map(|record| words(&record.event))
            .collect()
    }

    /// The same, in one line.
    pub(crate) fn told(&self) -> String {
        self.last_batch().join(", ")
    }

    /// Takes in an input without looking at the whole journal again.
    pub(crate) fn take(&mut self, input: Input) -> Result<(), TransitionError> {
        let starts = if self.held {
            Starts::Held
        } else {
            Starts::Allowed
        };
        let env = Env {
            now: self.now,
            world: &self.outside,
            starts,
            bounds: self.bounds,
        };
        let turn = transition(&self.state, input.clone(), &env)?;
        self.last = turn.records.len();
        self.batches += usize::from(self.last > 0);
        self.journal.extend(turn.records);
        self.state = turn.state;
        self.ledger.see(Some(&input), self.calls());
        Ok(())
    }

    pub(crate) fn give(&mut self, input: Input) -> Result<(), TransitionError> {
        self.take(input)?;
        self.check_fold();
        Ok(())
    }

    /// The fold of the journal is the state.
    pub(crate) fn check_fold(&self) {
        let definition = Arc::clone(&self.state.definition);
        let folded = State::fold(self.state.id, definition, &self.journal)
            .expect("what a transition decides can be folded");
        assert_eq!(portrait(&folded), portrait(&self.state));
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        let call = |effect| match effect {
            Effect::Call(call) => Some(*call),
            _ => None,
        };
        effects(&self.state).into_iter().filter_map(call).collect()
    }

    /// Paths of the steps whose calls run.
    pub(crate) fn running(&self) -> Vec<String> {
        let calls = self.calls();
        calls.iter().map(|call| call.step().to_string()).collect()
    }

    /// The one call that runs.
    pub(crate) fn call(&self) -> Call {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    pub(crate) fn call_of(&self, step: &str) -> Call {
        let mut calls = self.calls().into_iter();
        calls
            .find(|call| *call.step() == path(step))
            .unwrap_or_else(|| panic!("{step} does not run: {:?}", self.running()))
    }

    /// What is wanted of nested sagas.
    pub(crate) fn child_orders(&self) -> Vec<ChildOrder> {
        let order = |effect| match effect {
            Effect::Child(order) => Some(*order),
            _ => None,
        };
        effects(&self.state).into_iter().filter_map(order).collect()
    }

    pub(crate) fn child_order(&self) -> ChildOrder {
        let mut orders = self.child_orders();
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.remove(0)
    }

    /// What the saga has to tell the one around it.
    pub(crate) fn untold(&self) -> Option<Told> {
        effects(&self.state)
            .into_iter()
            .find_map(|effect| match effect {
                Effect::TellParent(told) => Some(*told),
                _ => None,
            })
    }

    pub(crate) fn completes(&mut self, step: &str) {
        self.completes_with(step, json!({"by": step}), None);
    }

    pub(crate) fn completes_with(
        &mut self,
        step: &str,
        result: Value,
        context_patch: Option<Value>,
    ) {
        let ended = completed(result, context_patch);
        self.returns(step, report(ended, Evidence::Possible));
    }

    pub(crate) fn patches(&mut self, step: &str, patch: Value) {
        self.completes_with(step, json!(null), Some(patch));
    }

    pub(crate) fn fails(&mut self, step: &str, kind: &str, evidence: Evidence) {
        self.returns(
            step,
            report(failed(kind_of(kind), Certainty::Definite), evidence),
        );
    }

    /// Fails with a code, and without an effect.
    pub(crate) fn fails_as(&mut self, step: &str, kind: &str, code: &str) {
        let failure = Failure {
            kind: kind_of(kind),
            ..Failure::permanent(code, "no")
        };
        let certainty = Certainty::Definite;
        let ended = Ended::Failed { failure, certainty };
        self.returns(step, report(ended, Evidence::Unchanged));
    }

    pub(crate) fn pends(&mut self, step: &str) {
        let ended = Ended::Pending(json!({"for": step}));
        self.returns(step, report(ended, Evidence::Unchanged));
    }

    pub(crate) fn undone(&mut self, step: &str) {
        assert_eq!(self.call_of(step).id.direction, Direction::Compensate);
        self.returns(
            step,
            report(Ended::Completed(Completion::default()), Evidence::Possible),
        );
    }

    pub(crate) fn undo_fails(&mut self, step: &str, kind: &str) {
        assert_eq!(self.call_of(step).id.direction, Direction::Compensate);
        self.fails(step, kind, Evidence::Possible);
    }

    pub(crate) fn confirmed(&mut self, step: &str) {
        assert_eq!(self.call_of(step).id.direction, Direction::Confirm);
        self.returns(
            step,
            report(Ended::Completed(Completion::default()), Evidence::Possible),
        );
    }

    fn returns(&mut self, step: &str, report: Report) {
        let call = self.call_of(step);
        self.give(returned(&call, report))
            .expect("what runs can return");
    }

    /// Undoes whatever is to be undone, and says what in which order.
    pub(crate) fn unwinds(&mut self) -> Vec<String> {
        let mut undone = Vec::new();
        while self.state.status() == Status::Compensating {
            let step = self.call().step().to_string();
            self.undone(&step);
            undone.push(step);
        }
        undone
    }

    /// Somebody replies with the key of the call that a step made.
    pub(crate) fn replies(&mut self, call: &Call, reply: Reply) -> Result<(), TransitionError> {
        let key = call.idempotency_key;
        self.give(Input::Reply { key, reply })
    }

    pub(crate) fn child_ends(&mut self, step: &str, end: ChildEnd) {
        let state = self.state.step(&path(step)).expect("it was reached");
        let child = state.child.as_ref().expect("a nested saga").id;
        let step = path(step);
        self.give(Input::ChildEnded { step, child, end })
            .expect("a child may end");
    }

    pub(crate) fn wake(&mut self) {
        self.now = self.state.wake_at().expect("it waits");
        self.give(Input::Tick).expect("time may go by");
    }

    pub(crate) fn ticks(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
        self.give(Input::Tick).expect("time may go by");
    }

    /// The engine crashes and comes back.
    pub(crate) fn recovers(&mut self) {
        self.recovers_from(CutOff::Crash);
    }

    pub(crate) fn recovers_from(&mut self, by: CutOff) {
        self.now = self.now.after(Duration::from_secs(1));
        self.give(Input::Recover { by })
            .expect("every state can be recovered");
    }

    pub(crate) fn orders(&mut self, verb: Verb) -> Result<(), TransitionError> {
        let order = order();
        self.give(Input::Order { verb, order })
    }

    pub(crate) fn cancel(&mut self) -> Result<(), TransitionError> {
        self.orders(Verb::Cancel)
    }

    pub(crate) fn retry(&mut self) -> Result<(), TransitionError> {
        self.orders(retry(None))
    }

    pub(crate) fn status(&self) -> Status {
        self.state.status()
    }

    /// Code of the saga's error, and where it happened.
    pub(crate) fn error(&self) -> (&str, Option<&str>) {
        let error = self.state.error.as_deref().expect("an error");
        (&error.code, error.step.as_ref().map(StepPath::as_str))
    }

    pub(crate) fn step(&self, step: &str) -> StepStatus {
        let step = self.state.step(&path(step)).expect("it was reached");
        step.status()
    }

    pub(crate) fn context(&self) -> &Value {
        self.state.context()
    }
}

/// An order to try again, on the version that is pinned.
pub(crate) fn retry(step: Option<&str>) -> Verb {
    Verb::Retry {
        step: step.map(path),
        version: wasaga_core::transition::Version::Pinned,
    }
}

pub(crate) fn returned(call: &Call, report: Report) -> Input {
    Input::Returned {
        call: call.id.clone(),
        report,
    }
}

fn kind_of(kind: &str) -> FailureKind {
    serde_json::from_value(json!(kind)).expect("a kind")
}

/// Everything that can be seen of a state, as text.
fn portrait(state: &State) -> String {
    let seen: Vec<_> = state
        .steps
        .iter()
        .map(|step| state.context_at(&step.path))
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {} {:?} {:?} {:?} {seen:?}",
        state.phase,
        state.pause,
        state.error,
        state.pivot,
        state.commit,
        state.deadline,
        state.parent_told,
        state.seq,
        state.updated_at,
        state.context(),
        state.steps,
        state.nodes,
    )
}

pub(crate) fn words(event: &Event) -> String {
    let json = serde_json::to_value(event).expect("JSON");
    match json["step"].as_str() {
        Some(step) => format!("{} {step}", event.kind()),
        None => event.kind().to_owned(),
    }
}
