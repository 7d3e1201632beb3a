//! Branches that run at the same time.

use serde_json::{Value, json};
use wasaga_core::{Evidence, Status, StepStatus};

use crate::support::Play;

fn step(name: &str) -> Value {
    json!({"step": name, "component": "c"})
}

fn document() -> Value {
    json!({"steps": [
        step("first"),
        {"step": "both", "parallel": [
            [step("a1"), {"step": "a2", "component": "c", "arguments": {"$cel": "steps"}}],
            [step("b1"), step("b2")],
        ]},
        {"step": "last", "component": "c", "arguments": {"$cel": "steps"}},
    ]})
}

fn begun() -> Play {
    let mut play = Play::of(document());
    play.completes("first");
    play
}

#[test]
fn all_branches_start_at_once_and_what_comes_after_waits_for_all() {
    let mut play = begun();
    assert_eq!(
        play.told(),
        "act_completed first, act_started a1, act_started b1"
    );
    play.completes("b1");
    assert_eq!(play.running(), ["a1", "b2"]);
    play.completes("b2");
    assert_eq!(play.told(), "act_completed b2");
    play.completes("a1");
    play.completes("a2");
    assert_eq!(
        play.told(),
        "act_completed a2, parallel_completed both, act_started last"
    );
    let call = play.call();
    assert_eq!(
        call.previous.as_deref(),
        Some(&json!([{"by": "a2"}, {"by": "b2"}])),
        "what its branches left, in order"
    );
    assert_eq!(call.arguments["both"][1], json!({"by": "b2"}));
    assert_eq!(call.arguments["b1"], json!({"by": "b1"}));
}

#[test]
fn a_branch_begins_with_what_was_before_and_sees_no_results_of_its_siblings() {
    let mut play = begun();
    for step in ["a1", "b1"] {
        let previous = play.call_of(step).previous;
        assert_eq!(previous.as_deref(), Some(&json!({"by": "first"})));
    }
    play.completes("b1");
    play.completes("a1");
    let seen = play.call_of("a2").arguments;
    assert_eq!(*seen, json!({"first": {"by": "first"}, "a1": {"by": "a1"}}));
}

#[test]
fn a_branch_sees_its_own_patches_and_all_are_seen_after() {
    let mut play = begun();
    play.patches("a1", json!({"a": 1, "shared": {"left": 1}}));
    play.patches("b1", json!({"shared": {"right": 1}}));
    assert_eq!(
        *play.call_of("a2").context,
        json!({"a": 1, "shared": {"left": 1}})
    );
    assert_eq!(*play.call_of("b2").context, json!({"shared": {"right": 1}}));
    assert_eq!(*play.context(), json!({}));
    play.patches("b2", json!({"b": 2}));
    play.patches("a2", json!({"a": 2}));
    let joined = json!({"a": 2, "b": 2, "shared": {"left": 1, "right": 1}});
    assert_eq!(*play.call().context, joined);
}

#[test]
fn two_branches_that_touch_the_same_place_are_a_failure_and_no_race() {
    for order in [["a1", "b1"], ["b1", "a1"]] {
        let mut play = begun();
        play.patches(order[0], json!({"total": 1}));
        play.patches(order[1], json!({"total": 1}));
        assert_eq!(play.error(), ("context-conflict", Some("both")));
        let message = &play.state.error.as_ref().expect("an error").message;
        assert!(message.contains("/total"), "{message}");
        // What the first one had begun meanwhile is let finish.
        let beside = play.running();
        assert_eq!(beside.len(), 1);
        play.completes(&beside[0]);
        assert_eq!(play.unwinds()[0], beside[0]);
        assert_eq!(play.status(), Status::Compensated);
    }
}

#[test]
fn when_one_fails_the_others_finish_their_call_and_all_roll_back_in_reverse_order_of_start() {
    let mut play = begun();
    play.completes("b1");
    play.fails("a1", "permanent", Evidence::Possible);
    assert_eq!(play.told(), "act_failed a1, saga_failed");
    assert_eq!(play.running(), ["b2"], "what runs is let finish");
    assert_eq!(play.status(), Status::Compensating);
    play.completes("b2");
    assert_eq!(play.told(), "act_completed b2, compensation_started b2");
    assert_eq!(play.unwinds(), ["b2", "b1", "a1", "first"]);
    assert_eq!(play.error(), ("declined", Some("a1")));
}

#[test]
fn what_waits_in_another_branch_is_not_tried_again() {
    let mut play = begun();
    play.fails("b1", "retryable", Evidence::Unchanged);
    play.fails("a1", "permanent", Evidence::Unchanged);
    assert_eq!(
        play.told(),
        "act_failed a1, saga_failed, compensation_skipped b1, compensation_skipped a1, \
         compensation_started first"
    );
    assert_eq!(play.step("b1"), StepStatus::Skipped);
}

#[test]
fn a_branch_without_steps_is_done_and_leaves_nothing() {
    let play = Play::of(json!({"steps": [{"parallel": [[], []]}]}));
    assert_eq!(
        play.told(),
        "saga_started, parallel_completed parallel-1, saga_completed"
    );
    assert_eq!(*play.state.results()["parallel-1"], json!([null, null]));
}

#[test]
fn a_parallel_in_a_parallel_shows_its_patches_to_its_own_branch_first() {
    let mut play = Play::of(json!({"steps": [{"parallel": [
        [{"parallel": [[step("x")], [step("y")]]}, step("z")],
        [step("w")],
    ]}]}));
    assert_eq!(play.running(), ["x", "y", "w"]);
    play.patches("x", json!({"x": 1}));
    play.patches("y", json!({"y": 1}));
    assert_eq!(*play.call_of("z").context, json!({"x": 1, "y": 1}));
    assert_eq!(*play.call_of("w").context, json!({}));
    play.patches("w", json!({"y": 2}));
    assert_eq!(play.error().0, "context-conflict");
}

#[test]
fn branches_that_make_the_context_too_large_together_fail_their_parallel() {
    let mut play = begun();
    for (step, field) in [("a1", "a"), ("b1", "b")] {
        play.patches(step, json!({ field: "x".repeat(600_000) }));
    }
    play.completes("a2");
    play.completes("b2");
    assert_eq!(play.error(), ("context-too-large", Some("both")));
    assert_eq!(play.unwinds().len(), 5);
}
