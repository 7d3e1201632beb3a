//! `wasaga component push`.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;
use reqwest::Method;
use wasaga_core::Name;

use super::super::client::Client;
use super::super::input;
use super::super::output::{Format, Output, Tone};
use super::super::signature::Signature;
use super::{find, show_answer, title};
use wasaga::wire::{ComponentVersion, InterfaceChanges, UploadedComponent};

/// What to upload.
#[derive(Debug, Args)]
pub(in crate::cli) struct Push {
    /// Name of the component; the first upload makes it
    name: Name,
    /// A component, or a core module that carries its component type; `-` is standard input
    file: PathBuf,
    /// Leave the active version as it is
    #[arg(long)]
    no_activate: bool,
    /// What people should know about the version
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// A label of the version; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = input::key_value)]
    labels: Vec<(String, String)>,
    #[command(flatten)]
    signature: Signature,
}

impl Push {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let wasm = input::read(&self.file)?;
        let active_before = match output.format() {
            Format::Json => None,
            Format::Text => find(client, &self.name)
                .await?
                .and_then(|detail| detail.component.active),
        };
        let request = client
            .request(Method::POST, &["v1", "components", self.name.as_str()])
            .header("content-type", "application/wasm")
            .query(&self.query())
            .query(&self.signature)
            .body(wasm);
        let answer = client.send(request).await?;
        show_answer(&answer, output, |uploaded: UploadedComponent, output| {
            output.line(line(&uploaded.version, output))?;
            if !answer.is_made() {
                output.line(existed(&uploaded.version, active_before))?;
            }
            if let Some(changes) = &uploaded.changes {
                show_changes(changes, active_before, output)?;
            }
            Ok(())
        })?;
        let uploaded: UploadedComponent = answer.json()?;
        for warning in &uploaded.warnings {
            output.note(output.paint(Tone::Notable, format!("warning: {warning}")));
        }
        Ok(())
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let activate = self
            .no_activate
            .then(|| ("activate", false.to_string()))
            .into_iter();
        let note = self.note.iter().map(|note| ("note", note.clone()));
        let labels = self.labels.iter();
        let labels = labels.map(|(key, value)| ("label", format!("{key}={value}")));
        activate.chain(note).chain(labels).collect()
    }
}

/// A version in one line.
fn line(version: &ComponentVersion, output: &Output) -> String {
    let title = title(&version.name, version.version, output);
    let active = if version.active {
        output.paint(Tone::Good, "active")
    } else {
        "not active".to_owned()
    };
    format!(
        "{title}  {active}  {}  {}",
        ByteSize(version.size),
        version.digest
    )
}

/// What an upload changed whose content was there already.
fn existed(version: &ComponentVersion, active_before: Option<u32>) -> String {
    let number = version.version;
    if version.active && active_before != Some(number) {
        format!("active again: this content was uploaded before as v{number}")
    } else {
        format!("unchanged: this content was uploaded before as v{number}")
    }
}

/// What a version asks for and can do that the one before did not, and the other way round.
fn show_changes(
    changes: &InterfaceChanges,
    before: Option<u32>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let before = before.map_or_else(
        || "the active one before".to_owned(),
        |before| format!("v{before}"),
    );
    for (what, added, removed) in [
        ("imports", &changes.added_imports, &changes.removed_imports),
        ("exports", &changes.added_exports, &changes.removed_exports),
    ] {
        if added.is_empty() && removed.is_empty() {
            continue;
        }
        output.line(format!("{what}, unlike {before}:"))?;
        for name in added {
            output.line(output.paint(Tone::Notable, format!("  + {name}")))?;
        }
        for name in removed {
            output.line(output.paint(Tone::Notable, format!("  - {name}")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::super::output::tests::plain;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        push: Push,
    }

    #[test]
    fn an_upload_of_known_content_says_whether_it_changed_anything() {
        let mut version: ComponentVersion = serde_json::from_value(serde_json::json!({
            "name": "a", "version": 2, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1, "imports": [],
            "exports": [], "active": true, "created_at": "2026-01-31T08:00:00Z"
        }))
        .expect("a version");
        assert!(existed(&version, Some(3)).starts_with("active again: "));
        assert!(existed(&version, None).ends_with(" v2"));
        assert!(existed(&version, Some(2)).starts_with("unchanged: "));
        version.active = false;
        assert!(existed(&version, Some(3)).starts_with("unchanged: "));
    }

    #[test]
    fn what_is_said_of_a_version_goes_with_its_upload() {
        let query = |arguments: &[&str]| {
            let line = ["push", "a", "a.wasm"].iter().chain(arguments);
            Line::try_parse_from(line)
                .unwrap_or_else(|error| panic!("{error}"))
                .push
                .query()
        };
        assert_eq!(query(&[]), []);
        let all = query(&[
            "--no-activate",
            "--note",
            "rounds down",
            "--label",
            "commit=a=b",
            "--label",
            "team=pay",
        ]);
        let expected = [
            ("activate", "false"),
            ("note", "rounds down"),
            ("label", "commit=a=b"),
            ("label", "team=pay"),
        ];
        assert_eq!(all, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn only_what_an_upload_changes_of_its_interfaces_is_shown() {
        let (mut output, written) = plain();
        let changes = InterfaceChanges {
            added_imports: vec!["wasaga:saga/http@0.1.0".to_owned()],
            removed_imports: vec!["wasi:io/poll@0.2.0".to_owned()],
            ..InterfaceChanges::default()
        };
        show_changes(&changes, Some(3), &mut output).expect("written");
        show_changes(&InterfaceChanges::default(), Some(3), &mut output).expect("written");
        assert_eq!(
            written.text(),
            "imports, unlike v3:\n  + wasaga:saga/http@0.1.0\n  - wasi:io/poll@0.2.0\n"
        );
    }
}
