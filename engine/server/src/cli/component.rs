//! `wasaga component`.

use std::path::PathBuf;

use anyhow::bail;
use bytesize::ByteSize;
use clap::{Args, Subcommand};
use reqwest::Method;
use reqwest::header::IF_MATCH;
use wasaga_core::{Limits, Name, Policy};

use super::client::{Answer, Client};
use super::error::{Outcome, Refused};
use super::input;
use super::output::{Cell, Format, Output, Tone};
use super::page::PageOptions;
use wasaga::wire::{
    ActivateComponent, Component, ComponentDetail, ComponentVersion, Page, UploadedComponent,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Upload a version of a component and make it the active one
    Push {
        /// Name of the component; the first upload makes it
        name: Name,
        /// A component, or a core module that carries its component type; `-` is standard input
        file: PathBuf,
        /// Leave the active version as it is
        #[arg(long)]
        no_activate: bool,
    },
    /// List the components
    List {
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a component and its versions
    Show {
        /// Name of the component
        name: Name,
    },
    /// Make a version the active one: steps that start from now on take it
    Activate {
        /// Name of the component
        name: Name,
        /// Number of the version, as `wasaga component show` lists it
        version: u32,
    },
    /// Make the version before the active one the active one
    Rollback {
        /// Name of the component
        name: Name,
    },
    /// Show what a component is granted, or grant it something else
    #[command(after_help = POLICY_HELP)]
    Policy {
        /// Name of the component; it need not have a version yet
        name: Name,
        #[command(flatten)]
        grant: Grant,
    },
}

const POLICY_HELP: &str = "Without options: shows it. With options: these replace all that was granted before; \
repeat an option to give several.";

// Not a doc comment: it would become the help of the command that these are options of.
// Any of these replaces the whole policy; what is not named is not granted.
#[derive(Debug, Args)]
pub(super) struct Grant {
    /// A host that it may send requests to: `example.com`, `example.com:8443`, `*.example.com`; may be repeated
    #[arg(long = "allow-host", value_name = "HOST")]
    allowed_hosts: Vec<String>,
    /// A network that is not global and that it may reach all the same; may be repeated
    #[arg(long = "allow-network", value_name = "CIDR")]
    allowed_networks: Vec<String>,
    /// A value that it can look up; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = input::key_value)]
    config: Vec<(String, String)>,
    /// Units of fuel that a call may use, about one for each instruction
    #[arg(long, value_name = "N")]
    fuel: Option<u64>,
    /// Memory that a call may use, for example 32MiB
    #[arg(long, value_name = "SIZE", value_parser = wasaga_core::limits::parse_size)]
    memory: Option<u64>,
    /// Size of a result, a context patch, or a failure's details
    #[arg(long, value_name = "SIZE", value_parser = wasaga_core::limits::parse_size)]
    payload: Option<u64>,
    /// What a call may write to the saga's log
    #[arg(long, value_name = "SIZE", value_parser = wasaga_core::limits::parse_size)]
    log: Option<u64>,
    /// Size of the response to a request that a call sends
    #[arg(long, value_name = "SIZE", value_parser = wasaga_core::limits::parse_size)]
    response: Option<u64>,
    /// Requests that a call may send
    #[arg(long, value_name = "N")]
    requests: Option<u32>,
    /// Grant nothing beyond the server's defaults
    #[arg(long, conflicts_with_all = ["allowed_hosts", "allowed_networks", "config", "fuel", "memory",
        "payload", "log", "response", "requests"])]
    nothing: bool,
}

impl Grant {
    /// The policy that was asked for; `None` when nothing was.
    fn policy(self) -> Option<Policy> {
        let policy = Policy {
            allowed_hosts: self.allowed_hosts,
            allowed_networks: self.allowed_networks,
            config: self.config.into_iter().collect(),
            limits: Limits {
                fuel: self.fuel,
                memory_bytes: self.memory,
                payload_bytes: self.payload,
                log_bytes: self.log,
                response_bytes: self.response,
                requests: self.requests,
            },
        };
        (self.nothing || policy != Policy::default()).then_some(policy)
    }
}

impl Command {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Push {
                name,
                file,
                no_activate,
            } => {
                let wasm = input::read(&file)?;
                let active_before = match output.format() {
                    Format::Json => None,
                    Format::Text => active(client, &name).await?,
                };
                let mut request = client
                    .request(Method::POST, &["v1", "components", name.as_str()])
                    .header("content-type", "application/wasm")
                    .body(wasm);
                if no_activate {
                    request = request.query(&[("activate", "false")]);
                }
                let answer = client.send(request).await?;
                let uploaded: UploadedComponent = answer.json()?;
                for warning in &uploaded.warnings {
                    output.note(output.paint(Tone::Notable, format!("warning: {warning}")));
                }
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    output.line(version_line(&uploaded.version, output))?;
                    if !answer.is_made() {
                        output.line(existed(&uploaded.version, active_before))?;
                    }
                }
            }
            Self::List { page } => {
                let answer = client.list(&["v1", "components"], &page).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    let list: Page<Component> = answer.json()?;
                    let rows = list.items.iter().map(|row| {
                        [
                            Cell::new(&row.name),
                            Cell::right(number(row.active)),
                            Cell::right(number(Some(row.latest).filter(|latest| *latest > 0))),
                            Cell::new(row.policy.allowed_hosts.join(", ")),
                        ]
                    });
                    output.table(["NAME", "ACTIVE", "LATEST", "ALLOWED HOSTS"], rows)?;
                    page.note_more(list.next_cursor.as_deref(), output);
                }
            }
            Self::Show { name } => {
                let answer = get(client, &name).await?;
                if output.format() == Format::Json {
                    output.line(answer.text()?)?;
                } else {
                    show(&answer.json()?, output)?;
                }
            }
            Self::Activate { name, version } => {
                activate(client, &name, version, None, output).await?
            }
            Self::Rollback { name } => {
                let answer = get(client, &name).await?;
                let before = before_active(client, &answer.json()?).await?;
                // If somebody else changes the active version meanwhile, it stays theirs.
                activate(client, &name, before, answer.etag(), output).await?;
            }
            Self::Policy { name, grant } => match grant.policy() {
                None => show_policy(
                    &get(client, &name).await?.json::<ComponentDetail>()?,
                    output,
                )?,
                Some(policy) => {
                    let request = client
                        .request(Method::PUT, &["v1", "components", name.as_str(), "policy"])
                        .json(&policy);
                    let answer = client.send(request).await?;
                    if output.format() == Format::Json {
                        output.line(answer.text()?)?;
                    } else {
                        output.line(policy_text(&policy))?;
                    }
                }
            },
        }
        Ok(Outcome::Done)
    }
}

async fn get(client: &Client, name: &Name) -> anyhow::Result<Answer> {
    client.get(&["v1", "components", name.as_str()]).await
}

/// The active version of a component, when it has one.
async fn active(client: &Client, name: &Name) -> anyhow::Result<Option<u32>> {
    match get(client, name).await {
        Ok(answer) => Ok(answer.json::<ComponentDetail>()?.component.active),
        Err(error) if error.downcast_ref().is_some_and(Refused::is_unknown) => Ok(None),
        Err(error) => Err(error),
    }
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

async fn activate(
    client: &Client,
    name: &Name,
    version: u32,
    if_match: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut request = client
        .request(Method::PUT, &["v1", "components", name.as_str(), "active"])
        .json(&ActivateComponent { version });
    if let Some(etag) = if_match {
        request = request.header(IF_MATCH, etag);
    }
    let answer = client.send(request).await?;
    if output.format() == Format::Json {
        output.line(answer.text()?)?;
    } else {
        let title = output.paint(Tone::Strong, format!("{name} v{version}"));
        output.line(format!("{title}  {}", output.paint(Tone::Good, "active")))?;
    }
    Ok(())
}

/// The latest version before the active one. Versions come latest first, page by page.
async fn before_active(client: &Client, component: &ComponentDetail) -> anyhow::Result<u32> {
    let name = &component.component.name;
    let Some(active) = component.component.active else {
        bail!("no version of {name} is active: choose one with `wasaga component activate`");
    };
    let mut page = component.clone();
    loop {
        if let Some(before) = page
            .versions
            .iter()
            .map(|row| row.version)
            .find(|version| *version < active)
        {
            return Ok(before);
        }
        let Some(cursor) = page.next_cursor else {
            bail!("{name} has no version before v{active}, the active one");
        };
        page = client
            .list(&["v1", "components", name.as_str()], &[("cursor", cursor)])
            .await?
            .json()?;
    }
}

fn version_line(version: &ComponentVersion, output: &Output) -> String {
    let title = output.paint(
        Tone::Strong,
        format!("{} v{}", version.name, version.version),
    );
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

fn show(detail: &ComponentDetail, output: &mut Output) -> anyhow::Result<()> {
    output.line(output.paint(Tone::Strong, &detail.component.name))?;
    output.line(format!("policy  {}", policy_text(&detail.component.policy)))?;
    let active = detail
        .versions
        .iter()
        .find(|version| version.active)
        .or_else(|| detail.versions.first());
    if let Some(version) = active {
        output.line(format!(
            "imports {}",
            output.paint(Tone::Normal, version.imports.join(", "))
        ))?;
        output.line(format!(
            "exports {}",
            output.paint(Tone::Normal, version.exports.join(", "))
        ))?;
    }
    output.line("")?;
    let rows = detail.versions.iter().map(|version| {
        let active = if version.active { "active" } else { "" };
        [
            Cell::right(version.version),
            Cell::new(active).tone(Tone::Good),
            Cell::right(ByteSize(version.size)),
            Cell::new(version.created_at),
            Cell::new(version.digest),
        ]
    });
    output.table(["VERSION", "", "SIZE", "UPLOADED", "DIGEST"], rows)?;
    Ok(())
}

fn show_policy(detail: &ComponentDetail, output: &mut Output) -> anyhow::Result<()> {
    let policy = &detail.component.policy;
    let text = if output.format() == Format::Json {
        serde_json::to_string(policy)?
    } else {
        policy_text(policy)
    };
    output.line(text)?;
    Ok(())
}

/// What is granted, in the words of the options that grant it.
fn policy_text(policy: &Policy) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(
        policy
            .allowed_hosts
            .iter()
            .map(|host| format!("--allow-host {host}")),
    );
    parts.extend(
        policy
            .allowed_networks
            .iter()
            .map(|network| format!("--allow-network {network}")),
    );
    parts.extend(
        policy
            .config
            .iter()
            .map(|(key, value)| format!("--config {key}={value}")),
    );
    let Limits {
        fuel,
        memory_bytes,
        payload_bytes,
        log_bytes,
        response_bytes,
        requests,
    } = policy.limits;
    parts.extend(fuel.map(|fuel| format!("--fuel {fuel}")));
    let sizes = [
        ("--memory", memory_bytes),
        ("--payload", payload_bytes),
        ("--log", log_bytes),
        ("--response", response_bytes),
    ];
    parts.extend(
        sizes
            .iter()
            .filter_map(|(option, bytes)| Some(format!("{option} {}B", (*bytes)?))),
    );
    parts.extend(requests.map(|requests| format!("--requests {requests}")));
    if parts.is_empty() {
        parts.push("--nothing".to_owned());
    }
    super::output::one_line(&parts.join(" ")).into_owned()
}

fn number(version: Option<u32>) -> String {
    version.map_or_else(|| "-".to_owned(), |version| version.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        grant: Grant,
    }

    fn policy(arguments: &str) -> Option<Policy> {
        let line = Line::try_parse_from(["x"].into_iter().chain(arguments.split_whitespace()));
        line.expect("a command line").grant.policy()
    }

    #[test]
    fn a_policy_is_shown_as_the_options_that_set_it() {
        let options = "--allow-host a.b:80 --allow-host c --allow-network 10.0.0.0/8 --config url=http://x?y=z \
                       --fuel 7 --memory 1024B --payload 1B --log 2B --response 3B --requests 4";
        let set = policy(options).expect("a policy");
        assert_eq!(set.limits.memory_bytes, Some(1024));
        assert_eq!(policy_text(&set), options);
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
    fn no_option_shows_the_policy_and_granting_nothing_has_to_be_said() {
        assert_eq!(policy(""), None);
        assert_eq!(policy("--nothing"), Some(Policy::default()));
    }

    #[test]
    fn nothing_and_something_cannot_be_granted_at_once() {
        for something in [
            "--allow-host a",
            "--allow-network 10.0.0.0/8",
            "--config a=b",
            "--fuel 1",
            "--memory 1MiB",
            "--payload 1B",
            "--log 1B",
            "--response 1B",
            "--requests 1",
        ] {
            let line = ["x", "--nothing"]
                .into_iter()
                .chain(something.split_whitespace());
            let error = Line::try_parse_from(line).expect_err("a contradiction");
            assert_eq!(
                error.kind(),
                clap::error::ErrorKind::ArgumentConflict,
                "{something}"
            );
        }
    }
}
