//! `wasaga component policy`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use reqwest::Method;
use reqwest::header::IF_MATCH;
use wasaga_core::{Limits, Name, Policy, Recording};

use super::super::client::Client;
use super::super::error::Usage;
use super::super::input;
use super::super::output::{Format, Output, one_line};
use super::grants::Grants;
use super::{find, get};
use wasaga::wire::ComponentDetail;

/// A component, and what is to change of its policy.
#[derive(Debug, Args)]
pub(in crate::cli) struct Change {
    /// Name of the component; it need not have a version yet
    name: Name,
    /// Begin with a policy in JSON, as `--json` shows it, not with the present one; `-` is standard
    /// input
    #[arg(long, value_name = "FILE", conflicts_with = "nothing")]
    set: Option<PathBuf>,
    /// How much of its requests the journal keeps: nothing but their number, what they were, or all that
    /// it takes to try another version on them
    #[arg(long, value_parser = recording())]
    record: Option<Recording>,
    #[command(flatten)]
    grants: Grants,
}

pub(super) const HELP: &str = "Without options: shows it. With options: changes what they name, and leaves the rest as it is.";

impl Change {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        if !self.is_asked_for() {
            let detail: ComponentDetail = get(client, &self.name).await?.json()?;
            let policy = &detail.component.policy;
            output.line(match output.format() {
                Format::Json => serde_json::to_string(policy)?,
                Format::Text => in_words(policy),
            })?;
            return Ok(());
        }
        let path = ["v1", "components", self.name.as_str(), "policy"];
        let mut request = client.request(Method::PUT, &path);
        let present = match &self.set {
            Some(file) => read(file)?,
            None => match find(client, &self.name).await? {
                Some(ComponentDetail { component, .. }) => {
                    // What somebody else changes meanwhile stays theirs.
                    request = request.header(IF_MATCH, format!("\"{}\"", component.generation));
                    component.policy
                }
                None => Policy::default(),
            },
        };
        let policy = self.applied(present);
        let request = request.json(&policy);
        let answer = client.send(request).await?;
        match output.format() {
            Format::Json => output.line(answer.text()?)?,
            Format::Text => output.line(in_words(&policy))?,
        }
        Ok(())
    }

    fn is_asked_for(&self) -> bool {
        self.set.is_some() || self.record.is_some() || self.grants != Grants::default()
    }

    fn applied(&self, present: Policy) -> Policy {
        let mut policy = self.grants.clone().apply(present);
        policy.record = self.record.unwrap_or(policy.record);
        policy
    }
}

/// Reads a policy in JSON.
pub(super) fn read(file: &std::path::Path) -> anyhow::Result<Policy> {
    let bytes = input::read(file)?;
    parse(&bytes)
        .map_err(|error| Usage(format!("{} is no policy: {error}", input::name(file))).into())
}

/// An array is none: it would be taken for the fields in their order, and `[]` for a policy that grants nothing.
fn parse(bytes: &[u8]) -> serde_json::Result<Policy> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(serde::de::Error::custom(
            "expected an object, found an array",
        ));
    }
    serde_json::from_slice(bytes)
}

fn recording() -> impl TypedValueParser<Value = Recording> {
    PossibleValuesParser::new(["none", "summary", "full"]).map(|word| match word.as_str() {
        "none" => Recording::None,
        "summary" => Recording::Summary,
        _ => Recording::Full,
    })
}

/// What is granted, in the words of the options that grant it.
pub(super) fn in_words(policy: &Policy) -> String {
    let Policy {
        allowed_imports,
        allowed_hosts,
        allowed_networks,
        config,
        secrets,
        limits,
        record,
    } = policy;
    let mut parts: Vec<String> = Vec::new();
    let listed = |option: &str, entries: &[String]| -> Vec<String> {
        let entries = entries.iter();
        entries.map(|entry| format!("{option} {entry}")).collect()
    };
    parts.extend(listed("--allow-host", allowed_hosts));
    parts.extend(listed("--allow-network", allowed_networks));
    if let Some(imports) = allowed_imports {
        parts.extend(listed("--allow-import", imports));
        if imports.is_empty() {
            parts.push("(no imports)".to_owned());
        }
    }
    let config = config.iter();
    parts.extend(config.map(|(key, value)| format!("--config {key}={value}")));
    parts.extend(secrets.iter().map(|(name, grant)| {
        let secret = Some(&grant.secret).filter(|secret| *secret != name);
        let secret = secret.map(|secret| format!("={secret}"));
        let secret = secret.unwrap_or_default();
        format!("--secret {name}{secret}@{}", grant.hosts.join(","))
    }));
    parts.extend(limited(limits));
    match record {
        Recording::None => parts.push("--record none".to_owned()),
        Recording::Summary => parts.push("--record summary".to_owned()),
        Recording::Full => {}
    }
    if parts.is_empty() {
        parts.push("--nothing".to_owned());
    }
    one_line(&parts.join(" ")).into_owned()
}

fn limited(limits: &Limits) -> Vec<String> {
    let Limits {
        fuel,
        memory_bytes,
        payload_bytes,
        log_bytes,
        response_bytes,
        requests,
    } = *limits;
    let sizes = [
        ("--memory", memory_bytes),
        ("--payload", payload_bytes),
        ("--log", log_bytes),
        ("--response", response_bytes),
    ];
    let fuel = fuel.map(|fuel| format!("--fuel {fuel}"));
    let sizes = sizes.iter();
    let sizes = sizes.filter_map(|(option, bytes)| Some(format!("{option} {}B", (*bytes)?)));
    let requests = requests.map(|requests| format!("--requests {requests}"));
    fuel.into_iter().chain(sizes).chain(requests).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        change: Change,
    }

    fn change(options: &str) -> Change {
        let line = ["policy", "pay"]
            .into_iter()
            .chain(options.split_whitespace());
        let line = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
        line.change
    }

    #[test]
    fn a_policy_is_shown_as_the_options_that_set_it() {
        let options = "--allow-host a.b:80 --allow-host c --allow-network 10.0.0.0/8 --allow-import wasi:io/* \
                       --config url=http://x?y=z --secret key=stripe@a,b --secret token@c --fuel 7 --memory 1024B \
                       --payload 1B --log 2B --response 3B --requests 4 --record summary";
        let policy = change(options).applied(Policy::default());
        assert_eq!(policy.limits.memory_bytes, Some(1024));
        assert_eq!(in_words(&policy), options);
        assert_eq!(in_words(&Policy::default()), "--nothing");
    }

    #[test]
    fn no_option_shows_the_policy_and_granting_nothing_has_to_be_said() {
        assert!(!change("").is_asked_for());
        for options in ["--nothing", "--record full", "--set -", "--deny-host a"] {
            assert!(change(options).is_asked_for(), "{options}");
        }
        assert!(Line::try_parse_from(["policy", "pay", "--nothing", "--set", "-"]).is_err());
    }

    #[test]
    fn an_array_is_no_policy_that_grants_nothing() {
        assert!(parse(b" []").is_err());
        assert_eq!(parse(b"{}").expect("a policy"), Policy::default());
    }
}
