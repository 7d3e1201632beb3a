//! What holds for every saga, whatever its calls return, whenever the engine crashes, and however
//! often an answer is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use wasaga_core::{
    Certainty, Completion, Ended, Event, Evidence, FailureKind, Record, State, Status,
};

use crate::support::{Play, failed, report, returned};

/// What comes of a call, and what happens around it.
#[derive(Clone, Debug)]
struct Fate {
    ended: Ending,
    evidence: bool,
    /// The engine crashes before the answer is committed.
    crash: bool,
    /// The answer is delivered twice.
    twice: bool,
    /// Somebody cancels first.
    cancel: bool,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Completes,
    Fails(FailureKind, Certainty),
}

fn ending() -> impl Strategy<Value = Ending> {
    use Certainty::{Definite, Uncertain};
    use FailureKind::{Permanent, Retryable};
    prop_oneof![
        6 => Just(Ending::Completes),
        2 => Just(Ending::Fails(Retryable, Definite)),
        1 => Just(Ending::Fails(Retryable, Uncertain)),
        1 => Just(Ending::Fails(Permanent, Definite)),
        1 => Just(Ending::Fails(Permanent, Uncertain)),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    (
        ending(),
        any::<bool>(),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.03),
    )
        .prop_map(|(ended, evidence, crash, twice, cancel)| Fate {
            ended,
            evidence,
            crash,
            twice,
            cancel,
        })
}

fn document() -> impl Strategy<Value = Value> {
    let step = (
        1u32..4,
        1u32..4,
        prop::sample::select(vec!["auto", "always", "never"]),
    );
    (prop::collection::vec(step, 0..7), prop::bool::weighted(0.2)).prop_map(|(steps, deadline)| {
        let steps: Vec<_> = steps
            .into_iter()
            .enumerate()
            .map(|(index, (act, undo, failed))| {
                json!({"step": format!("s{index}"), "component": "c", "retry": {"max_attempts": act},
                       "compensate": {"retry": {"max_attempts": undo}}, "compensate_failed": failed})
            })
            .collect();
        match deadline {
            true => json!({"steps": steps, "deadline": "2s"}),
            false => json!({ "steps": steps }),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_saga_settles_in_a_status_that_its_journal_explains(
        document in document(),
        fates in prop::collection::vec(fate(), 1..40),
    ) {
        let play = play(document, fates);
        let policies: BTreeMap<String, String> = play.state.definition.steps()
            .map(|step| (step.name.to_string(), format!("{:?}", step.compensate.failed)))
            .collect();
        explain(&play.journal, play.state.status(), &policies);
        every_prefix_can_go_on(&play, &policies);
    }
}

/// Lets fate decide until the saga is settled. When the fates are used up, all goes well.
fn play(document: Value, fates: Vec<Fate>) -> Play {
    let mut play = Play::of(document);
    let mut fates = fates.into_iter();
    for _ in 0..10_000 {
        if play.state.status().is_settled() {
            return play;
        }
        let Some(call) = play.calls().into_iter().next() else {
            play.wake();
            continue;
        };
        let fate = fates.next();
        if fate.as_ref().is_some_and(|fate| fate.cancel) {
            let _ = play.cancel();
        }
        if fate.as_ref().is_some_and(|fate| fate.crash) {
            play.recovers();
            continue;
        }
        play.now = play.now.after(Duration::from_millis(100));
        let ended = match fate.as_ref().map(|fate| fate.ended) {
            Some(Ending::Fails(kind, certainty)) => failed(kind, certainty),
            Some(Ending::Completes) | None => Ended::Completed(Completion::default()),
        };
        let evidence = match fate.as_ref().is_some_and(|fate| fate.evidence) {
            true => Evidence::Possible,
            false => Evidence::Unchanged,
        };
        let input = returned(&call, report(ended, evidence));
        play.give(input.clone()).expect("what runs can return");
        if fate.is_some_and(|fate| fate.twice) {
            let seq = play.state.seq;
            assert!(play.give(input).is_err(), "an answer counts once");
            assert_eq!(play.state.seq, seq);
        }
    }
    panic!("the saga does not settle: {:?}", play.state.status());
}

/// Checks the journal of a settled saga against the rules.
fn explain(journal: &[Record], status: Status, policies: &BTreeMap<String, String>) {
    let mut started: Vec<String> = Vec::new();
    let mut completed = BTreeSet::new();
    let mut uncertain = BTreeSet::new();
    let mut undone = BTreeSet::new();
    let mut skipped = BTreeSet::new();
    let mut gave_up = BTreeSet::new();
    let mut undo_order: Vec<String> = Vec::new();
    let mut backward = false;
    for record in journal {
        match &record.event {
            Event::ActStarted { step, .. } => {
                assert!(!backward, "never forward after backward");
                if !started.contains(&step.to_string()) {
                    started.push(step.to_string());
                }
            }
            Event::ActCompleted { step, .. } => {
                completed.insert(step.to_string());
            }
            Event::ActFailed {
                step,
                evidence: Evidence::Possible,
                ..
            }
            | Event::ActInterrupted { step, .. } => {
                uncertain.insert(step.to_string());
            }
            Event::SagaFailed { .. } => {
                assert!(!backward, "a saga turns once");
                backward = true;
            }
            Event::CompensationStarted { step, attempt: 1 } => {
                assert!(backward);
                undo_order.push(step.to_string());
            }
            Event::CompensationCompleted { step, .. } => {
                undone.insert(step.to_string());
            }
            Event::CompensationSkipped { step, .. } => {
                skipped.insert(step.to_string());
            }
            Event::CompensationFailed {
                step,
                retry_at: None,
                ..
            } => {
                gave_up.insert(step.to_string());
            }
            _ => {}
        }
    }
    let mut reverse: Vec<_> = started
        .iter()
        .rev()
        .filter(|step| undo_order.contains(step))
        .cloned()
        .collect();
    reverse.dedup();
    assert_eq!(undo_order, reverse, "undone in reverse order of start");
    match status {
        Status::Completed => {
            assert!(!backward);
            assert_eq!(completed.len(), policies.len(), "every step is done");
        }
        Status::Compensated | Status::Stuck => {
            assert_eq!(
                status == Status::Stuck,
                !gave_up.is_empty(),
                "stuck if an undo gave up"
            );
            for step in &completed {
                assert!(
                    undone.contains(step) || gave_up.contains(step),
                    "{step} was left done"
                );
            }
            for step in started.iter().filter(|step| !completed.contains(*step)) {
                let needs_undo = match policies[step].as_str() {
                    "Always" => true,
                    "Never" => false,
                    _ => uncertain.contains(step),
                };
                let tried = undone.contains(step) || gave_up.contains(step);
                assert_eq!(tried, needs_undo, "{step}");
                assert_eq!(skipped.contains(step), !needs_undo, "{step}");
            }
        }
        other => panic!("{other} is no end"),
    }
}

/// A crash after any event of the journal leaves a saga that settles when it is taken up again.
fn every_prefix_can_go_on(play: &Play, policies: &BTreeMap<String, String>) {
    for length in 1..=play.journal.len() {
        let journal = play.journal[..length].to_vec();
        let definition = Arc::clone(&play.state.definition);
        let state = State::fold(play.state.id, definition, &journal).expect("a prefix folds");
        let mut again = Play::of(json!({"steps": []}));
        again.now = state.updated_at;
        again.state = state;
        again.journal = journal;
        if !again.state.status().is_settled() {
            again.recovers();
        }
        for _ in 0..1_000 {
            if again.state.status().is_settled() {
                break;
            }
            match again.calls().into_iter().next() {
                Some(call) => {
                    let done = report(Ended::Completed(Completion::default()), Evidence::Unchanged);
                    again
                        .give(returned(&call, done))
                        .expect("what runs can return");
                }
                None => again.wake(),
            }
        }
        explain(&again.journal, again.state.status(), policies);
    }
}
