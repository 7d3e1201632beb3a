//! The state machine as a whole: what a saga does, told event by event, and what holds for every
//! saga whatever happens to it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod choice;
mod documents;
mod explain;
mod fallback;
mod for_each;
mod history;
mod invariants;
mod ledger;
mod nested;
mod operators;
mod parallel;
mod pivot;
mod poison;
mod replies;
mod report;
mod support;
mod timers;
mod together;
mod two_phases;
mod versions;

use serde_json::json;
use support::{Play, completed, report, returned};
use wasaga_core::{Evidence, Status, StepStatus};

#[test]
fn a_saga_whose_steps_succeed_completes_with_one_batch_more_than_it_has_steps() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"},
    ]}));
    assert_eq!(play.last_batch(), ["saga_started", "act_started a"]);
    play.completes("a");
    assert_eq!(play.last_batch(), ["act_completed a", "act_started b"]);
    play.completes("b");
    assert_eq!(play.last_batch(), ["act_completed b", "saga_completed"]);
    assert_eq!(play.state.status(), Status::Completed);
    assert_eq!(play.batches, 3);
}

#[test]
fn a_definition_without_steps_completes_at_once() {
    let play = Play::of(json!({"steps": []}));
    assert_eq!(play.last_batch(), ["saga_started", "saga_completed"]);
}

#[test]
fn patches_grow_the_context_and_results_reach_the_next_step() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "arguments": {"id": {"$cel": "steps.a.id + context.n"}}},
    ]}));
    play.completes_with("a", json!({"id": 40}), Some(json!({"n": 2, "gone": null})));
    let call = play.call();
    assert_eq!(*call.context, json!({"n": 2}));
    assert_eq!(call.previous.as_deref(), Some(&json!({"id": 40})));
    assert_eq!(*call.arguments, json!({"id": 42}));
}

#[test]
fn a_permanent_failure_undoes_the_completed_steps_in_reverse_order() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"}, {"step": "d", "component": "c"},
    ]}));
    play.completes("a");
    play.completes("b");
    play.fails("d", "permanent", Evidence::Unchanged);
    assert_eq!(
        play.last_batch(),
        [
            "act_failed d",
            "saga_failed",
            "compensation_skipped d",
            "compensation_started b"
        ]
    );
    play.undone("b");
    assert_eq!(
        play.last_batch(),
        ["compensation_completed b", "compensation_started a"]
    );
    play.undone("a");
    assert_eq!(
        play.last_batch(),
        ["compensation_completed a", "saga_compensated"]
    );
    let error = play.state.error.as_deref().expect("an error");
    assert_eq!(
        (error.step.as_ref().unwrap().as_str(), error.code.as_str()),
        ("d", "declined")
    );
}

#[test]
fn a_failed_step_that_may_have_had_an_effect_is_undone_without_a_result() {
    let mut play = Play::of(json!({"steps": [{"step": "a", "component": "c"}]}));
    play.fails("a", "permanent", Evidence::Possible);
    let call = play.call();
    assert_eq!(call.id.direction.as_str(), "compensate");
    assert_eq!(call.result, None);
}

#[test]
fn a_definition_decides_whether_a_failed_step_is_undone() {
    for (policy, evidence, undone) in [
        ("always", Evidence::Unchanged, true),
        ("never", Evidence::Possible, false),
        ("auto", Evidence::Possible, true),
        ("auto", Evidence::Unchanged, false),
    ] {
        let mut play = Play::of(json!({"steps": [
            {"step": "a", "component": "c", "compensate_failed": policy},
        ]}));
        play.fails("a", "permanent", evidence);
        let starts = play
            .last_batch()
            .contains(&"compensation_started a".to_owned());
        assert_eq!(starts, undone, "{policy} with {evidence:?}");
    }
}

#[test]
fn a_retryable_failure_is_retried_on_the_same_version_until_the_policy_gives_up() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c", "retry": {"max_attempts": 2, "jitter": 0}},
    ]}));
    let first = play.call();
    play.outside.version = 2;
    play.fails("a", "retryable", Evidence::Unchanged);
    assert_eq!(play.state.status(), Status::Waiting);
    assert_eq!(
        play.state
            .wake_at()
            .expect("a backoff")
            .since(play.now)
            .as_millis(),
        200
    );
    play.wake();
    let second = play.call();
    assert_eq!(
        (first.pin.version, second.pin.version, second.id.attempt),
        (1, 1, 2)
    );
    assert_eq!(first.idempotency_key, second.idempotency_key);
    play.fails("a", "retryable", Evidence::Unchanged);
    assert_eq!(play.state.status(), Status::Compensated);
}

#[test]
fn a_step_takes_the_version_that_is_active_when_it_first_starts_and_is_undone_on_it() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"},
    ]}));
    play.outside.version = 2;
    play.completes("a");
    assert_eq!(play.call().pin.version, 2);
    play.outside.version = 3;
    play.fails("b", "permanent", Evidence::Unchanged);
    let undo = play.call();
    assert_eq!((undo.step().as_str(), undo.pin.version), ("a", 1));
}

#[test]
fn a_compensation_that_gives_up_leaves_the_others_to_run_and_the_saga_stuck() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "compensate": {"retry": {"max_attempts": 2}}},
        {"step": "d", "component": "c"},
    ]}));
    play.completes("a");
    play.completes("b");
    play.fails("d", "permanent", Evidence::Unchanged);
    play.undo_fails("b", "retryable");
    assert_eq!(play.state.status(), Status::Compensating);
    play.wake();
    play.undo_fails("b", "retryable");
    play.undone("a");
    assert_eq!(play.state.status(), Status::Stuck);
    assert_eq!(play.step("b"), StepStatus::CompensationFailed);
    assert_eq!(play.step("a"), StepStatus::Compensated);
    assert_eq!(
        play.state.error.as_deref().expect("an error").code,
        "declined"
    );
}

#[test]
fn an_interrupted_act_runs_again_as_another_attempt_and_counts_as_no_failure() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c", "retry": {"max_attempts": 1}},
    ]}));
    for attempt in 2..4 {
        play.recovers();
        assert_eq!(play.last_batch(), ["act_interrupted a", "act_started a"]);
        assert_eq!(play.call().id.attempt, attempt);
    }
    play.completes("a");
    assert_eq!(play.state.status(), Status::Completed);
}

#[test]
fn an_interrupted_act_that_then_fails_is_undone_because_nobody_knows_what_it_did() {
    let mut play = Play::of(json!({"steps": [{"step": "a", "component": "c"}]}));
    play.recovers();
    play.fails("a", "permanent", Evidence::Unchanged);
    assert_eq!(play.call().id.direction.as_str(), "compensate");
}

#[test]
fn an_expression_that_fails_is_a_definite_failure_of_its_step() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "arguments": {"$cel": "input.missing"}},
    ]}));
    play.completes("a");
    assert_eq!(
        play.last_batch(),
        [
            "act_completed a",
            "step_failed b",
            "saga_failed",
            "compensation_started a"
        ]
    );
    let error = play.state.error.clone().expect("an error");
    assert_eq!(error.code, "expression-failed");
    assert!(error.message.contains("input.missing"), "{}", error.message);
}

#[test]
fn a_component_without_an_active_version_fails_the_step() {
    let play = Play::of(json!({"steps": [{"step": "a", "component": "nobody"}]}));
    assert_eq!(play.state.status(), Status::Compensated);
    assert_eq!(
        play.state.error.as_deref().expect("an error").code,
        "component-unavailable"
    );
}

#[test]
fn a_deadline_turns_the_saga_once_the_running_call_has_ended() {
    let mut play = Play::of(json!({"deadline": "1m", "steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"},
    ]}));
    play.completes("a");
    play.wake();
    assert_eq!(play.last_batch(), ["saga_failed"]);
    assert_eq!(play.state.status(), Status::Compensating);
    play.completes("b");
    assert_eq!(
        play.last_batch(),
        ["act_completed b", "compensation_started b"]
    );
    play.undone("b");
    play.undone("a");
    assert_eq!(play.state.status(), Status::Compensated);
    assert_eq!(
        play.state.error.as_deref().expect("an error").code,
        "deadline-exceeded"
    );
}

#[test]
fn a_cancelled_saga_gives_up_its_backoff_and_cannot_be_cancelled_again() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"},
    ]}));
    play.completes("a");
    play.fails("b", "retryable", Evidence::Unchanged);
    play.cancel().expect("a waiting saga can be cancelled");
    assert_eq!(
        play.last_batch(),
        [
            "saga_failed",
            "compensation_skipped b",
            "compensation_started a"
        ]
    );
    let refused = play.cancel().expect_err("a compensating saga cannot");
    assert!(
        refused.to_string().contains("running, waiting or paused"),
        "{refused}"
    );
}

#[test]
fn a_context_that_grows_too_large_fails_the_step_and_undoes_it() {
    let mut play = Play::of(json!({"steps": [{"step": "a", "component": "c"}]}));
    play.completes_with(
        "a",
        json!(null),
        Some(json!({"big": "x".repeat(2 * 1024 * 1024)})),
    );
    assert_eq!(
        play.state.error.as_deref().expect("an error").code,
        "context-too-large"
    );
    assert_eq!(play.call().id.direction.as_str(), "compensate");
}

#[test]
fn a_call_that_does_not_run_cannot_return() {
    let mut play = Play::of(json!({"steps": [{"step": "a", "component": "c"}]}));
    let mut again = play.clone();
    let call = play.call();
    play.completes("a");
    let seq = play.state.seq;
    let input = returned(&call, report(completed(json!(1), None), Evidence::Possible));
    play.give(input.clone()).expect_err("it has returned");
    assert_eq!(play.state.seq, seq);
    again.recovers();
    again.give(input).expect_err("another attempt runs");
}

#[test]
fn nothing_is_started_while_starts_are_held_and_recovery_goes_on() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"},
    ]}));
    play.held = true;
    play.completes("a");
    assert_eq!(play.last_batch(), ["act_completed a"]);
    play.held = false;
    play.recovers();
    assert_eq!(play.last_batch(), ["act_started b"]);
}
