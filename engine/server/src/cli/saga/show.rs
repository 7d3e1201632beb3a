//! One saga as text.

use std::collections::BTreeMap;

use wasaga_core::{Status, StepStatus};

use super::super::live::length;
use super::super::output::{Cell, Output, Tone, excerpt, one_line, status_tone, step_tone};
use super::title;
use wasaga::wire::{CompensationStatus, Saga, Step, Waiting};

/// Most of a result that is shown, in characters.
const MAX_RESULT_CHARS: usize = 300;

/// Shows a saga and its steps.
pub(super) fn saga(saga: &Saga, output: &mut Output) -> anyhow::Result<()> {
    output.line(title(saga, output))?;
    output.line(outcome(saga, output))?;
    if let Some(Waiting::Backoff { step, until }) = &saga.waiting {
        output.line(format!(
            "waits until {until} for the next attempt of {step}"
        ))?;
    }
    output.line(format!(
        "steps    {} of {} done",
        saga.progress.done, saga.progress.total
    ))?;
    output.line(format!("started  {}", saga.created_at))?;
    output.line(format!("updated  {}", saga.updated_at))?;
    if !saga.tags.is_empty() {
        output.line(format!("tags     {}", one_line(&tags(&saga.tags))))?;
    }
    output.line(format!("input    {}", saga.input))?;
    output.line(format!("context  {}", saga.context))?;
    output.line("")?;
    output.table(
        [
            "STEP",
            "STATUS",
            "ATTEMPTS",
            "COMPONENT",
            "TIME",
            "FUEL",
            "UNDO",
            "ERROR",
        ],
        saga.steps.iter().map(row),
    )?;
    results(&saga.steps, output)
}

/// What the steps left, those that left nothing aside.
fn results(steps: &[Step], output: &mut Output) -> anyhow::Result<()> {
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

fn row(step: &Step) -> [Cell; 8] {
    let component = match step.version {
        Some(version) => format!("{} v{version}", step.component),
        None => step.component.to_string(),
    };
    let time = step.metering.map(|metering| {
        length(
            std::time::Duration::try_from_secs_f64(metering.duration_ms / 1000.0)
                .unwrap_or_default(),
        )
    });
    let fuel = step.metering.map(|metering| metering.fuel.to_string());
    let undo = step
        .compensation
        .as_ref()
        .map(|undo| match (undo.status, undo.attempts) {
            (CompensationStatus::Skipped, _) => "not needed".to_owned(),
            (status, 0 | 1) => word(&status),
            (status, attempts) => format!("{} ({attempts} attempts)", word(&status)),
        });
    // Why a step needs no undo is the column UNDO's to say.
    let status = match step.status {
        StepStatus::Skipped => StepStatus::Failed,
        status => status,
    };
    // What an undo met before it succeeded is over.
    let error = step
        .compensation
        .as_ref()
        .filter(|undo| undo.status != CompensationStatus::Completed)
        .and_then(|undo| undo.error.as_ref())
        .or(step.error.as_ref());
    [
        Cell::new(&step.step),
        Cell::new(word(&status)).tone(step_tone(status)),
        Cell::right(step.attempts),
        Cell::new(component),
        Cell::right(time.unwrap_or_default()),
        Cell::right(fuel.unwrap_or_default()),
        Cell::new(undo.unwrap_or_default()),
        Cell::new(
            error
                .map(|error| format!("{}: {}", error.code, error.message))
                .unwrap_or_default(),
        ),
    ]
}

/// A status as it is spelled in JSON.
fn word(status: &impl serde::Serialize) -> String {
    match serde_json::to_value(status) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A saga's status, and what led to it.
pub(super) fn outcome(saga: &Saga, output: &Output) -> String {
    let status = output.paint(status_tone(saga.status), saga.status);
    let took = length(saga.updated_at.since(saga.created_at));
    let took = if saga.status.is_settled() {
        format!(" after {took}")
    } else {
        String::new()
    };
    let why = match saga.status {
        Status::Completed => None,
        Status::Stuck => not_undone(saga).or_else(|| first_failure(saga)),
        _ => first_failure(saga),
    };
    let why = why.map(|why| output.paint(Tone::Normal, format!(": {why}")));
    format!("{status}{took}{}", why.unwrap_or_default())
}

/// Why a saga did not complete.
fn first_failure(saga: &Saga) -> Option<String> {
    let error = saga.error.as_ref()?;
    let step = error
        .step
        .as_ref()
        .map(|step| format!("{step}: "))
        .unwrap_or_default();
    Some(format!("{step}{}: {}", error.code, error.message))
}

/// Which steps could not be undone: that is what an operator has to look at.
fn not_undone(saga: &Saga) -> Option<String> {
    let failed: Vec<String> = saga
        .steps
        .iter()
        .filter_map(|step| {
            let undo = step.compensation.as_ref()?;
            let error = undo.error.as_ref()?;
            (undo.status == CompensationStatus::Failed).then(|| {
                format!(
                    "the undo of {} failed: {}: {}",
                    step.step, error.code, error.message
                )
            })
        })
        .collect();
    if failed.is_empty() {
        return None;
    }
    let because = first_failure(saga)
        .map(|first| format!(" (it was compensating because {first})"))
        .unwrap_or_default();
    Some(format!("{}{because}", failed.join("; ")))
}

/// Labels, each as `key=value`.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> String {
    tags.iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use wasaga_core::{Failure, FailureKind};

    use super::super::super::output::tests::plain;
    use super::*;

    fn compensated() -> Saga {
        let metering =
            json!({"fuel": 10_899, "memory_bytes": 1, "duration_ms": 1.24, "requests": 1});
        serde_json::from_value(json!({
            "id": "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f", "definition": "order", "version": 3,
            "status": "compensated", "tags": {"shop": "7"}, "input": {"order_id": "a"}, "context": {},
            "error": {"step": "pay", "code": "declined", "message": "no money", "details": null},
            "waiting": null, "progress": {"done": 1, "total": 2},
            "steps": [
                {"step": "reserve", "status": "compensated", "attempts": 2, "component": "inventory", "version": 7,
                 "digest": null, "result": {}, "error": null, "started_at": null, "finished_at": null,
                 "metering": metering,
                 "compensation": {"status": "completed", "attempts": 1, "reason": null, "error": null,
                                  "finished_at": null, "metering": metering}},
                {"step": "pay", "status": "pending", "attempts": 0, "component": "payment", "version": null,
                 "digest": null, "result": null, "error": null, "started_at": null, "finished_at": null,
                 "metering": null, "compensation": null}
            ],
            "parent": null, "created_at": "2026-01-31T08:00:00.000Z", "updated_at": "2026-01-31T08:00:00.250Z"
        }))
        .expect("a saga")
    }

    fn row_of<'a>(text: &'a str, step: &str) -> &'a str {
        text.lines()
            .find(|line| line.split_whitespace().next() == Some(step))
            .expect("a row")
    }

    fn failure(code: &str) -> Arc<Failure> {
        Arc::new(Failure {
            kind: FailureKind::Permanent,
            code: code.to_owned(),
            message: "sorry".to_owned(),
            details: None,
        })
    }

    #[test]
    fn results_are_shown_below_the_steps() {
        let mut shown = compensated();
        shown.steps[0].result = Some(Arc::new(json!({"seat": 4})));
        let (mut output, written) = plain();
        saga(&shown, &mut output).expect("written");
        assert!(
            written
                .text()
                .ends_with("\nresults\n  reserve  {\"seat\":4}\n"),
            "{}",
            written.text()
        );
        shown.steps[0].result = None;
        let (mut output, written) = plain();
        saga(&shown, &mut output).expect("written");
        assert!(!written.text().contains("results"), "{}", written.text());
    }

    #[test]
    fn a_stuck_saga_says_first_what_could_not_be_undone() {
        let mut stuck = compensated();
        stuck.status = Status::Stuck;
        let undo = stuck.steps[0].compensation.as_mut().expect("an undo");
        undo.status = CompensationStatus::Failed;
        undo.error = Some(failure("gone"));
        let (output, _) = plain();
        assert_eq!(
            outcome(&stuck, &output),
            "stuck after 250 ms: the undo of reserve failed: gone: sorry \
             (it was compensating because pay: declined: no money)"
        );
    }

    #[test]
    fn a_failed_step_that_needs_no_undo_is_shown_as_failed() {
        let mut shown = compensated();
        let mut undo = shown.steps[0].compensation.clone().expect("an undo");
        undo.status = CompensationStatus::Skipped;
        undo.attempts = 0;
        shown.steps[1].status = StepStatus::Skipped;
        shown.steps[1].compensation = Some(undo);
        let (mut output, written) = plain();
        saga(&shown, &mut output).expect("written");
        let text = written.text();
        let pay = row_of(&text, "pay");
        assert!(
            pay.contains("failed") && pay.contains("not needed"),
            "{pay}"
        );
        assert!(!text.contains("skipped"), "{text}");
    }

    #[test]
    fn what_an_undo_met_before_it_succeeded_is_not_shown() {
        let mut shown = compensated();
        let undo = shown.steps[0].compensation.as_mut().expect("an undo");
        undo.attempts = 2;
        undo.error = Some(failure("busy"));
        let (mut output, written) = plain();
        saga(&shown, &mut output).expect("written");
        let text = written.text();
        let reserve = row_of(&text, "reserve");
        assert!(reserve.contains("completed (2 attempts)"), "{reserve}");
        assert!(!reserve.contains("busy"), "{reserve}");
    }

    #[test]
    fn a_saga_is_shown_with_its_steps_and_why_it_failed() {
        let (mut output, written) = plain();
        saga(&compensated(), &mut output).expect("written");
        let text = written.text();
        assert!(
            text.starts_with("01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f  order v3\n"),
            "{text}"
        );
        assert!(
            text.contains("compensated after 250 ms: pay: declined: no money\n"),
            "{text}"
        );
        assert!(text.contains("tags     shop=7\n"), "{text}");
        let reserve = text
            .lines()
            .find(|line| line.starts_with("reserve"))
            .expect("a row");
        let fields: Vec<&str> = reserve.split_whitespace().collect();
        assert_eq!(
            fields,
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
        assert!(
            text.lines()
                .any(|line| line.starts_with("pay ") && line.contains("pending")),
            "{text}"
        );
    }
}
