//! Loops.

use serde_json::{Value, json};
use wasaga_core::{Evidence, Status};

use crate::support::Play;

fn document(max_concurrency: u32) -> Value {
    json!({"steps": [
        {"step": "before", "component": "c"},
        {"step": "picks", "for_each": {"$cel": "input.items"}, "max_concurrency": max_concurrency, "steps": [
            {"step": "pick", "component": "c", "arguments": {"$cel": "item"}},
            {"step": "pack", "component": "c"},
        ]},
        {"step": "after", "component": "c"},
    ]})
}

fn begun(max_concurrency: u32, items: Value) -> Play {
    let mut play = Play::with_input(document(max_concurrency), json!({ "items": items }));
    play.completes("before");
    play
}

#[test]
fn rounds_run_one_after_the_other_and_each_has_its_element() {
    let mut play = begun(1, json!(["x", "y"]));
    assert_eq!(
        play.told(),
        "act_completed before, loop_started picks, act_started picks[0].pick"
    );
    let call = play.call();
    assert_eq!((call.step_name(), &*call.arguments), ("pick", &json!("x")));
    assert_eq!(call.previous.as_deref(), Some(&json!({"by": "before"})));
    play.completes("picks[0].pick");
    assert_eq!(
        play.call().previous.as_deref(),
        Some(&json!({"by": "picks[0].pick"}))
    );
    play.completes("picks[0].pack");
    assert_eq!(*play.call_of("picks[1].pick").arguments, json!("y"));
    play.completes("picks[1].pick");
    play.completes("picks[1].pack");
    assert_eq!(
        play.told(),
        "act_completed picks[1].pack, loop_completed picks, act_started after"
    );
    let left = json!([{"by": "picks[0].pack"}, {"by": "picks[1].pack"}]);
    assert_eq!(play.call().previous.as_deref(), Some(&left));
    assert_eq!(*play.state.results()["picks"], left);
}

#[test]
fn only_so_many_rounds_run_at_the_same_time_and_results_stand_in_order() {
    let mut play = begun(2, json!([0, 1, 2, 3]));
    assert_eq!(play.running(), ["picks[0].pick", "picks[1].pick"]);
    play.completes("picks[1].pick");
    assert_eq!(play.running(), ["picks[0].pick", "picks[1].pack"]);
    play.completes("picks[1].pack");
    assert_eq!(play.running(), ["picks[0].pick", "picks[2].pick"]);
    for step in [
        "picks[2].pick",
        "picks[2].pack",
        "picks[3].pick",
        "picks[3].pack",
    ] {
        play.completes(step);
    }
    assert_eq!(play.running(), ["picks[0].pick"]);
    play.completes("picks[0].pick");
    play.completes("picks[0].pack");
    let left = (0..4).map(|round| json!({"by": format!("picks[{round}].pack")}));
    let left: Value = left.collect();
    assert_eq!(*play.state.results()["picks"], left);
}

#[test]
fn an_empty_list_is_done_at_once() {
    let play = begun(3, json!([]));
    assert_eq!(
        play.told(),
        "act_completed before, loop_started picks, loop_completed picks, act_started after"
    );
    assert_eq!(*play.state.results()["picks"], json!([]));
}

#[test]
fn what_is_no_list_or_too_long_a_one_fails_the_loop() {
    for (items, code) in [
        (json!({"a": 1}), "loop-not-a-list"),
        (json!([1, 2, 3, 4]), "loop-too-long"),
    ] {
        let mut play = Play::with_input(document(1), json!({ "items": items }));
        play.bounds.max_loop_items = 3;
        play.completes("before");
        assert_eq!(play.error(), (code, Some("picks")));
        assert_eq!(play.unwinds(), ["before"]);
    }
}

#[test]
fn all_loops_of_a_saga_together_have_a_bounded_number_of_rounds() {
    let items: Vec<_> = (0..101).collect();
    let play = Play::with_input(
        json!({"steps": [{"for_each": {"$cel": "input"}, "as": "x", "steps": [
            {"step": "inner", "for_each": {"$cel": "input"}, "as": "y", "steps": []},
        ]}]}),
        json!(items),
    );
    assert_eq!(
        play.error(),
        ("loop-too-long", Some("for_each-1[98].inner"))
    );
}

#[test]
fn rounds_that_follow_one_another_share_the_context() {
    let mut play = begun(1, json!([1, 2]));
    play.patches("picks[0].pick", json!({"n": 1}));
    assert_eq!(*play.call().context, json!({"n": 1}));
    play.completes("picks[0].pack");
    assert_eq!(*play.call().context, json!({"n": 1}));
    play.patches("picks[1].pick", json!({"n": 2}));
    assert_eq!(*play.context(), json!({"n": 2}));
}

#[test]
fn rounds_that_run_beside_each_other_have_contexts_of_their_own() {
    let mut play = begun(2, json!([1, 2, 3]));
    play.patches("picks[0].pick", json!({"zero": 1}));
    assert_eq!(*play.call_of("picks[0].pack").context, json!({"zero": 1}));
    assert_eq!(*play.call_of("picks[1].pick").context, json!({}));
    play.completes("picks[0].pack");
    assert_eq!(
        *play.call_of("picks[2].pick").context,
        json!({}),
        "a round that starts later sees no more"
    );
    play.patches("picks[2].pick", json!({"zero": 2}));
    assert_eq!(play.error(), ("context-conflict", Some("picks")));
}

#[test]
fn loops_in_loops_see_the_variables_of_all() {
    let mut play = Play::with_input(
        json!({"steps": [
            {"step": "orders", "for_each": {"$cel": "input"}, "as": "order", "max_concurrency": 2, "steps": [
                {"step": "lines", "for_each": {"$cel": "order.lines"}, "as": "line", "steps": [
                    {"step": "pick", "component": "c", "arguments": {"$cel": "order.id + line"}}]}]},
        ]}),
        json!([{"id": "a", "lines": ["1", "2"]}, {"id": "b", "lines": ["3"]}]),
    );
    assert_eq!(
        play.running(),
        ["orders[0].lines[0].pick", "orders[1].lines[0].pick"]
    );
    let call = play.call_of("orders[1].lines[0].pick");
    assert_eq!(*call.arguments, json!("b3"));
    play.completes("orders[0].lines[0].pick");
    let call = play.call_of("orders[0].lines[1].pick");
    assert_eq!(*call.arguments, json!("a2"));
    assert_eq!(play.state.progress().total, 3);
    play.completes("orders[0].lines[1].pick");
    play.completes("orders[1].lines[0].pick");
    assert_eq!(play.status(), Status::Completed);
    let by = |step: &str| json!({ "by": step });
    let left = json!([
        [by("orders[0].lines[0].pick"), by("orders[0].lines[1].pick")],
        [by("orders[1].lines[0].pick")],
    ]);
    let results = play.state.results();
    assert_eq!(*results["orders"], left);
    assert_eq!(results.len(), 1, "what is inside stands in the loop's");
}

#[test]
fn a_loop_is_undone_round_by_round_in_reverse_order_of_start() {
    let mut play = begun(2, json!([1, 2]));
    play.completes("picks[1].pick");
    play.completes("picks[0].pick");
    play.fails("picks[1].pack", "permanent", Evidence::Unchanged);
    play.completes("picks[0].pack");
    assert_eq!(
        play.unwinds(),
        ["picks[0].pack", "picks[1].pick", "picks[0].pick", "before"]
    );
}

#[test]
fn a_step_of_a_loop_has_a_key_for_each_round() {
    let play = begun(2, json!([1, 2]));
    let calls = play.calls();
    assert_ne!(calls[0].idempotency_key, calls[1].idempotency_key);
}
