//! Sagas whose calls bring the engine down.

use serde_json::json;
use wasaga_core::{CutOff, Evidence, PauseCause, Status, Verb};

use crate::support::{Play, path};

fn running() -> Play {
    Play::of(json!({"steps": [
        {"step": "a", "component": "c", "retry": {"max_attempts": 9}},
        {"step": "b", "component": "c"},
    ]}))
}

#[test]
fn a_saga_whose_call_ran_at_three_crashes_in_a_row_is_paused() {
    let mut play = running();
    play.recovers();
    play.recovers();
    assert_eq!(play.told(), "act_interrupted a, act_started a");
    play.recovers();
    assert_eq!(play.told(), "act_interrupted a, saga_paused a");
    let cause = play.state.pause.as_ref().map(|pause| pause.cause.clone());
    assert_eq!(cause, Some(PauseCause::Poison { step: path("a") }));
    play.recovers();
    assert_eq!(play.told(), "");
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.told(), "saga_resumed, act_started a");
    play.recovers();
    assert_eq!(play.status(), Status::Running, "it is counted anew");
}

#[test]
fn a_saga_that_was_paused_for_its_crashes_can_be_cancelled() {
    let mut play = running();
    for _ in 0..3 {
        play.recovers();
    }
    assert_eq!(play.status(), Status::Paused);
    play.cancel().expect("it is paused");
    assert_eq!(play.status(), Status::Compensating);
    play.recovers();
    assert_eq!(
        play.status(),
        Status::Compensating,
        "the undo has its own count"
    );
}

#[test]
fn a_call_that_returned_was_not_what_brought_the_engine_down() {
    let mut play = running();
    for _ in 0..2 {
        play.recovers();
        play.recovers();
        play.fails("a", "retryable", Evidence::Unchanged);
        play.wake();
    }
    assert_eq!(play.state.crashes(), 0);
    assert_eq!(play.status(), Status::Running);
}

#[test]
fn an_orderly_shutdown_does_not_count() {
    let mut play = running();
    for _ in 0..5 {
        play.recovers_from(CutOff::Shutdown);
        assert_eq!(play.told(), "act_interrupted a, act_started a");
    }
}

#[test]
fn an_undo_can_be_poison_too() {
    let mut play = running();
    play.completes("a");
    play.fails("b", "permanent", Evidence::Unchanged);
    play.recovers();
    play.recovers();
    play.recovers();
    assert_eq!(play.told(), "compensation_interrupted a, saga_paused a");
    play.retry().expect("it is paused");
    play.undone("a");
    assert_eq!(play.status(), Status::Compensated);
}

#[test]
fn how_many_crashes_are_too_many_can_be_configured() {
    let mut play = running();
    play.bounds.max_crashes = 1;
    play.recovers();
    assert_eq!(play.status(), Status::Paused);
}
