//! A step's fallback, and the circuit breaker before it.

use serde_json::{Value, json};
use wasaga_core::{Evidence, Status, StepStatus};

use crate::support::Play;

fn document(fallback: Value) -> Value {
    json!({"steps": [
        {"step": "a", "component": "c", "retry": {"max_attempts": 2}, "fallback": fallback},
        {"step": "b", "component": "c"},
    ]})
}

#[test]
fn a_fallback_runs_when_the_retries_of_its_step_are_used_up() {
    let mut play = Play::of(document(json!({"component": "other"})));
    play.fails("a", "retryable", Evidence::Unchanged);
    play.wake();
    play.fails("a", "retryable", Evidence::Unchanged);
    assert_eq!(play.told(), "act_failed a, act_started a:fallback");
    let call = play.call();
    assert_eq!(call.pin.component.as_str(), "other");
    assert_eq!((call.step_name(), call.attempt), ("a", 1));
    play.completes_with("a:fallback", json!({"by": "other"}), None);
    assert_eq!(
        play.call().previous.as_deref(),
        Some(&json!({"by": "other"}))
    );
    assert_eq!(
        *play.state.results()["a"],
        json!({"by": "other"}),
        "its result stands under the step's name"
    );
}

#[test]
fn a_fallback_with_codes_is_for_these_alone() {
    let document = document(json!({"component": "other", "on": ["unavailable"]}));
    let mut play = Play::of(document.clone());
    play.fails_as("a", "permanent", "declined");
    assert_eq!(
        play.told(),
        "act_failed a, saga_failed, compensation_skipped a, saga_compensated"
    );
    let mut play = Play::of(document);
    play.fails_as("a", "permanent", "unavailable");
    assert_eq!(play.told(), "act_failed a, act_started a:fallback");
}

#[test]
fn a_step_that_cannot_be_started_falls_back_as_well() {
    let play = Play::of(json!({"steps": [
        {"step": "a", "component": "nobody", "fallback": {"component": "c"}},
    ]}));
    assert_eq!(
        play.told(),
        "saga_started, step_failed a, act_started a:fallback"
    );
}

#[test]
fn behind_an_open_breaker_the_fallback_runs_at_once() {
    let breaker = json!({"component": "other", "circuit_breaker": {"failure_threshold": 1}});
    let mut document = document(breaker);
    document["steps"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"step": "z", "component": "other"}));
    let mut play = Play::of(document);
    play.outside.broken.insert("c");
    play.completes("z");
    assert_eq!(
        play.told(),
        "act_completed z, act_bypassed a, act_started a:fallback"
    );
    assert_eq!(
        play.call().previous.as_deref(),
        Some(&json!({"by": "z"})),
        "what the step would have got"
    );
    play.outside.broken.clear();
    play.completes("a:fallback");
    play.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(
        play.unwinds(),
        ["a:fallback", "z"],
        "nothing of the step itself was started"
    );
}

#[test]
fn a_breaker_that_opens_between_two_attempts_ends_the_retries() {
    let breaker = json!({"component": "other", "circuit_breaker": {"failure_threshold": 1}});
    let mut play = Play::of(document(breaker));
    play.fails("a", "retryable", Evidence::Possible);
    play.outside.broken.insert("c");
    play.wake();
    assert_eq!(play.told(), "act_bypassed a, act_started a:fallback");
    play.fails("a:fallback", "permanent", Evidence::Unchanged);
    assert_eq!(
        play.error(),
        ("declined", Some("a")),
        "what failed first is the error"
    );
    assert_eq!(play.unwinds(), ["a"], "its attempt may have had an effect");
}

#[test]
fn both_are_undone_when_the_step_itself_may_have_had_an_effect() {
    let mut play = Play::of(document(json!({"component": "other"})));
    play.fails("a", "permanent", Evidence::Possible);
    play.completes("a:fallback");
    play.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(
        play.call().result.as_deref(),
        Some(&json!({"by": "a:fallback"}))
    );
    assert_eq!(play.unwinds(), ["a:fallback", "a"]);
    assert_eq!(play.status(), Status::Compensated);
}

#[test]
fn a_fallback_sees_the_context_as_it_was_before_its_step() {
    let mut play = Play::of(json!({"steps": [
        {"step": "z", "component": "c"},
        {"step": "a", "component": "c", "arguments": {"n": {"$cel": "context.n"}},
         "fallback": {"component": "other", "arguments": {"m": {"$cel": "context.n + 1"}}}},
    ]}));
    play.patches("z", json!({"n": 1}));
    play.fails("a", "permanent", Evidence::Unchanged);
    let call = play.call();
    assert_eq!(
        (&*call.context, &*call.arguments),
        (&json!({"n": 1}), &json!({"m": 2}))
    );
}

#[test]
fn a_fallback_has_retries_of_its_own() {
    let own = json!({"component": "other", "retry": {"max_attempts": 3}});
    let mut play = Play::of(document(own));
    play.fails("a", "permanent", Evidence::Unchanged);
    for _ in 0..2 {
        play.fails("a:fallback", "retryable", Evidence::Unchanged);
        assert_eq!(play.status(), Status::Waiting);
        play.wake();
    }
    play.fails("a:fallback", "retryable", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Compensated);
    assert_eq!(play.error(), ("declined", Some("a")));
    let report = play.state.failure().expect("it failed");
    assert_eq!(report.others[0].step.as_str(), "a:fallback");
    assert_eq!(play.step("a:fallback"), StepStatus::Skipped);
}
