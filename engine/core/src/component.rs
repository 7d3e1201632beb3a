//! What is known of a component, and what it is granted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// What the engine found in a component when it was uploaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentInfo {
    /// Interfaces it imports.
    pub imports: Vec<String>,
    /// Interfaces it exports.
    pub exports: Vec<String>,
}

/// What an operator grants a component. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Hosts it may send requests to: `example.com`, `example.com:8443`, `*.example.com`,
    /// `127.0.0.1:8080`.
    pub allowed_hosts: Vec<String>,
    /// Networks that are not global and that it may reach all the same, in CIDR form.
    pub allowed_networks: Vec<String>,
    /// What `config` answers.
    pub config: BTreeMap<String, String>,
    /// What its calls may use, where the definition does not say.
    pub limits: Limits,
}
