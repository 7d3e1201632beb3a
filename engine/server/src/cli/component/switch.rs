//! `wasaga component activate`, `rollback`, `share`, `promote` and `drop`.

use anyhow::bail;
use clap::Args;
use reqwest::header::IF_MATCH;
use reqwest::{Method, RequestBuilder};
use wasaga_core::Name;

use super::super::client::Client;
use super::super::error::Refused;
use super::super::output::{Format, Output, Tone};
use super::super::signature::Signature;
use super::verify::{self, Calls};
use super::{get, show_answer, title};
use wasaga::wire::{
    ActivateComponent, Component, ComponentDetail, ComponentSwitch, Page, SetCandidate, SwitchTo,
};

/// A version to make the active one.
#[derive(Debug, Args)]
pub(in crate::cli) struct Activate {
    /// Name of the component
    name: Name,
    /// Number of the version, as `wasaga component show` lists it
    version: u32,
    #[command(flatten)]
    check: Check,
    #[command(flatten)]
    signature: Signature,
}

/// A component whose version before is wanted back.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rollback {
    /// Name of the component
    name: Name,
    #[command(flatten)]
    signature: Signature,
}

/// A version that some sagas are to take.
#[derive(Debug, Args)]
pub(in crate::cli) struct Share {
    /// Name of the component
    name: Name,
    /// Number of the version, as `wasaga component show` lists it
    version: u32,
    /// How many of a hundred sagas take it. A saga takes the same version with every step, and keeps it
    /// when the share grows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    #[command(flatten)]
    signature: Signature,
}

/// A component whose candidate becomes the active version.
#[derive(Debug, Args)]
pub(in crate::cli) struct Promote {
    /// Name of the component
    name: Name,
    #[command(flatten)]
    check: Check,
    #[command(flatten)]
    signature: Signature,
}

/// A component that has no candidate any more.
#[derive(Debug, Args)]
pub(in crate::cli) struct Drop {
    /// Name of the component
    name: Name,
    #[command(flatten)]
    signature: Signature,
}

/// What a version has to stand before it becomes the active one.
#[derive(Debug, Default, Args)]
struct Check {
    /// First run it on the recorded calls of the latest N sagas of the active version, and leave that
    /// one active when something is different
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    verify: Option<u32>,
    /// Make it the active one whatever it does
    #[arg(long, requires = "verify")]
    accept_differences: bool,
}

impl Check {
    fn query(&self) -> Vec<(&'static str, String)> {
        let verify = self.verify.map(|sagas| ("verify", sagas.to_string()));
        let accept = self
            .accept_differences
            .then(|| ("differences", "accept".to_owned()));
        verify.into_iter().chain(accept).collect()
    }
}

impl Activate {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let Self {
            name,
            version,
            check,
            signature,
        } = self;
        let request = activation(client, &name, version, signature).query(&check.query());
        activate(client, request, output).await
    }
}

impl Rollback {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let name = &self.name;
        let answer = get(client, name).await?;
        let detail: ComponentDetail = answer.json()?;
        let Some(active) = detail.component.active else {
            bail!("no version of {name} is active: choose one with `wasaga component activate`");
        };
        let before = before(client, name, active).await?;
        let mut request = activation(client, name, before, self.signature);
        // If somebody else changes the active version meanwhile, it stays theirs.
        if let Some(etag) = answer.etag() {
            request = request.header(IF_MATCH, etag);
        }
        activate(client, request, output).await
    }
}

impl Promote {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let name = &self.name;
        let answer = get(client, name).await?;
        let detail: ComponentDetail = answer.json()?;
        let Some(candidate) = detail.component.candidate else {
            bail!(
                "all sagas take the active version of {name}: `wasaga component activate` makes another one active"
            );
        };
        let mut request =
            activation(client, name, candidate.version, self.signature).query(&self.check.query());
        if let Some(etag) = answer.etag() {
            request = request.header(IF_MATCH, etag);
        }
        activate(client, request, output).await
    }
}

impl Share {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let body = SetCandidate {
            version: self.version,
            percent: self.percent,
            reason: self.signature.reason,
            by: self.signature.by,
        };
        let path = ["v1", "components", self.name.as_str(), "candidate"];
        let answer = client
            .send(client.request(Method::PUT, &path).json(&body))
            .await?;
        show_answer(&answer, output, |component, output| {
            stands(&component, output)
        })
    }
}

impl Drop {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let path = ["v1", "components", self.name.as_str(), "candidate"];
        let request = client.request(Method::DELETE, &path).query(&self.signature);
        let answer = client.send(request).await?;
        show_answer(&answer, output, |component, output| {
            stands(&component, output)
        })
    }
}

fn activation(client: &Client, name: &Name, version: u32, signature: Signature) -> RequestBuilder {
    let body = ActivateComponent {
        version,
        reason: signature.reason,
        by: signature.by,
    };
    client
        .request(Method::PUT, &["v1", "components", name.as_str(), "active"])
        .json(&body)
}

/// Makes a version the active one. When that is refused because it does something else, shows what.
async fn activate(
    client: &Client,
    request: RequestBuilder,
    output: &mut Output,
) -> anyhow::Result<()> {
    let answer = match client.send(request).await {
        Ok(answer) => answer,
        Err(error) => {
            let refused = error.downcast_ref::<Refused>();
            let report = refused.and_then(|refused| refused.member("verification"));
            if let (Some(report), Format::Text) = (report, output.format()) {
                verify::report(&report, Calls::Some, output)?;
                output.note("--accept-differences makes it the active version all the same.");
            }
            return Err(error);
        }
    };
    show_answer(&answer, output, |component, output| {
        stands(&component, output)
    })
}

/// Which versions sagas take now.
fn stands(component: &Component, output: &mut Output) -> anyhow::Result<()> {
    if let Some(active) = component.active {
        let title = title(&component.name, active, output);
        output.line(format!("{title}  {}", output.paint(Tone::Good, "active")))?;
    }
    if let Some(candidate) = component.candidate {
        let title = title(&component.name, candidate.version, output);
        let share = format!("{} % of the sagas", candidate.percent);
        output.line(format!("{title}  {}", output.paint(Tone::Notable, share)))?;
    }
    Ok(())
}

/// The version that was the active one before this one.
async fn before(client: &Client, name: &Name, active: u32) -> anyhow::Result<u32> {
    let path = ["v1", "components", name.as_str(), "switches"];
    let mut cursor = None;
    loop {
        let query: Vec<(&str, String)> = cursor
            .into_iter()
            .map(|cursor| ("cursor", cursor))
            .collect();
        let page: Page<ComponentSwitch> = client.list(&path, &query).await?.json()?;
        if let Some(before) = other_active(&page.items, active) {
            return Ok(before);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            bail!(
                "the history of {name} has no active version before v{active}: choose one with `wasaga component activate`"
            );
        }
    }
}

/// The latest of these changes, the latest first, that made another version the active one.
fn other_active(switches: &[ComponentSwitch], active: u32) -> Option<u32> {
    switches.iter().find_map(|switch| match switch.to {
        SwitchTo::Active { version } if version != active => Some(version),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::super::super::output::tests::plain;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        activate: Activate,
    }

    fn switches(to: &[SwitchTo]) -> Vec<ComponentSwitch> {
        let switches = to.iter().map(|to| {
            let mut switch = serde_json::to_value(to).expect("JSON");
            switch["generation"] = json!(1);
            switch["by"] = json!("ann");
            switch["at"] = json!("2026-01-31T08:00:00Z");
            serde_json::from_value(switch).expect("a switch")
        });
        switches.collect()
    }

    #[test]
    fn a_rollback_goes_to_the_version_that_was_active_before_whatever_its_number() {
        let active = |version| SwitchTo::Active { version };
        let shared = SwitchTo::Shared {
            version: 9,
            percent: 10,
        };
        let history = switches(&[active(2), SwitchTo::Unshared, shared, active(5), active(1)]);
        assert_eq!(other_active(&history, 2), Some(5));
        assert_eq!(other_active(&history, 5), Some(2));
        assert_eq!(other_active(&switches(&[active(2), active(2)]), 2), None);
    }

    #[test]
    fn differences_can_be_accepted_where_they_are_looked_for_alone() {
        let query = |arguments: &[&str]| {
            let line = ["activate", "pay", "2"].iter().chain(arguments);
            Line::try_parse_from(line).map(|line| line.activate.check.query())
        };
        assert_eq!(query(&[]).expect("a line"), []);
        let both = query(&["--verify", "50", "--accept-differences"]).expect("a line");
        let expected = [("verify", "50"), ("differences", "accept")];
        assert_eq!(both, expected.map(|(name, value)| (name, value.to_owned())));
        assert!(query(&["--accept-differences"]).is_err());
        assert!(query(&["--verify", "0"]).is_err());
    }

    #[test]
    fn a_shared_component_shows_both_versions() {
        let component: Component = serde_json::from_value(json!({"name": "pay", "active": 1,
            "candidate": {"version": 2, "percent": 10}, "latest": 2, "generation": 3, "policy": {}}))
        .expect("a component");
        let (mut output, written) = plain();
        stands(&component, &mut output).expect("written");
        assert_eq!(
            written.text(),
            "pay v1  active\npay v2  10 % of the sagas\n"
        );
    }
}
