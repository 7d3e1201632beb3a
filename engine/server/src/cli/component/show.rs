//! `wasaga component list`, `show` and `history`.

use bytesize::ByteSize;
use clap::Args;
use wasaga_core::Name;

use super::super::client::Client;
use super::super::output::{Cell, Output, Tone};
use super::super::page::PageOptions;
use super::policy::in_words;
use super::show_answer;
use wasaga::wire::{Component, ComponentDetail, ComponentSwitch, ComponentVersion, Page, SwitchTo};

/// A component, and which of its versions.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Name of the component
    name: Name,
    #[command(flatten)]
    page: PageOptions,
}

/// The changes of which version sagas take.
#[derive(Debug, Args)]
pub(in crate::cli) struct History {
    /// Name of the component
    name: Name,
    #[command(flatten)]
    page: PageOptions,
}

/// Shows the components.
pub(super) async fn list(
    page: &PageOptions,
    client: &Client,
    output: &mut Output,
) -> anyhow::Result<()> {
    let answer = client.list(&["v1", "components"], page).await?;
    show_answer(&answer, output, |list: Page<Component>, output| {
        let rows = list.items.iter().map(|row| {
            let candidate = row.candidate.map(|candidate| {
                let (version, percent) = (candidate.version, candidate.percent);
                format!("{version} ({percent} %)")
            });
            [
                Cell::new(&row.name),
                Cell::right(number(row.active)),
                Cell::right(candidate.unwrap_or_default()),
                Cell::right(number(Some(row.latest).filter(|latest| *latest > 0))),
                Cell::new(row.policy.allowed_hosts.join(", ")),
            ]
        });
        let header = ["NAME", "ACTIVE", "CANDIDATE", "LATEST", "ALLOWED HOSTS"];
        output.table(header, rows)?;
        page.note_more(list.next_cursor.as_deref(), output);
        Ok(())
    })
}

impl Show {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let path = ["v1", "components", self.name.as_str()];
        let answer = client.list(&path, &self.page).await?;
        show_answer(&answer, output, |detail: ComponentDetail, output| {
            show(&detail, output)?;
            self.page.note_more(detail.next_cursor.as_deref(), output);
            Ok(())
        })
    }
}

impl History {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let path = ["v1", "components", self.name.as_str(), "switches"];
        let answer = client.list(&path, &self.page).await?;
        show_answer(&answer, output, |list: Page<ComponentSwitch>, output| {
            if list.items.is_empty() {
                output.note("No version was ever made the active one.");
                return Ok(());
            }
            let rows = list.items.iter().map(|switch| {
                [
                    Cell::new(switch.at),
                    Cell::new(became(switch.to)),
                    Cell::new(&switch.by),
                    Cell::new(switch.reason.as_deref().unwrap_or_default()),
                ]
            });
            output.table(["AT", "SAGAS TAKE", "BY", "REASON"], rows)?;
            self.page.note_more(list.next_cursor.as_deref(), output);
            Ok(())
        })
    }
}

/// What sagas take after a change.
fn became(to: SwitchTo) -> String {
    match to {
        SwitchTo::Active { version } => format!("v{version}"),
        SwitchTo::Shared { version, percent } => {
            format!("v{version}: {percent} %, the active one: the others")
        }
        SwitchTo::Unshared => "the active one alone".to_owned(),
    }
}

fn show(detail: &ComponentDetail, output: &mut Output) -> anyhow::Result<()> {
    let component = &detail.component;
    output.line(output.paint(Tone::Strong, &component.name))?;
    output.line(format!("policy  {}", in_words(&component.policy)))?;
    if let Some(candidate) = component.candidate {
        let (version, percent) = (candidate.version, candidate.percent);
        output.line(format!("shared  v{version} takes {percent} % of the sagas"))?;
    }
    let active = detail
        .versions
        .iter()
        .find(|version| version.active)
        .or_else(|| detail.versions.first());
    if let Some(version) = active {
        let names =
            |names: &[String], output: &Output| output.paint(Tone::Normal, names.join(", "));
        output.line(format!("imports {}", names(&version.imports, output)))?;
        output.line(format!("exports {}", names(&version.exports, output)))?;
    }
    output.line("")?;
    let rows = detail.versions.iter().map(|version| {
        [
            Cell::right(version.version),
            state(version),
            Cell::right(ByteSize(version.size)),
            Cell::new(version.created_at),
            Cell::new(version.digest),
            Cell::new(said(version)),
        ]
    });
    let header = ["VERSION", "", "SIZE", "UPLOADED", "DIGEST", "NOTE"];
    output.table(header, rows)?;
    Ok(())
}

/// Which sagas take a version.
fn state(version: &ComponentVersion) -> Cell {
    match version.percent {
        _ if version.active => Cell::new("active").tone(Tone::Good),
        Some(percent) => Cell::new(format!("{percent} %")).tone(Tone::Notable),
        None => Cell::new(""),
    }
}

/// A version's labels and note.
fn said(version: &ComponentVersion) -> String {
    let labels = version.labels.iter();
    let labels = labels.map(|(key, value)| format!("{key}={value}"));
    let note = Some(version.note.clone()).filter(|note| !note.is_empty());
    labels.chain(note).collect::<Vec<_>>().join(" ")
}

fn number(version: Option<u32>) -> String {
    version.map_or_else(|| "-".to_owned(), |version| version.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::output::tests::plain;
    use super::*;

    #[test]
    fn a_component_shows_who_takes_which_version_and_what_is_said_about_them() {
        let version = |number: u32, more: serde_json::Value| {
            let mut version = json!({"name": "pay", "version": number, "digest": format!("sha256:{}", "0".repeat(64)),
                "size": 1, "imports": ["i"], "exports": ["e"], "active": false, "created_at": "2026-01-31T08:00:00Z"});
            for (field, value) in more.as_object().expect("fields") {
                version[field] = value.clone();
            }
            version
        };
        let detail: ComponentDetail = serde_json::from_value(json!({
            "name": "pay", "active": 1, "candidate": {"version": 2, "percent": 10}, "latest": 3, "generation": 4,
            "policy": {}, "next_cursor": null,
            "versions": [
                version(3, json!({})),
                version(2, json!({"percent": 10, "note": "rounds down", "labels": {"commit": "abc"}})),
                version(1, json!({"active": true})),
            ]
        }))
        .expect("a component");
        let (mut output, written) = plain();
        show(&detail, &mut output).expect("written");
        let text = written.text();
        assert!(
            text.contains("\nshared  v2 takes 10 % of the sagas\n"),
            "{text}"
        );
        let row = |number: &str| {
            let mut rows = text.lines().map(str::trim_start);
            let row = rows.find(|row| row.starts_with(number));
            row.unwrap_or_default().to_owned()
        };
        assert!(row("1 ").contains("active"), "{text}");
        let shared = row("2 ");
        assert!(shared.contains("10 %"), "{text}");
        assert!(shared.ends_with("commit=abc rounds down"), "{text}");
    }

    #[test]
    fn each_change_says_what_sagas_take_after_it() {
        let words = [
            (SwitchTo::Active { version: 2 }, "v2"),
            (
                SwitchTo::Shared {
                    version: 3,
                    percent: 10,
                },
                "v3: 10 %, the active one: the others",
            ),
            (SwitchTo::Unshared, "the active one alone"),
        ];
        for (to, expected) in words {
            assert_eq!(became(to), expected);
        }
    }
}
