//! Sagas in sagas.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use wasaga_core::{
    ChildEnd, Effect, Event, Evidence, Failure, Input, Status, StepStatus, TransitionError, Verb,
    Want, effects,
};

use crate::support::{Play, path};

fn document() -> Value {
    json!({"steps": [
        {"step": "a", "component": "c"},
        {"saga": "shipping", "version": 4, "step": "ship", "input": {"of": {"$cel": "input.order"}}},
        {"step": "z", "component": "c"},
    ]})
}

fn inner() -> Value {
    json!({"steps": [{"step": "x", "component": "c"}, {"step": "y", "component": "c"}]})
}

fn begun() -> Play {
    let mut play = Play::of(document());
    play.completes("a");
    play
}

/// Parent and child, the child begun.
fn both() -> (Play, Play) {
    let parent = begun();
    let child = Play::of_order(&inner(), &parent.child_order(), &parent);
    (parent, child)
}

fn done() -> ChildEnd {
    let results = HashMap::from([("x".to_owned(), Arc::new(json!(1)))]);
    ChildEnd::Completed { results }
}

/// The child tells its parent how it ended, twice.
fn tells(child: &mut Play, parent: &mut Play) {
    let told = child.untold().expect("it has something to tell");
    for _ in 0..2 {
        let input = Input::ChildEnded {
            step: told.parent.step.clone(),
            child: told.child,
            end: told.end.clone(),
        };
        parent.give(input).expect("a child may tell");
    }
    assert_eq!(parent.told(), "", "what is told again changes nothing");
    for _ in 0..2 {
        child.give(Input::ParentTold).expect("it told");
    }
    assert_eq!(child.told(), "");
    assert_eq!(child.untold(), None);
}

#[test]
fn a_child_has_an_id_and_an_input_of_its_own_and_the_parent_sleeps() {
    let parent = begun();
    assert_eq!(parent.told(), "act_completed a, child_started ship");
    let order = parent.child_order();
    assert_eq!(order.want, Want::Run);
    assert_eq!(*order.child.input, json!({"of": 7}));
    assert_eq!(
        (order.child.definition.as_str(), order.child.version),
        ("shipping", Some(4))
    );
    assert_eq!(
        (order.parent.saga, order.parent.depth),
        (parent.state.id, 1)
    );
    assert_ne!(order.child.id, parent.state.id);
    assert_eq!(parent.status(), Status::Waiting);
    assert!(parent.calls().is_empty());
}

#[test]
fn results_of_a_completed_child_are_the_result_of_its_step() {
    let (mut parent, mut child) = both();
    child.completes_with("x", json!(1), None);
    child.completes_with("y", json!(2), Some(json!({"own": true})));
    assert_eq!(child.status(), Status::Completed);
    tells(&mut child, &mut parent);
    assert_eq!(
        parent.call().previous.as_deref(),
        Some(&json!({"x": 1, "y": 2}))
    );
    assert_eq!(*parent.context(), json!({}), "its context is its own");
    parent.completes("z");
    assert_eq!(parent.status(), Status::Completed);
}

#[test]
fn what_a_child_leaves_can_be_read_back_however_deep_its_sagas_and_loops_nest_it() {
    let told = |depth: usize| {
        let mut parent = begun();
        let result = (0..depth).fold(json!(1), |inner, _| json!([inner]));
        let results = HashMap::from([("x".to_owned(), Arc::new(result))]);
        parent.child_ends("ship", ChildEnd::Completed { results });
        for record in &parent.journal {
            let text = serde_json::to_string(&record.event).expect("JSON");
            let _: Event = serde_json::from_str(&text).expect("the same event");
        }
        parent
    };
    assert_eq!(told(99).step("ship"), StepStatus::Completed);
    let parent = told(130);
    assert_eq!(parent.error(), ("result-too-deep", Some("ship")));
    let order = parent.child_order();
    assert_eq!(order.want, Want::Undo, "the child is done");
}

#[test]
fn a_child_that_undid_itself_is_a_failed_step_with_its_own_words_and_needs_no_undo() {
    let (mut parent, mut child) = both();
    child.completes("x");
    child.fails("y", "permanent", Evidence::Unchanged);
    child.undone("x");
    tells(&mut child, &mut parent);
    assert_eq!(parent.error(), ("declined", Some("ship")));
    let details = parent
        .state
        .error
        .as_ref()
        .and_then(|error| error.details.clone());
    assert_eq!(details.expect("where to look")["step"], json!("y"));
    assert_eq!(parent.unwinds(), ["a"]);
    assert_eq!(parent.step("ship"), StepStatus::Skipped);
}

#[test]
fn undoing_the_parent_undoes_a_completed_child() {
    let (mut parent, mut child) = both();
    child.completes("x");
    child.completes("y");
    tells(&mut child, &mut parent);
    parent.fails("z", "permanent", Evidence::Unchanged);
    assert_eq!(
        parent.told(),
        "act_failed z, saga_failed, compensation_skipped z, compensation_started ship"
    );
    assert_eq!(parent.child_order().want, Want::Undo);
    child.give(Input::Undo).expect("it can be undone");
    assert_eq!(child.told(), "saga_reversed, compensation_started y");
    child
        .give(Input::Undo)
        .expect("being asked again is no harm");
    assert_eq!(child.told(), "");
    assert_eq!(child.unwinds(), ["y", "x"]);
    tells(&mut child, &mut parent);
    assert_eq!(parent.step("ship"), StepStatus::Compensated);
    assert_eq!(parent.unwinds(), ["a"]);
    assert_eq!(parent.status(), Status::Compensated);
}

#[test]
fn a_child_that_runs_is_told_to_undo_itself_and_the_parent_waits_for_that() {
    let (mut parent, mut child) = both();
    child.completes("x");
    parent.cancel().expect("it waits");
    assert_eq!(parent.told(), "saga_failed");
    assert_eq!(parent.child_order().want, Want::Undo);
    child.give(Input::Undo).expect("it runs");
    assert_eq!(child.error().0, "parent-undone");
    child.fails("y", "permanent", Evidence::Unchanged);
    assert_eq!(child.unwinds(), ["x"]);
    tells(&mut child, &mut parent);
    assert_eq!(parent.unwinds(), ["a"]);
    assert_eq!(parent.error().0, "cancelled");
}

#[test]
fn a_child_that_completed_just_before_it_heard_is_reversed() {
    let (mut parent, mut child) = both();
    child.completes("x");
    child.completes("y");
    parent.cancel().expect("it waits");
    tells(&mut child, &mut parent);
    let order = parent.child_order();
    assert_eq!((order.want, order.attempt), (Want::Undo, 1));
    child.give(Input::Undo).expect("it can be undone");
    child.unwinds();
    tells(&mut child, &mut parent);
    assert_eq!(parent.unwinds(), ["a"]);
    assert_eq!(parent.status(), Status::Compensated);
}

#[test]
fn a_child_that_was_given_up_leaves_the_parent_stuck_and_an_operator_skips_it() {
    let mut parent = begun();
    parent.child_ends("ship", ChildEnd::Abandoned);
    assert_eq!(parent.error(), ("child-abandoned", Some("ship")));
    assert_eq!(parent.child_order().want, Want::Undo);
    parent.child_ends("ship", ChildEnd::Abandoned);
    parent.undone("a");
    assert_eq!(parent.status(), Status::Stuck);
    parent
        .orders(Verb::Skip { step: None })
        .expect("it is stuck");
    assert_eq!(parent.status(), Status::Compensated);
}

#[test]
fn a_child_that_cannot_be_started_fails_its_step() {
    let mut parent = begun();
    let failure = Failure::permanent("unknown-definition", "no `shipping`");
    parent.child_ends("ship", ChildEnd::Refused { failure });
    assert_eq!(parent.error(), ("unknown-definition", Some("ship")));
    assert_eq!(parent.unwinds(), ["a"]);
}

#[test]
fn a_child_that_only_goes_forward_leaves_the_parent_stuck() {
    let mut parent = begun();
    parent.child_ends("ship", done());
    parent.cancel().expect("it runs");
    parent.completes("z");
    parent.undone("z");
    let failure = Failure::permanent("child-only-goes-forward", "no way back");
    parent.child_ends("ship", ChildEnd::Irreversible { failure });
    parent.undone("a");
    assert_eq!(parent.status(), Status::Stuck);
    assert_eq!(parent.step("ship"), StepStatus::CompensationFailed);
    parent.retry().expect("it is stuck");
    assert_eq!(
        (parent.child_order().want, parent.child_order().attempt),
        (Want::Undo, 2)
    );
    parent.child_ends("ship", ChildEnd::Compensated { error: None });
    assert_eq!(parent.status(), Status::Compensated);
}

#[test]
fn what_another_child_says_means_nothing() {
    let mut parent = begun();
    let child = parent.state.id;
    let step = path("ship");
    let end = done();
    parent
        .give(Input::ChildEnded { step, child, end })
        .expect("it is no error");
    assert_eq!(parent.told(), "");
}

#[test]
fn sagas_are_nested_only_so_deep() {
    let mut play = Play::of(document());
    play.bounds.max_depth = 0;
    play.completes("a");
    assert_eq!(play.error(), ("nested-too-deep", Some("ship")));
}

#[test]
fn a_child_after_the_pivot_that_failed_is_tried_again_with_a_new_saga() {
    let mut play = Play::of(json!({"steps": [
        {"step": "p", "component": "c", "pivot": true},
        {"step": "ship", "saga": "shipping"},
    ]}));
    play.completes("p");
    let first = play.child_order();
    play.child_ends("ship", ChildEnd::Compensated { error: None });
    assert_eq!(play.status(), Status::Paused);
    play.orders(Verb::Resume).expect("it is paused");
    let second = play.child_order();
    assert_eq!((second.want, second.attempt), (Want::Run, 2));
    assert_ne!(first.child.id, second.child.id);
    play.child_ends("ship", done());
    assert_eq!(play.status(), Status::Completed);
}

#[test]
fn a_child_that_follows_an_abandoned_one_is_looked_at_alone() {
    let mut play = Play::of(json!({"steps": [{"parallel": [
        [{"step": "a", "component": "c", "on_exhausted": "pause", "retry": {"max_attempts": 1}}],
        [{"step": "ship", "saga": "shipping"}],
    ]}]}));
    play.fails("a", "retryable", Evidence::Unchanged);
    play.child_ends("ship", ChildEnd::Abandoned);
    play.retry().expect("it is paused");
    assert_eq!(
        play.told(),
        "retry_ordered, act_started a, child_started ship"
    );
    play.child_ends("ship", ChildEnd::Compensated { error: None });
    play.completes("a");
    assert_eq!(
        play.told(),
        "act_completed a, compensation_skipped ship, compensation_started a"
    );
}

#[test]
fn a_child_that_is_a_pivot_binds_its_parent_while_it_runs() {
    let mut play =
        Play::of(json!({"steps": [{"step": "ship", "saga": "shipping", "pivot": true}]}));
    assert!(matches!(play.cancel(), Err(TransitionError::Bound { .. })));
    play.child_ends("ship", ChildEnd::Compensated { error: None });
    assert_eq!(play.status(), Status::Compensated);
}

#[test]
fn a_child_whose_pivot_is_done_refuses_to_be_undone() {
    let parent = begun();
    let inner = json!({"steps": [
        {"step": "x", "component": "c", "pivot": true}, {"step": "y", "component": "c"}]});
    let mut child = Play::of_order(&inner, &parent.child_order(), &parent);
    for step in ["x", "y"] {
        let refused = child.give(Input::Undo).expect_err("it only goes forward");
        assert!(
            matches!(refused, TransitionError::Bound { .. }),
            "{refused}"
        );
        child.completes(step);
    }
    assert_eq!(child.status(), Status::Completed);
    child.give(Input::Undo).expect_err("it only goes forward");
}

#[test]
fn what_a_child_owes_its_parent_is_an_effect_until_it_is_told() {
    let (_, mut child) = both();
    assert_eq!(child.untold(), None);
    child.completes("x");
    child.completes("y");
    child.recovers();
    assert!(
        matches!(&effects(&child.state)[..], [Effect::TellParent(told)] if matches!(told.end, ChildEnd::Completed { .. }))
    );
    child.give(Input::ParentTold).expect("it told");
    assert!(effects(&child.state).is_empty());
}

#[test]
fn a_saga_of_its_own_has_no_parent_to_undo_it() {
    let mut play = Play::of(json!({"steps": []}));
    assert_eq!(play.untold(), None);
    play.give(Input::Undo).expect_err("it is nobody's child");
    play.give(Input::ParentTold).expect("it means nothing");
    assert_eq!(play.told(), "");
}

#[test]
fn a_child_that_cannot_be_started_again_stops_the_saga_once_more() {
    let mut play = Play::of(json!({"steps": [
        {"step": "p", "component": "c", "pivot": true},
        {"step": "ship", "saga": "shipping"},
    ]}));
    play.completes("p");
    play.child_ends("ship", ChildEnd::Compensated { error: None });
    play.bounds.max_depth = 0;
    play.retry().expect("it is paused");
    assert_eq!(
        play.told(),
        "retry_ordered, step_failed ship, saga_paused ship"
    );
}
