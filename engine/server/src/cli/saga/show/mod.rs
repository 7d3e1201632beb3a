//! One saga as text.

mod failure;
mod standing;
mod steps;

use std::collections::BTreeMap;

use wasaga_core::Status;

use super::super::output::{Output, Tone, one_line, status_tone};
use super::super::words::length;
use super::title;
pub(super) use standing::next;
use wasaga::wire::{Effort, EffortStatus, Node, Saga};

/// Most rows of what there may be very many of, unless all are asked for.
const MAX_ROWS: usize = 20;

/// How much is shown of what there may be very many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// What matters most, and how much more there is.
    Some,
    /// Everything.
    All,
}

impl Rows {
    const fn limit(self) -> usize {
        match self {
            Self::Some => MAX_ROWS,
            Self::All => usize::MAX,
        }
    }

    /// As many lines as are shown, and how many there are besides.
    fn cut(self, lines: Vec<String>) -> Vec<String> {
        self.cut_groups(lines.into_iter().map(|line| vec![line]).collect())
    }

    /// As many groups of lines as are shown, and how many there are besides.
    fn cut_groups(self, mut groups: Vec<Vec<String>>) -> Vec<String> {
        let more = groups.len().saturating_sub(self.limit());
        groups.truncate(self.limit());
        let mut lines: Vec<String> = groups.into_iter().flatten().collect();
        if more > 0 {
            lines.push(format!("and {more} more: --all shows them"));
        }
        lines
    }
}

/// Shows a saga and its steps.
pub(super) fn saga(saga: &Saga, rows: Rows, output: &mut Output) -> anyhow::Result<()> {
    output.line(title(saga, output))?;
    output.line(outcome(saga, output))?;
    standing::show(saga, rows, output)?;
    next(saga, output)?;
    let mut say = |name: &str, text: String| field(name, vec![text], output);
    let progress = saga.progress;
    say(
        "steps",
        format!("{} of {} done", progress.done, progress.total),
    )?;
    say("started", saga.created_at.to_string())?;
    say("updated", saga.updated_at.to_string())?;
    if let Some(deadline) = saga.deadline {
        say("deadline", deadline.to_string())?;
    }
    if let Some(parent) = &saga.parent {
        say("parent", format!("saga {} ({})", parent.saga, parent.step))?;
    }
    if !saga.tags.is_empty() {
        say("tags", tags(&saga.tags))?;
    }
    say("input", saga.input.to_string())?;
    say("context", saga.context.to_string())?;
    if let Some(report) = &saga.failure {
        failure::show(report, saga.status, rows, output)?;
    }
    field("confirm", rows.cut(confirmations(saga)), output)?;
    output.line("")?;
    steps::show(saga, rows, output)
}

/// Shows something of a saga in one line or several; nothing when there is none.
fn field(name: &str, lines: Vec<String>, output: &mut Output) -> anyhow::Result<()> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    for (name, line) in names.zip(&lines) {
        output.line(format!("{name:8} {}", one_line(line)))?;
    }
    Ok(())
}

/// How far each step that is made final is.
fn confirmations(saga: &Saga) -> Vec<String> {
    let steps = saga.steps.iter();
    steps
        .filter_map(|step| {
            let confirmation = confirmation(&step.node)?;
            let error = confirmation.error.as_ref();
            let error = error.filter(|_| confirmation.status != EffortStatus::Completed);
            let error = error.map(|error| format!(": {}: {}", error.code, error.message));
            let error = error.unwrap_or_default();
            Some(format!("{}: {}{error}", step.step, effort(confirmation)))
        })
        .collect()
}

fn confirmation(node: &Node) -> Option<&Effort> {
    match node {
        Node::Step(own) => own.confirmation.as_ref(),
        _ => None,
    }
}

fn compensation(node: &Node) -> Option<&Effort> {
    match node {
        Node::Step(own) => own.compensation.as_ref(),
        Node::Saga(own) => own.compensation.as_ref(),
        _ => None,
    }
}

/// How an undo or a confirmation stands.
fn effort(effort: &Effort) -> String {
    match effort.attempts {
        0 | 1 => word(&effort.status),
        attempts => format!("{} ({attempts} attempts)", word(&effort.status)),
    }
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
        Status::Stuck | Status::Abandoned => gave_up(saga).or_else(|| first_failure(saga)),
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

/// What could not be undone or made final: that is what an operator has to look at.
fn gave_up(saga: &Saga) -> Option<String> {
    let steps = saga.steps.iter();
    let failed = steps.flat_map(|step| {
        let undo = compensation(&step.node).map(|effort| ("undo", effort));
        let confirmation = confirmation(&step.node).map(|effort| ("confirmation", effort));
        let efforts = undo.into_iter().chain(confirmation);
        let failed = efforts.filter(|(_, effort)| effort.status == EffortStatus::Failed);
        failed.filter_map(|(what, effort)| {
            let error = effort.error.as_ref()?;
            Some(format!(
                "the {what} of {} failed: {}: {}",
                step.step, error.code, error.message
            ))
        })
    });
    let failed: Vec<String> = failed.collect();
    let more = failed.len().saturating_sub(MAX_NAMED);
    let named = failed.get(..failed.len() - more)?.join("; ");
    if named.is_empty() {
        return None;
    }
    let more = match more {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let because = first_failure(saga)
        .map(|first| format!(" (it was compensating because {first})"))
        .unwrap_or_default();
    Some(format!("{named}{more}{because}"))
}

/// Most things that gave up which one line names.
const MAX_NAMED: usize = 5;

/// Labels, each as `key=value`.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> String {
    tags.iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use wasaga_core::Failure;

    use super::super::super::output::tests::plain;
    use super::*;
    use wasaga::wire::Step;

    /// A saga that compensated, but for what is given.
    pub(super) fn saga_with(changes: Value) -> Saga {
        let metering =
            json!({"fuel": 10_899, "memory_bytes": 1, "duration_ms": 1.24, "requests": 1});
        let undone = json!({"status": "completed", "attempts": 1, "reason": null, "error": null, "finished_at": null,
            "metering": metering});
        let step = |step: &str, status: &str| {
            json!({"kind": "step", "step": step, "status": status, "action": step, "digest": null, "result": null,
                "error": null, "waiting": null, "started_at": null, "finished_at": null, "confirmation": null})
        };
        let mut reserve = step("reserve", "compensated");
        reserve["attempts"] = json!(2);
        reserve["component"] = json!("inventory");
        reserve["version"] = json!(7);
        reserve["metering"] = metering;
        reserve["compensation"] = undone;
        let mut pay = step("pay", "pending");
        pay["attempts"] = json!(0);
        pay["component"] = json!("payment");
        for absent in ["version", "metering", "compensation"] {
            pay[absent] = Value::Null;
        }
        let mut saga = json!({
            "id": "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f", "definition": "order", "version": 3,
            "status": "compensated", "tags": {"shop": "7"}, "input": {"order_id": "a"}, "context": {},
            "error": {"step": "pay", "code": "declined", "message": "no money", "details": null},
            "failure": null, "waiting": null, "paused": null, "progress": {"done": 1, "total": 2},
            "steps": [reserve, pay], "steps_left_out": 0, "parent": null, "deadline": null,
            "created_at": "2026-01-31T08:00:00.000Z", "updated_at": "2026-01-31T08:00:00.250Z"
        });
        if let (Some(saga), Value::Object(changes)) = (saga.as_object_mut(), changes) {
            saga.extend(changes);
        }
        serde_json::from_value(saga).expect("a saga")
    }

    pub(super) fn failure(code: &str) -> Arc<Failure> {
        Arc::new(Failure::permanent(code, "sorry"))
    }

    /// The undo of a step that has one.
    pub(super) fn undo_of(step: &mut Step) -> &mut Effort {
        match &mut step.node {
            Node::Step(own) => own.compensation.as_mut().expect("an undo"),
            node => panic!("no step: {node:?}"),
        }
    }

    fn shown(saga: &Saga) -> String {
        let (mut output, written) = plain();
        super::saga(saga, Rows::Some, &mut output).expect("written");
        written.text()
    }

    #[test]
    fn a_stuck_saga_says_first_what_could_not_be_undone() {
        let mut stuck = saga_with(json!({"status": "stuck"}));
        let undo = undo_of(&mut stuck.steps[0]);
        undo.status = EffortStatus::Failed;
        undo.error = Some(failure("gone"));
        let (output, _) = plain();
        assert_eq!(
            outcome(&stuck, &output),
            "stuck after 250 ms: the undo of reserve failed: gone: sorry \
             (it was compensating because pay: declined: no money)"
        );
    }

    #[test]
    fn a_saga_that_could_not_be_made_final_says_so() {
        let mut stuck = saga_with(json!({"status": "stuck", "error": null}));
        if let Node::Step(own) = &mut stuck.steps[0].node {
            let mut confirmation = own.compensation.take().expect("an effort");
            confirmation.status = EffortStatus::Failed;
            confirmation.attempts = 3;
            confirmation.error = Some(failure("gone"));
            own.confirmation = Some(confirmation);
        }
        let (output, _) = plain();
        assert_eq!(
            outcome(&stuck, &output),
            "stuck after 250 ms: the confirmation of reserve failed: gone: sorry"
        );
        let text = shown(&stuck);
        assert!(
            text.contains("confirm  reserve: failed (3 attempts): gone: sorry\n"),
            "{text}"
        );
    }

    #[test]
    fn a_saga_is_shown_with_its_steps_and_why_it_failed() {
        let text = shown(&saga_with(json!({})));
        assert!(
            text.starts_with(
                "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f  order v3\n\
                 compensated after 250 ms: pay: declined: no money\n\
                 steps    1 of 2 done\n"
            ),
            "{text}"
        );
        assert!(text.contains("tags     shop=7\n"), "{text}");
        assert!(text.contains("\nreserve  compensated"), "{text}");
        for absent in ["parent", "deadline", "confirm", "next", "waits"] {
            assert!(!text.contains(absent), "{text}");
        }
    }

    #[test]
    fn a_nested_saga_names_the_one_around_it() {
        let parent =
            json!({"saga": "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e30", "step": "picks[3].ship"});
        let text = shown(&saga_with(
            json!({"parent": parent, "deadline": "2026-02-01T08:00:00Z"}),
        ));
        assert!(
            text.contains("parent   saga 01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e30 (picks[3].ship)\n"),
            "{text}"
        );
        assert!(
            text.contains("deadline 2026-02-01T08:00:00.000Z\n"),
            "{text}"
        );
    }
}
