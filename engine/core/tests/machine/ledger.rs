//! The calls of a saga as its effects asked for them and as those who ran them reported them, beside
//! what its journal tells of them.

use std::collections::HashMap;
use std::sync::Arc;

use wasaga_core::{
    Call, CallId, Completion, Direction, Ended, Event, History, Input, Metering, Pin, Record,
    RecordedCall, RecordedOutcome, RequestRecord, State, StepPath, Verb,
};

use crate::support::Play;

/// What was seen of a saga's calls while it was played.
#[derive(Clone, Default)]
pub(crate) struct Ledger(HashMap<CallId, Seen>);

#[derive(Clone)]
struct Seen {
    call: Call,
    end: Option<End>,
}

/// How a call ended, what it used and what it sent.
type End = (RecordedOutcome, Metering, Vec<RequestRecord>);

impl Ledger {
    /// One that begins while these calls run.
    pub(crate) fn of(calls: Vec<Call>) -> Self {
        let mut ledger = Self::default();
        ledger.see(None, calls);
        ledger
    }

    /// A saga took in an input, and wants these calls now.
    pub(crate) fn see(&mut self, input: Option<&Input>, wanted: Vec<Call>) {
        let cut_off = match input {
            Some(Input::Returned { call, report }) => {
                let acts = matches!(call.direction, Direction::Act | Direction::OnReply);
                let ended = match report.ended.clone() {
                    // Nobody looks at what they leave.
                    Ended::Completed(_) | Ended::Pending(_) if !acts => {
                        Ended::Completed(Completion::default())
                    }
                    ended => ended,
                };
                let outcome = RecordedOutcome::Ended(ended);
                let seen = self.0.get_mut(call).expect("it was asked for");
                assert!(seen.end.is_none(), "{call:?} returned twice");
                seen.end = Some((outcome, report.metering, report.requests.clone()));
                None
            }
            Some(Input::Recover { by }) => Some(RecordedOutcome::Interrupted(*by)),
            Some(Input::Order {
                verb: Verb::Abandon,
                ..
            }) => Some(RecordedOutcome::Abandoned),
            _ => None,
        };
        if let Some(outcome) = cut_off {
            for seen in self.0.values_mut().filter(|seen| seen.end.is_none()) {
                seen.end = Some((outcome.clone(), Metering::default(), Vec::new()));
            }
        }
        for call in wanted.iter().cloned() {
            let id = call.id.clone();
            let seen = self.0.entry(id).or_insert_with(|| Seen {
                call: call.clone(),
                end: None,
            });
            assert_eq!(seen.call, call, "a call stays what it is while it runs");
        }
        let open = self.0.values().filter(|seen| seen.end.is_none());
        assert_eq!(open.count(), wanted.len(), "what runs has not ended");
    }
}

/// The saga's calls as its journal has them.
pub(crate) fn history(play: &Play) -> History {
    let definition = Arc::clone(&play.state.definition);
    let state = State::begin(play.state.id, definition, &play.journal[0]).expect("a start");
    let mut history = History::new(state);
    for record in &play.journal[1..] {
        history.apply(record).expect("a journal");
    }
    history
}

/// Checks that the journal tells of every call, what went in and what came out.
pub(crate) fn is_told(play: &Play) {
    let told = history(play);
    let calls = told.calls();
    assert!(calls.is_sorted_by(|one, other| one.seq < other.seq));
    assert_eq!(calls.len(), play.ledger.0.len());
    for told in calls {
        let seen = &play.ledger.0[&told.call.id];
        assert_eq!(*told.call, seen.call);
        let started = &play.journal[usize::try_from(told.seq).expect("few") - 1];
        assert_eq!(started.at, told.call.started_at);
        let end = told.end.as_ref();
        let end = end.map(|end| (end.outcome.clone(), end.metering, end.requests.clone()));
        assert_eq!(end, seen.end, "{:?}", told.call.id);
        if let Some(end) = &told.end {
            let ended = &play.journal[usize::try_from(end.seq).expect("few") - 1];
            assert_eq!(ended.at, end.at);
        }
    }
    runs_on_what_it_is_bound_to(&play.journal, calls);
}

/// Every call of a step runs on the version that its first attempt took, until an operator says
/// otherwise.
fn runs_on_what_it_is_bound_to(journal: &[Record], calls: &[RecordedCall]) {
    let mut bound: HashMap<&StepPath, &Pin> = HashMap::new();
    let mut calls = calls.iter().peekable();
    for record in journal {
        let binds: Vec<_> = record.event.binds().collect();
        match &record.event {
            Event::ActStarted { step, pin, .. } => match bound.insert(step, pin) {
                Some(before) => assert!(before == pin && binds.is_empty(), "{step}"),
                None => assert_eq!(binds, [pin]),
            },
            Event::RetryOrdered { pins, .. } | Event::VersionChanged { pins, .. } => {
                for repin in pins {
                    let before = bound.insert(&repin.step, &repin.pin);
                    let before = before.expect("only what is bound is bound anew");
                    assert_eq!(before.component, repin.pin.component);
                }
                assert_eq!(binds.len(), pins.len());
            }
            _ => assert!(binds.is_empty()),
        }
        if let Some(started) = calls.next_if(|call| call.seq == record.seq) {
            assert_eq!(started.call.pin, *bound[started.call.step()]);
        }
    }
    assert!(calls.peek().is_none());
}
