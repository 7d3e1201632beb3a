//! `wasaga saga calls`, `call` and `rerun`.

use clap::Args;
use reqwest::Method;
use wasaga_core::{Metering, SagaId};

use super::super::called::{self, Called};
use super::super::client::Client;
use super::super::comparison;
use super::super::error::Outcome;
use super::super::output::{Cell, Format, Output, Tone};
use super::super::page::PageOptions;
use super::super::words::{millis, size};
use super::saga_id;
use wasaga::wire::{Call, CallInput, CallSummary, Page, Rerun, RerunCall};

/// The calls of a saga.
#[derive(Debug, Args)]
pub(in crate::cli) struct Calls {
    /// Id of the saga, as `wasaga saga list` shows it
    #[arg(value_parser = saga_id)]
    id: SagaId,
    #[command(flatten)]
    page: PageOptions,
}

/// One call of a saga.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Id of the saga, as `wasaga saga list` shows it
    #[arg(value_parser = saga_id)]
    id: SagaId,
    /// Which call: its number in `wasaga saga calls`
    seq: u64,
}

/// A call to run again.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct RunAgain {
    #[command(flatten)]
    call: Show,
    /// On this version of its component; on the one that it ran on unless given
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

const HELP: &str = "Every request is answered from the record: nothing is sent, and the saga stays as it is. Ends with \
0 when all is the same, with 1 when something is different or it cannot be compared.";

impl Calls {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let path = ["v1", "sagas", &self.id.to_string(), "calls"];
        let answer = client.list(&path, &self.page).await?;
        if output.format() == Format::Json {
            output.line(answer.text()?)?;
            return Ok(());
        }
        let list: Page<CallSummary> = answer.json()?;
        if list.items.is_empty() {
            output.note("No calls.");
            return Ok(());
        }
        let header = [
            "CALL", "STEP", "FUNCTION", "ATTEMPT", "RUNS", "OUTCOME", "STARTED", "TIME", "FUEL",
            "MEMORY", "REQUESTS",
        ];
        output.table(header, list.items.iter().map(row))?;
        self.page.note_more(list.next_cursor.as_deref(), output);
        Ok(())
    }
}

fn row(call: &CallSummary) -> [Cell; 11] {
    let (outcome, tone) = called::outcome(call.outcome);
    let Metering {
        fuel,
        memory_bytes,
        duration_ms,
        requests,
    } = call.metering;
    [
        Cell::right(call.seq),
        Cell::new(&call.step),
        Cell::new(call.direction),
        Cell::right(call.attempt),
        Cell::new(runs(call)),
        Cell::new(outcome).tone(tone),
        Cell::new(call.started_at),
        Cell::right(millis(duration_ms)),
        Cell::right(fuel),
        Cell::right(size(memory_bytes)),
        Cell::right(requests),
    ]
}

/// What a call runs; the action, where it is not named like the step.
fn runs(call: &CallSummary) -> String {
    let action = call.action.as_str();
    let action = Some(action).filter(|action| *action != call.step.name());
    let action = action.map(|action| format!(" {action}"));
    let action = action.unwrap_or_default();
    format!("{} v{}{action}", call.component, call.version)
}

impl Show {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let path = self.path();
        let answer = client.get(&path.each_ref().map(String::as_str)).await?;
        if output.format() == Format::Json {
            output.line(answer.text()?)?;
            return Ok(());
        }
        show(&answer.json()?, output)
    }

    fn path(&self) -> [String; 5] {
        let id = self.id.to_string();
        let seq = self.seq.to_string();
        [
            "v1".to_owned(),
            "sagas".to_owned(),
            id,
            "calls".to_owned(),
            seq,
        ]
    }
}

/// Shows all of a call.
fn show(call: &Call, output: &mut Output) -> anyhow::Result<()> {
    let Call {
        summary,
        input,
        output: came,
    } = call;
    let title = format!(
        "{} {} #{}",
        summary.step, summary.direction, summary.attempt
    );
    let title = output.paint(Tone::Strong, title);
    let runs = output.paint(Tone::Faint, runs(summary));
    output.line(format!("{title}  {runs}"))?;
    called::field("started", &summary.started_at.to_string(), output)?;
    went_in(input, output)?;
    output.line("")?;
    let called = Called {
        outcome: summary.outcome,
        output: came.as_ref(),
        metering: &summary.metering,
        logs: &[],
    };
    called.show(output)
}

fn went_in(input: &CallInput, output: &mut Output) -> anyhow::Result<()> {
    called::field("key", &input.idempotency_key.to_string(), output)?;
    called::value("input", &input.input, output)?;
    called::value("context", &input.context, output)?;
    if !input.arguments.is_null() {
        called::value("arguments", &input.arguments, output)?;
    }
    if let Some(previous) = &input.previous {
        called::value("previous", previous, output)?;
    }
    if let Some(result) = &input.result {
        called::value("left", result, output)?;
    }
    if let Some(reply) = &input.reply {
        called::value("reply", &serde_json::to_value(reply)?, output)?;
    }
    Ok(())
}

impl RunAgain {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        let [v1, sagas, id, calls, seq] = self.call.path();
        let path = [&*v1, &sagas, &id, &calls, &seq, "rerun"];
        let body = RerunCall {
            version: self.version,
        };
        let answer = client
            .send(client.request(Method::POST, &path).json(&body))
            .await?;
        let rerun: Rerun = answer.json()?;
        if output.format() == Format::Json {
            output.line(answer.text()?)?;
        } else {
            output.line(output.paint(Tone::Strong, format!("on v{}", rerun.version)))?;
            let called = Called {
                outcome: rerun.outcome,
                output: Some(&rerun.output),
                metering: &rerun.metering,
                logs: &rerun.logs,
            };
            called.show(output)?;
            output.line("")?;
            comparison::verdict(
                rerun.comparison.as_ref(),
                rerun.incomparable.as_deref(),
                output,
            )?;
        }
        Ok(comparison::outcome(rerun.comparison.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::output::tests::plain;
    use super::*;

    fn call() -> Call {
        serde_json::from_value(json!({
            "seq": 4, "step": "picks[2].pick", "direction": "compensate", "attempt": 2, "component": "warehouse",
            "version": 3, "digest": format!("sha256:{}", "0".repeat(64)), "action": "pick-one",
            "started_at": "2026-01-31T08:00:00Z", "ended_at": "2026-01-31T08:00:01Z", "outcome": "failed",
            "metering": {"fuel": 7, "memory_bytes": 0, "duration_ms": 1.0, "requests": 0},
            "input": {"saga": "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f", "definition": "order", "attempt": 2,
                "idempotency_key": "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f", "input": {"a": 1}, "context": {},
                "arguments": null, "result": {"shelf": 9}},
            "output": {"failure": {"kind": "retryable", "code": "later", "message": "not now"}},
        }))
        .expect("a call")
    }

    #[test]
    fn a_call_shows_what_went_in_and_what_came_out() {
        let (mut output, written) = plain();
        show(&call(), &mut output).expect("written");
        assert_eq!(
            written.text(),
            "picks[2].pick compensate #2  warehouse v3 pick-one\n\
             started   2026-01-31T08:00:00.000Z\n\
             key       01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f\n\
             input     {\"a\":1}\n\
             context   {}\n\
             left      {\"shelf\":9}\n\
             \n\
             failed  1 ms  fuel 7  memory 0 B  requests 0\n\
             failure   (retryable) later: not now\n"
        );
    }

    #[test]
    fn an_action_is_named_where_it_is_not_the_step_s_own_name() {
        let mut summary = call().summary;
        assert_eq!(runs(&summary), "warehouse v3 pick-one");
        summary.action = "pick".parse().expect("a name");
        assert_eq!(runs(&summary), "warehouse v3");
    }
}
