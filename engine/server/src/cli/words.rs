//! What a journal says, in words for people.

use std::time::Duration;

use wasaga_core::event::{CutOff, Evaluated, Order, PauseCause, Repin, SkipReason};
use wasaga_core::{
    Certainty, Event, Evidence, Failure, FailureKind, Metering, Record, Reply, StepPath, Timestamp,
};

use super::output::{Tone, excerpt};

/// Most of a result or a payload that a line shows, in characters.
const MAX_VALUE_CHARS: usize = 60;

/// Most steps that a line names.
const MAX_NAMED_STEPS: usize = 5;

/// One event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    /// How much it matters to somebody who watches.
    pub(super) weight: Weight,
    /// How it is meant.
    pub(super) tone: Tone,
    /// A sign to find it by.
    pub(super) mark: &'static str,
    /// The step that it is about; absent when it is about the whole saga.
    pub(super) step: Option<&'a StepPath>,
    /// What happened.
    pub(super) text: String,
}

/// How much an event matters to somebody who watches a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// The saga begins or ends, or something is said that was said before: whoever watches one saga
    /// is shown that in another way.
    Frame,
    /// Something begins and ends soon.
    Passing,
    /// Something happened.
    Lasting,
    /// A time has to come before it goes on.
    Resting,
    /// Somebody has to do something before it goes on.
    Standing,
}

/// Says what an event is.
pub(super) fn say(record: &Record) -> Said<'_> {
    let at = record.at;
    match &record.event {
        Event::SagaStarted {
            definition,
            version,
            ..
        } => saga(
            Weight::Frame,
            Tone::Normal,
            "»",
            format!("starts {definition} v{version}"),
        ),
        Event::ActStarted { step, attempt, .. } => passing(step, "running", *attempt),
        Event::OnReplyStarted { step, attempt } => passing(step, "taking the reply", *attempt),
        Event::ConfirmationStarted { step, attempt } => passing(step, "confirming", *attempt),
        Event::CompensationStarted { step, attempt } => passing(step, "undoing", *attempt),
        Event::ActBypassed { step } => lasting(
            step,
            Tone::Notable,
            "·",
            "not tried: its circuit breaker is open",
        ),
        Event::ActPending {
            step,
            payload,
            until,
            ..
        } => {
            let asks = valued("  asks ", payload);
            standing(step, format!("waits for a reply{}{asks}", limit(*until)))
        }
        Event::ReplyReceived { step, reply } => match &**reply {
            Reply::Succeeded(value) => {
                let text = format!("was told that it succeeded{}", valued("  → ", value));
                lasting(step, Tone::Normal, "·", text)
            }
            Reply::Failed(failure) => {
                let text = format!("was told that it failed: {}", reason(failure));
                lasting(step, Tone::Notable, "·", text)
            }
        },
        Event::ActCompleted {
            step,
            attempt,
            result,
            metering,
            ..
        } => {
            let result = valued("  → ", result);
            let text = format!("done{}  {}{result}", took(metering), nth(*attempt));
            lasting(step, Tone::Good, "✓", text)
        }
        Event::ActFailed {
            step,
            attempt,
            failure,
            evidence,
            retry_at,
            ..
        } => {
            let text = failed(failure, *evidence, *attempt, again(*retry_at, at));
            let (tone, mark) = failure_mark(*retry_at);
            lasting(step, tone, mark, text)
        }
        Event::StepFailed { step, failure } => lasting(step, Tone::Bad, "✗", reason(failure)),
        Event::ActInterrupted { step, attempt, by }
        | Event::ConfirmationInterrupted { step, attempt, by }
        | Event::CompensationInterrupted { step, attempt, by } => {
            let how = match by {
                CutOff::Crash => "cut off by a crash of the engine",
                CutOff::Shutdown => "cut off by the engine's end",
            };
            let text = format!("{how}, runs again  {}", nth(*attempt));
            lasting(step, Tone::Notable, "↻", text)
        }
        Event::ChoiceMade {
            step,
            branch,
            evaluated,
        } => lasting(step, Tone::Normal, "·", chosen(*branch, evaluated)),
        Event::ParallelCompleted { step, results } => {
            let text = format!("{} done", counted(results.len(), "branch", "branches"));
            lasting(step, Tone::Good, "✓", text)
        }
        Event::LoopStarted { step, items, .. } => {
            let rounds = items.as_array().map_or(0, Vec::len);
            let text = format!("goes {}", counted(rounds, "round", "rounds"));
            lasting(step, Tone::Normal, "·", text)
        }
        Event::LoopCompleted { step, results } => {
            let text = format!("{} done", counted(results.len(), "round", "rounds"));
            lasting(step, Tone::Good, "✓", text)
        }
        Event::ChildStarted {
            step,
            attempt,
            child,
            definition,
            ..
        } => {
            let text = format!("runs as saga {child} ({definition})  {}", nth(*attempt));
            lasting(step, Tone::Normal, "·", text)
        }
        Event::SleepStarted { step, until } => {
            let text = format!("sleeps until {until} ({})", length(until.since(at)));
            Said {
                weight: Weight::Resting,
                ..standing(step, text)
            }
        }
        Event::SleepCompleted { step } => lasting(step, Tone::Good, "✓", "slept"),
        Event::CommitAwaited { until } => {
            let text = match until {
                Some(until) => {
                    format!(
                        "waits to be committed or rejected; is rejected at {until} if nobody does"
                    )
                }
                None => "waits to be committed or rejected".to_owned(),
            };
            saga(Weight::Standing, Tone::Notable, "◦", text)
        }
        Event::SagaCommitted { order } => ordered(Tone::Normal, "»", "committed", order),
        Event::SagaConfirming { steps } => {
            let text = format!("makes {} final", counted(steps.len(), "step", "steps"));
            saga(Weight::Lasting, Tone::Normal, "»", text)
        }
        Event::ConfirmationCompleted {
            step,
            attempt,
            metering,
            ..
        } => {
            let text = format!("confirmed{}  {}", took(metering), nth(*attempt));
            lasting(step, Tone::Good, "✓", text)
        }
        Event::ConfirmationFailed {
            step,
            attempt,
            failure,
            certainty,
            retry_at,
            ..
        } => effort_failed(
            step,
            "not confirmed",
            failure,
            *certainty,
            *attempt,
            (*retry_at, at),
        ),
        Event::SagaFailed { error, by, .. } => {
            let by = by.as_ref().map(|by| format!(" (by {by})"));
            let by = by.unwrap_or_default();
            let (weight, step) = match &error.step {
                // The step's own line has said it.
                Some(step) => (Weight::Frame, format!("{step}: ")),
                None => (Weight::Lasting, String::new()),
            };
            let text = format!("{step}{}: {}{by}", error.code, error.message);
            saga(weight, Tone::Bad, "✗", text)
        }
        Event::SagaReversed => {
            let text = "the saga around it is undone, so it is too".to_owned();
            saga(Weight::Lasting, Tone::Notable, "↩", text)
        }
        Event::CompensationCompleted {
            step,
            attempt,
            metering,
            ..
        } => {
            let text = format!("undone{}  {}", took(metering), nth(*attempt));
            lasting(step, Tone::Notable, "↩", text)
        }
        Event::CompensationFailed {
            step,
            attempt,
            failure,
            certainty,
            retry_at,
            ..
        } => effort_failed(
            step,
            "not undone",
            failure,
            *certainty,
            *attempt,
            (*retry_at, at),
        ),
        Event::CompensationSkipped { step, reason } => {
            let text = format!("needs no undo: {}", why_skipped(*reason));
            lasting(step, Tone::Faint, "·", text)
        }
        Event::SagaPaused { cause, order } => {
            let text = match order {
                Some(order) => format!("paused{}", by(order)),
                None => format!("paused: {}", why_paused(cause)),
            };
            saga(Weight::Standing, Tone::Notable, "‖", text)
        }
        Event::SagaResumed { order } => ordered(Tone::Normal, "»", "resumed", order),
        Event::RetryOrdered { steps, pins, order } => {
            let what = format!("tries {} again{}, ordered", named(steps), on(pins));
            ordered(Tone::Notable, "↻", &what, order)
        }
        Event::VersionChanged { pins, order } => {
            let steps: Vec<_> = pins.iter().map(|repin| repin.step.clone()).collect();
            let what = format!("runs {} from now on{}, ordered", named(&steps), on(pins));
            ordered(Tone::Notable, "⇄", &what, order)
        }
        Event::SkipOrdered { steps, order } => {
            let what = format!("does without what gave up of {}, ordered", named(steps));
            ordered(Tone::Notable, "·", &what, order)
        }
        Event::SagaAbandoned { order } => ordered(Tone::Bad, "✗", "abandoned", order),
        Event::SagaCompleted => saga(Weight::Frame, Tone::Good, "✓", "completed".to_owned()),
        Event::SagaCompensated => saga(Weight::Frame, Tone::Notable, "↩", "compensated".to_owned()),
        Event::SagaStuck => {
            let text = "stuck until an operator acts".to_owned();
            saga(Weight::Frame, Tone::Bad, "✗", text)
        }
        Event::ParentTold => {
            let text = "the saga around it knows how it ended".to_owned();
            saga(Weight::Frame, Tone::Faint, "·", text)
        }
    }
}

/// Why a step needs no undo, or is not made final.
pub(super) const fn why_skipped(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::NoEffect => "it changed nothing",
        SkipReason::Definition => "its definition says so",
        SkipReason::Operator => "an operator said so",
    }
}

fn why_paused(cause: &PauseCause) -> String {
    match cause {
        PauseCause::Operator => "an operator said so".to_owned(),
        PauseCause::Exhausted { step } => format!("all attempts of {step} failed"),
        PauseCause::Pivot { step } => {
            format!("{step} failed for good, and after the pivot there is no way back")
        }
        PauseCause::Poison { step } => {
            format!("the engine went down again and again while {step} was running")
        }
    }
}

const fn saga(weight: Weight, tone: Tone, mark: &'static str, text: String) -> Said<'static> {
    Said {
        weight,
        tone,
        mark,
        step: None,
        text,
    }
}

fn lasting<'a>(
    step: &'a StepPath,
    tone: Tone,
    mark: &'static str,
    text: impl Into<String>,
) -> Said<'a> {
    Said {
        weight: Weight::Lasting,
        tone,
        mark,
        step: Some(step),
        text: text.into(),
    }
}

fn passing<'a>(step: &'a StepPath, what: &str, attempt: u32) -> Said<'a> {
    Said {
        weight: Weight::Passing,
        ..lasting(step, Tone::Normal, "…", format!("{what}  {}", nth(attempt)))
    }
}

fn standing(step: &StepPath, text: String) -> Said<'_> {
    Said {
        weight: Weight::Standing,
        ..lasting(step, Tone::Notable, "◦", text)
    }
}

fn ordered(tone: Tone, mark: &'static str, what: &str, order: &Order) -> Said<'static> {
    saga(Weight::Lasting, tone, mark, format!("{what}{}", by(order)))
}

/// An attempt to undo a step or to make it final failed.
fn effort_failed<'a>(
    step: &'a StepPath,
    what: &str,
    failure: &Failure,
    certainty: Certainty,
    attempt: u32,
    (retry_at, now): (Option<Timestamp>, Timestamp),
) -> Said<'a> {
    // Of these calls, the journal has no other evidence than how they ended.
    let evidence = match certainty {
        Certainty::Definite => Evidence::Unchanged,
        Certainty::Uncertain => Evidence::Possible,
    };
    let text = failed(failure, evidence, attempt, again(retry_at, now));
    let (tone, mark) = failure_mark(retry_at);
    lasting(step, tone, mark, format!("{what}: {text}"))
}

fn chosen(branch: Option<u32>, evaluated: &[Evaluated]) -> String {
    let held = evaluated.iter().find(|condition| condition.value);
    match (branch, held) {
        (None, _) => "takes no branch: none holds".to_owned(),
        (Some(_), Some(condition)) => format!("takes the branch of `{}`", condition.when),
        (Some(_), None) => "takes the branch for everything else".to_owned(),
    }
}

/// Who ordered something, and what for.
fn by(order: &Order) -> String {
    match &order.reason {
        Some(reason) => format!(" by {}: {reason}", order.by),
        None => format!(" by {}", order.by),
    }
}

fn on(pins: &[Repin]) -> String {
    let versions: Vec<String> = pins
        .iter()
        .take(MAX_NAMED_STEPS)
        .map(|repin| format!("{} v{}", repin.pin.component, repin.pin.version))
        .collect();
    match versions.is_empty() {
        true => String::new(),
        false => format!(" on {}", versions.join(", ")),
    }
}

fn named(steps: &[StepPath]) -> String {
    let names = steps.iter().take(MAX_NAMED_STEPS).map(StepPath::as_str);
    let names = names.collect::<Vec<_>>().join(", ");
    match steps.len().saturating_sub(MAX_NAMED_STEPS) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// So many of something, by its name for one and for more.
pub(super) fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn valued(before: &str, value: &serde_json::Value) -> String {
    match value.is_null() {
        true => String::new(),
        false => format!("{before}{}", excerpt(value, MAX_VALUE_CHARS)),
    }
}

fn limit(until: Option<Timestamp>) -> String {
    until
        .map(|until| format!(" until {until}"))
        .unwrap_or_default()
}

const fn failure_mark(retry_at: Option<Timestamp>) -> (Tone, &'static str) {
    if retry_at.is_some() {
        (Tone::Notable, "↻")
    } else {
        (Tone::Bad, "✗")
    }
}

/// A failure's code and message.
pub(super) fn reason(failure: &Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}

fn failed(failure: &Failure, evidence: Evidence, attempt: u32, again: String) -> String {
    let effect = match evidence {
        Evidence::Unchanged => "",
        Evidence::Possible => "  (may have had an effect)",
    };
    format!("{}{effect}  {}{again}", reason(failure), nth(attempt))
}

fn again(retry_at: Option<Timestamp>, now: Timestamp) -> String {
    retry_at
        .map(|at| format!(", again in {}", length(at.since(now))))
        .unwrap_or_default()
}

fn nth(attempt: u32) -> String {
    format!("attempt {attempt}")
}

/// How long a call took; nothing for what is no call, such as a nested saga.
fn took(metering: &Metering) -> String {
    if metering.duration_ms <= 0.0 {
        return String::new();
    }
    format!("  {}", millis(metering.duration_ms))
}

/// A number of bytes.
pub(super) fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).to_string()
}

/// Whether trying again may help.
pub(super) const fn kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Retryable => "retryable",
        FailureKind::Permanent => "permanent",
    }
}

/// How long something took that was measured in milliseconds.
pub(super) fn millis(ms: f64) -> String {
    length(Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default())
}

/// A length of time, as short as it can be said.
pub(super) fn length(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    // What was measured in whole milliseconds shall not look finer than it is.
    let is_finer = !duration.subsec_micros().is_multiple_of(1000);
    if ms < 10.0 && is_finer {
        format!("{ms:.1} ms")
    } else if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else if ms < 60_000.0 {
        format!("{:.1} s", ms / 1000.0)
    } else {
        let seconds = duration.as_secs();
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A record of a journal, made of its event.
    pub(in crate::cli) fn record(seq: u64, mut event: Value) -> Record {
        event["seq"] = json!(seq);
        event["at"] = json!("2026-01-31T08:00:00Z");
        serde_json::from_value(event).expect("a record")
    }

    fn words(event: Value) -> (Weight, String) {
        let record = record(1, event);
        let said = say(&record);
        let step = said.step.map(|step| format!("{step} ")).unwrap_or_default();
        (said.weight, format!("{} {step}{}", said.mark, said.text))
    }

    #[test]
    fn what_makes_a_saga_stand_still_says_what_has_to_come() {
        let metering = json!({"fuel": 1, "memory_bytes": 1, "duration_ms": 1.0, "requests": 0});
        for (event, expected) in [
            (
                json!({"type": "act_pending", "step": "review", "attempt": 1, "payload": {"amount": 5}, "metering": metering,
                    "until": "2026-02-01T08:00:00Z"}),
                "◦ review waits for a reply until 2026-02-01T08:00:00.000Z  asks {\"amount\":5}",
            ),
            (
                json!({"type": "commit_awaited"}),
                "◦ waits to be committed or rejected",
            ),
            (
                json!({"type": "saga_paused", "cause": "operator", "order": {"by": "ann", "reason": "maintenance"}}),
                "‖ paused by ann: maintenance",
            ),
            (
                json!({"type": "saga_paused", "cause": "exhausted", "step": "pay"}),
                "‖ paused: all attempts of pay failed",
            ),
            (
                json!({"type": "saga_paused", "cause": "poison", "step": "pay"}),
                "‖ paused: the engine went down again and again while pay was running",
            ),
        ] {
            assert_eq!(words(event), (Weight::Standing, expected.to_owned()));
        }
        let sleep =
            json!({"type": "sleep_started", "step": "nap", "until": "2026-01-31T08:00:05Z"});
        let expected = "◦ nap sleeps until 2026-01-31T08:00:05.000Z (5.0 s)".to_owned();
        assert_eq!(words(sleep), (Weight::Resting, expected));
    }

    #[test]
    fn a_choice_says_which_condition_decided() {
        let chose = |branch: Value, values: [bool; 2]| {
            let evaluated = [
                json!({"when": "a", "value": values[0]}),
                json!({"when": "b", "value": values[1]}),
            ];
            words(
                json!({"type": "choice_made", "step": "which", "branch": branch, "evaluated": evaluated}),
            )
            .1
        };
        assert_eq!(
            chose(json!(1), [false, true]),
            "· which takes the branch of `b`"
        );
        assert_eq!(
            chose(json!(2), [false, false]),
            "· which takes the branch for everything else"
        );
        assert_eq!(
            chose(Value::Null, [false, false]),
            "· which takes no branch: none holds"
        );
    }

    #[test]
    fn an_order_says_who_gave_it_and_why() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let pins = json!([{"step": "pay", "component": "payment", "version": 3, "digest": digest}]);
        let text = |event| words(event).1;
        assert_eq!(
            text(
                json!({"type": "retry_ordered", "steps": ["pay"], "pins": pins, "by": "ann", "reason": "fixed"})
            ),
            "↻ tries pay again on payment v3, ordered by ann: fixed"
        );
        let steps = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(
            text(json!({"type": "skip_ordered", "steps": steps, "by": "bob"})),
            "· does without what gave up of a, b, c, d, e and 2 more, ordered by bob"
        );
        assert_eq!(
            text(json!({"type": "saga_abandoned", "by": "ann"})),
            "✗ abandoned by ann"
        );
    }

    #[test]
    fn a_reply_says_what_it_was() {
        let reply = |reply: Value| {
            words(json!({"type": "reply_received", "step": "review", "reply": reply})).1
        };
        assert_eq!(
            reply(json!({"succeeded": 7})),
            "· review was told that it succeeded  → 7"
        );
        assert_eq!(
            reply(json!({"failed": {"kind": "permanent", "code": "declined", "message": "no"}})),
            "· review was told that it failed: declined: no"
        );
    }

    #[test]
    fn a_nested_saga_is_named_and_its_end_takes_no_time_of_a_call() {
        let child = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";
        let started = json!({"type": "child_started", "step": "ship", "attempt": 1, "child": child,
            "definition": "shipping", "input": {}});
        assert_eq!(
            words(started).1,
            format!("· ship runs as saga {child} (shipping)  attempt 1")
        );
        let metering = json!({"fuel": 0, "memory_bytes": 0, "duration_ms": 0.0, "requests": 0});
        let done = json!({"type": "act_completed", "step": "ship", "attempt": 1, "result": null, "metering": metering});
        assert_eq!(words(done).1, "✓ ship done  attempt 1");
    }

    #[test]
    fn a_step_s_failure_is_the_saga_s_and_is_said_once() {
        let failed = |step: Value| {
            words(
                json!({"type": "saga_failed", "error": {"step": step, "code": "c", "message": "m"}}),
            )
        };
        assert_eq!(
            failed(json!("pay")),
            (Weight::Frame, "✗ pay: c: m".to_owned())
        );
        assert_eq!(failed(Value::Null), (Weight::Lasting, "✗ c: m".to_owned()));
    }

    #[test]
    fn lengths_of_time_are_short() {
        let text = |ms| length(Duration::from_millis(ms));
        assert_eq!(text(0), "0 ms");
        assert_eq!(length(Duration::from_micros(1240)), "1.2 ms");
        assert_eq!(text(250), "250 ms");
        assert_eq!(text(2500), "2.5 s");
        assert_eq!(text(90_000), "1 min 30 s");
    }
}
