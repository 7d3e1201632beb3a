//! Options that grant a component something, or take it back.

use clap::{Args, ValueEnum};
use wasaga_core::limits::parse_size;
use wasaga_core::{Limits, Policy, SecretGrant};

use super::super::input;

// Not a doc comment: it would become the help of the command that these are options of.
// Changes of a policy. What no option names stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Grants")]
pub(super) struct Grants {
    /// Begin with nothing granted beyond the server's defaults, not with the present policy
    #[arg(long)]
    nothing: bool,
    /// A host that it may send requests to: `example.com`, `example.com:8443`, `*.example.com`; may be repeated
    #[arg(long = "allow-host", value_name = "HOST")]
    allowed_hosts: Vec<String>,
    /// A host of those that it may not send requests to any more; may be repeated
    #[arg(long = "deny-host", value_name = "HOST")]
    denied_hosts: Vec<String>,
    /// A network that is not global and that it may reach all the same; may be repeated
    #[arg(long = "allow-network", value_name = "CIDR")]
    allowed_networks: Vec<String>,
    /// A network of those that it may not reach any more; may be repeated
    #[arg(long = "deny-network", value_name = "CIDR")]
    denied_networks: Vec<String>,
    /// An interface that its active version may import, for example `wasaga:saga/http` or `wasi:io/*`; may be
    /// repeated. Once one is named, it may import no others
    #[arg(long = "allow-import", value_name = "INTERFACE")]
    allowed_imports: Vec<String>,
    /// An interface of those that it may not import any more; may be repeated
    #[arg(long = "deny-import", value_name = "INTERFACE")]
    denied_imports: Vec<String>,
    /// Let it import every interface that the engine has
    #[arg(long, conflicts_with_all = ["allowed_imports", "denied_imports"])]
    allow_all_imports: bool,
    /// A value that it can look up; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = input::key_value)]
    config: Vec<(String, String)>,
    /// A value that it cannot look up any more; may be repeated
    #[arg(long, value_name = "KEY")]
    unset_config: Vec<String>,
    /// A secret of the server that it may use towards these hosts, by the name that it looks it up by
    /// where that is another one: `api-key=stripe@api.stripe.com`; may be repeated
    #[arg(long = "secret", value_name = "NAME[=SECRET]@HOST[,HOST]", value_parser = secret)]
    secrets: Vec<(String, SecretGrant)>,
    /// A secret that it may not use any more; may be repeated
    #[arg(long = "unset-secret", value_name = "NAME")]
    unset_secrets: Vec<String>,
    /// Units of fuel that a call may use, about one for each instruction
    #[arg(long, value_name = "N")]
    fuel: Option<u64>,
    /// Memory that a call may use, for example 32MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Size of a result, a context patch, or a failure's details
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    payload: Option<u64>,
    /// What a call may write to the saga's log
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    log: Option<u64>,
    /// Size of the response to a request that a call sends
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    response: Option<u64>,
    /// Requests that a call may send
    #[arg(long, value_name = "N")]
    requests: Option<u32>,
    /// A limit that is the server's own again; may be repeated
    #[arg(long = "unset-limit", value_name = "LIMIT")]
    unset_limits: Vec<Limit>,
}

/// A limit by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Limit {
    Fuel,
    Memory,
    Payload,
    Log,
    Response,
    Requests,
}

impl Grants {
    /// The policy that comes of this one.
    pub(super) fn apply(self, present: Policy) -> Policy {
        let mut policy = if self.nothing {
            Policy::default()
        } else {
            present
        };
        take(&mut policy.allowed_hosts, &self.denied_hosts);
        give(&mut policy.allowed_hosts, self.allowed_hosts);
        take(&mut policy.allowed_networks, &self.denied_networks);
        give(&mut policy.allowed_networks, self.allowed_networks);
        if self.allow_all_imports {
            policy.allowed_imports = None;
        }
        if let Some(imports) = &mut policy.allowed_imports {
            take(imports, &self.denied_imports);
        }
        if !self.allowed_imports.is_empty() {
            let imports = policy.allowed_imports.get_or_insert_default();
            give(imports, self.allowed_imports);
        }
        for key in &self.unset_config {
            policy.config.remove(key);
        }
        policy.config.extend(self.config);
        for name in &self.unset_secrets {
            policy.secrets.remove(name);
        }
        policy.secrets.extend(self.secrets);
        for limit in self.unset_limits {
            unset(&mut policy.limits, limit);
        }
        let wanted = Limits {
            fuel: self.fuel,
            memory_bytes: self.memory,
            payload_bytes: self.payload,
            log_bytes: self.log,
            response_bytes: self.response,
            requests: self.requests,
        };
        policy.limits = wanted.or(policy.limits);
        policy
    }
}

/// Adds what is not there yet.
fn give(entries: &mut Vec<String>, more: Vec<String>) {
    for entry in more {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
}

fn take(entries: &mut Vec<String>, less: &[String]) {
    entries.retain(|entry| !less.contains(entry));
}

fn unset(limits: &mut Limits, limit: Limit) {
    match limit {
        Limit::Fuel => limits.fuel = None,
        Limit::Memory => limits.memory_bytes = None,
        Limit::Payload => limits.payload_bytes = None,
        Limit::Log => limits.log_bytes = None,
        Limit::Response => limits.response_bytes = None,
        Limit::Requests => limits.requests = None,
    }
}

/// Reads `name=secret@host,host`.
fn secret(argument: &str) -> Result<(String, SecretGrant), String> {
    let expected = "expected a name, `@` and hosts, for example `api-key=stripe@api.stripe.com`";
    let (name, hosts) = argument.split_once('@').ok_or(expected)?;
    let (name, secret) = name.split_once('=').unwrap_or((name, name));
    let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
    if name.is_empty() || secret.is_empty() || hosts.iter().any(String::is_empty) {
        return Err(expected.to_owned());
    }
    let grant = SecretGrant {
        secret: secret.to_owned(),
        hosts,
    };
    Ok((name.to_owned(), grant))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        grants: Grants,
    }

    fn applied(options: &str, present: Value) -> Value {
        let present: Policy = serde_json::from_value(present).expect("a policy");
        let line = ["x"].into_iter().chain(options.split_whitespace());
        let line = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
        serde_json::to_value(line.grants.apply(present)).expect("JSON")
    }

    #[test]
    fn what_no_option_names_stays_as_it_is() {
        let present = json!({"allowed_hosts": ["a", "b"], "allowed_networks": ["10.0.0.0/8"], "config": {"x": "1", "y": "2"},
            "limits": {"fuel": 7, "memory": "1MiB"}, "record": "summary"});
        let options = "--deny-host a --allow-host b --allow-host c --config x=3 --unset-config y --fuel 9 --unset-limit memory";
        assert_eq!(
            applied(options, present),
            json!({"allowed_hosts": ["b", "c"], "allowed_networks": ["10.0.0.0/8"], "config": {"x": "3"},
                "limits": {"fuel": 9}, "record": "summary"})
        );
    }

    #[test]
    fn nothing_begins_anew_whatever_else_is_granted() {
        let present = json!({"allowed_hosts": ["a"], "config": {"x": "1"}});
        let policy = applied("--nothing --allow-host b", present);
        assert_eq!(policy["allowed_hosts"], json!(["b"]));
        assert_eq!(policy["config"], json!({}));
    }

    #[test]
    fn one_named_import_shuts_out_the_others_until_all_are_allowed_again() {
        let some = applied("--allow-import wasi:io/*", json!({}));
        assert_eq!(some["allowed_imports"], json!(["wasi:io/*"]));
        let none = applied("--deny-import wasi:io/*", some.clone());
        assert_eq!(none["allowed_imports"], json!([]));
        let all = applied("--allow-all-imports", some);
        assert_eq!(all.get("allowed_imports"), None);
    }

    #[test]
    fn a_secret_has_hosts_and_may_have_another_name_there() {
        let grant = |secret: &str, hosts: &[&str]| json!({"secret": secret, "hosts": hosts});
        let policy = applied("--secret token@a,b:8443 --secret key=stripe@c", json!({}));
        assert_eq!(
            policy["secrets"],
            json!({"token": grant("token", &["a", "b:8443"]), "key": grant("stripe", &["c"])})
        );
        assert_eq!(
            applied("--unset-secret key", policy)["secrets"],
            json!({"token": grant("token", &["a", "b:8443"])})
        );
        for wrong in ["token", "token@", "@a", "=x@a", "x=@a", "x@a,"] {
            assert!(secret(wrong).is_err(), "{wrong}");
        }
    }
}
