//! What operators may do, and when.

use serde_json::json;
use wasaga_core::transition::Version;
use wasaga_core::{Evidence, PauseCause, Status, StepStatus, TransitionError, Verb};

use crate::support::{Play, path, retry};
use crate::versions::change;

fn two() -> Play {
    Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "compensate": {"retry": {"max_attempts": 1}}},
        {"step": "d", "component": "c"},
    ]}))
}

/// A saga of each status.
fn saga_that_is(status: Status) -> Play {
    let mut play = two();
    play.completes("a");
    match status {
        Status::Running => {}
        Status::Waiting => play.fails("b", "retryable", Evidence::Unchanged),
        Status::Paused => play.orders(Verb::Pause).expect("it runs"),
        Status::Confirming => {
            play = Play::of(json!({"steps": [{"step": "a", "component": "two-phase"}]}));
            play.completes("a");
        }
        Status::Compensating => play.fails("b", "permanent", Evidence::Unchanged),
        Status::Completed => {
            play.completes("b");
            play.completes("d");
        }
        Status::Compensated => {
            play.fails("b", "permanent", Evidence::Unchanged);
            play.undone("a");
        }
        Status::Stuck => {
            play.completes("b");
            play.fails("d", "permanent", Evidence::Unchanged);
            play.undo_fails("b", "permanent");
            play.undone("a");
        }
        Status::Abandoned => {
            play.orders(Verb::Pause).expect("it runs");
            play.orders(Verb::Abandon).expect("it is paused");
        }
    }
    assert_eq!(play.status(), status);
    play
}

#[test]
fn every_verb_in_every_status_is_done_or_refused_with_the_statuses_that_allow_it() {
    use Status::{Compensating, Confirming, Paused, Running, Stuck, Waiting};
    let skip = Verb::Skip { step: None };
    let allowed: [(Verb, &[Status]); 9] = [
        (Verb::Cancel, &[Running, Waiting, Paused]),
        (Verb::Pause, &[Running, Waiting, Confirming, Compensating]),
        (Verb::Resume, &[Paused]),
        (
            retry(None),
            &[Running, Waiting, Paused, Confirming, Compensating, Stuck],
        ),
        (skip, &[Stuck]),
        (change("c", None, 2), &[Waiting, Paused, Stuck]),
        (Verb::Abandon, &[Paused, Stuck]),
        (Verb::Commit, &[Waiting]),
        (Verb::Reject, &[Waiting]),
    ];
    for (verb, statuses) in allowed {
        for status in Status::ALL {
            let mut play = saga_that_is(status);
            let seq = play.state.seq;
            let result = play.orders(verb.clone());
            match result {
                Err(TransitionError::Status { allowed, .. }) => {
                    assert!(!statuses.contains(&status), "{verb:?} while {status}");
                    assert_eq!(allowed, statuses, "{verb:?}");
                    assert_eq!(play.state.seq, seq);
                }
                // There is nothing to try again, or to commit.
                Err(TransitionError::Unfit { reason, .. }) => {
                    assert!(statuses.contains(&status), "{verb:?} while {status}");
                    assert!(!reason.is_empty());
                    assert_eq!(play.state.seq, seq);
                }
                Err(other) => panic!("{verb:?} while {status}: {other}"),
                Ok(()) => {
                    assert!(statuses.contains(&status), "{verb:?} while {status}");
                    assert!(play.state.seq > seq);
                }
            }
        }
    }
}

#[test]
fn a_pause_takes_hold_between_two_calls() {
    let mut play = two();
    play.orders(Verb::Pause).expect("it runs");
    assert_eq!(play.told(), "saga_paused");
    assert_eq!(play.running(), ["a"], "what runs is let finish");
    play.completes("a");
    assert_eq!(play.told(), "act_completed a");
    play.ticks(1_000);
    play.recovers();
    assert_eq!(play.told(), "");
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.told(), "saga_resumed, act_started b");
}

#[test]
fn the_journal_says_who_did_what_and_why() {
    let mut play = two();
    let order = wasaga_core::Order {
        by: "ada".into(),
        reason: Some("too late".into()),
    };
    let verb = Verb::Cancel;
    play.give(wasaga_core::Input::Order { verb, order })
        .expect("it runs");
    let json = serde_json::to_value(&play.journal.last().expect("an event").event).expect("JSON");
    assert_eq!(
        (&json["by"], &json["error"]["message"]),
        (&json!("ada"), &json!("too late"))
    );
}

#[test]
fn a_pause_on_the_way_back_and_a_cancel_then() {
    let mut play = saga_that_is(Status::Compensating);
    play.orders(Verb::Pause).expect("it compensates");
    play.undone("a");
    assert_eq!(play.status(), Status::Paused);
    let refused = play.cancel().expect_err("it goes back already");
    assert!(
        matches!(refused, TransitionError::Unfit { .. }),
        "{refused}"
    );
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.status(), Status::Compensated);
}

#[test]
fn a_paused_saga_can_be_cancelled() {
    let mut play = saga_that_is(Status::Paused);
    play.cancel().expect("it is paused");
    assert_eq!(play.status(), Status::Compensating);
    play.completes("b");
    assert_eq!(play.unwinds(), ["b", "a"]);
}

#[test]
fn a_retry_starts_the_next_attempt_at_once_with_all_retries_again() {
    let mut play = saga_that_is(Status::Waiting);
    play.retry().expect("it waits for its next attempt");
    assert_eq!(play.told(), "retry_ordered, act_started b");
    for _ in 0..2 {
        play.fails("b", "retryable", Evidence::Unchanged);
        assert_eq!(play.status(), Status::Waiting);
        play.wake();
    }
    play.fails("b", "retryable", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Compensating);
    assert_eq!(play.state.step(&path("b")).expect("reached").attempts, 4);
}

#[test]
fn a_retry_names_what_it_could_have_been_about() {
    let mut play = saga_that_is(Status::Waiting);
    let refused = play.orders(retry(Some("a"))).expect_err("it is done");
    assert!(
        refused.to_string().contains("expected one of `b`"),
        "{refused}"
    );
    let mut play = saga_that_is(Status::Running);
    let refused = play.retry().expect_err("nothing waits");
    assert!(
        matches!(refused, TransitionError::Unfit { .. }),
        "{refused}"
    );
}

#[test]
fn a_retry_may_run_on_the_version_that_is_active_now() {
    let verb = |version| Verb::Retry {
        step: None,
        version,
    };
    for (version, runs_on) in [(Version::Pinned, 1), (Version::Active, 2)] {
        let mut play = saga_that_is(Status::Stuck);
        play.outside.version = 2;
        play.orders(verb(version)).expect("it is stuck");
        let call = play.call();
        assert_eq!((call.step().as_str(), call.pin.version), ("b", runs_on));
        let key = call.idempotency_key;
        play.undo_fails("b", "permanent");
        play.orders(verb(Version::Pinned)).expect("it is stuck");
        assert_eq!(play.call().pin.version, runs_on, "it stays so");
        assert_eq!(play.call().idempotency_key, key);
        play.undone("b");
        assert_eq!(play.status(), Status::Compensated);
    }
}

#[test]
fn a_skipped_compensation_lets_the_saga_end() {
    let mut play = saga_that_is(Status::Stuck);
    let step = Some(path("a"));
    play.orders(Verb::Skip { step }).expect_err("it is undone");
    play.orders(Verb::Skip { step: None }).expect("it is stuck");
    assert_eq!(play.told(), "skip_ordered, saga_compensated");
    assert_eq!(play.step("b"), StepStatus::Skipped);
}

#[test]
fn an_abandoned_saga_is_over_and_what_still_runs_is_not_heard() {
    let mut play = saga_that_is(Status::Paused);
    let call = play.call();
    play.orders(Verb::Abandon).expect("it is paused");
    assert!(play.calls().is_empty());
    let done = crate::support::completed(json!(1), None);
    let report = crate::support::report(done, Evidence::Possible);
    play.give(crate::support::returned(&call, report))
        .expect_err("nobody waits for it");
    play.recovers();
    assert_eq!(play.told(), "");
    assert_eq!(play.step("b"), StepStatus::Failed);
    let mut stuck = saga_that_is(Status::Stuck);
    stuck.orders(Verb::Abandon).expect("it is stuck");
    assert_eq!(stuck.status(), Status::Abandoned);
}

fn exhausted() -> Play {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "on_exhausted": "pause", "retry": {"max_attempts": 2}},
    ]}));
    play.completes("a");
    play.fails("b", "retryable", Evidence::Possible);
    play.wake();
    play.fails("b", "retryable", Evidence::Unchanged);
    play
}

#[test]
fn a_step_that_pauses_when_its_retries_are_used_up_gets_all_of_them_again() {
    let mut play = exhausted();
    assert_eq!(play.told(), "act_failed b, saga_paused b");
    let cause = play.state.pause.as_ref().map(|pause| pause.cause.clone());
    assert_eq!(cause, Some(PauseCause::Exhausted { step: path("b") }));
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.told(), "retry_ordered, act_started b");
    play.fails("b", "retryable", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Waiting);
    play.wake();
    play.fails("b", "retryable", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Paused);
    play.cancel().expect("it is paused");
    assert_eq!(
        play.unwinds(),
        ["b", "a"],
        "one attempt may have had an effect"
    );
}

#[test]
fn a_permanent_failure_does_not_wait_for_an_operator() {
    let mut play = Play::of(json!({"steps": [
        {"step": "b", "component": "c", "on_exhausted": "pause"}]}));
    play.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Compensated);
}

#[test]
fn a_failure_beside_an_exhausted_step_turns_the_saga_once_it_is_resumed() {
    let mut play = Play::of(json!({"steps": [{"parallel": [
        [{"step": "a", "component": "c", "on_exhausted": "pause", "retry": {"max_attempts": 1}}],
        [{"step": "b", "component": "c"}],
    ]}]}));
    play.fails("a", "retryable", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Paused);
    play.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(play.told(), "act_failed b");
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.error(), ("declined", Some("b")));
}

#[test]
fn a_retry_of_a_paused_saga_leaves_a_step_to_its_fallback() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c", "fallback": {"component": "d"}}]}));
    play.orders(Verb::Pause).expect("it runs");
    play.fails("a", "permanent", Evidence::Unchanged);
    play.retry().expect_err("its fallback comes next");
    play.orders(Verb::Resume).expect("it is paused");
    assert_eq!(play.told(), "saga_resumed, act_started a:fallback");
}

#[test]
fn what_is_tried_again_waits_for_the_undo_that_runs() {
    let mut play = two();
    play.completes("a");
    play.completes("b");
    play.fails("d", "permanent", Evidence::Unchanged);
    play.undo_fails("b", "permanent");
    assert_eq!(play.running(), ["a"]);
    play.retry().expect("`b` gave up");
    assert_eq!(
        (play.told().as_str(), play.state.wake_at()),
        ("retry_ordered", None)
    );
    play.undone("a");
    assert_eq!(
        play.told(),
        "compensation_completed a, compensation_started b"
    );
    play.undone("b");
    assert_eq!(play.status(), Status::Compensated);
}
