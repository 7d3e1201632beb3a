//! Steps that answer `pending`.

use serde_json::{Value, json};
use wasaga_core::state::Act;
use wasaga_core::transition::Awaited;
use wasaga_core::{Direction, Evidence, Failure, Reply, Status, StepStatus, TransitionError, Verb};

use crate::support::{Play, path};

fn document() -> Value {
    json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "ask", "component": "c", "reply_timeout": "1h", "retry": {"max_attempts": 2}},
    ]})
}

fn asking() -> Play {
    let mut play = Play::of(document());
    play.completes("a");
    play
}

fn pending() -> (Play, wasaga_core::Call) {
    let mut play = asking();
    let call = play.call();
    play.pends("ask");
    (play, call)
}

fn yes() -> Reply {
    Reply::Succeeded(json!("yes"))
}

fn refusal(result: Result<(), TransitionError>) -> Awaited {
    match result {
        Err(TransitionError::NotAwaited { over, .. }) => over,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pending_step_sleeps_until_a_reply_and_on_reply_completes_it() {
    let (mut play, call) = pending();
    assert_eq!(play.told(), "act_pending ask");
    assert_eq!((play.status(), play.calls().len()), (Status::Waiting, 0));
    let step = play.state.step(&path("ask")).expect("reached");
    assert!(
        matches!(&step.act, Act::Pending { payload, .. } if **payload == json!({"for": "ask"}))
    );
    assert_eq!(play.state.reply_key(step), Some(call.idempotency_key));
    play.replies(&call, yes()).expect("it waits");
    assert_eq!(play.told(), "reply_received ask, on_reply_started ask");
    let on_reply = play.call();
    assert_eq!(on_reply.id.direction, Direction::OnReply);
    assert_eq!(on_reply.reply.as_deref(), Some(&yes()));
    assert_eq!((on_reply.attempt, on_reply.id.attempt), (1, 2));
    assert_ne!(on_reply.idempotency_key, call.idempotency_key);
    play.completes("ask");
    assert_eq!(play.status(), Status::Completed);
}

#[test]
fn a_failed_reply_may_be_repaired_by_on_reply() {
    let (mut play, call) = pending();
    let no = Reply::Failed(Failure::permanent("rejected", "no"));
    play.replies(&call, no.clone()).expect("it waits");
    assert_eq!(play.call().reply.as_deref(), Some(&no));
    play.completes("ask");
    assert_eq!(play.status(), Status::Completed);
}

#[test]
fn on_reply_may_fail_and_then_the_step_is_undone() {
    let (mut play, call) = pending();
    play.replies(&call, yes()).expect("it waits");
    play.fails("ask", "permanent", Evidence::Unchanged);
    assert_eq!(
        play.unwinds(),
        ["ask", "a"],
        "whoever was asked may have done something"
    );
}

#[test]
fn on_reply_is_retried_with_the_same_reply_and_counts_its_own_attempts() {
    let (mut play, call) = pending();
    play.replies(&call, yes()).expect("it waits");
    let first = play.call();
    play.fails("ask", "retryable", Evidence::Unchanged);
    assert_eq!(
        play.told(),
        "act_failed ask",
        "the act's attempts are not counted"
    );
    play.wake();
    assert_eq!(play.told(), "on_reply_started ask");
    let second = play.call();
    assert_eq!((second.attempt, second.id.attempt), (2, 3));
    assert_eq!(second.idempotency_key, first.idempotency_key);
    assert_eq!(second.reply, first.reply);
    play.recovers();
    assert_eq!(play.told(), "act_interrupted ask, on_reply_started ask");
    play.fails("ask", "retryable", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Compensating);
}

#[test]
fn a_reply_that_comes_before_pending_is_not_lost() {
    let mut play = asking();
    let call = play.call();
    play.replies(&call, yes()).expect("it will wait");
    assert_eq!(play.told(), "reply_received ask");
    assert_eq!(refusal(play.replies(&call, yes())), Awaited::Replied);
    play.fails("ask", "retryable", Evidence::Unchanged);
    play.wake();
    assert_eq!(play.told(), "act_started ask");
    play.pends("ask");
    assert_eq!(play.told(), "act_pending ask, on_reply_started ask");
    assert_eq!(play.call().reply.as_deref(), Some(&yes()));
    assert_eq!(refusal(play.replies(&call, yes())), Awaited::Replied);
}

#[test]
fn a_second_reply_is_refused_whatever_became_of_the_first() {
    let (mut play, call) = pending();
    play.replies(&call, yes()).expect("it waits");
    assert_eq!(refusal(play.replies(&call, yes())), Awaited::Replied);
    play.completes("ask");
    assert_eq!(refusal(play.replies(&call, yes())), Awaited::Replied);
}

#[test]
fn a_key_that_nobody_asked_with_is_refused() {
    let (mut play, mut call) = pending();
    call.idempotency_key = *play.state.id.as_uuid();
    assert!(matches!(
        play.replies(&call, yes()),
        Err(TransitionError::NotAsked { .. })
    ));
    // The step before did not ask: it is done.
    let mut done = Play::of(document());
    let call = done.call();
    done.completes("a");
    assert_eq!(refusal(done.replies(&call, yes())), Awaited::Ended);
}

#[test]
fn without_a_reply_in_time_the_step_fails_and_is_undone() {
    let (mut play, call) = pending();
    assert_eq!(
        play.state
            .wake_at()
            .expect("a timeout")
            .since(play.now)
            .as_secs(),
        3_600
    );
    play.wake();
    assert_eq!(
        play.told(),
        "act_failed ask, saga_failed, compensation_started ask"
    );
    assert_eq!(play.error(), ("reply-timeout", Some("ask")));
    assert_eq!(refusal(play.replies(&call, yes())), Awaited::Ended);
}

#[test]
fn on_reply_may_be_pending_again_and_the_next_reply_names_another_key() {
    let (mut play, first) = pending();
    play.replies(&first, yes()).expect("it waits");
    let second = play.call();
    play.pends("ask");
    assert_eq!(play.status(), Status::Waiting);
    assert_eq!(refusal(play.replies(&first, yes())), Awaited::Replied);
    let maybe = Reply::Succeeded(json!("maybe"));
    play.replies(&second, maybe.clone())
        .expect("it waits again");
    let third = play.call();
    assert_eq!(third.reply.as_deref(), Some(&maybe));
    assert_eq!((third.attempt, third.id.attempt), (1, 3));
    let keys = [first, second, third].map(|call| call.idempotency_key);
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    play.completes("ask");
    assert_eq!(play.status(), Status::Completed);
}

#[test]
fn cancelling_while_pending_undoes_the_step() {
    let (mut play, call) = pending();
    play.cancel().expect("it waits");
    assert_eq!(play.told(), "saga_failed, compensation_started ask");
    assert_eq!(play.call().result, None);
    assert_eq!(refusal(play.replies(&call, yes())), Awaited::Ended);
    assert_eq!(play.unwinds(), ["ask", "a"]);
}

#[test]
fn a_call_that_answers_pending_in_a_saga_that_turned_back_is_undone() {
    let mut play = asking();
    play.cancel().expect("it runs");
    play.pends("ask");
    assert_eq!(play.told(), "act_pending ask, compensation_started ask");
    assert_eq!(play.step("ask"), StepStatus::Compensating);
}

#[test]
fn a_reply_to_a_paused_saga_is_kept_for_later() {
    let (mut play, call) = pending();
    play.orders(Verb::Pause).expect("it waits");
    assert_eq!(play.state.wake_at(), None, "no timeout while it is paused");
    play.replies(&call, yes())
        .expect("it waits for it all the same");
    assert_eq!(play.told(), "reply_received ask");
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.told(), "saga_resumed, on_reply_started ask");
}

#[test]
fn after_the_pivot_a_step_without_a_reply_asks_again() {
    let mut play = Play::of(json!({"steps": [
        {"step": "p", "component": "c", "pivot": true},
        {"step": "ask", "component": "c", "reply_timeout": "1h"},
    ]}));
    play.completes("p");
    let act = play.call();
    play.pends("ask");
    play.wake();
    assert_eq!(play.told(), "act_failed ask, saga_paused ask");
    play.retry().expect("it is paused");
    let again = play.call();
    assert_eq!(again.id.direction, Direction::Act);
    assert_eq!(
        (again.attempt, again.idempotency_key),
        (2, act.idempotency_key)
    );
    play.pends("ask");
    play.replies(&act, yes()).expect("the key is the same");
    let on_reply = play.call();
    play.pends("ask");
    play.wake();
    play.retry().expect("it is paused");
    let again = play.call();
    assert_eq!(
        (
            again.id.direction,
            again.attempt,
            again.reply,
            again.idempotency_key
        ),
        (
            Direction::OnReply,
            2,
            on_reply.reply,
            on_reply.idempotency_key
        ),
        "the call that asked is made again, not the one before it"
    );
    play.completes("ask");
    assert_eq!(play.status(), Status::Completed);
}
