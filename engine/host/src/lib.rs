//! The sandbox of Wasaga: runs actions of WebAssembly components.
//!
//! A [`Host`] checks what is uploaded ([`Host::prepare`]) and runs calls ([`Host::call`]), each in a
//! store of its own that is never used again, within limits on computing, memory, time, payloads, log
//! and requests. What a call did comes back as a report, whatever went wrong: the host knows nothing of
//! sagas and journals.
//!
//! | file | what it holds |
//! |---|---|
//! | `prepare` | from an upload to a linked component, or what is wrong with it |
//! | `compile/` | compiling in a process of its own, which hostile components may take down |
//! | `grants`, `changes` | what a version imports against what it may, and against another version |
//! | `exports` | the functions of a component, looked up and checked once |
//! | `registry`, `cache` | versions ready to be called, in memory and on disk |
//! | `admission`, `invoke`, `store` | a call from its place in the queue to its report |
//! | `limits`, `engine` | what wasmtime enforces |
//! | `failure` | what went wrong, in the author's words |
//! | `secrets`, `keys` | what the server has, and what the host derives from a key of its own |
//! | `repeatable` | time and random numbers, the same when an attempt is run again |
//! | `imports/` | what a component may import, one file an interface |
//! | `egress/` | the way out: allow-list, addresses, clients, secrets, what was sent and answered |

mod admission;
mod bindings;
mod cache;
mod changes;
mod compile;
mod config;
mod egress;
mod engine;
mod exports;
mod failure;
mod grants;
mod imports;
mod invoke;
mod keys;
mod limits;
mod logs;
mod prepare;
mod registry;
mod repeatable;
mod secrets;
mod stats;
mod store;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wasaga_core::{Call, Digest, Ended, Policy, RequestRecord};

pub use changes::Changes;
pub use compile::compile_component;
pub use config::{CallLimits, CompilerConfig, CompilerPlace, DefaultLimits, HostConfig};
pub use egress::PolicyError;
pub use grants::{not_granted, warnings};
pub use invoke::{Called, Replayed};
pub use prepare::{PrepareError, Prepared, componentize};
pub use registry::LoadError;
pub use secrets::{Secrets, SecretsError};
pub use stats::HostStats;

use admission::Admission;
use egress::{AllowList, Gateway, Tape, Vault, Way};
use invoke::Surroundings;
use registry::Registry;
use repeatable::Repeatable;
use stats::{Counters, Gauge, add};

/// Where the bytes of components are.
#[async_trait]
pub trait Components: Send + Sync + 'static {
    /// The bytes that were uploaded with this digest; `None` when nobody has them.
    ///
    /// # Errors
    /// When they cannot be read now.
    async fn wasm(
        &self,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>>;
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Wasmtime does not run here.
    #[error("wasmtime cannot be set up: {0:#}")]
    Engine(wasmtime::Error),
    /// The cache's directory cannot be used.
    #[error("the cache directory {} cannot be used: {source}", dir.display())]
    Cache {
        /// Which directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Runs components. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    config: HostConfig,
    registry: Registry,
    gateway: Arc<Gateway>,
    vault: Vault,
    admission: Admission,
    counters: Arc<Counters>,
}

impl Host {
    /// Makes a host that gets the bytes of components from `components`.
    ///
    /// # Errors
    /// When wasmtime does not support this machine, or the cache's directory cannot be used.
    pub fn new(config: HostConfig, components: Arc<dyn Components>) -> Result<Self, HostError> {
        let counters = Arc::new(Counters::default());
        let registry = Registry::new(&config, components, Arc::clone(&counters))?;
        let vault = Vault::new(registry.host_key().clone(), config.secrets.clone());
        let gateway = Arc::new(Gateway::new(config.connect_timeout));
        let admission = Admission::new(config.max_concurrent_calls, config.max_calls_per_component);
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                registry,
                gateway,
                vault,
                admission,
                counters,
            }),
        })
    }

    /// Checks an upload, makes a core module a component, compiles it, and keeps it ready. Large
    /// components take seconds; [`CompilerConfig`] says how many are compiled at a time.
    ///
    /// # Errors
    /// When it is nothing that could be called: [`PrepareError`] says what is wrong.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<Prepared, PrepareError> {
        let size_bytes = bytes.len() as u64;
        let max_bytes = self.inner.config.max_component_bytes;
        if size_bytes > max_bytes {
            return Err(PrepareError::TooLarge {
                size_bytes,
                max_bytes,
            });
        }
        let (digest, loaded) = self.inner.registry.prepare(bytes).await?;
        Ok(Prepared {
            digest,
            size_bytes,
            info: loaded.info.clone(),
        })
    }

    /// Makes a version ready, so that no call waits for it: from the cache, else compiled once more.
    ///
    /// # Errors
    /// When its bytes cannot be had, or it cannot be compiled.
    pub async fn load(&self, digest: Digest) -> Result<(), LoadError> {
        self.inner.registry.get(digest).await.map(|_| ())
    }

    /// Drops a version from memory. Calls that run on it go on to their end; the next one loads it
    /// again. Says whether it was there.
    pub fn unload(&self, digest: Digest) -> bool {
        self.inner.registry.unload(digest)
    }

    /// The versions in memory, in no order that means anything.
    #[must_use]
    pub fn loaded(&self) -> Vec<Digest> {
        self.inner.registry.loaded()
    }

    /// Runs one call in a fresh store. Never fails: whatever goes wrong is in the report.
    ///
    /// Neither loading the component nor waiting for a place counts against the call's timeout.
    /// Dropping the future ends the call.
    pub async fn call(&self, call: &Call, policy: &Arc<Policy>) -> Called {
        let counters = &*self.inner.counters;
        let way = Way::Out(Arc::clone(&self.inner.gateway));
        let called = self.run(call, policy, way).await.called;
        let report = &called.report;
        add(&counters.calls, 1);
        add(
            &counters.calls_failed,
            u64::from(matches!(report.ended, Ended::Failed { .. })),
        );
        add(&counters.fuel, report.metering.fuel);
        add(&counters.requests, u64::from(report.metering.requests));
        called
    }

    /// Runs a call as [`call`](Self::call) does, but nothing leaves the machine: each request is
    /// answered from the first one in `recorded` that is left with the same method, URL and body, or
    /// else with the same method and URL. One for which there is none gets an error that says so, as
    /// if there were no connection. What took long then is not waited for.
    ///
    /// The component finds the same time and the same random numbers as in the call that was recorded,
    /// if that one had the same idempotency key, attempt and start on this host.
    pub async fn replay(
        &self,
        call: &Call,
        policy: &Arc<Policy>,
        recorded: &[RequestRecord],
    ) -> Replayed {
        let way = Way::Tape(Tape::new(recorded));
        let replayed = self.run(call, policy, way).await;
        add(&self.inner.counters.replays, 1);
        replayed
    }

    async fn run(&self, call: &Call, policy: &Arc<Policy>, way: Way) -> Replayed {
        let inner = &*self.inner;
        let counters = &*inner.counters;
        let loaded = match inner.registry.get(call.pin.digest).await {
            Ok(loaded) => loaded,
            Err(error) => {
                return Replayed {
                    called: Called::never_ran(failure::not_loaded(&error)),
                    answered_from: Vec::new(),
                };
            }
        };
        let waiting = Gauge::enter(&counters.calls_waiting);
        let _place = inner.admission.admit(&call.pin.component).await;
        drop(waiting);
        let _running = Gauge::enter(&counters.calls_running);
        let surroundings = Surroundings {
            way,
            granted: inner.vault.granted(&call.pin.component, policy),
            repeatable: Repeatable::new(inner.registry.host_key().clone(), call),
        };
        invoke::invoke(&inner.config, &loaded, call, policy, surroundings).await
    }

    /// Checks what an operator wants to grant: host patterns, networks, sizes, and that the server
    /// has the secrets.
    ///
    /// # Errors
    /// For the first entry that is not of the form it must have.
    pub fn check_policy(&self, policy: &Policy) -> Result<(), PolicyError> {
        grants::check(policy)?;
        AllowList::new(policy)?;
        self.inner.vault.check(policy)
    }

    /// What the host has done so far, for metrics.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        self.inner.counters.read(self.inner.registry.loaded().len())
    }
}

/// A length of time in milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
