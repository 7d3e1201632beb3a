//! `wasaga component describe` and `remove`.

use clap::Args;
use reqwest::Method;
use wasaga_core::Name;

use super::super::client::Client;
use super::super::input;
use super::super::output::{Format, Output};
use super::{show_answer, title};
use wasaga::wire::{ComponentVersion, DescribeVersion};

/// What is to be said about a version.
#[derive(Debug, Args)]
pub(in crate::cli) struct Describe {
    /// Name of the component
    name: Name,
    /// Number of the version, as `wasaga component show` lists it
    version: u32,
    /// What people should know about it, in place of what is there; an empty text removes it
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["labels", "no_labels"])]
    note: Option<String>,
    /// A label, in place of all that are there; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = input::key_value)]
    labels: Vec<(String, String)>,
    /// Remove all labels
    #[arg(long, conflicts_with = "labels")]
    no_labels: bool,
}

/// A version to delete.
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// Name of the component
    name: Name,
    /// Number of the version. One that sagas take, or that a live one is bound to, stays
    version: u32,
}

impl Describe {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let number = self.version.to_string();
        let path = ["v1", "components", self.name.as_str(), "versions", &number];
        let request = client.request(Method::PATCH, &path).json(&self.body());
        let answer = client.send(request).await?;
        show_answer(&answer, output, |version: ComponentVersion, output| {
            output.line(title(&version.name, version.version, output))?;
            for (key, value) in &version.labels {
                output.line(super::super::output::one_line(&format!(
                    "label  {key}={value}"
                )))?;
            }
            if !version.note.is_empty() {
                output.text(&format!("note   {}", version.note))?;
            }
            Ok(())
        })
    }

    fn body(&self) -> DescribeVersion {
        let labels = (self.no_labels || !self.labels.is_empty())
            .then(|| self.labels.iter().cloned().collect());
        DescribeVersion {
            note: self.note.clone(),
            labels,
        }
    }
}

impl Remove {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let number = self.version.to_string();
        let path = ["v1", "components", self.name.as_str(), "versions", &number];
        client.send(client.request(Method::DELETE, &path)).await?;
        if output.format() == Format::Text {
            let title = title(&self.name, self.version, output);
            output.line(format!("{title}  removed"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        describe: Describe,
    }

    fn body(arguments: &[&str]) -> Result<Value, clap::Error> {
        let line = ["describe", "pay", "2"].iter().chain(arguments);
        let line = Line::try_parse_from(line)?;
        Ok(serde_json::to_value(line.describe.body()).expect("JSON"))
    }

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        assert_eq!(body(&["--note", ""]).expect("a body"), json!({"note": ""}));
        assert_eq!(
            body(&["--label", "a=b", "--label", "c=d"]).expect("a body"),
            json!({"labels": {"a": "b", "c": "d"}})
        );
        assert_eq!(
            body(&["--no-labels"]).expect("a body"),
            json!({"labels": {}})
        );
        assert!(body(&[]).is_err());
        assert!(body(&["--no-labels", "--label", "a=b"]).is_err());
    }
}
