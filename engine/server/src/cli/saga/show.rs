//! One saga as text.

use std::collections::BTreeMap;

use wasaga_core::Status;

use super::super::live::length;
use super::super::output::{Cell, Output, Tone, one_line, status_tone, step_tone};
use super::title;
use wasaga::wire::{Saga, Step, Waiting};

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
    let undo = step.compensation.as_ref().map(|undo| match undo.attempts {
        0 | 1 => format!("{:?}", undo.status).to_lowercase(),
        attempts => format!("{:?} ({attempts} attempts)", undo.status).to_lowercase(),
    });
    let error = step
        .compensation
        .as_ref()
        .and_then(|undo| undo.error.as_ref())
        .or(step.error.as_ref());
    [
        Cell::new(&step.step),
        Cell::new(word(&step.status)).tone(step_tone(step.status)),
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
    let why = saga
        .error
        .as_ref()
        .filter(|_| saga.status != Status::Completed)
        .map(|error| {
            let step = error
                .step
                .as_ref()
                .map(|step| format!("{step}: "))
                .unwrap_or_default();
            output.paint(
                Tone::Normal,
                format!(": {step}{}: {}", error.code, error.message),
            )
        });
    format!("{status}{took}{}", why.unwrap_or_default())
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
    use serde_json::json;

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
