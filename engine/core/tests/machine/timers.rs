//! Waits, deadlines, and when somebody has to look at a saga.

use serde_json::{Value, json};
use wasaga_core::{ChildEnd, CutOff, Evidence, Status, Timestamp, Verb, due_at};

use crate::support::Play;

fn slept(duration: Value) -> Play {
    Play::with_input(
        json!({"steps": [
            {"step": "a", "component": "c"},
            {"step": "nap", "sleep": {"$cel": "input"}},
            {"step": "z", "component": "c"},
        ]}),
        duration,
    )
}

/// How long after now a saga is due, in milliseconds.
fn due_in(play: &Play) -> Option<i64> {
    due_at(&play.state).map(|due| due.unix_ms() - play.now.unix_ms())
}

#[test]
fn a_sleep_ends_when_its_time_has_come_and_not_before() {
    let mut play = slept(json!("5s"));
    play.completes("a");
    assert_eq!(play.told(), "act_completed a, sleep_started nap");
    assert_eq!(
        (play.status(), due_in(&play)),
        (Status::Waiting, Some(5_000))
    );
    play.ticks(4_999);
    assert_eq!(play.told(), "");
    play.recovers_from(CutOff::Crash);
    assert_eq!(
        play.told(),
        "sleep_completed nap, act_started z",
        "time went by while the engine was down"
    );
    assert_eq!(
        play.call().previous.as_deref(),
        Some(&json!({"by": "a"})),
        "a sleep leaves nothing"
    );
}

#[test]
fn what_is_no_length_of_time_fails_the_saga() {
    for wrong in [json!(5), json!("soon"), json!("-1s"), json!(null)] {
        let mut play = slept(wrong);
        play.completes("a");
        assert_eq!(play.error(), ("sleep-not-a-time", Some("nap")));
        assert_eq!(play.unwinds(), ["a"]);
    }
}

#[test]
fn a_sleeping_saga_can_be_cancelled() {
    let mut play = slept(json!("7d"));
    play.completes("a");
    play.cancel().expect("it waits");
    assert_eq!(play.unwinds(), ["a"]);
    assert_eq!(due_at(&play.state), None);
}

#[test]
fn a_deadline_counts_downtime_and_ends_a_wait() {
    let mut play = Play::of(json!({"deadline": "10s", "steps": [
        {"step": "a", "component": "c"}, {"sleep": "1h"}]}));
    play.completes("a");
    assert_eq!(due_in(&play), Some(10_000), "before the wait is over");
    play.now = Timestamp::from_unix_ms(play.now.unix_ms() + 9_500);
    play.recovers();
    assert_eq!(play.told(), "saga_failed, compensation_started a");
    assert_eq!(play.error(), ("deadline-exceeded", None));
}

#[test]
fn a_deadline_does_not_limit_the_way_back() {
    let mut play = Play::of(json!({"deadline": "10s", "steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"}]}));
    play.completes("a");
    play.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(play.state.wake_at(), None);
    play.ticks(60_000);
    play.undone("a");
    assert_eq!(play.error().0, "declined");
}

#[test]
fn a_deadline_that_passed_while_paused_counts_once_the_saga_goes_on() {
    let mut play = Play::of(json!({"deadline": "10s", "steps": [
        {"step": "a", "component": "c"}, {"step": "b", "component": "c"}]}));
    play.orders(Verb::Pause).expect("it runs");
    play.completes("a");
    play.ticks(60_000);
    assert_eq!(play.told(), "");
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(
        play.told(),
        "saga_resumed, saga_failed, compensation_started a"
    );
}

#[test]
fn a_saga_is_due_at_once_when_something_runs_or_could_run() {
    let mut play = Play::of(
        json!({"steps": [{"step": "a", "component": "c"}, {"step": "b", "component": "c"}]}),
    );
    assert_eq!(due_in(&play), Some(0), "a call runs");
    play.held = true;
    play.completes("a");
    assert!(play.calls().is_empty());
    assert_eq!(due_in(&play), Some(0), "the next one may start");
    play.orders(Verb::Pause).expect("it runs");
    assert_eq!(due_in(&play), None, "an operator has to come first");
}

#[test]
fn a_saga_that_waits_is_due_when_its_wait_is_over() {
    let backoff = json!({"initial_interval": "3s", "jitter": 0});
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c", "retry": backoff, "compensate": {"retry": backoff}}]}));
    play.fails("a", "retryable", Evidence::Possible);
    assert_eq!(due_in(&play), Some(3_000), "the next attempt");
    play.cancel().expect("it waits");
    play.undo_fails("a", "retryable");
    assert_eq!(due_in(&play), Some(3_000), "the next attempt of the undo");
    play.wake();
    play.undo_fails("a", "permanent");
    assert_eq!((play.status(), due_in(&play)), (Status::Stuck, None));

    let mut play =
        Play::of(json!({"steps": [{"step": "a", "component": "c", "reply_timeout": "4s"}]}));
    play.pends("a");
    assert_eq!(
        due_in(&play),
        Some(4_000),
        "the end of the wait for a reply"
    );
    let mut play = Play::of(json!({"steps": [{"step": "a", "component": "c"}]}));
    play.pends("a");
    assert_eq!(due_in(&play), None, "a reply may come at any time or never");

    let play = Play::of(json!({"commit": "manual", "commit_timeout": "2s", "steps": []}));
    assert_eq!(
        due_in(&play),
        Some(2_000),
        "the end of the wait for a decision"
    );
    let play = Play::of(json!({"commit": "manual", "steps": []}));
    assert_eq!(due_in(&play), None);

    let retry = json!({"initial_interval": "6s", "jitter": 0});
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "two-phase", "confirm": {"retry": retry}}]}));
    play.completes("a");
    play.fails("a", "retryable", Evidence::Possible);
    assert_eq!(
        (play.status(), due_in(&play)),
        (Status::Confirming, Some(6_000))
    );
}

#[test]
fn a_saga_is_due_for_its_parent_and_not_for_its_child() {
    let mut parent = Play::of(json!({"steps": [{"step": "ship", "saga": "shipping"}]}));
    assert_eq!(due_in(&parent), None, "the child tells by itself");
    let child = Play::of_order(&json!({"steps": []}), &parent.child_order(), &parent);
    assert_eq!(due_in(&child), Some(0), "its parent has to be told");
    parent.child_ends("ship", ChildEnd::Compensated { error: None });
    assert_eq!(due_in(&parent), None, "it is over");
}
