//! Where requests may come from. The server has no authentication of its own, and the browsers of
//! those who can reach it run pages of others, too.
//!
//! - A page may have its own name lead to the server's address (DNS rebinding): for the browser the
//!   server is that page's own then. Hence the server answers to names that it knows, and to IP
//!   addresses and `localhost`, which nobody can make lead elsewhere.
//! - A page may send to the server's real address what needs no answer to do harm. Browsers say of
//!   such requests that they come from another origin.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Api;
use super::problem::Refused;
use crate::wire::Code;

/// A name that the server answers to, beside IP addresses and `localhost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHost {
    /// Any: only for servers that something else shields from browsers.
    Any,
    /// This one, at any port.
    Named(String),
}

/// A text that is no [`AllowedHost`].
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a name without scheme and port, such as `wasaga.example`, or `*` for any; found `{found}`"
)]
pub struct AllowedHostError {
    found: String,
}

impl FromStr for AllowedHost {
    type Err = AllowedHostError;

    fn from_str(text: &str) -> Result<Self, AllowedHostError> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let name = without_root(text);
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_part) {
            return Err(AllowedHostError {
                found: text.to_owned(),
            });
        }
        Ok(Self::Named(name.to_owned()))
    }
}

impl AllowedHost {
    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Named(name) => name.eq_ignore_ascii_case(without_root(host)),
        }
    }
}

/// Refuses what is meant for a host that is not this server, and changes that pages of other
/// origins ask for.
pub(crate) async fn check(
    State(api): State<Arc<Api>>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    for_this_server(&api.allowed_hosts, request.uri(), request.headers())?;
    from_this_origin(request.method(), request.headers())?;
    Ok(next.run(request).await)
}

/// Whether every name under which the client asks for the server is the server's, and it gives one.
fn for_this_server(allowed: &[AllowedHost], uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
    let in_headers = headers.get_all(header::HOST);
    let in_headers = in_headers.iter().map(HeaderValue::as_bytes);
    // `:authority` in HTTP/2.
    let in_uri = uri.authority().map(|host| host.as_str().as_bytes());
    let mut is_named = false;
    for text in in_headers.chain(in_uri) {
        let Ok(authority) = Authority::try_from(text) else {
            let text = String::from_utf8_lossy(text);
            let detail = format!("The header `Host` has no host: `{text:.200}`.");
            return Err(Refused::new(Code::UnknownHost, detail));
        };
        let host = authority.host();
        if !leads_nowhere_else(host) && !allowed.iter().any(|allowed| allowed.allows(host)) {
            let detail = format!(
                "The request is for `{host:.200}`, which this server does not answer to. Use its IP address, or `localhost`, or start it with `--allowed-host {host:.200}`."
            );
            return Err(Refused::new(Code::UnknownHost, detail));
        }
        is_named = true;
    }
    if is_named {
        Ok(())
    } else {
        Err(Refused::new(
            Code::UnknownHost,
            "Expected the header `Host`, with the server's IP address, `localhost`, or a name that the server was given with `--allowed-host`.",
        ))
    }
}

/// Whether it is an IP address or `localhost`: whoever made the page, its name is another.
fn leads_nowhere_else(host: &str) -> bool {
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_address = bracketed.map_or_else(
        || host.parse::<Ipv4Addr>().is_ok(),
        |host| host.parse::<Ipv6Addr>().is_ok(),
    );
    is_address || without_root(host).eq_ignore_ascii_case("localhost")
}

/// A name without the dot at its end, which changes nothing.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Whether no page of another origin made a browser send it, or it changes nothing. What is no
/// browser does not say.
fn from_this_origin(method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
    let is_from_here = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|site| site == "same-origin" || site == "none");
    if is_from_here || method.is_safe() {
        return Ok(());
    }
    Err(Refused::new(
        Code::CrossSite,
        "A page of another origin may not change anything here.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn asked(allowed: &[&str], uri: &'static str, hosts: &[&'static str]) -> Result<(), Refused> {
        let allowed: Vec<AllowedHost> = allowed
            .iter()
            .map(|name| name.parse().expect("a name"))
            .collect();
        for_this_server(&allowed, &Uri::from_static(uri), &headers("host", hosts))
    }

    #[test]
    fn addresses_and_localhost_are_always_this_server() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:7420",
            "192.168.1.7:80",
            "[::1]",
            "[::1]:7420",
            "localhost",
            "localhost:7420",
            "LocalHost.:1",
        ] {
            assert!(asked(&[], "/", &[host]).is_ok(), "{host}");
            assert!(asked(&["other.example"], "/", &[host]).is_ok(), "{host}");
        }
    }

    #[test]
    fn other_names_are_this_server_when_they_are_allowed() {
        let allowed = ["wasaga.example", "wasaga."];
        for host in ["wasaga.example", "WASAGA.example.:443", "wasaga:7420"] {
            assert!(asked(&allowed, "/", &[host]).is_ok(), "{host}");
            assert!(asked(&["*"], "/", &[host]).is_ok(), "{host}");
        }
        for host in [
            "example",
            "x.wasaga.example",
            "wasaga.example.net",
            "localhost.example",
            "127.0.0.1.example",
            "::1",
            "",
            "a b",
        ] {
            let refused = asked(&allowed, "/", &[host]).expect_err(host);
            assert_eq!(refused.problem().code, Code::UnknownHost, "{host}");
        }
    }

    #[test]
    fn who_asks_under_several_names_needs_all_of_them_and_who_asks_under_none_is_refused() {
        assert!(asked(&[], "http://localhost/", &[]).is_ok());
        assert!(asked(&[], "http://localhost/", &["127.0.0.1"]).is_ok());
        assert!(asked(&[], "http://evil.example/", &["127.0.0.1"]).is_err());
        assert!(asked(&[], "http://localhost/", &["evil.example"]).is_err());
        assert!(asked(&[], "/", &["localhost", "evil.example"]).is_err());
        assert!(asked(&["*"], "/", &[]).is_err());
    }

    #[test]
    fn a_refused_name_is_named_with_the_option_that_allows_it() {
        let refused = asked(&[], "/", &["wasaga.example:80"]).expect_err("a problem");
        let detail = &refused.problem().detail;
        assert!(
            detail.contains("`--allowed-host wasaga.example`"),
            "{detail}"
        );
    }

    #[test]
    fn an_allowed_host_is_a_name() {
        for wrong in [
            "",
            ".",
            "http://wasaga.example",
            "wasaga.example:7420",
            "*.wasaga.example",
            "a,b",
        ] {
            assert!(wrong.parse::<AllowedHost>().is_err(), "{wrong}");
        }
        assert_eq!(" * ".parse::<AllowedHost>().expect("any"), AllowedHost::Any);
    }

    #[test]
    fn pages_of_other_origins_can_read_and_not_write() {
        let site = |site| headers("sec-fetch-site", &[site]);
        assert!(from_this_origin(&Method::POST, &HeaderMap::new()).is_ok());
        for here in ["same-origin", "none"] {
            assert!(from_this_origin(&Method::POST, &site(here)).is_ok());
        }
        for there in ["cross-site", "same-site", "", "something-new"] {
            assert!(from_this_origin(&Method::GET, &site(there)).is_ok());
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let refused = from_this_origin(&method, &site(there)).expect_err(there);
                assert_eq!(refused.problem().code, Code::CrossSite);
            }
        }
    }
}
