//! `wasaga saga`.

mod show;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;
use uuid::Uuid;
use wasaga_core::{LogLevel, LogLine, Name, SagaId, Status};

use super::client::{Answer, Client};
use super::error::Outcome;
use super::follow::follow;
use super::input;
use super::live::Live;
use super::output::{Cell, Format, Output, Tone, status_tone};
use super::page::PageOptions;
use wasaga::wire::{CancelSaga, Page, Saga, SagaSummary, StartSaga};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a saga
    Start(Start),
    /// List sagas, the latest first
    List {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a saga and its steps
    Show {
        /// Id of the saga, as `wasaga saga list` shows it
        #[arg(value_parser = saga_id)]
        id: SagaId,
    },
    /// Show a saga's steps as they happen, from its first one, until it is over
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
    /// Undo what a saga has done
    Cancel {
        /// Id of the saga, as `wasaga saga list` shows it
        #[arg(value_parser = saga_id)]
        id: SagaId,
        /// Why, for the journal
        #[arg(long)]
        reason: Option<String>,
        /// Who asks for it, for the journal
        #[arg(long, env = "USER", value_name = "NAME")]
        by: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Start {
    /// Name of the definition
    definition: Name,
    /// What the saga works on: JSON, `@file`, or `-` for standard input
    #[arg(long, default_value = "{}", value_name = "JSON")]
    input: String,
    /// Id of the saga, a UUID: starting it again with the same id starts it once
    #[arg(long)]
    id: Option<SagaId>,
    /// A label to find it by; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = input::key_value)]
    tags: Vec<(String, String)>,
    /// Version of the definition; the latest unless given
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Show its steps as they happen, and end when it is over: with 0 if it completed, else with 1
    #[arg(long)]
    wait: bool,
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
}

impl Command {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Start(start) => return start.run(client, output).await,
            Self::Watch { id } => {
                let saga: Saga = get(client, id).await?.json()?;
                return watch(client, &saga, Shows::Journal, output).await;
            }
            Self::List { filter, page } => {
                let request = client
                    .request(Method::GET, &["v1", "sagas"])
                    .query(&filter)
                    .query(&page);
                let answer = client.send(request).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let list: Page<SagaSummary> = answer.json()?;
                    let rows = list.items.iter().map(|saga| {
                        [
                            Cell::new(saga.id),
                            Cell::new(format!("{} v{}", saga.definition, saga.version)),
                            Cell::new(saga.status).tone(status_tone(saga.status)),
                            Cell::new(saga.created_at),
                            Cell::new(show::tags(&saga.tags)),
                        ]
                    });
                    if list.items.is_empty() {
                        output.note("No sagas.");
                        return Ok(Outcome::Done);
                    }
                    output.table(["ID", "DEFINITION", "STATUS", "STARTED", "TAGS"], rows)?;
                    page.note_more(list.next_cursor.as_deref(), output);
                }
            }
            Self::Show { id } => {
                let answer = get(client, id).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    show::saga(&answer.json()?, output)?;
                }
            }
            Self::Logs { id, page } => {
                let answer = client
                    .list(&["v1", "sagas", &id.to_string(), "logs"], &page)
                    .await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let list: Page<LogLine> = answer.json()?;
                    if list.items.is_empty() {
                        output.note("No log lines (a call's log is written when the call ends).");
                    }
                    for line in &list.items {
                        output.line(log_line(line, output))?;
                    }
                    page.note_more(list.next_cursor.as_deref(), output);
                }
            }
            Self::Cancel { id, reason, by } => {
                let request = client
                    .request(Method::POST, &["v1", "sagas", &id.to_string(), "cancel"])
                    .json(&CancelSaga { reason, by });
                let answer = client.send(request).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let saga: Saga = answer.json()?;
                    output.line(format!(
                        "{id}  {}",
                        output.paint(status_tone(saga.status), saga.status)
                    ))?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}

impl Start {
    async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        let body = StartSaga {
            definition: self.definition,
            version: self.version,
            input: input::json(&self.input)?,
            id: Some(self.id.unwrap_or_else(|| SagaId::from_uuid(Uuid::now_v7()))),
            tags: self.tags.into_iter().collect(),
        };
        let request = client.request(Method::POST, &["v1", "sagas"]).json(&body);
        let answer = client.send(request).await?;
        let saga: Saga = answer.json()?;
        if self.wait {
            return watch(client, &saga, Shows::Outcome, output).await;
        }
        if output.format() == Format::Json {
            output.line(answer.text()?)?;
        } else {
            output.line(title(&saga, output))?;
        }
        Ok(Outcome::Done)
    }
}

/// Reads the id of a saga that there is.
fn saga_id(argument: &str) -> Result<SagaId, String> {
    argument
        .parse()
        .map_err(|_| "expected a saga's id, as in `wasaga saga list`".to_owned())
}

/// Reads a status; the help and a mistake's message have them all.
fn status() -> impl TypedValueParser<Value = Status> {
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

/// What JSON a command prints of a saga that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Each record of the journal on a line.
    Journal,
    /// The saga when it is over.
    Outcome,
}

async fn watch(
    client: &Client,
    saga: &Saga,
    shows: Shows,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let live = Live::new(saga.steps.iter().map(|step| step.step.as_str()));
    let format = output.format();
    if format == Format::Text {
        output.line(title(saga, output))?;
    }
    let show = |record: &wasaga_core::Record, text: &str, output: &mut Output| match (format, shows)
    {
        (Format::Text, _) => live.show(record, output),
        (Format::Json, Shows::Journal) => output.line(text),
        (Format::Json, Shows::Outcome) => Ok(()),
    };
    let (ended, answer) = follow(client, saga.id, output, show).await?;
    match (format, shows) {
        (Format::Text, _) => output.line(show::outcome(&ended, output))?,
        (Format::Json, Shows::Journal) => {}
        (Format::Json, Shows::Outcome) => output.line(answer.text()?)?,
    }
    Ok(if ended.status == Status::Completed {
        Outcome::Done
    } else {
        Outcome::NotCompleted
    })
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

fn log_line(line: &LogLine, output: &Output) -> String {
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
    use super::*;

    #[test]
    fn a_label_is_searched_for_as_the_api_spells_it() {
        assert_eq!(label("customer=4:2=x"), Ok("customer:4:2=x".to_owned()));
        assert!(label("a:b=c").is_err());
        assert!(label("customer").is_err());
    }
}
