//! Secrets that components use without knowing them: placeholders, and what stands behind them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use hashlink::LruCache;
use reqwest::Url;
use wasaga_core::{Name, Policy, SecretGrant};

use super::SendError;
use super::allow::{Hosts, PolicyError, count};
use super::fill::Filling;
use super::forms::{Form, forms};
use super::rewrite::{Labels, Reader, Rewriter, Substitutes, Table};
use crate::keys::HostKey;
use crate::secrets::{Secrets, is_name};

/// Secrets of one component.
pub(crate) const MAX_GRANTS: usize = 64;
/// Grants of components that are kept.
const MAX_KNOWN: usize = 256;
/// What every placeholder begins with.
const PLACEHOLDER: &str = "wasaga-secret-";

/// The server's secrets, and what policies grant of them.
pub(crate) struct Vault {
    key: HostKey,
    secrets: Secrets,
    known: Mutex<LruCache<Grants, Arc<Granted>>>,
}

/// What decides about a component's secrets.
type Grants = (Name, BTreeMap<String, SecretGrant>);

impl Vault {
    pub(crate) fn new(key: HostKey, secrets: Secrets) -> Self {
        Self {
            key,
            secrets,
            known: Mutex::new(LruCache::new(MAX_KNOWN)),
        }
    }

    /// Checks the secrets of a policy.
    ///
    /// # Errors
    /// For the first that cannot be granted.
    pub(crate) fn check(&self, policy: &Policy) -> Result<(), PolicyError> {
        let count = policy.secrets.len();
        if count > MAX_GRANTS {
            return Err(PolicyError::TooManySecrets(count));
        }
        for (name, grant) in &policy.secrets {
            let shown = || name.chars().take(80).collect();
            if !is_name(name) {
                return Err(PolicyError::SecretName(shown()));
            }
            if policy.config.contains_key(name) {
                return Err(PolicyError::SecretAndConfig(shown()));
            }
            hosts(name, grant)?;
            if self.secrets.value(&grant.secret).is_none() {
                return Err(PolicyError::UnknownSecret {
                    name: shown(),
                    secret: grant.secret.chars().take(80).collect(),
                });
            }
        }
        Ok(())
    }

    /// What a policy grants this component.
    pub(crate) fn granted(&self, component: &Name, policy: &Policy) -> Arc<Granted> {
        static NOTHING: LazyLock<Arc<Granted>> = LazyLock::new(Arc::default);
        if policy.secrets.is_empty() {
            return Arc::clone(&NOTHING);
        }
        let grants = (component.clone(), policy.secrets.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(granted) = known.get(&grants) {
            return Arc::clone(granted);
        }
        let granted = Arc::new(self.grant(component, policy));
        known.insert(grants, Arc::clone(&granted));
        granted
    }

    fn grant(&self, component: &Name, policy: &Policy) -> Granted {
        let mut invalid = None;
        let grants = policy.secrets.iter().take(MAX_GRANTS);
        let grants = grants.map(|(name, grant)| Grant {
            placeholder: self.placeholder(component, name),
            secret: grant.secret.clone(),
            hosts: hosts(name, grant).unwrap_or_else(|error| {
                invalid = Some(error);
                Hosts::default()
            }),
            value: self.secrets.value(&grant.secret).map(str::to_owned),
            name: name.clone(),
        });
        let grants = grants.collect();
        if policy.secrets.len() > MAX_GRANTS {
            invalid = Some(PolicyError::TooManySecrets(policy.secrets.len()));
        }
        Granted::new(grants, invalid)
    }

    /// Nobody who does not have the host's key can make one: text of a stranger that passes through
    /// a component asks for no secret. The name is the component's own, so that the placeholder
    /// stays when the operator puts another secret behind it.
    fn placeholder(&self, component: &Name, name: &str) -> String {
        let parts = [component.as_str().as_bytes(), name.as_bytes()];
        let code = self.key.derive("placeholder of a secret", &parts);
        let mut placeholder = PLACEHOLDER.to_owned();
        for byte in code {
            use fmt::Write as _;
            // Writing to a string cannot fail.
            let _ = write!(placeholder, "{byte:02x}");
        }
        placeholder
    }
}

fn hosts(name: &str, grant: &SecretGrant) -> Result<Hosts, PolicyError> {
    count("secrets.*.hosts", grant.hosts.len())?;
    Ok(Hosts::new(&format!("secrets.{name}.hosts"), &grant.hosts)?.confidential())
}

/// The secrets of one component. The label of each is its place in `grants`.
pub(crate) struct Granted {
    grants: Vec<Grant>,
    /// Why nothing can be sent under this policy.
    invalid: Option<PolicyError>,
    /// What a component writes to use a secret.
    placeholders: Arc<Table>,
    /// The same, and the values in all their forms: what nobody else may see.
    hidden: Arc<Table>,
    /// How secrets stand in recordings.
    names: Table,
    by_placeholder: Substitutes,
    by_name: Substitutes,
}

struct Grant {
    name: String,
    secret: String,
    placeholder: String,
    hosts: Hosts,
    value: Option<String>,
}

impl Default for Granted {
    fn default() -> Self {
        Self::new(Vec::new(), None)
    }
}

impl Granted {
    fn new(grants: Vec<Grant>, invalid: Option<PolicyError>) -> Self {
        let recorded = |grant: &Grant| format!("[secret:{}]", grant.name);
        let labelled = || (0..).zip(&grants);
        let placeholders = || {
            let grants = labelled();
            grants.map(|(label, grant)| (grant.placeholder.clone().into_bytes(), label))
        };
        let values = labelled().flat_map(|(label, grant)| {
            let forms = grant.value.as_deref().map(forms).unwrap_or_default();
            forms.into_iter().map(move |form| (form, label))
        });
        let names = labelled().map(|(label, grant)| (recorded(grant).into_bytes(), label));
        let by = |text: &dyn Fn(&Grant) -> String| -> Substitutes {
            grants
                .iter()
                .map(|grant| Some(text(grant).into()))
                .collect()
        };
        Self {
            placeholders: Arc::new(Table::new(placeholders())),
            hidden: Arc::new(Table::new(placeholders().chain(values))),
            names: Table::new(names),
            by_placeholder: by(&|grant| grant.placeholder.clone()),
            by_name: by(&recorded),
            grants,
            invalid,
        }
    }

    /// Whether the component has no secrets: then nothing has to be looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// What the component gets in place of the secret that it knows by this name.
    pub(crate) fn placeholder(&self, name: &str) -> Option<&str> {
        let mut all = self.placeholders();
        all.find(|(known, _)| *known == name)
            .map(|(_, placeholder)| placeholder)
    }

    /// All of them, by name.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = (&str, &str)> {
        let grants = self.grants.iter();
        grants.map(|grant| (grant.name.as_str(), grant.placeholder.as_str()))
    }

    /// The secrets that may be sent there.
    ///
    /// # Errors
    /// [`SendError::Forbidden`] when the policy is not valid.
    pub(super) fn bound_to(self: &Arc<Self>, url: &Url) -> Result<Filling, SendError> {
        if let Some(error) = &self.invalid {
            return Err(SendError::Forbidden(format!("the policy: {error}")));
        }
        let bound = |grant: &&Grant| grant.hosts.match_url(url);
        let labels = (0_u8..).zip(&self.grants).filter(|(_, grant)| bound(grant));
        let labels = labels.fold(0, |labels, (label, _)| labels | 1 << label);
        Ok(Filling::new(Arc::clone(self), labels))
    }

    /// Puts values in place of the placeholders of these secrets, written for a body of this form.
    pub(super) fn filler(&self, labels: Labels, form: Form) -> Rewriter {
        let values = (0_u8..).zip(&self.grants).map(|(label, grant)| {
            let value = grant.value.as_deref().filter(|_| labels & 1 << label != 0);
            value.map(|value| Bytes::from(form.write(value)))
        });
        Rewriter::new(
            Arc::clone(&self.placeholders),
            values.collect(),
            Reader::Informed,
        )
    }

    /// Says of the first of these secrets that the server does not have that it is missing.
    ///
    /// # Errors
    /// [`SendError::Forbidden`].
    pub(super) fn require(&self, labels: Labels) -> Result<(), SendError> {
        let mut wanted = (0_u8..)
            .zip(&self.grants)
            .filter(|(label, _)| labels & 1 << label != 0);
        let Some((_, grant)) = wanted.find(|(_, grant)| grant.value.is_none()) else {
            return Ok(());
        };
        let Grant { name, secret, .. } = grant;
        Err(SendError::Forbidden(format!(
            "the server has no secret `{secret}`, which stands behind `{name}`: add it to the \
             server's secrets, or name another one in the component's policy"
        )))
    }

    /// Takes values out of what a component is answered.
    pub(super) fn scrubber(&self) -> Rewriter {
        Rewriter::new(
            Arc::clone(&self.hidden),
            Arc::clone(&self.by_placeholder),
            Reader::Stranger,
        )
    }

    /// The same for a text that is there as a whole.
    pub(super) fn scrubbed(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.hidden.rewrite(bytes, &self.by_placeholder)
    }

    /// Writes secrets by their names, as recordings have them.
    pub(super) fn namer(&self) -> Rewriter {
        Rewriter::new(
            Arc::clone(&self.hidden),
            Arc::clone(&self.by_name),
            Reader::Informed,
        )
    }

    /// The same for a text that is there as a whole.
    pub(super) fn named<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let named = self.hidden.rewrite(bytes, &self.by_name);
        named.map_or(Cow::Borrowed(bytes), Cow::Owned)
    }

    /// A text for the journal.
    pub(super) fn public<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.hidden.rewrite(text.as_bytes(), &self.by_name) {
            Some(named) => Cow::Owned(String::from_utf8_lossy(&named).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    /// Puts placeholders where a recording has names.
    pub(super) fn recalled(&self, bytes: Vec<u8>) -> Vec<u8> {
        let recalled = self.names.rewrite(&bytes, &self.by_placeholder);
        recalled.unwrap_or(bytes)
    }

    /// Whether a header's name, which is in lower case, has a value in it.
    pub(super) fn is_in_name(&self, name: &str) -> bool {
        let values = self
            .grants
            .iter()
            .filter_map(|grant| grant.value.as_deref());
        let mut values = values.map(str::to_ascii_lowercase);
        values.any(|value| name.contains(&value))
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.grants.iter().map(|grant| &grant.name);
        f.debug_set().entries(names).finish()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vault").field(&self.secrets).finish()
    }
}
