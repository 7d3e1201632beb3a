//! A saga's journal as lines for people, one for each thing that came to an end or stands still.

use std::io;

use wasaga_core::{Event, Record, SagaId, StepPath};

use super::output::{Output, Tone};
use super::words::{Said, Weight, say};
use wasaga::wire::Progress;

/// Names of steps are padded to this at most, in characters.
const MAX_WIDTH: usize = 32;

/// Shows records as they come.
#[derive(Debug)]
pub(super) struct Live {
    saga: SagaId,
    /// Steps' names are padded to this, in characters.
    width: usize,
    progress: Option<Progress>,
}

impl Live {
    /// For a saga whose steps have these names.
    pub(super) fn new<'a>(saga: SagaId, steps: impl IntoIterator<Item = &'a str>) -> Self {
        let widths = steps.into_iter().map(|step| step.chars().count());
        Self {
            saga,
            width: widths.max().unwrap_or(0).min(MAX_WIDTH),
            progress: None,
        }
    }

    /// Learns how far the saga is.
    pub(super) const fn reached(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// Shows one record. Beginnings stand on a terminal until what they began has ended.
    pub(super) fn show(&self, record: &Record, output: &mut Output) -> io::Result<()> {
        let said = say(record);
        match said.weight {
            // The beginning and the end are shown by whoever follows the saga.
            Weight::Frame => Ok(()),
            Weight::Passing => {
                let mark = said.mark;
                let step = self.padded(said.step);
                let progress = match record.event {
                    Event::ActStarted { .. } | Event::OnReplyStarted { .. } => self.at_step(),
                    _ => String::new(),
                };
                output.transient(format!("{mark} {step}{}{progress}", said.text))
            }
            Weight::Lasting => self.line(&said, "", output),
            Weight::Resting => self.line(&said, &self.done(), output),
            Weight::Standing => {
                self.line(&said, &self.done(), output)?;
                let id = self.saga;
                output.transient(format!("… `wasaga saga show {id}` says what to do"))
            }
        }
    }

    fn line(&self, said: &Said<'_>, progress: &str, output: &mut Output) -> io::Result<()> {
        let text_tone = match said.tone {
            Tone::Good => Tone::Normal,
            tone => tone,
        };
        output.line(format!(
            "{} {}{}{}",
            output.paint(said.tone, said.mark),
            self.padded(said.step),
            output.paint(text_tone, &said.text),
            output.paint(Tone::Faint, progress),
        ))
    }

    fn padded(&self, step: Option<&StepPath>) -> String {
        match step {
            Some(step) => format!("{:width$}  ", step.as_str(), width = self.width),
            None => String::new(),
        }
    }

    /// At which step the saga is.
    fn at_step(&self) -> String {
        let Some(Progress { done, total }) = self.progress else {
            return String::new();
        };
        let step = done.saturating_add(1).min(total);
        format!("  step {step} of {total}")
    }

    fn done(&self) -> String {
        let Some(Progress { done, total }) = self.progress else {
            return String::new();
        };
        format!("  ({done} of {total} steps done)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::output::tests::{plain, terminal};
    use super::super::words::tests::record;
    use super::*;

    const SAGA: SagaId = SagaId::from_uuid(uuid::Uuid::nil());

    /// What is shown of a journal.
    fn shown(events: &[Value]) -> String {
        let (mut output, written) = plain();
        let live = Live::new(SAGA, ["pay", "reserve"]);
        for (seq, event) in (1..).zip(events) {
            let record = record(seq, event.clone());
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

    fn act_started() -> Value {
        let digest = format!("sha256:{}", "0".repeat(64));
        json!({"type": "act_started", "step": "reserve", "attempt": 1, "component": "i", "version": 1, "digest": digest})
    }

    #[test]
    fn a_saga_that_fails_is_shown_step_by_step_forth_and_back() {
        let journal = [
            json!({"type": "saga_started", "definition": "order", "version": 1, "input": {}}),
            act_started(),
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
    fn a_step_that_runs_says_which_one_of_how_many_it_is() {
        let (mut output, written) = terminal();
        let mut live = Live::new(SAGA, ["reserve"]);
        live.reached(Progress { done: 1, total: 4 });
        let started = record(1, act_started());
        live.show(&started, &mut output).expect("written");
        assert_eq!(written.text(), "… reserve  running  attempt 1  step 2 of 4");
        let (mut output, written) = terminal();
        let undoing = json!({"type": "compensation_started", "step": "reserve", "attempt": 1});
        live.show(&record(2, undoing), &mut output)
            .expect("written");
        assert_eq!(written.text(), "… reserve  undoing  attempt 1");
    }

    #[test]
    fn a_saga_that_waits_says_how_far_it_is() {
        let (mut output, written) = plain();
        let mut live = Live::new(SAGA, ["pay", "nap"]);
        live.reached(Progress { done: 1, total: 2 });
        let sleeps =
            json!({"type": "sleep_started", "step": "nap", "until": "2026-01-31T08:00:05Z"});
        live.show(&record(1, sleeps), &mut output).expect("written");
        assert_eq!(
            written.text(),
            "◦ nap  sleeps until 2026-01-31T08:00:05.000Z (5.0 s)  (1 of 2 steps done)\n"
        );
    }

    #[test]
    fn who_watches_a_saga_that_needs_somebody_is_told_how_to_learn_what_to_do() {
        let (mut output, written) = terminal();
        let live = Live::new(SAGA, ["pay"]);
        let paused = json!({"type": "saga_paused", "cause": "exhausted", "step": "pay"});
        live.show(&record(1, paused), &mut output).expect("written");
        let text = written.text();
        let expected = format!("‖ paused: all attempts of pay failed\n… `wasaga saga show {SAGA}`");
        assert!(text.starts_with(&expected), "{text}");
    }
}
