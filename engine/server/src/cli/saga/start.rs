//! `wasaga saga start` and `wasaga saga start-batch`.

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;
use wasaga_core::{Name, SagaId};

use super::super::client::Client;
use super::super::error::{Outcome, Usage};
use super::super::input;
use super::super::output::{Cell, Format, Output, Tone, status_tone};
use super::title;
use super::watch::{Shows, watch};
use wasaga::wire::{MAX_BATCH, Saga, StartSaga, StartSagas, StartedBy, StartedSagas};

/// `wasaga saga start`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Start {
    /// Name of the definition
    definition: Name,
    /// What the saga works on: JSON, `@file`, or `-` for standard input
    #[arg(long, default_value = "{}", value_name = "JSON")]
    input: String,
    /// Id of the saga, a UUID: starting it again with the same id starts it once
    #[arg(long)]
    id: Option<SagaId>,
    /// A text of your own, such as an order's number: starting it again with the same key starts it
    /// once
    #[arg(long, value_name = "KEY", conflicts_with = "id")]
    idempotency_key: Option<String>,
    /// A label to find it by; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = input::key_value)]
    tags: Vec<(String, String)>,
    /// Version of the definition; the latest unless given
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Show its steps as they happen, and end when it is over or stuck: with 0 if it completed, else
    /// with 1
    #[arg(long)]
    wait: bool,
}

impl Start {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        let mut request = client.request(Method::POST, &["v1", "sagas"]);
        // A repeated request has to be the same: with a key, the server makes the id.
        let id = match &self.idempotency_key {
            Some(key) => {
                request = request.header("idempotency-key", key);
                None
            }
            None => Some(self.id.unwrap_or_else(|| SagaId::from_uuid(Uuid::now_v7()))),
        };
        let body = StartSaga {
            definition: self.definition,
            version: self.version,
            input: input::json("--input", &self.input)?,
            id,
            tags: self.tags.into_iter().collect(),
        };
        let answer = client.send(request.json(&body)).await?;
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

/// `wasaga saga start-batch`.
#[derive(Debug, Args)]
pub(in crate::cli) struct StartBatch {
    /// The sagas, each `{"definition": …, "version": …, "input": …, "id": …, "tags": …}`: a JSON array,
    /// or one on each line; `-` is standard input
    file: PathBuf,
    /// A text of your own: starting the same batch again with the same key starts it once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl StartBatch {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let sagas = sagas(&input::read(&self.file)?, &self.file)?;
        let mut request = client.request(Method::POST, &["v1", "sagas", "batch"]);
        if let Some(key) = &self.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let answer = client.send(request.json(&StartSagas { sagas })).await?;
        if output.format() == Format::Json {
            output.line(answer.text()?)?;
            return Ok(());
        }
        let started: StartedSagas = answer.json()?;
        let rows = started.items.iter().map(|saga| {
            let made = match saga.made {
                StartedBy::New => Cell::new("now"),
                StartedBy::Existing => Cell::new("before").tone(Tone::Faint),
            };
            [
                Cell::new(saga.id),
                Cell::new(saga.status).tone(status_tone(saga.status)),
                made,
            ]
        });
        output.table(["ID", "STATUS", "STARTED"], rows)?;
        Ok(())
    }
}

/// The sagas of a file.
fn sagas(text: &[u8], file: &Path) -> anyhow::Result<Vec<StartSaga>> {
    let is_array = text.trim_ascii_start().starts_with(b"[");
    let sagas = if is_array {
        of_array(text)
    } else {
        of_lines(text)
    };
    let wrong = |what: &str| Usage(format!("{}: {what}", input::name(file)));
    let sagas = sagas.map_err(|what| wrong(&what))?;
    match sagas.len() {
        0 => Err(wrong("has no saga to start").into()),
        count if count > MAX_BATCH => {
            let what = format!(
                "has {count} sagas, and {MAX_BATCH} can be started together: split it, for example with `split -l {MAX_BATCH}`"
            );
            Err(wrong(&what).into())
        }
        _ => Ok(sagas),
    }
}

fn of_array(text: &[u8]) -> Result<Vec<StartSaga>, String> {
    let items: Vec<Value> = from_slice(text)?;
    let items = items.into_iter().enumerate();
    items
        .map(|(index, item)| {
            serde_json::from_value(item).map_err(|error| format!("saga {index} (from 0): {error}"))
        })
        .collect()
}

fn of_lines(text: &[u8]) -> Result<Vec<StartSaga>, String> {
    let lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(number, line): (u32, _)| {
            from_slice(line).map_err(|error| format!("line {number}: {error}"))
        })
        .collect()
}

fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let sagas = sagas(text.as_bytes(), Path::new("orders.json"));
        let sagas = sagas.map_err(|error| error.to_string())?;
        Ok(sagas
            .iter()
            .map(|saga| format!("{} {}", saga.definition, saga.input))
            .collect())
    }

    #[test]
    fn a_batch_is_an_array_or_lines() {
        let expected = Ok(vec!["order {\"n\":1}".to_owned(), "order {}".to_owned()]);
        assert_eq!(
            read(
                "\n [{\"definition\": \"order\",\n \"input\": {\"n\": 1}}, {\"definition\": \"order\"}]"
            ),
            expected
        );
        assert_eq!(
            read(
                "{\"definition\": \"order\", \"input\": {\"n\": 1}}\r\n\n{\"definition\": \"order\"}\n"
            ),
            expected
        );
    }

    #[test]
    fn a_mistake_in_a_batch_is_named_with_its_place() {
        let error = read("{\"definition\": \"order\"}\n{\"definition\": 3}").expect_err("wrong");
        assert!(error.starts_with("orders.json: line 2: "), "{error}");
        let error = read("[{\"definition\": \"order\"}, {\"colour\": 3}]").expect_err("wrong");
        assert!(error.starts_with("orders.json: saga 1 "), "{error}");
        assert!(error.contains("colour"), "{error}");
    }

    #[test]
    fn a_batch_that_is_empty_or_too_large_is_wrong_usage() {
        for empty in ["", "\n\n", "[]"] {
            let error = read(empty).expect_err("empty");
            assert!(error.contains("no saga"), "{error}");
        }
        let error = read(&"{\"definition\": \"order\"}\n".repeat(MAX_BATCH + 1));
        let error = error.expect_err("too many");
        assert!(error.contains("1001") && error.contains("split"), "{error}");
    }
}
