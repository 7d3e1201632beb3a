//! Moving a saga to another version while it stands still.

use serde_json::json;
use wasaga_core::{
    Active, Digest, Direction, Event, Evidence, Name, Reply, Status, StepPath, TransitionError,
    Verb,
};

use crate::ledger::is_told;
use crate::support::{Play, path};

/// Binds steps to another version of their component.
pub(crate) fn change(component: &str, from: Option<u32>, to: u32) -> Verb {
    Verb::ChangeVersion {
        component: Name::new(component).expect("a name"),
        from,
        to: Active {
            version: to,
            digest: Digest::of(&to.to_be_bytes()),
        },
    }
}

/// Orders it, and says which steps were moved.
fn moves(play: &mut Play, component: &str, from: Option<u32>, to: u32) -> Vec<StepPath> {
    play.orders(change(component, from, to))
        .expect("there is something to move");
    let changed = play
        .journal
        .iter()
        .rev()
        .find_map(|record| match &record.event {
            Event::VersionChanged { pins, order } => {
                assert_eq!(order.by, "ops");
                assert!(pins.iter().all(|repin| repin.pin.version == to));
                Some(pins.iter().map(|repin| repin.step.clone()).collect())
            }
            _ => None,
        });
    is_told(play);
    changed.expect("it is journaled")
}

/// Why it is refused, without a change of the saga.
fn refused(play: &mut Play, verb: Verb) -> TransitionError {
    let seq = play.state.seq;
    let error = play.orders(verb).expect_err("it is refused");
    assert_eq!(play.state.seq, seq);
    error
}

fn version(play: &Play, step: &str) -> u32 {
    let step = play.state.step(&path(step)).expect("it was reached");
    step.pin.as_ref().expect("it is bound").version
}

fn two() -> Play {
    Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "compensate": {"retry": {"max_attempts": 1}}},
        {"step": "e", "component": "d"},
    ]}))
}

#[test]
fn a_step_that_waits_for_a_reply_hears_it_on_the_other_version() {
    let mut play = two();
    let asked = play.call();
    play.pends("a");
    assert_eq!(play.status(), Status::Waiting);
    assert_eq!(moves(&mut play, "c", None, 2), [path("a")]);
    assert_eq!(play.told(), "version_changed");
    play.replies(&asked, Reply::Succeeded(json!(1)))
        .expect("it waits for that as before");
    let call = play.call();
    assert_eq!(
        (call.id.direction, call.pin.version),
        (Direction::OnReply, 2)
    );
}

#[test]
fn the_next_attempt_and_the_undo_run_on_the_other_version() {
    let mut play = two();
    play.completes("a");
    play.fails("b", "retryable", Evidence::Possible);
    assert_eq!(play.status(), Status::Waiting);
    assert_eq!(moves(&mut play, "c", None, 2), [path("a"), path("b")]);
    assert_eq!(play.told(), "version_changed", "it waits as before");
    play.wake();
    assert_eq!((play.call().attempt, play.call().pin.version), (2, 2));
    play.completes("b");
    // What was not reached yet takes the version that is active then.
    assert_eq!(play.call().pin.version, 1);
    play.fails("e", "permanent", Evidence::Unchanged);
    for step in ["b", "a"] {
        let call = play.call_of(step);
        assert_eq!(
            (call.id.direction, call.pin.version),
            (Direction::Compensate, 2)
        );
        play.undone(step);
    }
    assert_eq!(play.status(), Status::Compensated);
    is_told(&play);
}

#[test]
fn a_paused_saga_keeps_the_version_of_the_call_that_runs() {
    let mut play = Play::of(json!({"steps": [{"parallel": [
        [{"step": "a", "component": "c"}, {"step": "b", "component": "c"}],
        [{"step": "x", "component": "c"}],
    ]}]}));
    play.orders(Verb::Pause).expect("it runs");
    play.completes("a");
    assert_eq!(
        (play.status(), play.running()),
        (Status::Paused, vec!["x".to_owned()])
    );
    assert_eq!(moves(&mut play, "c", None, 2), [path("a")]);
    assert_eq!((version(&play, "a"), play.call_of("x").pin.version), (2, 1));
    play.fails("x", "retryable", Evidence::Unchanged);
    assert_eq!(
        moves(&mut play, "c", None, 2),
        [path("x")],
        "now it does not run"
    );
    play.orders(Verb::Resume).expect("it is paused");
    play.wake();
    assert_eq!(play.call_of("x").pin.version, 2);
}

#[test]
fn a_stuck_saga_is_undone_on_the_other_version_once_it_is_retried() {
    let mut play = two();
    play.completes("a");
    play.completes("b");
    play.fails("e", "permanent", Evidence::Unchanged);
    play.undo_fails("b", "permanent");
    play.undone("a");
    assert_eq!(play.status(), Status::Stuck);
    assert_eq!(moves(&mut play, "c", None, 2), [path("b")], "`a` is undone");
    assert_eq!(
        (play.status(), play.told().as_str()),
        (Status::Stuck, "version_changed")
    );
    play.retry().expect("`b` gave up");
    let call = play.call();
    assert_eq!((call.step(), call.pin.version), (&path("b"), 2));
    play.undone("b");
    assert_eq!(play.status(), Status::Compensated);
}

#[test]
fn a_confirmation_that_gave_up_is_moved_and_what_is_final_is_not() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "two-phase"},
        {"step": "b", "component": "two-phase", "confirm": {"retry": {"max_attempts": 1}}},
    ]}));
    play.completes("a");
    play.completes("b");
    play.confirmed("a");
    play.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(play.status(), Status::Stuck);
    assert_eq!(moves(&mut play, "two-phase", None, 2), [path("b")]);
    play.retry().expect("`b` gave up");
    let call = play.call();
    assert_eq!(
        (call.id.direction, call.pin.version),
        (Direction::Confirm, 2)
    );
}

#[test]
fn only_what_is_bound_to_the_version_that_is_named_is_moved() {
    let mut play = two();
    play.completes("a");
    play.outside.version = 2;
    play.fails("b", "retryable", Evidence::Unchanged);
    assert_eq!(moves(&mut play, "c", None, 3), [path("a"), path("b")]);
    play.wake();
    play.completes("b");
    play.fails("e", "retryable", Evidence::Unchanged);
    assert_eq!((version(&play, "e"), version(&play, "b")), (2, 3));
    for (component, from, to) in [
        ("c", Some(1), 4),
        ("d", Some(1), 4),
        ("c", None, 3),
        ("c", Some(3), 3),
        ("other", None, 4),
    ] {
        let error = refused(&mut play, change(component, from, to));
        assert!(matches!(error, TransitionError::Unfit { .. }), "{error}");
        assert!(
            error.to_string().contains(&format!("`{component}`")),
            "{error}"
        );
    }
    assert_eq!(moves(&mut play, "d", Some(2), 4), [path("e")]);
    assert_eq!((version(&play, "b"), version(&play, "e")), (3, 4));
}

#[test]
fn a_saga_that_runs_or_is_over_is_not_moved() {
    let is_refused = |play: &mut Play| {
        let error = refused(play, change("c", None, 2));
        assert!(
            error.to_string().contains("waiting, paused or stuck"),
            "{error}"
        );
    };
    let mut play = two();
    is_refused(&mut play);
    let mut undone = play.clone();
    for step in ["a", "b", "e"] {
        play.completes(step);
    }
    assert_eq!(play.status(), Status::Completed);
    is_refused(&mut play);
    undone.completes("a");
    undone.fails("b", "permanent", Evidence::Unchanged);
    assert_eq!(undone.status(), Status::Compensating);
    is_refused(&mut undone);
    undone.undone("a");
    assert_eq!(undone.status(), Status::Compensated);
    is_refused(&mut undone);
}

#[test]
fn a_journal_that_moves_a_call_that_runs_or_swaps_the_component_is_none() {
    let mut play = two();
    play.fails("a", "retryable", Evidence::Unchanged);
    moves(&mut play, "c", None, 2);
    let changed = play.journal.last().expect("a record").clone();
    let folds = |event: Event, until: usize| {
        let mut journal = play.journal[..until].to_vec();
        let seq = until as u64 + 1;
        journal.push(wasaga_core::Record {
            seq,
            event,
            ..changed.clone()
        });
        let definition = std::sync::Arc::clone(&play.state.definition);
        wasaga_core::State::fold(play.state.id, definition, &journal).is_ok()
    };
    let before = play.journal.len() - 1;
    assert!(folds(changed.event.clone(), before));
    assert!(!folds(changed.event.clone(), 2), "`a` runs then");
    let Event::VersionChanged { mut pins, order } = changed.event.clone() else {
        panic!("{changed:?}");
    };
    pins[0].pin.component = Name::new("other").expect("a name");
    assert!(!folds(Event::VersionChanged { pins, order }, before));
}
