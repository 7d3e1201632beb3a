//! A saga's journal as lines for people, one for each thing that came to an end.

use std::time::Duration;

use wasaga_core::event::SkipReason;
use wasaga_core::{Certainty, Event, Evidence, Failure, Metering, Record, StepPath, Timestamp};

use super::output::{Output, Tone, excerpt};

/// Most of a result that a line shows, in characters.
const MAX_RESULT_CHARS: usize = 60;

/// Shows records as they come.
#[derive(Debug)]
pub(super) struct Live {
    /// Steps' names are padded to this, in characters.
    width: usize,
}

impl Live {
    /// For a saga whose steps have these names.
    pub(super) fn new<'a>(steps: impl IntoIterator<Item = &'a str>) -> Self {
        let width = steps
            .into_iter()
            .map(|step| step.chars().count())
            .max()
            .unwrap_or(0);
        Self { width }
    }

    /// Shows one record. Beginnings stand on a terminal until what they began has ended.
    pub(super) fn show(&self, record: &Record, output: &mut Output) -> std::io::Result<()> {
        let at = record.at;
        match &record.event {
            Event::ActStarted { step, attempt, .. } => {
                output.transient(self.begun("…", step, "running", *attempt))
            }
            Event::CompensationStarted { step, attempt } => {
                output.transient(self.begun("…", step, "undoing", *attempt))
            }
            Event::ActCompleted {
                step,
                attempt,
                result,
                metering,
                ..
            } => {
                let result = match result.is_null() {
                    true => String::new(),
                    false => format!("  → {}", excerpt(result, MAX_RESULT_CHARS)),
                };
                let text = format!("done  {}  {}{result}", took(metering), nth(*attempt));
                self.line(output, Tone::Good, "✓", step, &text)
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
                self.line(output, tone, mark, step, &text)
            }
            Event::StepFailed { step, failure } => {
                let text = format!("{}: {}", failure.code, failure.message);
                self.line(output, Tone::Bad, "✗", step, &text)
            }
            Event::CompensationCompleted {
                step,
                attempt,
                metering,
                ..
            } => {
                let text = format!("undone  {}  {}", took(metering), nth(*attempt));
                self.line(output, Tone::Notable, "↩", step, &text)
            }
            Event::CompensationFailed {
                step,
                attempt,
                failure,
                certainty,
                retry_at,
                ..
            } => {
                // Of an undo, the journal has no other evidence than how it ended.
                let evidence = match certainty {
                    Certainty::Definite => Evidence::Unchanged,
                    Certainty::Uncertain => Evidence::Possible,
                };
                let text = failed(failure, evidence, *attempt, again(*retry_at, at));
                let (tone, mark) = failure_mark(*retry_at);
                self.line(output, tone, mark, step, &format!("not undone: {text}"))
            }
            Event::CompensationSkipped { step, reason } => {
                let why = match reason {
                    SkipReason::NoEffect => "it changed nothing",
                    SkipReason::Definition => "its definition says so",
                };
                self.line(
                    output,
                    Tone::Faint,
                    "·",
                    step,
                    &format!("needs no undo: {why}"),
                )
            }
            Event::ActInterrupted { step, attempt }
            | Event::CompensationInterrupted { step, attempt } => {
                let text = format!("cut off by the engine's end, runs again  {}", nth(*attempt));
                self.line(output, Tone::Notable, "↻", step, &text)
            }
            // Only what no step's line has said already.
            Event::SagaFailed { error, by } if error.step.is_none() => {
                let by = by
                    .as_ref()
                    .map(|by| format!(" (by {by})"))
                    .unwrap_or_default();
                let text = format!("✗ {}: {}{by}", error.code, error.message);
                output.line(output.paint(Tone::Bad, text))
            }
            // The beginning and the end are shown by whoever follows the saga.
            _ => Ok(()),
        }
    }

    fn begun(&self, mark: &str, step: &StepPath, what: &str, attempt: u32) -> String {
        format!(
            "{mark} {:width$}  {what}  {}",
            step.as_str(),
            nth(attempt),
            width = self.width
        )
    }

    fn line(
        &self,
        output: &mut Output,
        tone: Tone,
        mark: &str,
        step: &StepPath,
        text: &str,
    ) -> std::io::Result<()> {
        let step = format!("{:width$}", step.as_str(), width = self.width);
        let text_tone = if tone == Tone::Good {
            Tone::Normal
        } else {
            tone
        };
        output.line(format!(
            "{} {step}  {}",
            output.paint(tone, mark),
            output.paint(text_tone, text)
        ))
    }
}

fn failure_mark(retry_at: Option<Timestamp>) -> (Tone, &'static str) {
    if retry_at.is_some() {
        (Tone::Notable, "↻")
    } else {
        (Tone::Bad, "✗")
    }
}

fn failed(failure: &Failure, evidence: Evidence, attempt: u32, again: String) -> String {
    let effect = match evidence {
        Evidence::Unchanged => "",
        Evidence::Possible => "  (may have had an effect)",
    };
    format!(
        "{}: {}{effect}  {}{again}",
        failure.code,
        failure.message,
        nth(attempt)
    )
}

fn again(retry_at: Option<Timestamp>, now: Timestamp) -> String {
    retry_at
        .map(|at| format!(", again in {}", length(at.since(now))))
        .unwrap_or_default()
}

fn nth(attempt: u32) -> String {
    format!("attempt {attempt}")
}

fn took(metering: &Metering) -> String {
    length(Duration::try_from_secs_f64(metering.duration_ms / 1000.0).unwrap_or_default())
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
mod tests {
    use serde_json::{Value, json};

    use super::super::output::tests::plain;
    use super::*;

    /// What is shown of a journal.
    fn shown(records: &[Value]) -> String {
        let (mut output, written) = plain();
        let live = Live::new(["pay", "reserve"]);
        for (seq, record) in (1..).zip(records) {
            let mut record = record.clone();
            record["seq"] = json!(seq);
            record["at"] = json!("2026-01-31T08:00:00Z");
            let record: Record = serde_json::from_value(record).expect("a record");
            live.show(&record, &mut output).expect("written");
        }
        written.text()
    }

    fn metering(duration_ms: f64) -> Value {
        json!({"fuel": 1, "memory_bytes": 1, "duration_ms": duration_ms, "requests": 0})
    }

    fn failure(code: &str) -> Value {
        json!({"kind": "permanent", "code": code, "message": "no \u{1b}carrier"})
    }

    #[test]
    fn a_saga_that_fails_is_shown_step_by_step_forth_and_back() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let journal = [
            json!({"type": "saga_started", "definition": "order", "version": 1, "input": {}}),
            json!({"type": "act_started", "step": "reserve", "attempt": 1, "component": "i", "version": 1, "digest": digest}),
            json!({"type": "act_completed", "step": "reserve", "attempt": 1, "result": {"id": 5}, "metering": metering(1.23)}),
            json!({"type": "act_failed", "step": "pay", "attempt": 1, "failure": failure("busy"), "certainty": "uncertain",
                "evidence": "possible", "retry_at": "2026-01-31T08:00:00.200Z", "metering": metering(12.0)}),
            json!({"type": "act_failed", "step": "pay", "attempt": 2, "failure": failure("declined"), "certainty": "uncertain",
                "evidence": "unchanged", "metering": metering(12.0)}),
            json!({"type": "saga_failed", "error": {"step": "pay", "code": "declined", "message": "no"}}),
            json!({"type": "compensation_skipped", "step": "pay", "reason": "no-effect"}),
            json!({"type": "compensation_completed", "step": "reserve", "attempt": 1, "metering": metering(1500.0)}),
            json!({"type": "saga_compensated"}),
        ];
        assert_eq!(
            shown(&journal),
            "✓ reserve  done  1.2 ms  attempt 1  → {\"id\":5}\n\
             ↻ pay      busy: no \\u{1b}carrier  (may have had an effect)  attempt 1, again in 200 ms\n\
             ✗ pay      declined: no \\u{1b}carrier  attempt 2\n\
             · pay      needs no undo: it changed nothing\n\
             ↩ reserve  undone  1.5 s  attempt 1\n"
        );
    }

    #[test]
    fn a_step_without_a_result_shows_none_and_a_long_one_is_cut() {
        let done = |result: Value| json!({"type": "act_completed", "step": "pay", "attempt": 1, "result": result, "metering": metering(1.0)});
        assert_eq!(
            shown(&[done(Value::Null)]),
            "✓ pay      done  1 ms  attempt 1\n"
        );
        let text = shown(&[done(json!("x".repeat(1000)))]);
        assert!(
            text.ends_with("xx…\n") && text.chars().count() < 110,
            "{text}"
        );
    }

    #[test]
    fn a_failure_that_is_no_step_s_is_shown_with_who_asked_for_it() {
        let cancelled = json!({"type": "saga_failed", "by": "ann", "error": {"step": null, "code": "cancelled", "message": "wrong order"}});
        assert_eq!(shown(&[cancelled]), "✗ cancelled: wrong order (by ann)\n");
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
