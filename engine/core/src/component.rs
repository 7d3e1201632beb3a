//! What is known of a component, and what it is granted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::id::{Name, SagaId};
use crate::limits::Limits;
use crate::recording::Recording;

/// What the engine found in a component when it was uploaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentInfo {
    /// Interfaces it imports.
    pub imports: Vec<String>,
    /// Interfaces it exports.
    pub exports: Vec<String>,
}

/// What an operator grants a component. Nothing leaves the sandbox, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Interfaces that its active version may import: `wasaga:saga/http` in any version of the
    /// interface, or `wasi:io/*` for all of a package. Absent: every interface that the engine has,
    /// none of which gives anything by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_imports: Option<Vec<String>>,
    /// Hosts it may send requests to: `example.com`, `example.com:8443`, `*.example.com`,
    /// `127.0.0.1:8080`.
    pub allowed_hosts: Vec<String>,
    /// Networks that are not global and that it may reach all the same, in CIDR form.
    pub allowed_networks: Vec<String>,
    /// What `config` answers.
    pub config: BTreeMap<String, String>,
    /// Secrets by the name that the component asks `config` for. It gets a placeholder, which the
    /// engine replaces in requests to the hosts named here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretGrant>,
    /// What its calls may use, where the definition does not say.
    pub limits: Limits,
    /// How much of its requests the journal keeps.
    pub record: Recording,
}

/// A secret of the server that a component may use without knowing it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretGrant {
    /// Name of the secret in the server's configuration.
    pub secret: String,
    /// Hosts that its value is sent to, in the form of `allowed_hosts`; they have to be allowed
    /// there as well. A name without a scheme means https: `http://` before it has to be meant.
    pub hosts: Vec<String>,
}

/// A version that some sagas take in place of the active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Number of the version.
    pub version: u32,
    /// How many of a hundred sagas take it, up to 100.
    pub percent: u8,
}

impl Candidate {
    /// Whether a saga takes it. Always the same answer for the same saga and component, and a saga
    /// that takes it at some percentage takes it at every higher one.
    #[must_use]
    pub fn is_for(self, component: &Name, saga: SagaId) -> bool {
        let mut hash = Sha256::new();
        hash.update(saga.as_uuid().as_bytes());
        hash.update(component.as_str());
        let hash = hash.finalize();
        let place = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % 100;
        place < u32::from(self.percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saga(number: u32) -> SagaId {
        SagaId::from_key(&number.to_string())
    }

    #[test]
    fn a_candidate_gets_about_its_share_and_keeps_its_sagas_when_that_grows() {
        let component = Name::new("pay").expect("a name");
        let takes = |percent, number| {
            Candidate {
                version: 2,
                percent,
            }
            .is_for(&component, saga(number))
        };
        let share = |percent| (0..10_000).filter(|number| takes(percent, *number)).count();
        assert_eq!((share(0), share(100)), (0, 10_000));
        assert!((2_200..2_800).contains(&share(25)), "{}", share(25));
        assert!((0..10_000).all(|number| !takes(25, number) || takes(60, number)));
    }

    #[test]
    fn components_share_their_sagas_independently() {
        let candidate = Candidate {
            version: 2,
            percent: 50,
        };
        let [a, b] = ["a", "b"].map(|name| Name::new(name).expect("a name"));
        let both = (0..10_000)
            .filter(|number| {
                candidate.is_for(&a, saga(*number)) && candidate.is_for(&b, saga(*number))
            })
            .count();
        assert!((2_200..2_800).contains(&both), "{both}");
    }

    #[test]
    fn a_policy_of_an_earlier_engine_has_no_secrets_and_is_recorded_in_full() {
        let policy: Policy = serde_json::from_str(
            r#"{"allowed_hosts": ["a.test"], "allowed_networks": [], "config": {}, "limits": {}}"#,
        )
        .expect("a policy");
        assert!(policy.secrets.is_empty() && policy.allowed_imports.is_none());
        assert_eq!(policy.record, Recording::Full);
    }
}
