//! `wasaga saga`.

mod calls;
mod order;
mod reply;
mod show;
mod start;
mod watch;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;
use wasaga_core::{LogLevel, LogLine, Name, SagaId, Status};

use self::calls::{Calls, RunAgain};
use self::order::{Order, Retry, Skip};
use self::reply::Reply;
use self::show::Rows;
use self::start::{Start, StartBatch};
use self::watch::{Shows, watch};
use super::client::{Answer, Client};
use super::error::Outcome;
use super::input;
use super::output::{Cell, Format, Output, Tone, status_tone};
use super::page::PageOptions;
use wasaga::wire::{Page, Saga, SagaSummary};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a saga
    Start(Start),
    /// Start up to 1,000 sagas at once: all of them or none
    StartBatch(StartBatch),
    /// List sagas, the latest first
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a saga and its steps, what it waits for, and what to do when it needs somebody
    Show {
        /// Id of the saga, as `wasaga saga list` shows it
        #[arg(value_parser = saga_id)]
        id: SagaId,
        /// Show every step of every round of a loop, not only those that matter most
        #[arg(long)]
        all: bool,
    },
    /// Show a saga's steps as they happen, from its first one, until it is over or stuck
    Watch {
        /// Id of the saga, as `wasaga saga list` shows it
        #[arg(value_parser = saga_id)]
        id: SagaId,
    },
    /// Show what a saga's steps logged
    Logs {
        /// Id of the saga, as `wasaga saga list` shows it
        #[arg(value_parser = saga_id)]
        id: SagaId,
        #[command(flatten)]
        page: PageOptions,
    },
    /// List the calls that a saga's steps made, each attempt of it
    Calls(Calls),
    /// Show a call: what went in, what came out, what it sent and was answered
    Call(calls::Show),
    /// Run a call again with its requests answered from the record, and show what is different
    Rerun(RunAgain),
    /// Draw a saga and how its steps stand, as a Mermaid flowchart
    Diagram {
        /// Id of the saga, as `wasaga saga list` shows it
        #[arg(value_parser = saga_id)]
        id: SagaId,
    },
    /// Undo what a saga has done
    Cancel(Order),
    /// Stop a saga between two calls, until it is resumed
    Pause(Order),
    /// Let a paused saga go on
    Resume(Order),
    /// Try again at once what gave up or waits for its next attempt
    Retry(Retry),
    /// Do without the undo or the confirmation that made a saga stuck
    Skip(Skip),
    /// Give up a paused or stuck saga as it is
    Abandon(Order),
    /// Make a saga final that waits for it
    Commit(Order),
    /// Undo a saga that waits to be committed
    Reject(Order),
    /// Reply to a step that waits for it
    Reply(Reply),
}

/// Which sagas a list shows; serialised, the query of the request.
#[derive(Debug, Args, Serialize)]
pub(super) struct Filter {
    /// Only of this status
    #[arg(long, value_parser = status())]
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    /// Only of this definition
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Name>,
    /// Only with this label
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// Only with a step that is, or was, bound to a version of this component; goes with --version
    #[arg(long, requires = "version")]
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<Name>,
    /// Which version of it
    #[arg(long, value_name = "N", requires = "component")]
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
}

impl Command {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Start(start) => return start.run(client, output).await,
            Self::Watch { id } => {
                let saga: Saga = get(client, id).await?.json()?;
                return watch(client, &saga, Shows::Journal, output).await;
            }
            Self::Rerun(rerun) => return rerun.run(client, output).await,
            Self::Calls(calls) => calls.run(client, output).await?,
            Self::Call(call) => call.run(client, output).await?,
            Self::StartBatch(batch) => batch.run(client, output).await?,
            Self::List { filter, page } => list(&filter, &page, client, output).await?,
            Self::Show { id, all } => {
                let answer = get(client, id).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let rows = if all { Rows::All } else { Rows::Some };
                    show::saga(&answer.json()?, rows, output)?;
                }
            }
            Self::Logs { id, page } => logs(id, &page, client, output).await?,
            Self::Diagram { id } => {
                let path = ["v1", "sagas", &id.to_string(), "diagram"];
                output.text(client.get(&path).await?.text()?)?;
            }
            Self::Cancel(order) => order.run("cancel", client, output).await?,
            Self::Pause(order) => order.run("pause", client, output).await?,
            Self::Resume(order) => order.run("resume", client, output).await?,
            Self::Retry(retry) => retry.run(client, output).await?,
            Self::Skip(skip) => skip.run(client, output).await?,
            Self::Abandon(order) => order.run("abandon", client, output).await?,
            Self::Commit(order) => order.run("commit", client, output).await?,
            Self::Reject(order) => order.run("reject", client, output).await?,
            Self::Reply(reply) => reply.run(client, output).await?,
        }
        Ok(Outcome::Done)
    }
}

async fn list(
    filter: &Filter,
    page: &PageOptions,
    client: &Client,
    output: &mut Output,
) -> anyhow::Result<()> {
    let request = client
        .request(Method::GET, &["v1", "sagas"])
        .query(filter)
        .query(page);
    let answer = client.send(request).await?;
    if output.format() == Format::Json {
        output.line(answer.text()?)?;
        return Ok(());
    }
    let list: Page<SagaSummary> = answer.json()?;
    if list.items.is_empty() {
        output.note("No sagas.");
        return Ok(());
    }
    let rows = list.items.iter().map(|saga| {
        [
            Cell::new(saga.id),
            Cell::new(format!("{} v{}", saga.definition, saga.version)),
            Cell::new(saga.status).tone(status_tone(saga.status)),
            Cell::new(saga.created_at),
            Cell::new(show::tags(&saga.tags)),
        ]
    });
    output.table(["ID", "DEFINITION", "STATUS", "STARTED", "TAGS"], rows)?;
    page.note_more(list.next_cursor.as_deref(), output);
    Ok(())
}

async fn logs(
    id: SagaId,
    page: &PageOptions,
    client: &Client,
    output: &mut Output,
) -> anyhow::Result<()> {
    let answer = client
        .list(&["v1", "sagas", &id.to_string(), "logs"], page)
        .await?;
    if output.format() == Format::Json {
        output.line(answer.text()?)?;
        return Ok(());
    }
    let list: Page<LogLine> = answer.json()?;
    if list.items.is_empty() {
        output.note("No log lines (a call's log is written when the call ends).");
    }
    for line in &list.items {
        output.line(log_line(line, output))?;
    }
    page.note_more(list.next_cursor.as_deref(), output);
    Ok(())
}

/// Reads the id of a saga that there is.
pub(super) fn saga_id(argument: &str) -> Result<SagaId, String> {
    argument
        .parse()
        .map_err(|_| "expected a saga's id, as in `wasaga saga list`".to_owned())
}

/// Reads a status; the help and a mistake's message have them all.
pub(super) fn status() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::as_str))
        .try_map(|status| status.parse::<Status>())
}

/// A label as the API's query has it.
fn label(argument: &str) -> Result<String, String> {
    let (key, value) = input::key_value(argument)?;
    if key.contains(':') {
        return Err("a label with a colon in its key cannot be searched for".to_owned());
    }
    Ok(format!("{key}:{value}"))
}

async fn get(client: &Client, id: SagaId) -> anyhow::Result<Answer> {
    client.get(&["v1", "sagas", &id.to_string()]).await
}

fn title(saga: &Saga, output: &Output) -> String {
    let definition = output.paint(
        Tone::Faint,
        format!("{} v{}", saga.definition, saga.version),
    );
    format!("{}  {definition}", output.paint(Tone::Strong, saga.id))
}

/// A line of a log.
pub(super) fn log_line(line: &LogLine, output: &Output) -> String {
    let (level, tone) = match line.level {
        LogLevel::Trace => ("trace", Tone::Faint),
        LogLevel::Debug => ("debug", Tone::Faint),
        LogLevel::Info => ("info", Tone::Normal),
        LogLevel::Warn => ("warn", Tone::Notable),
        LogLevel::Error => ("error", Tone::Bad),
        LogLevel::Stdout => ("stdout", Tone::Normal),
        LogLevel::Stderr => ("stderr", Tone::Normal),
    };
    let at = output.paint(Tone::Faint, line.at);
    let level = output.paint(tone, format!("{level:6}"));
    let step = format!("{} {} #{}", line.step, line.direction, line.attempt);
    format!(
        "{at}  {level}  {step}  {}",
        output.paint(Tone::Normal, &line.message)
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: Filter,
    }

    #[test]
    fn sagas_of_every_status_can_be_listed() {
        for status in Status::ALL {
            let line = Line::try_parse_from(["list", "--status", status.as_str()]);
            let line = line.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(line.filter.status, Some(status));
        }
        let error = Line::try_parse_from(["list", "--status", "done"]);
        let error = error.err().expect("no status").to_string();
        assert!(error.contains("abandoned"), "{error}");
    }

    #[test]
    fn a_label_is_searched_for_as_the_api_spells_it() {
        assert_eq!(label("customer=4:2=x"), Ok("customer:4:2=x".to_owned()));
        assert!(label("a:b=c").is_err());
        assert!(label("customer").is_err());
    }
}
