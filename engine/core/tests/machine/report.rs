//! What a saga says of itself: its failure, and how far it is.

use serde_json::json;
use wasaga_core::event::SkipReason;
use wasaga_core::state::{FailureReport, UndoOutcome};
use wasaga_core::{Evidence, Status};

use crate::support::Play;

fn outcomes(report: &FailureReport) -> Vec<(&str, UndoOutcome, Option<SkipReason>)> {
    let undos = report.compensations.iter();
    undos
        .map(|undo| (undo.step.as_str(), undo.outcome, undo.reason))
        .collect()
}

#[test]
fn a_failure_report_says_what_failed_first_and_what_became_of_every_undo() {
    let mut play = Play::of(json!({"steps": [
        {"step": "a", "component": "c"},
        {"step": "b", "component": "c", "compensate": {"retry": {"max_attempts": 1}}},
        {"parallel": [
            [{"step": "x", "component": "c"}],
            [{"step": "y", "component": "c"}],
        ]},
    ]}));
    play.completes("a");
    play.completes("b");
    assert_eq!(play.state.failure(), None);
    play.fails_as("y", "permanent", "first");
    let report = play.state.failure().expect("it failed");
    assert_eq!(outcomes(&report)[0], ("y", UndoOutcome::Open, None));
    play.fails_as("x", "permanent", "second");
    play.undo_fails("b", "retryable");
    play.undone("a");
    let report = play.state.failure().expect("it failed");
    assert_eq!(report.error.code, "first");
    assert_eq!(report.error.step.as_ref().expect("a step").as_str(), "y");
    assert_eq!(report.others.len(), 1);
    assert_eq!(report.others[0].error.code, "second");
    assert_eq!(
        outcomes(&report),
        [
            ("y", UndoOutcome::Skipped, Some(SkipReason::NoEffect)),
            ("x", UndoOutcome::Skipped, Some(SkipReason::NoEffect)),
            ("b", UndoOutcome::Failed, None),
            ("a", UndoOutcome::Undone, None),
        ]
    );
    let undo = &report.compensations[2];
    assert_eq!(
        undo.error.as_ref().expect("its own failure").code,
        "declined"
    );
    assert_eq!(play.status(), Status::Stuck);
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["compensations"][0]["outcome"], "skipped");
}

#[test]
fn progress_counts_the_leaves_that_are_known() {
    let mut play = Play::with_input(
        json!({"steps": [
            {"choice": [
                {"when": "input.long", "steps": [{"step": "c1", "component": "c"}, {"step": "c2", "component": "c"}]},
                {"steps": [{"step": "c3", "component": "c"}]}]},
            {"for_each": {"$cel": "input.items"}, "steps": [{"step": "pick", "component": "c"}]},
            {"parallel": [[{"step": "ship", "saga": "shipping"}], [{"sleep": "1s"}]]},
            {"step": "last", "component": "c", "fallback": {"component": "d"}},
        ]}),
        json!({"long": false, "items": [1, 2, 3]}),
    );
    let told = |play: &Play| {
        let progress = play.state.progress();
        (progress.done, progress.total)
    };
    assert_eq!(
        told(&play),
        (0, 5),
        "one of the choice, one of the loop, three after"
    );
    play.completes("c3");
    assert_eq!(told(&play), (1, 7));
    for round in 0..3 {
        play.completes(&format!("for_each-1[{round}].pick"));
    }
    assert_eq!(told(&play), (4, 7));
    play.wake();
    assert_eq!(told(&play), (5, 7), "the sleep is over");
    let results = std::collections::HashMap::new();
    play.child_ends("ship", wasaga_core::ChildEnd::Completed { results });
    play.fails("last", "permanent", Evidence::Unchanged);
    assert_eq!(told(&play), (6, 7));
    play.completes("last:fallback");
    assert_eq!(told(&play), (7, 7));
}
