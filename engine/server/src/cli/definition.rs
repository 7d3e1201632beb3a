//! `wasaga definition`.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use wasaga_core::Name;

use super::client::{Answer, Client};
use super::error::{Outcome, Usage};
use super::input;
use super::output::{Cell, Format, Output, Tone};
use super::page::PageOptions;
use wasaga::wire::{DefinitionSummary, DefinitionVersion, Page};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a document the latest version of a definition
    Apply {
        /// The document, JSON; `-` is standard input
        file: PathBuf,
        /// Name of the definition; the document's own `name` unless given
        #[arg(long)]
        name: Option<Name>,
    },
    /// List the latest version of each definition
    List {
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a definition's document
    Show {
        /// Name of the definition
        name: Name,
        /// Which version; the latest unless given
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// Draw a definition as a Mermaid flowchart
    Diagram {
        /// Name of the definition
        name: Name,
        /// Which version; the latest unless given
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
}

impl Command {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Apply { file, name } => {
                let text = input::read(&file)?;
                let document = serde_json::from_slice(&text).map_err(|error| {
                    Usage(format!("{} is not JSON: {error}", input::name(&file)))
                })?;
                let name = match name {
                    Some(name) => name,
                    None => own_name(&document)
                        .map_err(|why| Usage(format!("{}: {why}", input::name(&file))))?,
                };
                let request = client
                    .request(Method::PUT, &["v1", "definitions", name.as_str()])
                    .header(CONTENT_TYPE, "application/json")
                    .body(text);
                let answer = client.send(request).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let applied: DefinitionVersion = answer.json()?;
                    let version = output.paint(
                        Tone::Strong,
                        format!("{} v{}", applied.name, applied.version),
                    );
                    output.line(format!("{version}  {}", applied.digest))?;
                }
            }
            Self::List { page } => {
                let answer = client.list(&["v1", "definitions"], &page).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let list: Page<DefinitionSummary> = answer.json()?;
                    let rows = list.items.iter().map(|row| {
                        [
                            Cell::new(&row.name),
                            Cell::right(row.version),
                            Cell::new(row.created_at),
                            Cell::new(row.digest),
                        ]
                    });
                    output.table(["NAME", "VERSION", "APPLIED", "DIGEST"], rows)?;
                    page.note_more(list.next_cursor.as_deref(), output);
                }
            }
            Self::Show { name, version } => {
                let answer = get(client, &name, version, None).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let definition: DefinitionVersion = answer.json()?;
                    output.line(serde_json::to_string_pretty(&definition.document)?)?;
                }
            }
            Self::Diagram { name, version } => {
                let answer = get(client, &name, version, Some("diagram")).await?;
                output.text(answer.text()?)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// Gets a version of a definition, or what the server makes of it.
async fn get(
    client: &Client,
    name: &Name,
    version: Option<u32>,
    view: Option<&str>,
) -> anyhow::Result<Answer> {
    let version = version.map(|version| version.to_string());
    let mut path = vec!["v1", "definitions", name.as_str()];
    if let Some(version) = &version {
        path.extend(["versions", version]);
    }
    path.extend(view);
    client.get(&path).await
}

/// The name that a document gives itself.
fn own_name(document: &Value) -> Result<Name, String> {
    match document.get("name") {
        Some(Value::String(name)) => Name::new(name).map_err(|error| error.to_string()),
        Some(_) => Err("its `name` is no string".to_owned()),
        None => Err("has no `name`: give one with --name".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_without_a_name_says_how_to_give_one() {
        assert_eq!(
            own_name(&json!({"name": "order"}))
                .expect("a name")
                .as_str(),
            "order"
        );
        let error = own_name(&json!({})).expect_err("no name");
        assert!(error.contains("--name"), "{error}");
        for wrong in [json!([1]), json!({"name": 3}), json!({"name": "a b"})] {
            assert!(own_name(&wrong).is_err());
        }
    }
}
