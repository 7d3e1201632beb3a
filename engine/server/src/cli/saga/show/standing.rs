//! What a saga waits for, why it stands still, and what whoever looks at it can do.

use wasaga_core::{Status, StepPath};

use super::super::super::output::{Output, excerpt};
use super::super::super::words::reason;
use super::{Rows, field};
use wasaga::wire::{Paused, PausedBy, Saga, Waiting};

/// Most of a payload that is shown, in characters.
const MAX_PAYLOAD_CHARS: usize = 1000;

/// Shows what a saga waits for, or why it is paused.
pub(super) fn show(saga: &Saga, rows: Rows, output: &mut Output) -> anyhow::Result<()> {
    let paused = saga.paused.iter();
    let paused = paused.flat_map(|paused| pause(saga, paused)).collect();
    field("paused", paused, output)?;
    field("waits", rows.cut_groups(waits(saga)), output)
}

/// Shows what can be done with a saga that needs somebody.
pub(in crate::cli::saga) fn next(saga: &Saga, output: &mut Output) -> anyhow::Result<()> {
    field("next", commands(saga), output)
}

fn pause(saga: &Saga, paused: &Paused) -> Vec<String> {
    let step = paused.step.as_ref();
    let named = step.map_or("a step", |step| step.as_str());
    let why = match paused.cause {
        PausedBy::Operator => {
            let by = paused.by.as_deref().unwrap_or("an operator");
            let reason = paused.reason.as_ref().map(|reason| format!(": {reason}"));
            format!("by {by}{}", reason.unwrap_or_default())
        }
        PausedBy::Exhausted => format!("because all attempts of {named} failed"),
        PausedBy::Pivot => {
            format!("because {named} failed for good, and after the pivot there is no way back")
        }
        PausedBy::Poison => {
            format!("because the engine went down again and again while {named} was running")
        }
    };
    let mut lines = vec![format!("since {} {why}", paused.at)];
    let failed = saga.steps.iter().find(|other| Some(&other.step) == step);
    let error = failed.and_then(|step| step.error.as_ref());
    lines.extend(error.map(|error| reason(error)));
    lines
}

/// Everything that a saga waits for; each in as many lines as it takes.
fn waits(saga: &Saga) -> Vec<Vec<String>> {
    let of_steps = saga.steps.iter().filter_map(|step| step.waiting.as_ref());
    // Those of steps stand there too; whoever commits is asked by no step.
    let of_saga = saga.waiting.as_ref();
    let of_saga = of_saga.filter(|waiting| matches!(waiting, Waiting::Commit { .. }));
    of_steps.chain(of_saga).map(wait).collect()
}

fn wait(waiting: &Waiting) -> Vec<String> {
    match waiting {
        Waiting::Backoff { step, until } => {
            vec![format!("until {until} for the next attempt of {step}")]
        }
        Waiting::Reply {
            step,
            token,
            payload,
            deadline,
        } => {
            let deadline = deadline.map(|deadline| format!(" until {deadline}"));
            let mut lines = vec![format!(
                "for a reply to {step}{}",
                deadline.unwrap_or_default()
            )];
            if !payload.is_null() {
                lines.push(format!("  asks  {}", excerpt(payload, MAX_PAYLOAD_CHARS)));
            }
            lines.push(format!("  token {token}"));
            lines
        }
        Waiting::Sleep { step, until } => vec![format!("until {until} ({step})")],
        Waiting::Saga { step, saga } => vec![format!("for saga {saga} ({step})")],
        Waiting::Commit { deadline } => {
            let deadline =
                deadline.map(|deadline| format!(", is rejected at {deadline} if nobody does"));
            vec![format!(
                "to be committed or rejected{}",
                deadline.unwrap_or_default()
            )]
        }
    }
}

/// Commands that fit, each with what it does.
fn commands(saga: &Saga) -> Vec<String> {
    let id = saga.id;
    let verb = |verb: &str| format!("wasaga saga {verb} {id}");
    let mut commands: Vec<(String, &str)> = Vec::new();
    match (saga.status, &saga.paused, &saga.waiting) {
        (Status::Stuck, _, _) => {
            commands.push((verb("retry"), "tries again what gave up"));
            let active = format!("{} --active-version", verb("retry"));
            commands.push((active, "tries it on its component's active version"));
            commands.push((verb("skip"), "does without it"));
            commands.push((verb("abandon"), "gives the saga up as it is"));
        }
        (Status::Paused, Some(paused), _) => {
            let goes_on = match paused.cause {
                PausedBy::Operator => "goes on",
                PausedBy::Exhausted | PausedBy::Pivot => "tries it again",
                PausedBy::Poison => "lets it run again",
            };
            commands.push((verb("resume"), goes_on));
            let failed = matches!(paused.cause, PausedBy::Exhausted | PausedBy::Pivot);
            if let Some(step) = paused.step.as_ref().filter(|_| failed) {
                let active = format!("{} --step {} --active-version", verb("retry"), quoted(step));
                commands.push((active, "tries it on its component's active version"));
            }
            if paused.cause != PausedBy::Pivot && saga.error.is_none() {
                commands.push((verb("cancel"), "undoes what was done"));
            }
            commands.push((verb("abandon"), "gives the saga up as it is"));
        }
        (_, _, Some(Waiting::Commit { .. })) => {
            commands.push((verb("commit"), "makes it final"));
            commands.push((verb("reject"), "undoes what was done"));
        }
        // Steps beside one another wait for different things, and the saga names only one of them.
        _ => {
            let mut tokens = Vec::new();
            let mut nested = Vec::new();
            for waiting in saga.steps.iter().filter_map(|step| step.waiting.as_ref()) {
                match waiting {
                    Waiting::Reply { token, .. } => tokens.push(token.to_string()),
                    Waiting::Saga { saga, .. } => nested.push(saga),
                    _ => {}
                }
            }
            if let Some(first) = tokens.first() {
                let token = match tokens.len() {
                    1 => first,
                    _ => "TOKEN",
                };
                let reply = format!("wasaga saga reply {token}");
                commands.push((format!("{reply} --succeeded JSON"), "the work is done"));
                let failed = format!("{reply} --failed CODE --message TEXT");
                commands.push((failed, "it is not"));
            }
            if let [nested] = nested[..] {
                commands.push((format!("wasaga saga show {nested}"), "says how that stands"));
            }
        }
    }
    let width = commands.iter().map(|(command, _)| command.chars().count());
    let width = width.max().unwrap_or(0);
    let lines = commands.iter();
    lines
        .map(|(command, what)| format!("{command:width$}  {what}"))
        .collect()
}

/// A step's path as a shell takes it: the rounds of loops have brackets.
fn quoted(step: &StepPath) -> String {
    match step.as_str().contains(['[', ':']) {
        true => format!("'{step}'"),
        false => step.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::super::output::tests::plain;
    use super::super::tests::saga_with;
    use super::*;

    const TOKEN: &str = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f.5b0e9c4e-2c1c-5d7d-8f36-0e6d3f8a1b2c";

    fn shown(changes: Value) -> String {
        let saga = saga_with(changes);
        let (mut output, written) = plain();
        show(&saga, Rows::Some, &mut output).expect("written");
        next(&saga, &mut output).expect("written");
        written.text()
    }

    /// A saga whose first step waits.
    fn waiting(waiting: &Value) -> Value {
        let mut saga = serde_json::to_value(saga_with(json!({}))).expect("JSON");
        saga["steps"][0]["waiting"] = waiting.clone();
        json!({"status": "waiting", "steps": saga["steps"], "waiting": waiting, "error": null})
    }

    #[test]
    fn a_saga_that_waits_for_a_reply_says_how_to_give_it() {
        let text = shown(waiting(
            &json!({"for": "reply", "step": "reserve", "token": TOKEN,
            "payload": {"amount": 5}, "deadline": "2026-02-01T08:00:00Z"}),
        ));
        assert!(
            text.starts_with(&format!(
                "waits    for a reply to reserve until 2026-02-01T08:00:00.000Z\n\
                 \u{20}          asks  {{\"amount\":5}}\n\
                 \u{20}          token {TOKEN}\n\
                 next     wasaga saga reply {TOKEN} --succeeded JSON"
            )),
            "{text}"
        );
        assert!(text.contains("--failed CODE --message TEXT"), "{text}");
    }

    #[test]
    fn of_several_replies_none_is_taken_for_the_one() {
        let reply = |step: &str| json!({"for": "reply", "step": step, "token": TOKEN, "payload": null, "deadline": null});
        let mut saga = waiting(&reply("reserve"));
        saga["steps"][1]["waiting"] = reply("pay");
        let text = shown(saga);
        assert!(text.contains("for a reply to pay\n"), "{text}");
        assert!(
            text.contains("next     wasaga saga reply TOKEN --succeeded JSON"),
            "{text}"
        );
    }

    #[test]
    fn a_reply_is_asked_for_also_beside_something_that_takes_time() {
        let sleep = json!({"for": "sleep", "step": "reserve", "until": "2026-02-01T08:00:00Z"});
        let mut saga = waiting(&sleep);
        saga["steps"][1]["waiting"] = json!({"for": "reply", "step": "pay", "token": TOKEN, "payload": null, "deadline": null});
        let text = shown(saga);
        let reply = format!("next     wasaga saga reply {TOKEN} --succeeded JSON");
        assert!(text.contains(&reply), "{text}");
    }

    #[test]
    fn a_step_in_a_round_is_named_as_a_shell_takes_it() {
        let paused = json!({"cause": "exhausted", "step": "picks[3].pick", "by": null, "reason": null, "at": "2026-01-31T09:00:00Z"});
        let text = shown(json!({"status": "paused", "paused": paused, "error": null}));
        assert!(text.contains("--step 'picks[3].pick' "), "{text}");
    }

    #[test]
    fn a_saga_says_what_else_it_waits_for() {
        let until = "2026-02-01T08:00:00Z";
        let text = shown(waiting(
            &json!({"for": "sleep", "step": "reserve", "until": until}),
        ));
        assert_eq!(text, "waits    until 2026-02-01T08:00:00.000Z (reserve)\n");
        let text = shown(waiting(
            &json!({"for": "backoff", "step": "reserve", "until": until}),
        ));
        assert!(
            text.ends_with("for the next attempt of reserve\n"),
            "{text}"
        );
        let child = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e30";
        let text = shown(waiting(
            &json!({"for": "saga", "step": "reserve", "saga": child}),
        ));
        assert_eq!(
            text,
            format!(
                "waits    for saga {child} (reserve)\n\
                 next     wasaga saga show {child}  says how that stands\n"
            )
        );
    }

    #[test]
    fn a_saga_that_waits_for_a_commit_says_how_to_give_it() {
        let commit = json!({"for": "commit", "deadline": null});
        let text = shown(json!({"status": "waiting", "waiting": commit, "error": null}));
        assert!(
            text.starts_with("waits    to be committed or rejected\n"),
            "{text}"
        );
        for command in ["wasaga saga commit 0197", "wasaga saga reject 0197"] {
            assert!(text.contains(command), "{text}");
        }
    }

    #[test]
    fn a_paused_saga_says_who_paused_it_why_and_how_it_goes_on() {
        let paused = json!({"cause": "operator", "step": null, "by": "ann", "reason": "maintenance", "at": "2026-01-31T09:00:00Z"});
        let text = shown(json!({"status": "paused", "paused": paused, "error": null}));
        assert!(
            text.starts_with(
                "paused   since 2026-01-31T09:00:00.000Z by ann: maintenance\nnext     wasaga saga resume 0197"
            ),
            "{text}"
        );
        assert!(
            text.contains("wasaga saga cancel") && !text.contains("retry"),
            "{text}"
        );
    }

    #[test]
    fn no_way_back_is_offered_where_there_is_none() {
        let paused = |cause: &str| json!({"cause": cause, "step": "pay", "by": null, "reason": null, "at": "2026-01-31T09:00:00Z"});
        let text = shown(json!({"status": "paused", "paused": paused("pivot"), "error": null}));
        assert!(!text.contains("cancel"), "{text}");
        assert!(text.contains("--step pay --active-version"), "{text}");
        let backward = shown(json!({"status": "paused", "paused": paused("poison")}));
        assert!(!backward.contains("cancel"), "{backward}");
        assert!(backward.contains("abandon"), "{backward}");
    }

    #[test]
    fn a_stuck_saga_says_what_an_operator_can_do_and_one_that_runs_says_nothing() {
        let text = shown(json!({"status": "stuck"}));
        for command in ["retry", "skip", "abandon"] {
            assert!(
                text.contains(&format!("wasaga saga {command} 0197")),
                "{text}"
            );
        }
        assert_eq!(shown(json!({"status": "running", "error": null})), "");
        assert_eq!(shown(json!({"status": "compensated"})), "");
    }
}
