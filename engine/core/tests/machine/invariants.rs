//! What holds for every saga and those nested in it, whatever their calls return, whenever the
//! engine crashes, whatever operators do, and however often anything is said.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};
use serde_json::json;
use wasaga_core::definition::Kind;
use wasaga_core::{
    ChildEnd, Completion, CutOff, Ended, Event, Evidence, Input, Reply, State, Status, StepPath,
    Verb, Want, due_at,
};

use crate::documents::documents;
use crate::explain::Story;
use crate::ledger::{Ledger, is_told};
use crate::support::{Play, order, report, returned};
use crate::together::{Together, check, fate};

/// Most beginnings of one journal that are gone on from.
const MAX_PREFIXES: usize = 12;

/// A seed that is printed, so that a run can be repeated: `PROPTEST_RNG_SEED` sets it.
fn announced(seed: RngSeed) -> RngSeed {
    let seed = match seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => rand_seed(),
    };
    println!("seed {seed}: repeat this run with PROPTEST_RNG_SEED={seed}");
    RngSeed::Fixed(seed)
}

fn rand_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    // Each `RandomState` has keys of its own.
    RandomState::new().hash_one("seed")
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        max_shrink_iters: 4_000,
        // What fails is printed whole: no file is needed to see it again.
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        rng_seed: announced(ProptestConfig::default().rng_seed),
        ..ProptestConfig::default()
    })]

    #[test]
    fn sagas_settle_in_a_status_that_their_journals_explain(
        documents in documents(),
        fates in prop::collection::vec(fate(), 1..160),
    ) {
        let mut together = Together::of(documents);
        together.play(fates);
        for play in together.sagas.values() {
            play.check_fold();
            check_every_state(play);
            is_told(play);
            let story = Story::of(&play.state.definition, &play.journal);
            story.explains(&play.state.definition, &play.state);
            story.explains_context(&play.state);
            children_are_as_their_parent_says(&together, play, &story);
        }
        every_prefix_can_go_on(&together.sagas[&together.root]);
    }
}

/// What holds at every place of a journal.
fn check_every_state(play: &Play) {
    let definition = Arc::clone(&play.state.definition);
    let mut state = State::begin(play.state.id, definition, &play.journal[0]).expect("a start");
    for record in &play.journal[1..] {
        state.apply(record).expect("a journal");
        no_loop_runs_too_much(&state);
    }
}

/// At most `max_concurrency` rounds of a loop are open.
fn no_loop_runs_too_much(state: &State) {
    for node in state.definition.nodes() {
        let Kind::ForEach(each) = &node.kind else {
            continue;
        };
        let mut open = std::collections::BTreeMap::<StepPath, BTreeSet<u32>>::new();
        for step in state.steps.iter().filter(|step| step.is_acting()) {
            let mut enclosing = step.path.enclosing();
            while let Some((of, index)) = enclosing {
                enclosing = of.enclosing();
                if of.name() == node.name.as_str() {
                    open.entry(of).or_default().insert(index);
                }
            }
        }
        for (of, rounds) in open {
            assert!(
                rounds.len() <= each.max_concurrency as usize,
                "{of}: {rounds:?} run at the same time"
            );
        }
    }
}

/// Parent and children tell the same story.
fn children_are_as_their_parent_says(together: &Together, parent: &Play, story: &Story) {
    for record in &parent.journal {
        let Event::ChildStarted { step, child, .. } = &record.event else {
            continue;
        };
        let Some(play) = together.sagas.get(child) else {
            // It was never begun.
            assert!(!story.completed.contains(step));
            continue;
        };
        let now = parent.state.step(step).expect("reached");
        let is_last = now.child.as_ref().is_some_and(|now| now.id == *child);
        let status = play.status();
        match parent.status() {
            Status::Completed if is_last => assert_eq!(status, Status::Completed),
            Status::Compensated if !story.skipped_by_operator.contains(step) => {
                assert!(
                    [Status::Compensated, Status::Abandoned].contains(&status),
                    "a child of an undone saga is {status}"
                );
            }
            _ => {}
        }
        assert!(status.is_over(), "a child is left {status}");
    }
}

/// A crash after any event of the journal leaves a saga that settles when it is taken up again.
fn every_prefix_can_go_on(play: &Play) {
    let stride = play.journal.len().div_ceil(MAX_PREFIXES).max(1);
    for length in (1..=play.journal.len()).rev().step_by(stride) {
        let journal = play.journal[..length].to_vec();
        let definition = Arc::clone(&play.state.definition);
        let mut again = play.clone();
        again.state = State::fold(play.state.id, definition, &journal).expect("a prefix folds");
        again.journal = journal;
        again.ledger = Ledger::of(again.calls());
        again.now = again.state.updated_at;
        goes_on(&mut again);
        let story = Story::of(&again.state.definition, &again.journal);
        story.explains(&again.state.definition, &again.state);
    }
}

/// Takes up a saga after a crash and lets all go well. Nested sagas do as they are told.
fn goes_on(play: &mut Play) {
    let by = CutOff::Crash;
    let say = |play: &mut Play, input| {
        play.take(input).expect("it fits");
        check(play);
    };
    say(play, Input::Recover { by });
    for _ in 0..2_000 {
        if play.status().is_settled() {
            return;
        }
        let input = if let Some(call) = play.calls().into_iter().next() {
            let done = Ended::Completed(Completion::default());
            returned(&call, report(done, Evidence::Unchanged))
        } else if let Some(order) = play.child_orders().into_iter().next() {
            let end = match order.want {
                Want::Run => ChildEnd::Completed {
                    results: std::collections::HashMap::new(),
                },
                Want::Undo => ChildEnd::Compensated { error: None },
            };
            let (step, child) = (order.parent.step, order.child.id);
            Input::ChildEnded { step, child, end }
        } else if play.status() == Status::Paused {
            let (verb, order) = (Verb::Resume, order());
            Input::Order { verb, order }
        } else if let Some(due) = due_at(&play.state) {
            play.now = play.now.max(due);
            Input::Tick
        } else {
            // It waits for somebody.
            let mut steps = play.state.steps.iter();
            match steps.find_map(|step| play.state.reply_key(step)) {
                Some(key) => {
                    let reply = Reply::Succeeded(json!(1));
                    Input::Reply { key, reply }
                }
                None => {
                    let (verb, order) = (Verb::Commit, order());
                    Input::Order { verb, order }
                }
            }
        };
        say(play, input);
    }
    panic!("the saga does not settle: {}", play.status());
}
