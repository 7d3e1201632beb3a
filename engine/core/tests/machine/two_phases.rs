//! Making steps final, and who decides that.

use serde_json::{Value, json};
use wasaga_core::{CutOff, Evidence, Status, TransitionError, Verb};

use crate::support::{Play, path, retry};

fn document() -> Value {
    let two = json!({"timeout": "20s", "retry": {"max_attempts": 2}});
    json!({"steps": [
        {"step": "a", "component": "two-phase", "confirm": two},
        {"step": "b", "component": "c"},
        {"step": "d", "component": "two-phase", "confirm": two},
    ]})
}

fn confirming() -> Play {
    let mut play = Play::of(document());
    for step in ["a", "b", "d"] {
        play.completes(step);
    }
    play
}

#[test]
fn completed_steps_that_take_part_are_confirmed_in_order_once_all_are_done() {
    let mut play = confirming();
    assert_eq!(
        play.told(),
        "act_completed d, saga_confirming, confirmation_started a"
    );
    assert_eq!(play.status(), Status::Confirming);
    let call = play.call();
    assert_eq!(call.result.as_deref(), Some(&json!({"by": "a"})));
    assert_eq!((call.timeout.as_secs(), call.attempt), (20, 1));
    play.confirmed("a");
    assert_eq!(
        play.told(),
        "confirmation_completed a, confirmation_started d"
    );
    play.confirmed("d");
    assert_eq!(play.told(), "confirmation_completed d, saga_completed");
}

#[test]
fn a_saga_that_turns_back_confirms_nothing() {
    let mut play = Play::of(document());
    play.completes("a");
    play.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(play.unwinds(), ["a"]);
}

#[test]
fn a_confirmation_is_retried_and_the_others_still_run_when_it_gives_up() {
    let mut play = confirming();
    let key = play.call().idempotency_key;
    play.fails("a", "retryable", Evidence::Possible);
    play.wake();
    assert_eq!((play.call().attempt, play.call().idempotency_key), (2, key));
    play.fails("a", "retryable", Evidence::Possible);
    assert_eq!(play.told(), "confirmation_failed a, confirmation_started d");
    play.confirmed("d");
    assert_eq!(play.status(), Status::Stuck);
    assert!(play.calls().is_empty());
}

#[test]
fn an_operator_retries_or_skips_what_is_stuck() {
    let stuck = || {
        let mut play = confirming();
        play.fails("a", "permanent", Evidence::Possible);
        play.fails("d", "permanent", Evidence::Possible);
        assert_eq!(play.status(), Status::Stuck);
        play
    };
    let mut play = stuck();
    play.orders(retry(Some("d"))).expect("it is stuck");
    assert_eq!(play.told(), "retry_ordered, confirmation_started d");
    play.confirmed("d");
    assert_eq!(play.status(), Status::Stuck, "the other one is left");
    play.retry().expect("it is stuck");
    play.confirmed("a");
    assert_eq!(play.status(), Status::Completed);

    let mut play = stuck();
    let step = Some(path("a"));
    play.orders(Verb::Skip { step }).expect("it is stuck");
    assert_eq!(play.told(), "skip_ordered, saga_stuck");
    play.orders(Verb::Skip { step: None }).expect("it is stuck");
    assert_eq!(play.told(), "skip_ordered, saga_completed");
}

#[test]
fn a_confirmation_that_was_cut_off_runs_again() {
    let mut play = confirming();
    play.recovers_from(CutOff::Shutdown);
    assert_eq!(
        play.told(),
        "confirmation_interrupted a, confirmation_started a"
    );
}

#[test]
fn a_saga_that_is_being_confirmed_cannot_be_cancelled() {
    let mut play = confirming();
    let refused = play.cancel().expect_err("it is final");
    assert!(
        matches!(refused, TransitionError::Status { .. }),
        "{refused}"
    );
    play.orders(Verb::Pause).expect("it may stand still");
    play.confirmed("a");
    assert_eq!(play.told(), "confirmation_completed a");
    assert_eq!(play.status(), Status::Paused);
    play.cancel().expect_err("it is final");
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.told(), "saga_resumed, confirmation_started d");
}

fn undecided() -> Play {
    let mut play = Play::of(
        json!({"commit": "manual", "commit_timeout": "1m", "deadline": "10m", "steps": [
        {"step": "a", "component": "two-phase"}]}),
    );
    play.completes("a");
    assert_eq!(play.told(), "act_completed a, commit_awaited");
    assert_eq!(play.status(), Status::Waiting);
    play
}

#[test]
fn a_saga_with_manual_commit_waits_for_it() {
    let mut play = undecided();
    play.recovers();
    assert_eq!(play.told(), "");
    play.orders(Verb::Commit).expect("it waits for that");
    assert_eq!(
        play.told(),
        "saga_committed, saga_confirming, confirmation_started a"
    );
    play.orders(Verb::Commit).expect_err("once is enough");
    play.confirmed("a");
    assert_eq!(play.status(), Status::Completed);
}

#[test]
fn rejected_or_left_alone_it_compensates() {
    let mut play = undecided();
    play.orders(Verb::Reject).expect("it waits for that");
    assert_eq!(play.error().0, "rejected");
    assert_eq!(play.unwinds(), ["a"]);
    let mut play = undecided();
    play.wake();
    assert_eq!(play.error().0, "commit-timeout");
    assert_eq!(play.unwinds(), ["a"]);
    let mut play = undecided();
    play.cancel().expect("it waits");
    assert_eq!(play.unwinds(), ["a"]);
}

#[test]
fn what_does_not_wait_to_be_committed_cannot_be() {
    let mut play =
        Play::of(json!({"commit": "manual", "steps": [{"step": "a", "component": "c"}]}));
    for verb in [Verb::Commit, Verb::Reject] {
        play.orders(verb.clone()).expect_err("its step runs");
        let mut asleep = Play::of(json!({"steps": [{"sleep": "1h"}]}));
        let refused = asleep
            .orders(verb)
            .expect_err("it waits for something else");
        assert!(
            refused
                .to_string()
                .contains("does not wait to be committed"),
            "{refused}"
        );
    }
}

#[test]
fn once_committed_neither_a_deadline_nor_an_operator_turns_it() {
    let mut play = undecided();
    play.held = true;
    play.orders(Verb::Commit).expect("it waits for that");
    assert_eq!(play.told(), "saga_committed");
    let refused = play.cancel().expect_err("it is committed");
    assert!(refused.to_string().contains("committed"), "{refused}");
    play.held = false;
    play.ticks(3_600_000);
    assert_eq!(play.told(), "saga_confirming, confirmation_started a");
}
