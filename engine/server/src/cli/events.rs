//! `wasaga events`.

use super::client::Client;
use super::follow;
use super::output::{Format, Output, Tone};
use super::sse;
use super::stream::{self, Patience};
use super::words::say;
use wasaga::wire::{LAGGED_EVENT, SagaEvent};

/// Shows what happens to all sagas from now on, until it is ended or the server stays away.
pub(super) async fn run(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let mut last = None;
    let mut patience = Patience::default();
    loop {
        let before = last;
        let ended = stream::read(client, &["v1", "events"], before, |event| {
            if event.kind.as_deref() == Some(LAGGED_EVENT) {
                return Ok(());
            }
            if let Some(id) = event.id.as_deref().and_then(|id| id.parse().ok()) {
                last = Some(id);
            }
            show(event, output)
        });
        let ended = ended.await;
        if last != before {
            patience.restore();
        }
        if let Err(error) = ended {
            patience.bear(error, output)?;
        }
        patience.wait().await;
    }
}

fn show(event: &sse::Event, output: &mut Output) -> anyhow::Result<()> {
    if output.format() == Format::Json {
        return Ok(output.line(&event.data)?);
    }
    let event: SagaEvent = follow::read(event)?;
    output.line(line(&event, output))?;
    Ok(())
}

/// One event on one line.
fn line(event: &SagaEvent, output: &Output) -> String {
    let said = say(&event.record);
    let step = said.step.map(|step| format!("{step}  "));
    format!(
        "{}  {}  {} {}{}",
        output.paint(Tone::Faint, event.record.at),
        event.saga,
        output.paint(said.tone, said.mark),
        step.unwrap_or_default(),
        output.paint(said.tone, &said.text)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::output::tests::plain;
    use super::super::words::tests::record;
    use super::*;

    const SAGA: &str = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";

    #[test]
    fn an_event_of_any_saga_is_one_line_with_its_time_and_saga() {
        let (output, _) = plain();
        let shown = |event| {
            let saga = SAGA.parse().expect("an id");
            let record = record(3, event);
            line(&SagaEvent { saga, record }, &output)
        };
        assert_eq!(
            shown(
                json!({"type": "saga_started", "definition": "order", "version": 3, "input": {}})
            ),
            format!("2026-01-31T08:00:00.000Z  {SAGA}  » starts order v3")
        );
        assert_eq!(
            shown(json!({"type": "compensation_started", "step": "pay", "attempt": 2})),
            format!("2026-01-31T08:00:00.000Z  {SAGA}  … pay  undoing  attempt 2")
        );
        assert_eq!(
            shown(json!({"type": "saga_completed"})),
            format!("2026-01-31T08:00:00.000Z  {SAGA}  ✓ completed")
        );
    }
}
