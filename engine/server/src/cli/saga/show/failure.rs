//! What went wrong with a saga, and what became of it.

use wasaga_core::Status;
use wasaga_core::state::{FailureReport, Undo, UndoOutcome};

use super::super::super::output::{Output, excerpt};
use super::super::super::words::{reason, why_skipped};
use super::{Rows, field};

/// Most of a failure's details that is shown, in characters.
const MAX_DETAILS_CHARS: usize = 300;

/// Shows the report of a saga that stands like this.
pub(super) fn show(
    report: &FailureReport,
    status: Status,
    rows: Rows,
    output: &mut Output,
) -> anyhow::Result<()> {
    field("failed", first(report), output)?;
    let others = report.others.iter();
    let others = others.map(|other| format!("{}: {}", other.step, reason(&other.error)));
    field("also", rows.cut(others.collect()), output)?;
    let begun = |undo: &Undo| undo.outcome != UndoOutcome::Open;
    // Before it turns back, and after its pivot, a saga that goes on has nothing to say of undos.
    // One that was given up has: they will never be done.
    if status == Status::Abandoned || report.compensations.iter().any(begun) {
        field("undo", rows.cut(undos(report)), output)?;
    }
    Ok(())
}

fn first(report: &FailureReport) -> Vec<String> {
    let error = &report.error;
    let step = error.step.as_ref().map(|step| format!("{step}: "));
    let step = step.unwrap_or_default();
    let mut lines = vec![format!("{step}{}: {}", error.code, error.message)];
    if let Some(details) = error.details.as_ref().filter(|details| !details.is_null()) {
        lines.push(format!("details {}", excerpt(details, MAX_DETAILS_CHARS)));
    }
    lines
}

/// What became of each undo: first those that failed, then in the order in which they are done.
fn undos(report: &FailureReport) -> Vec<String> {
    let (failed, others): (Vec<&Undo>, Vec<&Undo>) = report
        .compensations
        .iter()
        .partition(|undo| undo.outcome == UndoOutcome::Failed);
    failed.into_iter().chain(others).map(undo).collect()
}

fn undo(undo: &Undo) -> String {
    let error = undo.error.as_ref().map(|error| reason(error));
    let error = error.unwrap_or_default();
    let attempts = match undo.attempts {
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    let what = match (undo.outcome, undo.reason) {
        (UndoOutcome::Open, _) => "not begun".to_owned(),
        (UndoOutcome::Running, _) if error.is_empty() => "on its way".to_owned(),
        (UndoOutcome::Running, _) => format!("on its way after {attempts}: {error}"),
        (UndoOutcome::Undone, _) if undo.attempts > 1 => format!("undone after {attempts}"),
        (UndoOutcome::Undone, _) => "undone".to_owned(),
        (UndoOutcome::Failed, _) => format!("failed after {attempts}: {error}"),
        (UndoOutcome::Skipped, Some(reason)) => format!("not needed: {}", why_skipped(reason)),
        (UndoOutcome::Skipped, None) => "not needed".to_owned(),
    };
    format!("{}: {what}", undo.step)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::super::output::tests::plain;
    use super::*;

    fn report() -> FailureReport {
        let gone = json!({"kind": "permanent", "code": "gone", "message": "no such order"});
        serde_json::from_value(json!({
            "error": {"step": "pay", "code": "declined", "message": "no money", "details": {"left": 3}},
            "others": [{"step": "mail", "error": {"kind": "retryable", "code": "timeout", "message": "too slow"}}],
            "compensations": [
                {"step": "mail", "outcome": "skipped", "attempts": 0, "reason": "no-effect", "error": null},
                {"step": "reserve", "outcome": "undone", "attempts": 2, "reason": null, "error": gone},
                {"step": "order", "outcome": "failed", "attempts": 10, "reason": null, "error": gone},
            ]
        }))
        .expect("a report")
    }

    #[test]
    fn a_report_says_what_failed_first_what_else_and_what_became_of_every_undo() {
        let (mut output, written) = plain();
        show(&report(), Status::Stuck, Rows::Some, &mut output).expect("written");
        assert_eq!(
            written.text(),
            "failed   pay: declined: no money\n\
             \u{20}        details {\"left\":3}\n\
             also     mail: timeout: too slow\n\
             undo     order: failed after 10 attempts: gone: no such order\n\
             \u{20}        mail: not needed: it changed nothing\n\
             \u{20}        reserve: undone after 2 attempts\n"
        );
    }

    #[test]
    fn undos_that_were_never_begun_are_told_of_a_saga_that_was_given_up_alone() {
        let mut forward = report();
        for undo in &mut forward.compensations {
            undo.outcome = UndoOutcome::Open;
        }
        let lines = |status| {
            let (mut output, written) = plain();
            show(&forward, status, Rows::Some, &mut output).expect("written");
            written.text()
        };
        let paused = lines(Status::Paused);
        assert!(paused.starts_with("failed   pay"), "{paused}");
        assert!(!paused.contains("undo"), "{paused}");
        let abandoned = lines(Status::Abandoned);
        assert!(abandoned.contains("order: not begun"), "{abandoned}");
    }

    #[test]
    fn a_long_report_is_cut_unless_all_of_it_is_asked_for() {
        let mut long = report();
        let undone = long.compensations[1].clone();
        long.compensations.extend(vec![undone; 100]);
        let lines = |rows| {
            let (mut output, written) = plain();
            show(&long, Status::Stuck, rows, &mut output).expect("written");
            written.text()
        };
        let some = lines(Rows::Some);
        assert!(some.contains("order: failed"), "{some}");
        assert!(some.contains("and 83 more: --all shows them"), "{some}");
        assert_eq!(lines(Rows::All).lines().count(), 3 + 103);
    }
}
