//! The step after which a saga only goes forward.

use serde_json::{Value, json};
use wasaga_core::transition::Pivot;
use wasaga_core::{Evidence, PauseCause, Status, TransitionError};

use crate::support::Play;

fn document() -> Value {
    json!({"deadline": "1h", "steps": [
        {"step": "a", "component": "c"},
        {"step": "p", "component": "c", "pivot": true},
        {"step": "z", "component": "c", "retry": {"max_attempts": 1}},
    ]})
}

fn decided() -> Play {
    let mut play = Play::of(document());
    play.completes("a");
    play.completes("p");
    play
}

#[test]
fn before_the_pivot_is_done_the_saga_may_turn_back() {
    let mut play = Play::of(document());
    play.completes("a");
    play.fails("p", "permanent", Evidence::Possible);
    assert_eq!(play.unwinds(), ["p", "a"]);
    assert_eq!(play.status(), Status::Compensated);
}

#[test]
fn after_it_a_step_is_tried_until_it_succeeds() {
    let mut play = decided();
    for _ in 0..5 {
        play.fails("z", "retryable", Evidence::Possible);
        assert_eq!(play.status(), Status::Waiting);
        play.wake();
    }
    play.completes("z");
    assert_eq!(play.status(), Status::Completed);
}

#[test]
fn after_it_a_failure_for_good_pauses_the_saga_until_an_operator_resumes_or_retries() {
    for goes_on in [Play::retry, |play: &mut Play| {
        play.orders(wasaga_core::Verb::Resume)
    }] {
        let mut play = decided();
        play.fails("z", "permanent", Evidence::Possible);
        assert_eq!(play.told(), "act_failed z, saga_paused z");
        let cause = play.state.pause.as_ref().map(|pause| pause.cause.clone());
        assert!(matches!(cause, Some(PauseCause::Pivot { .. })), "{cause:?}");
        goes_on(&mut play).expect("it is paused");
        assert_eq!(play.told(), "retry_ordered, act_started z");
        play.completes("z");
        assert_eq!(play.status(), Status::Completed);
    }
}

#[test]
fn neither_an_operator_nor_a_deadline_turns_it_then() {
    let mut play = Play::of(document());
    play.completes("a");
    let refused = play.cancel().expect_err("the pivot runs");
    assert!(
        matches!(&refused, TransitionError::Bound { done: Pivot::Running, step, .. } if step.as_str() == "p"),
        "{refused}"
    );
    assert_eq!(play.state.wake_at(), None, "nor is a deadline waited for");
    play.ticks(2 * 3_600_000);
    assert_eq!(play.told(), "");
    play.completes("p");
    let refused = play.cancel().expect_err("the pivot is done");
    assert!(
        matches!(
            refused,
            TransitionError::Bound {
                done: Pivot::Done,
                ..
            }
        ),
        "{refused}"
    );
    assert!(refused.to_string().contains("pivot `p` is done"));
    assert_eq!(play.state.wake_at(), None);
    play.ticks(1);
    assert_eq!(play.status(), Status::Running);
}

#[test]
fn a_pivot_that_fails_late_meets_the_deadline() {
    let mut play = Play::of(document());
    play.completes("a");
    play.ticks(2 * 3_600_000);
    play.fails("p", "retryable", Evidence::Unchanged);
    assert_eq!(play.error().0, "deadline-exceeded");
}

#[test]
fn after_it_what_cannot_be_started_is_tried_again_from_where_it_stood() {
    let mut play = Play::with_input(
        json!({"steps": [
            {"step": "p", "component": "c", "pivot": true},
            {"step": "l", "for_each": {"$cel": "input"}, "max_concurrency": 2, "steps": [
                {"step": "s", "component": "c"}]},
            {"step": "z", "component": "c", "arguments": {"$cel": "context.late"}},
        ]}),
        json!([1, 2]),
    );
    play.completes("p");
    play.patches("l[0].s", json!({"same": 1}));
    play.patches("l[1].s", json!({"same": 2}));
    assert_eq!(
        play.told(),
        "act_completed l[1].s, step_failed l, saga_paused l"
    );
    play.retry().expect("an operator takes it as it is");
    assert_eq!(
        play.told(),
        "retry_ordered, loop_completed l, step_failed z, saga_paused z"
    );
    assert_eq!(*play.context(), json!({"same": 2}), "the later round's");
    play.retry().expect("it is paused");
    assert_eq!(play.told(), "retry_ordered, step_failed z, saga_paused z");
}

#[test]
fn a_retried_step_that_was_never_started_gets_what_was_left_before_it() {
    let mut play = Play::of(json!({"steps": [
        {"step": "p", "component": "c", "pivot": true},
        {"step": "z", "component": "later"},
    ]}));
    play.completes("p");
    assert_eq!(play.told(), "act_completed p, step_failed z, saga_paused z");
    play.retry().expect("it is paused");
    assert_eq!(play.told(), "retry_ordered, step_failed z, saga_paused z");
    play.outside.version = 2;
    play.retry().expect("it is paused");
    let call = play.call();
    assert_eq!(call.previous.as_deref(), Some(&json!({"by": "p"})));
    assert_eq!((call.pin.version, call.attempt), (2, 1));
}

#[test]
fn after_it_a_fallback_that_is_not_for_the_failure_is_no_way_out() {
    let mut play = Play::of(json!({"steps": [
        {"step": "p", "component": "c", "pivot": true},
        {"step": "z", "component": "c", "retry": {"max_attempts": 1},
         "fallback": {"component": "d", "on": ["unavailable"], "retry": {"max_attempts": 1}}},
    ]}));
    play.completes("p");
    play.fails_as("z", "retryable", "slow");
    assert_eq!(play.status(), Status::Waiting, "it is tried again");
    play.wake();
    play.fails_as("z", "retryable", "unavailable");
    assert_eq!(play.told(), "act_failed z, act_started z:fallback");
    play.fails_as("z:fallback", "retryable", "unavailable");
    assert_eq!(play.status(), Status::Waiting);
}
