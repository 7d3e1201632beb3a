//! `wasaga breaker`.

use clap::Subcommand;
use reqwest::Method;
use wasaga_core::{Name, Timestamp};

use super::client::Client;
use super::output::{Cell, Format, Output, Tone};
use super::page::PageOptions;
use wasaga::wire::{Breaker, BreakerState, Page};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the circuit breakers of actions that failed of late; all others are closed
    List {
        #[command(flatten)]
        page: PageOptions,
    },
    /// Close a circuit breaker: the action is called again
    Reset {
        /// The component
        component: Name,
        /// Which of its actions
        action: Name,
    },
}

impl Command {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        match self {
            Self::List { page } => {
                let answer = client.list(&["v1", "breakers"], &page).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                    return Ok(());
                }
                let list: Page<Breaker> = answer.json()?;
                show(&list.items, output)?;
                page.note_more(list.next_cursor.as_deref(), output);
            }
            Self::Reset { component, action } => {
                let path = [
                    "v1",
                    "breakers",
                    component.as_str(),
                    action.as_str(),
                    "reset",
                ];
                client.send(client.request(Method::POST, &path)).await?;
                if output.format() == Format::Text {
                    let closed = output.paint(Tone::Good, "closed");
                    output.line(format!("{component} {action}  {closed}"))?;
                }
            }
        }
        Ok(())
    }
}

fn show(breakers: &[Breaker], output: &mut Output) -> anyhow::Result<()> {
    if breakers.is_empty() {
        output.note("No circuit breakers: nothing that has one failed of late.");
        return Ok(());
    }
    let rows = breakers.iter().map(|breaker| {
        let (state, tone) = match breaker.state {
            BreakerState::Closed => ("closed", Tone::Good),
            BreakerState::Open => ("open", Tone::Bad),
            BreakerState::HalfOpen => ("half-open", Tone::Notable),
        };
        [
            Cell::new(&breaker.component),
            Cell::new(&breaker.action),
            Cell::new(state).tone(tone),
            Cell::right(breaker.failures),
            Cell::new(time(breaker.opened_at)),
            Cell::new(time(breaker.reset_at)),
        ]
    });
    let header = [
        "COMPONENT",
        "ACTION",
        "STATE",
        "FAILURES",
        "OPEN SINCE",
        "TRIED AGAIN",
    ];
    output.table(header, rows)?;
    Ok(())
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::output::tests::plain;
    use super::*;

    #[test]
    fn a_breaker_says_since_when_it_is_open_and_until_when() {
        let breakers: Vec<Breaker> = serde_json::from_value(json!([
            {"component": "inventory", "action": "reserve", "state": "open", "failures": 2,
             "opened_at": "2026-01-31T08:00:00Z", "reset_at": "2026-01-31T08:01:00Z"},
            {"component": "mail", "action": "send", "state": "closed", "failures": 1, "opened_at": null, "reset_at": null},
        ]))
        .expect("breakers");
        let (mut output, written) = plain();
        show(&breakers, &mut output).expect("written");
        let text = written.text();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                vec![
                    "inventory",
                    "reserve",
                    "open",
                    "2",
                    "2026-01-31T08:00:00.000Z",
                    "2026-01-31T08:01:00.000Z"
                ],
                vec!["mail", "send", "closed", "1"],
            ]
        );
    }
}
