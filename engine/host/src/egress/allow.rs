//! What an operator allows a component to reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use reqwest::Url;
use wasaga_core::Policy;

use super::address;
use super::vault::MAX_GRANTS;

/// Entries of a policy.
pub(crate) const MAX_ENTRIES: usize = 256;
/// Length of one, in bytes.
const MAX_ENTRY_BYTES: usize = 512;
/// Bytes of all names and values of a policy's configuration.
const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// An entry of `allowed_hosts`, or of the hosts of a secret, is no host.
    #[error(
        "{field}: `{entry}` is not a host: {reason}; expected for example `example.com`, \
         `example.com:8443`, `*.example.com`, `127.0.0.1:8080` or `[::1]:8080`, with `http://` or \
         `https://` before it if only that is meant"
    )]
    Host {
        /// Which list it stands in.
        field: String,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An entry of `allowed_networks` is no network.
    #[error(
        "allowed_networks: `{0}` is not a network: expected for example `10.0.0.0/8` or `fd00::/8`"
    )]
    Network(String),
    /// An entry of `allowed_imports` is no interface.
    #[error(
        "allowed_imports: `{0}` is not an interface: expected for example `wasaga:saga/http`, \
         `wasi:io/streams@0.2.3` or `wasi:io/*`"
    )]
    Import(String),
    /// There are too many entries.
    #[error("{field}: {count} entries, at most {MAX_ENTRIES} are allowed")]
    TooMany {
        /// Which field.
        field: &'static str,
        /// How many it has.
        count: usize,
    },
    /// The configuration is too large.
    #[error("config: {0} bytes, at most {MAX_CONFIG_BYTES} are allowed")]
    ConfigTooLarge(usize),
    /// There are too many secrets.
    #[error("secrets: {0} entries, at most {MAX_GRANTS} are allowed")]
    TooManySecrets(usize),
    /// The component could not ask for a secret by this name.
    #[error(
        "secrets: `{0}` is not a name: expected 1 to 64 letters of A-Z and a-z, digits, `_`, `.` and \
         `-`"
    )]
    SecretName(String),
    /// What `config` answers would be both.
    #[error("`{0}` is in config and in secrets: give one of them another name")]
    SecretAndConfig(String),
    /// The server does not have the secret.
    #[error(
        "secrets.{name}: the server has no secret `{secret}`: add it to the server's secrets, or \
         name one that it has"
    )]
    UnknownSecret {
        /// What the component asks for.
        name: String,
        /// What would stand behind it.
        secret: String,
    },
}

/// Hosts as an operator names them.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(Vec<Rule>);

/// The hosts and networks that a component may reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowList {
    hosts: Hosts,
    networks: Vec<IpNet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    scheme: Option<&'static str>,
    host: Host,
    /// Every port, when there is none.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    /// Everything below a domain; the text starts with a dot.
    Below(String),
    Ip(IpAddr),
}

impl Hosts {
    /// Reads the list of a policy that is called so.
    ///
    /// # Errors
    /// When an entry is not of the form that it must have.
    pub(super) fn new(field: &str, entries: &[String]) -> Result<Self, PolicyError> {
        let rules = entries.iter().map(|entry| {
            rule(entry).map_err(|reason| PolicyError::Host {
                field: field.to_owned(),
                entry: entry.chars().take(80).collect(),
                reason,
            })
        });
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// The same for what nobody on the way may read: names without a scheme mean https. Addresses and
    /// this machine are meant as they stand.
    #[must_use]
    pub(super) fn confidential(mut self) -> Self {
        for rule in &mut self.0 {
            let is_far = match &rule.host {
                Host::Name(name) => name != "localhost",
                Host::Below(_) => true,
                Host::Ip(_) => false,
            };
            if is_far && rule.scheme.is_none() {
                rule.scheme = Some("https");
            }
        }
        self
    }

    /// Whether a URL leads to one of them.
    pub(super) fn match_url(&self, url: &Url) -> bool {
        let Some(host) = url.host_str().map(host_of) else {
            return false;
        };
        self.0.iter().any(|rule| {
            rule.scheme.is_none_or(|scheme| scheme == url.scheme())
                && rule
                    .port
                    .is_none_or(|port| Some(port) == url.port_or_known_default())
                && rule.host.matches(&host)
        })
    }
}

impl AllowList {
    /// Reads a policy.
    ///
    /// # Errors
    /// When an entry is not of the form that it must have, or something is too large.
    pub(crate) fn new(policy: &Policy) -> Result<Self, PolicyError> {
        count("allowed_hosts", policy.allowed_hosts.len())?;
        count("allowed_networks", policy.allowed_networks.len())?;
        count("config", policy.config.len())?;
        let config = policy
            .config
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if config > MAX_CONFIG_BYTES {
            return Err(PolicyError::ConfigTooLarge(config));
        }
        Ok(Self {
            hosts: Hosts::new("allowed_hosts", &policy.allowed_hosts)?,
            networks: policy
                .allowed_networks
                .iter()
                .map(|entry| network(entry))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether a component may send requests there. Says nothing of the address yet, unless the URL
    /// has one in place of a name: those have to be listed one by one.
    pub(super) fn allows(&self, url: &Url) -> bool {
        self.hosts.match_url(url)
    }

    /// Whether a connection for `name` may go to this address.
    pub(super) fn allows_address(&self, name: &str, address: IpAddr) -> bool {
        let canonical = address::canonical(address);
        address::is_global(address)
            || self
                .networks
                .iter()
                .any(|net| net.contains(&address) || net.contains(&canonical))
            || (canonical.is_loopback() && self.lists_localhost(name))
    }

    /// Who lists `localhost` means this machine.
    fn lists_localhost(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        name.eq_ignore_ascii_case("localhost")
            && self
                .hosts
                .0
                .iter()
                .any(|rule| rule.host == Host::Name("localhost".to_owned()))
    }
}

impl Host {
    fn matches(&self, host: &Self) -> bool {
        match (self, host) {
            (Self::Below(suffix), Self::Name(name)) => {
                name.len() > suffix.len() && name.ends_with(suffix.as_str())
            }
            _ => self == host,
        }
    }
}

/// The host of a URL, as [`Url`] writes it: names in lower case, IPv6 addresses in brackets.
fn host_of(text: &str) -> Host {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(address) => Host::Ip(address),
        Err(_) => Host::Name(bare.strip_suffix('.').unwrap_or(bare).to_owned()),
    }
}

/// Checks how many entries a field has.
pub(super) const fn count(field: &'static str, count: usize) -> Result<(), PolicyError> {
    if count > MAX_ENTRIES {
        return Err(PolicyError::TooMany { field, count });
    }
    Ok(())
}

fn rule(entry: &str) -> Result<Rule, &'static str> {
    if entry.len() > MAX_ENTRY_BYTES {
        return Err("it is too long");
    }
    let (scheme, rest) = match entry.split_once("://") {
        None => (None, entry),
        Some(("http", rest)) => (Some("http"), rest),
        Some(("https", rest)) => (Some("https"), rest),
        Some(_) => return Err("the scheme is neither http nor https"),
    };
    if let Ok(address) = rest.parse::<Ipv6Addr>() {
        return Ok(Rule {
            scheme,
            host: Host::Ip(address.into()),
            port: None,
        });
    }
    // What stands before the last colon, unless that is one of an IPv6 address in brackets.
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse().ok().filter(|port| *port != 0);
            (
                host,
                Some(port.ok_or("the port is no number from 1 to 65535")?),
            )
        }
        _ => (rest, None),
    };
    let host = if let Some(v6) = host.strip_prefix('[') {
        let v6 = v6
            .strip_suffix(']')
            .and_then(|text| text.parse::<Ipv6Addr>().ok());
        Host::Ip(v6.ok_or("what is in brackets is no IPv6 address")?.into())
    } else if let Ok(v4) = host.parse::<Ipv4Addr>() {
        Host::Ip(v4.into())
    } else if let Some(domain) = host.strip_prefix("*.") {
        Host::Below(format!(".{}", name(domain)?))
    } else {
        Host::Name(name(host)?)
    };
    Ok(Rule { scheme, host, port })
}

/// A name in the form in which [`Url`] writes it.
fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("there is no name");
    }
    if text.contains('*') {
        return Err("`*` can only stand for the beginning, as in `*.example.com`");
    }
    if text.contains(['/', '?', '#', '@', ':', '%', '\\']) || text.contains(char::is_whitespace) {
        return Err("it has more than a name and a port");
    }
    let url = Url::parse(&format!("http://{text}/")).map_err(|_| "it is no valid name")?;
    match url.host_str().map(host_of) {
        Some(Host::Name(name)) => Ok(name),
        _ => Err("it is an address in an unusual form"),
    }
}

fn network(entry: &str) -> Result<IpNet, PolicyError> {
    let address = |_| entry.parse::<IpAddr>().map(IpNet::from);
    entry
        .parse::<IpNet>()
        .or_else(address)
        .map_err(|_| PolicyError::Network(entry.chars().take(80).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(hosts: &[&str], networks: &[&str]) -> AllowList {
        let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
        let policy = Policy {
            allowed_hosts: owned(hosts),
            allowed_networks: owned(networks),
            ..Policy::default()
        };
        AllowList::new(&policy).expect("a valid policy")
    }

    fn allows(list: &AllowList, url: &str) -> bool {
        list.allows(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn what_nobody_may_read_on_the_way_goes_over_https_unless_http_is_said() {
        let entries = [
            "a.test",
            "*.b.test",
            "http://c.test",
            "127.0.0.1",
            "localhost",
        ];
        let hosts = Hosts::new("hosts", &entries.map(str::to_owned)).expect("hosts");
        let hosts = hosts.confidential();
        let matches = |url: &str| hosts.match_url(&Url::parse(url).expect("a URL"));
        for url in ["https://a.test/", "https://x.b.test/", "http://c.test/"] {
            assert!(matches(url), "{url}");
        }
        for url in ["http://127.0.0.1:7/", "http://localhost/"] {
            assert!(matches(url), "{url}");
        }
        for url in ["http://a.test/", "http://x.b.test/", "https://c.test/"] {
            assert!(!matches(url), "{url}");
        }
    }

    #[test]
    fn nothing_is_allowed_that_is_not_listed() {
        assert!(!allows(&list(&[], &[]), "https://example.com/"));
        let list = list(
            &[
                "example.com",
                "api.example.org:8443",
                "*.example.net",
                "https://tls.example",
            ],
            &[],
        );
        for url in [
            "https://example.com/x",
            "http://EXAMPLE.com:81/",
            "https://example.com./",
            "https://api.example.org:8443/",
            "https://a.b.example.net/",
            "https://tls.example/",
        ] {
            assert!(allows(&list, url), "{url} is listed");
        }
        for url in [
            "https://www.example.com/",
            "https://example.com.evil.test/",
            "https://api.example.org/",
            "https://example.net/",
            "https://badexample.net/",
            "http://tls.example/",
            "http://127.0.0.1/",
        ] {
            assert!(!allows(&list, url), "{url} is not listed");
        }
    }

    #[test]
    fn an_address_in_place_of_a_name_has_to_be_listed_in_so_many_words() {
        let list = list(&["127.0.0.1:8080", "[::1]:9000", "*.example.com"], &[]);
        assert!(allows(&list, "http://127.0.0.1:8080/"));
        assert!(
            allows(&list, "http://0x7f.1:8080/"),
            "the same address, written otherwise"
        );
        assert!(allows(&list, "http://[::1]:9000/"));
        assert!(!allows(&list, "http://127.0.0.1:8081/"));
        assert!(!allows(&list, "http://[::ffff:127.0.0.1]:8080/"));
        assert!(!allows(&list, "http://10.0.0.1/"));
    }

    #[test]
    fn a_name_leads_to_the_open_internet_to_listed_networks_and_nowhere_else() {
        let plain = list(&["example.com"], &[]);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert!(plain.allows_address("example.com", address("1.1.1.1")));
        assert!(!plain.allows_address("example.com", address("10.0.0.1")));
        assert!(!plain.allows_address("localhost", address("127.0.0.1")));
        let granted = list(&["localhost:80", "db.internal"], &["10.0.0.0/8"]);
        assert!(granted.allows_address("db.internal", address("10.0.0.1")));
        assert!(granted.allows_address("db.internal", address("::ffff:10.0.0.1")));
        assert!(!granted.allows_address("db.internal", address("127.0.0.1")));
        assert!(granted.allows_address("localhost", address("::1")));
        assert!(!granted.allows_address("localhost", address("192.168.0.1")));
    }

    #[test]
    fn entries_of_another_form_are_refused() {
        let check = |hosts: &str| {
            AllowList::new(&Policy {
                allowed_hosts: vec![hosts.to_owned()],
                ..Policy::default()
            })
        };
        for wrong in [
            "",
            "*",
            "*.",
            "a.*.com",
            "ftp://example.com",
            "example.com/path",
            "user@example.com",
            "example.com:0",
            "example.com:99999",
            "example.com:http",
            "[::1",
            "a b",
            "0x7f.1",
            "https://",
        ] {
            assert!(
                matches!(check(wrong), Err(PolicyError::Host { .. })),
                "{wrong:?} was taken"
            );
        }
        let networks = Policy {
            allowed_networks: vec!["10.0.0.0/99".into()],
            ..Policy::default()
        };
        assert!(matches!(
            AllowList::new(&networks),
            Err(PolicyError::Network(_))
        ));
    }
}
