//! The sandbox of one file.

use std::path::PathBuf;

use anyhow::Context;
use etcetera::BaseStrategy as _;
use wasaga_core::{Digest, Policy};
use wasaga_host::{Components, Host, HostConfig, PolicyError, Secrets};

use super::Usage;

/// Folder within the user's cache folder.
const CACHE: &str = "wasaga";

/// A host of one component.
pub(super) struct Sandbox {
    host: Host,
    wasm: Vec<u8>,
}

/// The bytes of one component.
struct OneFile {
    digest: Digest,
    wasm: Vec<u8>,
}

#[async_trait::async_trait]
impl Components for OneFile {
    async fn wasm(
        &self,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok((digest == self.digest).then(|| self.wasm.clone()))
    }
}

impl Sandbox {
    /// Makes a sandbox whose cache is in a folder, and that has secrets from environment variables.
    pub(super) fn new(
        wasm: Vec<u8>,
        cache: Option<PathBuf>,
        secrets: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let cache = match cache {
            Some(cache) => cache,
            None => own_cache()?,
        };
        let mut config = HostConfig::new(cache);
        config.secrets = self::secrets(secrets)?;
        let file = OneFile {
            digest: Digest::of(&wasm),
            wasm: wasm.clone(),
        };
        let host = Host::new(config, std::sync::Arc::new(file))
            .context("the sandbox cannot be set up (--cache names another folder)")?;
        Ok(Self { host, wasm })
    }

    /// Checks and compiles the component.
    pub(super) async fn prepare(&self) -> anyhow::Result<Digest> {
        let prepared = self.host.prepare(self.wasm.clone()).await?;
        Ok(prepared.digest)
    }

    /// Checks what the call is granted.
    pub(super) fn check(&self, policy: &Policy) -> anyhow::Result<()> {
        self.host.check_policy(policy).map_err(|error| match error {
            PolicyError::UnknownSecret { name, secret } => Usage(format!(
                "the policy grants the secret `{secret}` as `{name}`: give its value with --secret-env {secret}=VARIABLE, or leave it out with --unset-secret {name}"
            ))
            .into(),
            error => Usage(format!("the policy cannot be used: {error}")).into(),
        })
    }

    pub(super) const fn host(&self) -> &Host {
        &self.host
    }
}

/// The user's own folder of compiled components.
fn own_cache() -> anyhow::Result<PathBuf> {
    let user = etcetera::choose_base_strategy()
        .context("there is no cache folder: give one with --cache")?;
    let folder = user.cache_dir().join(CACHE);
    // The host makes its own folder; the one around it may not be there yet.
    std::fs::create_dir_all(user.cache_dir())
        .with_context(|| user.cache_dir().display().to_string())?;
    Ok(folder)
}

/// Secrets by the names of the variables that have them.
fn secrets(variables: &[(String, String)]) -> anyhow::Result<Secrets> {
    let values = variables.iter().map(|(secret, variable)| {
        let value = std::env::var(variable)
            .map_err(|error| Usage(format!("--secret-env {secret}={variable}: {error}")))?;
        Ok((secret.clone(), value))
    });
    let values = values.collect::<anyhow::Result<Vec<_>>>()?;
    Secrets::new(values).map_err(|error| Usage(error.to_string()).into())
}
