//! HTTP clients, one for each distinct policy.
//!
//! A client keeps connections. One that was opened under a policy must never serve a component
//! whose policy would not have allowed its address, so policies that differ share no client.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hashlink::LruCache;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use wasaga_core::Policy;

use super::allow::AllowList;
use super::{PolicyError, SendError};

/// Policies whose clients are kept.
const MAX_CLIENTS: usize = 256;
/// Connections kept for each service.
const MAX_IDLE_CONNECTIONS: usize = 32;
/// How long one is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes the clients.
#[derive(Debug)]
pub(crate) struct Gateway {
    clients: Mutex<LruCache<Reach, Arc<Egress>>>,
    tls: OnceLock<ClientConfig>,
    connect_timeout: Duration,
}

/// The part of a policy that decides what can be reached.
type Reach = (Vec<String>, Vec<String>);

/// What one policy lets out.
#[derive(Debug)]
pub(super) struct Egress {
    pub(super) allow: Arc<AllowList>,
    pub(super) client: reqwest::Client,
}

/// None of a name's addresses may be reached.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` has only addresses that are not global; list their network in allowed_networks")]
pub(super) struct AddressRefused {
    name: String,
}

impl Gateway {
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        Self {
            clients: Mutex::new(LruCache::new(MAX_CLIENTS)),
            tls: OnceLock::new(),
            connect_timeout,
        }
    }

    /// What this policy lets out.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when the policy is not valid: then it allows nothing.
    pub(super) fn egress(&self, policy: &Policy) -> Result<Arc<Egress>, SendError> {
        let reach = (
            policy.allowed_hosts.clone(),
            policy.allowed_networks.clone(),
        );
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(egress) = clients.get(&reach) {
            return Ok(Arc::clone(egress));
        }
        let invalid = |error: PolicyError| SendError::Forbidden(format!("the policy: {error}"));
        let allow = Arc::new(AllowList::new(policy).map_err(invalid)?);
        let client = self.client(Arc::clone(&allow))?;
        let egress = Arc::new(Egress { allow, client });
        clients.insert(reach, Arc::clone(&egress));
        Ok(egress)
    }

    fn client(&self, allow: Arc<AllowList>) -> Result<reqwest::Client, SendError> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.get_or_init(tls).clone())
            .dns_resolver(CheckedResolver { allow })
            // A redirect is a request of its own: the component sends it if it wants to.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("wasaga/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SendError::Connect(format!("no HTTP client: {error}")))
    }
}

/// TLS with the certificate authorities of this machine.
fn tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = match platform_tls(Arc::clone(&provider)) {
        Ok(config) => config,
        Err(error) => {
            tracing::warn!("no certificate authorities, https will not work: {error}");
            without_authorities(provider)
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn platform_tls(provider: Arc<CryptoProvider>) -> Result<ClientConfig, rustls::Error> {
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Trusts nobody.
fn without_authorities(provider: Arc<CryptoProvider>) -> ClientConfig {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

/// Looks names up, and gives out only addresses that may be reached: the client connects to
/// those, and looks up nothing else.
#[derive(Debug)]
struct CheckedResolver {
    allow: Arc<AllowList>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = Arc::clone(&self.allow);
        Box::pin(async move {
            let name = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
            if found.is_empty() {
                return Err(
                    io::Error::new(io::ErrorKind::NotFound, "the name has no address").into(),
                );
            }
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|found| allow.allows_address(name, found.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(AddressRefused {
                    name: name.to_owned(),
                }
                .into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::outbound::explain;
    use crate::egress::vault::{Granted, Vault};
    use crate::keys::HostKey;
    use crate::secrets::Secrets;

    fn policy(host: &str, networks: &[&str]) -> Policy {
        Policy {
            allowed_hosts: vec![host.to_owned()],
            allowed_networks: networks
                .iter()
                .map(|network| (*network).to_owned())
                .collect(),
            ..Policy::default()
        }
    }

    /// A service on this machine, at the URL of a name that leads to it.
    async fn service() -> String {
        let router = axum::Router::new().fallback(async || "hello");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://localhost:{port}/")
    }

    /// Sends a request past the allow-list of names, straight to the check of addresses.
    async fn get(gateway: &Gateway, policy: &Policy, url: &str) -> Result<u16, SendError> {
        let egress = gateway.egress(policy)?;
        let response = egress
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| explain(&error, &Granted::default()))?;
        let status = response.status().as_u16();
        let body = response.bytes().await;
        body.map_err(|error| explain(&error, &Granted::default()))?;
        Ok(status)
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_refused_until_its_network_is_listed() {
        let url = service().await;
        let gateway = Gateway::new(Duration::from_secs(5));
        let refused = get(&gateway, &policy("example.com", &[]), &url).await;
        assert!(
            matches!(&refused, Err(SendError::Forbidden(reason)) if reason.contains("allowed_networks"))
        );
        let other = get(&gateway, &policy("example.com", &["10.0.0.0/8"]), &url).await;
        assert!(matches!(other, Err(SendError::Forbidden(_))));
        let granted = policy("example.com", &["127.0.0.0/8", "::1/128"]);
        assert_eq!(get(&gateway, &granted, &url).await, Ok(200));
    }

    #[tokio::test]
    async fn a_connection_of_one_policy_never_serves_another() {
        let url = service().await;
        let gateway = Gateway::new(Duration::from_secs(5));
        let granted = policy("localhost", &[]);
        assert_eq!(get(&gateway, &granted, &url).await, Ok(200));
        let without = get(&gateway, &policy("example.com", &[]), &url).await;
        assert!(
            matches!(without, Err(SendError::Forbidden(_))),
            "its address is not for this policy"
        );
        assert_eq!(get(&gateway, &granted, &url).await, Ok(200));
    }

    #[test]
    fn the_same_policy_has_the_same_client() {
        let gateway = Gateway::new(Duration::from_secs(5));
        let egress = |host| gateway.egress(&policy(host, &[])).expect("a client");
        assert!(Arc::ptr_eq(&egress("a.test"), &egress("a.test")));
        assert!(!Arc::ptr_eq(&egress("a.test"), &egress("b.test")));
    }

    /// Says something about a name that it was asked for.
    struct Talkative(String);

    impl Resolve for Talkative {
        fn resolve(&self, _: Name) -> Resolving {
            let said = io::Error::other(self.0.clone());
            Box::pin(async move { Err(said.into()) })
        }
    }

    #[tokio::test]
    async fn an_error_tells_no_value_also_where_it_is_cut() {
        let value = "hunter2-hunter2";
        let secrets = Secrets::new([("real".to_owned(), value.to_owned())]).expect("secrets");
        let vault = Vault::new(HostKey::of(b"key"), secrets);
        let mut policy = Policy::default();
        let grant = wasaga_core::SecretGrant {
            secret: "real".to_owned(),
            hosts: vec!["a.test".to_owned()],
        };
        policy.secrets.insert("token".to_owned(), grant);
        let granted = vault.granted(&"pay".parse().expect("a name"), &policy);
        for before in [0, 250, 1_000] {
            let said = format!("{}{value}", ".".repeat(before));
            let client = reqwest::Client::builder()
                .tls_backend_preconfigured(tls())
                .dns_resolver(Talkative(said));
            let client = client.build().expect("a client");
            let error = client.get("http://a.test/").send().await;
            let error = explain(&error.expect_err("no address"), &granted).to_string();
            assert!(error.contains("a.test:80"), "{error}");
            assert!(!error.contains("hunte"), "{error}");
            assert_eq!(error.contains("[secret:token]"), before == 0, "{error}");
        }
    }
}
