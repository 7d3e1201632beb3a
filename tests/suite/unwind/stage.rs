//! What a tree of sagas runs on: definitions, components in a real sandbox, and what is active.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use wasaga_core::event::Pin;
use wasaga_core::{
    Active, Call, Definition, Digest, Name, Policy, Report, SagaId, StepPath, Timestamp, World,
};
use wasaga_host::{Components, Host, HostConfig};

use crate::process::guest;

/// How the interface is called by which a component takes part in two phases.
const CONFIRMATION: &str = "wasaga:saga/confirmation@";

/// Definitions, and components that are ready to be called.
pub(crate) struct Stage {
    host: Host,
    components: BTreeMap<Name, Component>,
    definitions: BTreeMap<Name, Arc<Definition>>,
}

/// A component under a name.
struct Component {
    digest: Digest,
    confirms: bool,
    policy: Arc<Policy>,
}

/// The bytes of components, in memory.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<Digest, Vec<u8>>>);

#[async_trait]
impl Components for Shelf {
    async fn wasm(
        &self,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(shelf.get(&digest).cloned())
    }
}

impl Stage {
    /// Compiles components, given as names, the guests that they are and what they are granted, and
    /// reads definitions, each with a name of its own.
    pub(crate) async fn new(components: Vec<(&str, &str, Policy)>, documents: &[Value]) -> Self {
        let shelf = Arc::new(Shelf::default());
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unwind-cache");
        let host = Host::new(HostConfig::new(cache), Arc::clone(&shelf) as Arc<_>).expect("a host");
        let mut ready = BTreeMap::new();
        for (component, wasm, policy) in components {
            let bytes = guest(wasm);
            let prepared = host.prepare(bytes.clone()).await.expect("a component");
            let mut wasms = shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
            wasms.insert(prepared.digest, bytes);
            let exports = &prepared.info.exports;
            let own = Component {
                digest: prepared.digest,
                confirms: exports.iter().any(|name| name.starts_with(CONFIRMATION)),
                policy: Arc::new(policy),
            };
            ready.insert(name(component), own);
        }
        let definitions = documents
            .iter()
            .map(|document| {
                let name = name(document["name"].as_str().expect("a definition with a name"));
                let definition = Definition::parse(&name, document)
                    .unwrap_or_else(|invalid| panic!("{name}: {invalid:?}"));
                (name, Arc::new(definition))
            })
            .collect();
        Self {
            host,
            components: ready,
            definitions,
        }
    }

    /// A definition by name.
    pub(crate) fn definition(&self, name: &str) -> &Arc<Definition> {
        let found = self.definitions.get(name);
        found.unwrap_or_else(|| panic!("the stage has no definition {name}"))
    }

    /// All definitions.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.values()
    }

    /// Makes a call for real.
    pub(crate) async fn call(&self, call: &Call) -> Report {
        let component = &self.components[&call.pin.component];
        self.host.call(call, &component.policy).await.report
    }
}

/// What a saga sees of a stage.
pub(crate) struct View<'a> {
    pub(crate) stage: &'a Stage,
    /// Whether every circuit breaker is open.
    pub(crate) breakers_open: bool,
}

impl World for View<'_> {
    fn active(&self, component: &Name, _: SagaId) -> Option<Active> {
        let component = self.stage.components.get(component)?;
        Some(Active {
            version: 1,
            digest: component.digest,
        })
    }

    fn confirms(&self, pin: &Pin) -> bool {
        let component = self.stage.components.get(&pin.component);
        component.is_some_and(|component| component.confirms)
    }

    fn admits(&self, _: &Name, _: &Name, _: SagaId, _: &StepPath, _: Timestamp) -> bool {
        !self.breakers_open
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}
