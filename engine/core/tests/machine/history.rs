//! The calls that a journal tells of: what went in as it was when they were made, and what came out.

use serde_json::json;
use wasaga_core::{
    Completion, CutOff, Direction, Ended, Evidence, Metering, RecordedCall, RecordedOutcome, Reply,
    RequestRecord, Verb,
};

use crate::ledger::{history, is_told};
use crate::support::{Play, completed, path, report, returned};

/// The calls of a saga: step, direction, attempt as the contract counts, how they ended.
fn told(play: &Play) -> Vec<String> {
    is_told(play);
    let words = |recorded: &RecordedCall| {
        let call = &recorded.call;
        let end = match recorded.end.as_ref().map(|end| &end.outcome) {
            None => "runs",
            Some(RecordedOutcome::Ended(Ended::Completed(_))) => "done",
            Some(RecordedOutcome::Ended(Ended::Pending(_))) => "pending",
            Some(RecordedOutcome::Ended(Ended::Failed { .. })) => "failed",
            Some(RecordedOutcome::Interrupted(CutOff::Crash)) => "crashed",
            Some(RecordedOutcome::Interrupted(CutOff::Shutdown)) => "shut down",
            Some(RecordedOutcome::Abandoned) => "abandoned",
        };
        let (step, direction, attempt) = (call.step(), call.id.direction, call.attempt);
        format!("{step} {direction} {attempt} {end}")
    };
    history(play).calls().iter().map(words).collect()
}

#[test]
fn a_call_is_told_with_what_went_in_and_what_came_out() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "action": "x", "arguments": {"n": {"$cel": "context.n"}},
         "limits": {"fuel": 7}, "timeout": "3s"},
    ]}));
    play.completes_with("a", json!({"id": 1}), Some(json!({"n": 5})));
    let started_at = play.now;
    let call = play.call();
    play.ticks(20);
    let request = RequestRecord {
        method: "POST".into(),
        url: "http://a.test/".into(),
        status: Some(200),
        error: None,
        error_kind: None,
        duration_ms: 1.5,
        request_bytes: 2,
        response_bytes: 3,
        exchange: None,
    };
    let mut report = report(
        completed(json!(8), Some(json!({"n": null}))),
        Evidence::Possible,
    );
    report.requests = vec![request.clone()];
    report.metering = Metering {
        fuel: 9,
        memory_bytes: 64,
        duration_ms: 2.0,
        requests: 1,
    };
    play.give(returned(&call, report)).expect("it runs");

    let calls = history(&play).into_calls();
    let second = &calls[1];
    let went_in = &second.call;
    assert_eq!(*went_in.context, json!({"n": 5}), "and not what it became");
    assert_eq!(*went_in.arguments, json!({"n": 5}));
    assert_eq!(went_in.previous.as_deref(), Some(&json!({"id": 1})));
    assert_eq!(
        (went_in.action.as_str(), went_in.limits.fuel),
        ("x", Some(7))
    );
    assert_eq!(
        (went_in.timeout.as_secs(), went_in.started_at),
        (3, started_at)
    );
    let end = second.end.as_ref().expect("it ended");
    let left = Completion {
        result: json!(8),
        context_patch: Some(json!({"n": null})),
    };
    let outcome = RecordedOutcome::Ended(Ended::Completed(left));
    assert_eq!((&end.outcome, end.at), (&outcome, play.now));
    assert_eq!((end.metering.fuel, &end.requests), (9, &vec![request]));
    is_told(&play);
}

#[test]
fn attempts_and_the_undo_are_calls_of_their_own() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "fallback": {"component": "d"}},
        {"step": "e", "component": "c"},
    ]}));
    play.completes("a");
    play.fails("b", "retryable", Evidence::Unchanged);
    play.wake();
    play.fails("b", "permanent", Evidence::Possible);
    play.completes("b:fallback");
    play.fails("e", "permanent", Evidence::Unchanged);
    play.undone("b:fallback");
    play.undo_fails("b", "retryable");
    play.wake();
    play.undone("b");
    assert_eq!(
        told(&play),
        [
            "a act 1 done",
            "b act 1 failed",
            "b act 2 failed",
            "b:fallback act 1 done",
            "e act 1 failed",
            "b:fallback compensate 1 done",
            "b compensate 1 failed",
            "b compensate 2 done",
            "a compensate 1 runs",
        ]
    );
    let calls = history(&play).into_calls();
    let result = |call: usize| calls[call].call.result.as_deref().cloned();
    assert_eq!(result(5), Some(json!({"by": "b:fallback"})));
    assert_eq!(
        result(6),
        None,
        "it may have had an effect, and left nothing"
    );
    assert_eq!(calls[3].call.pin.component.as_str(), "d");
}

#[test]
fn each_reply_makes_a_call_with_that_reply() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c", "reply_timeout": "1m", "on_exhausted": "pause"}]}));
    play.fails("a", "retryable", Evidence::Unchanged);
    play.wake();
    let asked = play.call();
    // It comes while the call that asks for it is still on its way.
    play.replies(&asked, Reply::Succeeded(json!(1)))
        .expect("it is asked for");
    play.pends("a");
    play.fails("a", "retryable", Evidence::Unchanged);
    play.wake();
    let asked = play.call();
    play.pends("a");
    play.replies(&asked, Reply::Succeeded(json!(2)))
        .expect("it waits");
    play.completes("a");
    assert_eq!(
        told(&play),
        [
            "a act 1 failed",
            "a act 2 pending",
            "a on-reply 1 failed",
            "a on-reply 2 pending",
            "a on-reply 1 done",
        ]
    );
    let calls = history(&play).into_calls();
    let reply = |call: usize| calls[call].call.reply.as_deref().cloned();
    assert_eq!(reply(1), None);
    assert_eq!(reply(3), Some(Reply::Succeeded(json!(1))));
    assert_eq!(reply(4), Some(Reply::Succeeded(json!(2))));
    let keys = [1, 3, 4].map(|call: usize| calls[call].call.idempotency_key);
    assert!(keys[0] != keys[1] && keys[1] != keys[2]);
}

#[test]
fn a_reply_that_does_not_come_ends_no_call_again() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c", "reply_timeout": "1m"}]}));
    play.pends("a");
    play.wake();
    assert_eq!(play.error().0, "reply-timeout");
    assert_eq!(told(&play), ["a act 1 pending", "a compensate 1 runs"]);
}

#[test]
fn what_the_engine_left_is_told_as_cut_off() {
    let mut play = Play::of(json!({"steps": [{"step": "a", "component": "two-phase"}]}));
    play.recovers();
    play.recovers_from(CutOff::Shutdown);
    play.completes("a");
    play.recovers();
    play.fails("a", "retryable", Evidence::Unchanged);
    play.wake();
    play.orders(Verb::Pause).expect("it confirms");
    play.orders(Verb::Abandon).expect("it is paused");
    assert_eq!(
        told(&play),
        [
            "a act 1 crashed",
            "a act 2 shut down",
            "a act 3 done",
            "a confirm 1 crashed",
            "a confirm 2 failed",
            "a confirm 3 abandoned",
        ]
    );
}

#[test]
fn a_compensation_is_told_as_cut_off_too() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"}]}));
    play.completes("a");
    play.fails("b", "permanent", Evidence::Unchanged);
    play.recovers();
    play.undone("a");
    assert_eq!(
        told(&play)[2..],
        ["a compensate 1 crashed", "a compensate 2 done"]
    );
}

#[test]
fn calls_of_branches_and_rounds_are_told_with_what_they_saw() {
    let mut play = Play::of(json!({"steps": [
        {"parallel": [
            [{"step": "a", "component": "c"}, {"step": "b", "component": "c"}],
            [{"for_each": [1, 2], "as": "n", "max_concurrency": 2, "step": "each", "steps": [
                {"step": "r", "component": "c", "arguments": {"$cel": "n"}}]}],
        ]},
        {"step": "z", "component": "c"},
    ]}));
    assert_eq!(play.running(), ["a", "each[0].r", "each[1].r"]);
    play.patches("each[1].r", json!({"second": true}));
    play.patches("a", json!({"a": true}));
    play.completes("b");
    play.patches("each[0].r", json!({"first": true}));
    assert_eq!(
        told(&play),
        [
            "a act 1 done",
            "each[0].r act 1 done",
            "each[1].r act 1 done",
            "b act 1 done",
            "z act 1 runs",
        ]
    );
    let calls = history(&play).into_calls();
    let went_in = |call: usize| (&*calls[call].call.context, &*calls[call].call.arguments);
    assert_eq!(went_in(1), (&json!({}), &json!(1)));
    assert_eq!(went_in(2), (&json!({}), &json!(2)));
    assert_eq!(went_in(3), (&json!({"a": true}), &json!(null)));
    let all = json!({"a": true, "first": true, "second": true});
    assert_eq!(went_in(4), (&all, &json!(null)));
}

#[test]
fn a_nested_saga_is_no_call() {
    let mut play = Play::of(json!({"steps": [
        {"saga": "shipping", "step": "ship"}, {"step": "z", "component": "c"}]}));
    assert_eq!(told(&play), [""; 0]);
    let results = std::collections::HashMap::new();
    play.child_ends("ship", wasaga_core::ChildEnd::Completed { results });
    assert_eq!(told(&play), ["z act 1 runs"]);
    let call = history(&play).into_calls().remove(0).call;
    assert_eq!(
        (call.step(), call.id.direction),
        (&path("z"), Direction::Act)
    );
}
