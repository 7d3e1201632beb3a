//! A saga's steps as rows of a table.

use std::collections::BTreeMap;

use wasaga_core::StepStatus;
use wasaga_core::event::SkipReason;

use super::super::super::output::{Cell, Output, excerpt, one_line, step_tone};
use super::super::super::words::millis;
use super::{Rows, effort, word};
use wasaga::wire::{Effort, EffortStatus, Node, Saga, Step};

/// Most of a result that is shown, in characters.
const MAX_RESULT_CHARS: usize = 300;

/// Shows the steps of a saga: of those in the rounds of loops, not more than so many rows.
pub(super) fn show(saga: &Saga, rows: Rows, output: &mut Output) -> anyhow::Result<()> {
    let shown = selected(&saga.steps, rows);
    output.table(
        [
            "STEP", "STATUS", "ATTEMPTS", "RUNS", "TIME", "FUEL", "UNDO", "ERROR",
        ],
        shown.iter().map(|step| row(step)),
    )?;
    for line in left_out(&saga.steps, &shown) {
        output.line(line)?;
    }
    if saga.steps_left_out > 0 {
        let more = saga.steps_left_out;
        output.line(format!("{more} more steps, which the server left out"))?;
    }
    results(&shown, output)
}

/// The steps outside of loops, and those in rounds: all, or first those that are neither done nor
/// still to come.
fn selected(steps: &[Step], rows: Rows) -> Vec<&Step> {
    let in_rounds = steps.iter().filter(|step| is_in_round(step));
    let room = rows.limit();
    let is_notable = |step: &Step| {
        use StepStatus::{Compensated, Completed, Pending, Skipped};
        !matches!(
            step.shown_status(),
            Completed | Pending | Skipped | Compensated
        )
    };
    let notable = in_rounds.clone().filter(|step| is_notable(step)).count();
    let mut notable_room = notable.min(room);
    let mut other_room = room.saturating_sub(notable);
    let steps = steps.iter();
    steps
        .filter(|step| {
            if !is_in_round(step) {
                return true;
            }
            let room = match is_notable(step) {
                true => &mut notable_room,
                false => &mut other_room,
            };
            let fits = *room > 0;
            *room = room.saturating_sub(1);
            fits
        })
        .collect()
}

/// The outermost loop whose round a step is in.
fn outermost_loop(step: &Step) -> Option<&str> {
    let path = step.step.as_str();
    step.step.enclosing_round()?;
    path.split_once('[').map(|(of, _)| of)
}

fn is_in_round(step: &Step) -> bool {
    step.step.enclosing_round().is_some()
}

/// What is not shown, by loop and status.
fn left_out(steps: &[Step], shown: &[&Step]) -> Vec<String> {
    let mut shown = shown.iter().map(|step| &step.step).peekable();
    let mut counts: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for step in steps {
        if shown.next_if_eq(&&step.step).is_some() {
            continue;
        }
        let of = counts
            .entry(outermost_loop(step).unwrap_or_default())
            .or_default();
        *of.entry(word(&step.status)).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts
        .map(|(of, statuses)| {
            let total: usize = statuses.values().sum();
            let statuses = statuses.iter();
            let statuses: Vec<String> = statuses
                .map(|(status, count)| format!("{count} {status}"))
                .collect();
            format!(
                "{total} more in rounds of {of} ({}): --all shows them",
                statuses.join(", ")
            )
        })
        .collect()
}

fn row(step: &Step) -> [Cell; 8] {
    let (attempts, metering, undo) = match &step.node {
        Node::Step(own) => (
            Some(own.attempts),
            own.metering.as_ref(),
            own.compensation.as_ref(),
        ),
        Node::Saga(own) => (Some(own.attempts), None, own.compensation.as_ref()),
        _ => (None, None, None),
    };
    let time = metering.map(|metering| millis(metering.duration_ms));
    let fuel = metering.map(|metering| metering.fuel.to_string());
    let attempts = attempts.map(|attempts| attempts.to_string());
    // Why a step that failed needs no undo is the column UNDO's to say.
    let status = step.shown_status();
    // What an undo met before it succeeded is over.
    let error = undo
        .filter(|undo| undo.status != EffortStatus::Completed)
        .and_then(|undo| undo.error.as_ref())
        .or(step.error.as_ref());
    let error = error.map(|error| format!("{}: {}", error.code, error.message));
    [
        Cell::new(&step.step),
        Cell::new(word(&status)).tone(step_tone(status)),
        Cell::right(attempts.unwrap_or_default()),
        Cell::new(runs(&step.node)),
        Cell::right(time.unwrap_or_default()),
        Cell::right(fuel.unwrap_or_default()),
        Cell::new(undo.map(undone).unwrap_or_default()),
        Cell::new(error.unwrap_or_default()),
    ]
}

/// What a node does.
fn runs(node: &Node) -> String {
    match node {
        Node::Step(own) => match own.version {
            Some(version) => format!("{} v{version}", own.component),
            None => own.component.to_string(),
        },
        Node::Saga(own) => match own.saga {
            Some(saga) => format!("saga {saga} ({})", own.definition),
            None => format!("saga ({})", own.definition),
        },
        Node::Choice { branch: None } => "choice".to_owned(),
        Node::Choice {
            branch: Some(branch),
        } => format!("choice: branch {branch}"),
        Node::Parallel { branches } => format!("{branches} branches"),
        Node::ForEach { rounds: None } => "loop".to_owned(),
        Node::ForEach {
            rounds: Some(rounds),
        } => format!("loop: {} of {} rounds", rounds.done, rounds.total),
        Node::Sleep { until: None } => "sleep".to_owned(),
        Node::Sleep { until: Some(until) } => format!("sleep until {until}"),
    }
}

fn undone(undo: &Effort) -> String {
    match (undo.status, undo.reason) {
        (EffortStatus::Skipped, Some(SkipReason::Operator)) => "given up".to_owned(),
        (EffortStatus::Skipped, _) => "not needed".to_owned(),
        _ => effort(undo),
    }
}

/// What the steps left, those that left nothing aside.
fn results(steps: &[&Step], output: &mut Output) -> anyhow::Result<()> {
    let left: Vec<(&str, &serde_json::Value)> = steps
        .iter()
        .filter_map(|step| Some((step.step.as_str(), &**step.result.as_ref()?)))
        .filter(|(_, result)| !result.is_null())
        .collect();
    let Some(width) = left.iter().map(|(step, _)| step.chars().count()).max() else {
        return Ok(());
    };
    output.line("")?;
    output.line("results")?;
    for (step, result) in left {
        let result = excerpt(result, MAX_RESULT_CHARS);
        output.line(format!("  {step:width$}  {}", one_line(&result)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::super::output::tests::plain;
    use super::super::tests::{failure, saga_with, undo_of};
    use super::*;

    fn shown(saga: &Saga, rows: Rows) -> String {
        let (mut output, written) = plain();
        show(saga, rows, &mut output).expect("written");
        written.text()
    }

    fn fields(text: &str, step: &str) -> Vec<String> {
        let mut lines = text.lines();
        let row = lines.find(|line| line.split_whitespace().next() == Some(step));
        let row = row.unwrap_or_else(|| panic!("no row {step}: {text}"));
        row.split_whitespace().map(str::to_owned).collect()
    }

    fn node(step: &str, status: &str, node: Value) -> Value {
        let mut step = json!({"step": step, "status": status, "result": null, "error": null, "waiting": null,
            "started_at": null, "finished_at": null});
        if let (Some(step), Value::Object(node)) = (step.as_object_mut(), node) {
            step.extend(node);
        }
        step
    }

    #[test]
    fn a_step_s_row_says_how_it_went_and_what_became_of_its_undo() {
        let text = shown(&saga_with(json!({})), Rows::Some);
        assert_eq!(
            fields(&text, "reserve"),
            [
                "reserve",
                "compensated",
                "2",
                "inventory",
                "v7",
                "1.2",
                "ms",
                "10899",
                "completed"
            ]
        );
        assert_eq!(fields(&text, "pay"), ["pay", "pending", "0", "payment"]);
    }

    #[test]
    fn nodes_that_are_no_steps_say_what_they_do() {
        let child = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e30";
        let saga = saga_with(json!({"steps": [
            node("which", "completed", json!({"kind": "choice", "branch": 1})),
            node("both", "running", json!({"kind": "parallel", "branches": 2})),
            node("picks", "running", json!({"kind": "for_each", "rounds": {"done": 3, "total": 7}})),
            node("nap", "waiting", json!({"kind": "sleep", "until": "2026-01-31T08:00:05Z"})),
            node("ship", "waiting", json!({"kind": "saga", "attempts": 1, "definition": "shipping", "version": null,
                "saga": child, "compensation": null})),
        ]}));
        let text = shown(&saga, Rows::Some);
        assert_eq!(
            fields(&text, "which"),
            ["which", "completed", "choice:", "branch", "1"]
        );
        assert_eq!(fields(&text, "both")[2..], ["2", "branches"]);
        assert_eq!(
            fields(&text, "picks")[2..],
            ["loop:", "3", "of", "7", "rounds"]
        );
        assert_eq!(
            fields(&text, "nap")[2..],
            ["sleep", "until", "2026-01-31T08:00:05.000Z"]
        );
        assert_eq!(
            fields(&text, "ship")[2..],
            ["1", "saga", child, "(shipping)"]
        );
    }

    #[test]
    fn of_a_loop_s_rounds_those_that_matter_are_shown_and_the_others_counted() {
        let sleeping = json!({"kind": "sleep", "until": null});
        let mut steps = vec![node(
            "picks",
            "running",
            json!({"kind": "for_each", "rounds": {"done": 99, "total": 200}}),
        )];
        for round in 0..100 {
            let status = if round == 99 { "failed" } else { "completed" };
            steps.push(node(
                &format!("picks[{round}].pick"),
                status,
                sleeping.clone(),
            ));
        }
        steps.push(node("after", "pending", sleeping));
        let saga = saga_with(json!({"steps": steps, "steps_left_out": 100}));
        let text = shown(&saga, Rows::Some);
        let rows = text.lines().filter(|line| line.starts_with("picks["));
        assert_eq!(rows.count(), 20);
        assert!(
            text.contains("picks[99].pick") && text.contains("after"),
            "{text}"
        );
        assert!(
            text.contains("80 more in rounds of picks (80 completed): --all shows them\n"),
            "{text}"
        );
        assert!(
            text.contains("100 more steps, which the server left out"),
            "{text}"
        );
        let all = shown(&saga, Rows::All);
        let rows = all.lines().filter(|line| line.starts_with("picks["));
        assert_eq!(rows.count(), 100);
        assert!(!all.contains("--all"), "{all}");
    }

    #[test]
    fn results_are_shown_below_the_steps() {
        let mut saga = saga_with(json!({}));
        saga.steps[0].result = Some(json!({"seat": 4}).into());
        let text = shown(&saga, Rows::Some);
        assert!(
            text.ends_with("\nresults\n  reserve  {\"seat\":4}\n"),
            "{text}"
        );
        saga.steps[0].result = None;
        let text = shown(&saga, Rows::Some);
        assert!(!text.contains("results"), "{text}");
    }

    #[test]
    fn a_failed_step_that_needs_no_undo_is_shown_as_failed() {
        let mut saga = saga_with(json!({}));
        saga.steps[0].status = StepStatus::Skipped;
        let undo = undo_of(&mut saga.steps[0]);
        undo.status = EffortStatus::Skipped;
        undo.reason = Some(SkipReason::NoEffect);
        let text = shown(&saga, Rows::Some);
        let row = fields(&text, "reserve").join(" ");
        assert!(
            row.contains("failed") && row.ends_with("not needed"),
            "{row}"
        );
        undo_of(&mut saga.steps[0]).reason = Some(SkipReason::Operator);
        let text = shown(&saga, Rows::Some);
        let row = fields(&text, "reserve").join(" ");
        assert!(
            row.contains("skipped") && row.ends_with("given up"),
            "{row}"
        );
    }

    #[test]
    fn what_an_undo_met_before_it_succeeded_is_not_shown() {
        let mut saga = saga_with(json!({}));
        let undo = undo_of(&mut saga.steps[0]);
        undo.attempts = 2;
        undo.error = Some(failure("busy"));
        let text = shown(&saga, Rows::Some);
        assert!(text.contains("completed (2 attempts)"), "{text}");
        assert!(!text.contains("busy"), "{text}");
    }
}
