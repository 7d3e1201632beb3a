//! A saga and those nested in it, driven by their effects, with a fate that decides what comes of
//! them.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use wasaga_core::{
    Call, Certainty, ChildEnd, ChildOrder, Completion, CutOff, Direction, Effect, Ended, Evidence,
    Failure, FailureKind, Input, Reply, RequestRecord, SagaId, Status, Timestamp, TransitionError,
    Verb, Want, due_at, effects,
};

use crate::documents::Documents;
use crate::support::{Play, order, report, retry, returned};
use crate::versions::change;

/// Components have as many versions.
const MAX_VERSION: u32 = 3;

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    what: What,
    /// To which of those that it could happen to.
    to: usize,
    ms: u64,
    /// Whether the engine may start calls.
    held: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Returns(Outcome, Evidence),
    /// A parent's order reaches its child, or a child tells its parent.
    Speaks,
    Passes,
    Crashes,
    AllCrash,
    ShutsDown,
    Operates(u8),
    Replies {
        well: bool,
    },
    /// Somebody says again what was said before.
    Repeats,
    Breaks,
    Mends,
    /// Another version of every component becomes the active one.
    Activates(u32),
    /// An operator binds steps of a saga to another version, and stops it for that if need be.
    Moves(u32),
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Completes(Patch),
    Fails(FailureKind, Certainty, &'static str),
    Pends,
}

/// What a step does to the context.
#[derive(Clone, Copy, Debug)]
enum Patch {
    None,
    /// A field of its own.
    Own,
    /// One that others change too.
    Shared,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    use Certainty::{Definite, Uncertain};
    use FailureKind::{Permanent, Retryable};
    let fails = |kind, certainty, code| Just(Outcome::Fails(kind, certainty, code));
    prop_oneof![
        8 => Just(Outcome::Completes(Patch::None)),
        12 => Just(Outcome::Completes(Patch::Own)),
        3 => Just(Outcome::Completes(Patch::Shared)),
        3 => Just(Outcome::Pends),
        3 => fails(Retryable, Definite, "busy"),
        1 => fails(Retryable, Uncertain, "timeout"),
        1 => fails(Retryable, Definite, "unavailable"),
        1 => fails(Permanent, Definite, "declined"),
        1 => fails(Permanent, Uncertain, "unavailable"),
    ]
}

pub(crate) fn fate() -> impl Strategy<Value = Fate> {
    let evidence = prop::sample::select(vec![Evidence::Unchanged, Evidence::Possible]);
    let what = prop_oneof![
        30 => (outcome(), evidence).prop_map(|(outcome, evidence)| What::Returns(outcome, evidence)),
        8 => Just(What::Speaks),
        4 => Just(What::Passes),
        2 => Just(What::Crashes),
        1 => Just(What::AllCrash),
        1 => Just(What::ShutsDown),
        3 => (0u8..9).prop_map(What::Operates),
        2 => (1u32..=MAX_VERSION).prop_map(What::Moves),
        4 => any::<bool>().prop_map(|well| What::Replies { well }),
        4 => Just(What::Repeats),
        2 => Just(What::Breaks),
        1 => Just(What::Mends),
        2 => (1u32..=MAX_VERSION).prop_map(What::Activates),
    ];
    (what, 0usize..1_000, 0u64..400, prop::bool::weighted(0.05))
        .prop_map(|(what, to, ms, held)| Fate { what, to, ms, held })
}

/// Something that a saga's effects ask to be said to another saga.
enum Word {
    Order(SagaId, ChildOrder),
    Told(SagaId),
}

pub(crate) struct Together {
    pub(crate) root: SagaId,
    pub(crate) sagas: BTreeMap<SagaId, Play>,
    documents: Documents,
    now: Timestamp,
    /// What every saga was told, for those who say it again.
    said: Vec<(SagaId, Input)>,
    /// Orders that were heard: a coordinator does not repeat them either.
    heard: HashSet<(SagaId, SagaId, Want, u32)>,
}

impl Together {
    pub(crate) fn of(documents: Documents) -> Self {
        let root = Play::of(documents.0[0].clone());
        Self {
            root: root.state.id,
            now: root.now,
            sagas: BTreeMap::from([(root.state.id, root)]),
            documents,
            said: Vec::new(),
            heard: HashSet::new(),
        }
    }

    /// Lets fate decide, and then lets all go well until nothing is left to do.
    pub(crate) fn play(&mut self, fates: Vec<Fate>) {
        for fate in fates {
            self.now = self.now.after(Duration::from_millis(fate.ms));
            self.hold(fate.held);
            self.meet(&fate);
            self.hold(false);
        }
        for play in self.sagas.values_mut() {
            play.outside.version = 2;
            play.outside.broken.clear();
        }
        for _ in 0..4_000 {
            if !self.goes_well() {
                return;
            }
        }
        let open = self.sagas.values().filter(|play| !play.status().is_over());
        let stands: Vec<_> = open
            .map(|play| (play.status(), &play.state.pause))
            .collect();
        panic!("it does not end: {stands:?}");
    }

    fn hold(&mut self, held: bool) {
        for play in self.sagas.values_mut() {
            play.held = held;
        }
    }

    /// Says something to a saga and looks at what became of it.
    fn say(&mut self, saga: SagaId, input: Input) -> Result<(), TransitionError> {
        let now = self.now;
        let play = self.sagas.get_mut(&saga).expect("it exists");
        play.now = now;
        let result = play.take(input.clone());
        match &result {
            Err(TransitionError::Fold(error)) => panic!("the machine contradicts itself: {error}"),
            Err(_) => {}
            Ok(()) => {
                check(play);
                self.said.push((saga, input));
            }
        }
        result
    }

    fn meet(&mut self, fate: &Fate) {
        let ids: Vec<_> = self.sagas.keys().copied().collect();
        let any = ids[fate.to % ids.len()];
        match fate.what {
            What::Returns(outcome, evidence) => match self.pick_call(fate.to) {
                Some(call) => self.returns(&call, outcome, evidence),
                None => self.speak_or_tick(fate.to),
            },
            What::Speaks => self.speak_or_tick(fate.to),
            What::Passes => self.ticks(),
            What::Crashes => self.recover(any, CutOff::Crash),
            What::AllCrash => {
                // Whoever drove them has forgotten what was heard.
                self.heard.clear();
                for id in ids {
                    self.recover(id, CutOff::Crash);
                }
            }
            What::ShutsDown => self.recover(any, CutOff::Shutdown),
            What::Operates(verb) => {
                let _ = self.say_order(any, verb_of(verb));
            }
            What::Replies { well } => self.reply(fate.to, well),
            What::Repeats => self.repeat(fate.to),
            What::Breaks => self.sagas.values_mut().for_each(|play| {
                play.outside.broken.insert("c");
            }),
            What::Mends => self
                .sagas
                .values_mut()
                .for_each(|play| play.outside.broken.clear()),
            What::Activates(version) => self
                .sagas
                .values_mut()
                .for_each(|play| play.outside.version = version),
            What::Moves(version) => self.moves(any, fate.to, version),
        }
    }

    fn moves(&mut self, saga: SagaId, to: usize, version: u32) {
        let steps = self.sagas[&saga].state.steps.iter();
        let pins: Vec<_> = steps.filter_map(|step| step.pin.clone()).collect();
        let Some(pin) = (!pins.is_empty()).then(|| &pins[to % pins.len()]) else {
            return;
        };
        let from = to.is_multiple_of(2).then_some(pin.version);
        let change = change(pin.component.as_str(), from, version);
        let stopped = self.say_order(saga, Verb::Pause).is_ok();
        // There may be nothing to move, or a saga that is over.
        let _ = self.say_order(saga, change);
        if stopped && !to.is_multiple_of(3) {
            self.say_order(saga, Verb::Resume).expect("it is paused");
        }
    }

    fn say_order(&mut self, saga: SagaId, verb: Verb) -> Result<(), TransitionError> {
        let order = order();
        self.say(saga, Input::Order { verb, order })
    }

    fn pick_call(&self, to: usize) -> Option<Call> {
        let mut calls: Vec<_> = self.sagas.values().flat_map(Play::calls).collect();
        (!calls.is_empty()).then(|| calls.swap_remove(to % calls.len()))
    }

    fn returns(&mut self, call: &Call, outcome: Outcome, evidence: Evidence) {
        let acts = matches!(call.id.direction, Direction::Act | Direction::OnReply);
        let ended = match outcome {
            Outcome::Completes(patch) => Ended::Completed(Completion {
                result: json!(call.step().as_str()),
                context_patch: patch_of(call, patch).filter(|_| acts),
            }),
            Outcome::Pends if acts => Ended::Pending(json!({})),
            Outcome::Pends => Ended::Completed(Completion::default()),
            Outcome::Fails(kind, certainty, code) => Ended::Failed {
                failure: Failure {
                    kind,
                    ..Failure::permanent(code, "no")
                },
                certainty,
            },
        };
        let mut report = report(ended, evidence);
        // No two calls use the same, or send the same.
        report.metering.fuel = self.said.len() as u64;
        report.requests = (0..self.said.len() % 2).map(|_| self.sent()).collect();
        self.say(call.saga, returned(call, report))
            .expect("what runs can return");
    }

    fn sent(&self) -> RequestRecord {
        RequestRecord {
            method: "GET".to_owned(),
            url: format!("http://a.test/{}", self.said.len()),
            status: Some(200),
            error: None,
            error_kind: None,
            duration_ms: 1.0,
            request_bytes: 0,
            response_bytes: 0,
            exchange: None,
        }
    }

    fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        for (id, play) in &self.sagas {
            for order in play.child_orders() {
                let key = (*id, order.child.id, order.want, order.attempt);
                if !self.heard.contains(&key) {
                    words.push(Word::Order(*id, order));
                }
            }
            words.extend(play.untold().map(|_| Word::Told(*id)));
        }
        words
    }

    fn speak_or_tick(&mut self, to: usize) {
        let mut words = self.words();
        if words.is_empty() {
            self.ticks();
        } else {
            let word = words.swap_remove(to % words.len());
            self.speak(word);
        }
    }

    fn speak(&mut self, word: Word) {
        match word {
            Word::Order(parent, order) => {
                self.heard
                    .insert((parent, order.child.id, order.want, order.attempt));
                self.deliver(parent, &order);
            }
            Word::Told(child) => {
                let told = self.sagas[&child].untold().expect("it has to tell");
                let input = Input::ChildEnded {
                    step: told.parent.step,
                    child,
                    end: told.end,
                };
                self.say(told.parent.saga, input).expect("a child may tell");
                self.say(child, Input::ParentTold).expect("it told");
            }
        }
    }

    fn deliver(&mut self, parent: SagaId, order: &ChildOrder) {
        let child = order.child.id;
        let end = match order.want {
            Want::Run => {
                if !self.sagas.contains_key(&child) {
                    let document = self.documents.named(order.child.definition.as_str());
                    let mut around = self.sagas[&parent].clone();
                    around.now = self.now;
                    let play = Play::of_order(document, order, &around);
                    self.sagas.insert(child, play);
                }
                return;
            }
            Want::Undo if !self.sagas.contains_key(&child) => ChildEnd::Compensated { error: None },
            Want::Undo => match self.say(child, Input::Undo) {
                Ok(()) => return,
                Err(error) => ChildEnd::Irreversible {
                    failure: Failure::permanent("child-not-undone", error.to_string()),
                },
            },
        };
        let step = order.parent.step.clone();
        self.say(parent, Input::ChildEnded { step, child, end })
            .expect("a child may end");
    }

    fn ticks(&mut self) {
        for id in self.sagas.keys().copied().collect::<Vec<_>>() {
            self.say(id, Input::Tick).expect("time may go by");
            let play = &self.sagas[&id];
            if let Some(wake) = play.state.wake_at().filter(|_| !play.held) {
                assert!(wake > self.now, "what is due is done, not waited for");
            }
        }
    }

    fn recover(&mut self, saga: SagaId, by: CutOff) {
        self.say(saga, Input::Recover { by })
            .expect("every state can be recovered");
    }

    /// Replies to a step that waits, or to one whose call still runs.
    fn reply(&mut self, to: usize, well: bool) {
        let mut asked: Vec<_> = Vec::new();
        for (id, play) in &self.sagas {
            let keys = play.state.steps.iter();
            asked.extend(keys.filter_map(|step| Some((*id, play.state.reply_key(step)?))));
            let calls = play.calls().into_iter();
            let asks =
                |call: &Call| matches!(call.id.direction, Direction::Act | Direction::OnReply);
            asked.extend(calls.filter(asks).map(|call| (*id, call.idempotency_key)));
        }
        if asked.is_empty() {
            return;
        }
        let (saga, key) = asked[to % asked.len()];
        let reply = match well {
            true => Reply::Succeeded(json!(1)),
            false => Reply::Failed(Failure::permanent("rejected", "no")),
        };
        let _ = self.say(saga, Input::Reply { key, reply });
    }

    /// What was said before is refused, or changes no more than the time that went by.
    fn repeat(&mut self, to: usize) {
        if self.said.is_empty() {
            return;
        }
        let (saga, input) = self.said[to % self.said.len()].clone();
        let mut again = self.sagas[&saga].clone();
        again.now = self.now;
        let mut tick = again.clone();
        match &input {
            Input::Returned { .. } | Input::Reply { .. } => {
                again.take(input).expect_err("it counts once");
            }
            Input::Tick | Input::ParentTold | Input::Undo => {}
            // They may be meant again.
            Input::Recover { .. } | Input::Order { .. } => {}
            // It is true once more.
            Input::ChildEnded {
                end: ChildEnd::Abandoned | ChildEnd::Irreversible { .. },
                ..
            } => {}
            Input::ChildEnded { .. } => {
                again.take(input).expect("it is no error");
                tick.take(Input::Tick).expect("time may go by");
                assert_eq!(again.last_batch(), tick.last_batch());
            }
        }
    }

    /// Does one thing, well. Says whether there was one.
    fn goes_well(&mut self) -> bool {
        if let Some(call) = self.pick_call(0) {
            self.returns(&call, Outcome::Completes(Patch::Own), Evidence::Unchanged);
            return true;
        }
        if let Some(word) = self.words().pop() {
            self.speak(word);
            return true;
        }
        let open = self.sagas.iter().find_map(|(id, play)| {
            let verb = match play.status() {
                Status::Paused => Verb::Resume,
                Status::Stuck if *id != self.root => Verb::Skip { step: None },
                Status::Waiting => {
                    let pending = play.state.steps.iter();
                    let key = pending.filter_map(|step| play.state.reply_key(step)).next();
                    return match (key, play.state.commit) {
                        (Some(key), _) => {
                            let reply = Reply::Succeeded(json!(1));
                            Some((*id, Input::Reply { key, reply }))
                        }
                        (None, wasaga_core::state::CommitState::Awaited { .. }) => {
                            let (verb, order) = (Verb::Commit, order());
                            Some((*id, Input::Order { verb, order }))
                        }
                        _ => None,
                    };
                }
                _ => return None,
            };
            let order = order();
            Some((*id, Input::Order { verb, order }))
        });
        if let Some((saga, input)) = open {
            self.say(saga, input).expect("it waits for that");
            return true;
        }
        let due: Vec<_> = self
            .sagas
            .values()
            .filter_map(|play| due_at(&play.state))
            .collect();
        let Some(due) = due.into_iter().min() else {
            return false;
        };
        self.now = self.now.max(due);
        self.ticks();
        true
    }
}

fn patch_of(call: &Call, patch: Patch) -> Option<Value> {
    match patch {
        Patch::None => None,
        Patch::Own => Some(json!({"of": { call.step().as_str(): call.id.attempt }})),
        Patch::Shared => Some(json!({"shared": call.step().as_str()})),
    }
}

fn verb_of(number: u8) -> Verb {
    let version = wasaga_core::transition::Version::Active;
    match number {
        0 => Verb::Cancel,
        1 => Verb::Pause,
        2 => Verb::Resume,
        3 => retry(None),
        4 => Verb::Retry {
            step: None,
            version,
        },
        5 => Verb::Skip { step: None },
        6 => Verb::Abandon,
        7 => Verb::Commit,
        _ => Verb::Reject,
    }
}

/// What holds in every state.
pub(crate) fn check(play: &Play) {
    let state = &play.state;
    let effects = effects(state);
    let mut calls = HashSet::new();
    let mut keys = HashSet::new();
    for effect in &effects {
        match effect {
            Effect::Call(call) => {
                assert!(calls.insert(call.id.clone()), "{:?} twice", call.id);
                assert!(keys.insert(call.idempotency_key), "a key twice");
                assert!(call.attempt >= 1 && call.attempt <= call.id.attempt);
            }
            Effect::Child(_) | Effect::TellParent(_) => {}
            Effect::WakeAt(_) => assert!(!state.status().is_settled()),
        }
    }
    if state.status().is_settled() {
        assert!(calls.is_empty(), "nothing runs for a saga that is settled");
    }
    let due = due_at(state);
    assert!(
        due == Some(state.updated_at) || due == state.wake_at(),
        "{due:?}"
    );
    if !calls.is_empty() {
        assert_eq!(due, Some(state.updated_at));
    }
    let progress = state.progress();
    assert!(progress.done <= progress.total);
}
