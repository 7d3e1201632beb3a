//! What is counted by version, so that a candidate can be held against the active version.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use wasaga_core::{Direction, Name, Pin};

/// Most versions that are counted by themselves; with every direction and outcome of each that is
/// 8,000 series, of which few are ever used. Those that are called later are counted together.
const MAX_VERSIONS: usize = 500;

/// The component and the version of those that are counted together.
const OTHER: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    component: String,
    version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionCallLabels {
    component: String,
    version: String,
    direction: &'static str,
    outcome: &'static str,
}

/// Calls and fuel by version.
#[derive(Default)]
pub(super) struct Versions {
    calls: Family<VersionCallLabels, Counter>,
    fuel: Family<VersionLabels, Counter>,
    known: RwLock<HashSet<(Name, u32)>>,
}

impl Versions {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "wasaga_component_calls",
            "Calls of components by version; beyond 500 versions, of all others together",
            self.calls.clone(),
        );
        registry.register(
            "wasaga_component_fuel",
            "Fuel used by components by version; beyond 500 versions, by all others together",
            self.fuel.clone(),
        );
    }

    pub(super) fn called(&self, pin: &Pin, direction: Direction, outcome: &'static str, fuel: u64) {
        let (component, version) = if self.has_room_for(pin) {
            (pin.component.to_string(), pin.version.to_string())
        } else {
            (OTHER.to_owned(), OTHER.to_owned())
        };
        let labels = VersionCallLabels {
            component: component.clone(),
            version: version.clone(),
            direction: direction.as_str(),
            outcome,
        };
        self.calls.get_or_create(&labels).inc();
        let labels = VersionLabels { component, version };
        self.fuel.get_or_create(&labels).inc_by(fuel);
    }

    /// Whether a version is one of those that are counted by themselves.
    fn has_room_for(&self, pin: &Pin) -> bool {
        let version = (pin.component.clone(), pin.version);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&version) {
            return true;
        }
        if known.len() >= MAX_VERSIONS {
            return false;
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another call may have taken the last place meanwhile.
        known.contains(&version) || (known.len() < MAX_VERSIONS && known.insert(version))
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use wasaga_core::Digest;

    use super::*;

    #[test]
    fn calls_and_fuel_are_counted_by_version_and_beyond_a_bound_together() {
        let versions = Versions::default();
        let mut registry = Registry::default();
        versions.register(&mut registry);
        let call = |version: u32| {
            let pin = Pin {
                component: Name::new("pay").expect("a name"),
                version,
                digest: Digest::of(&version.to_be_bytes()),
            };
            versions.called(&pin, Direction::Act, "completed", 10);
        };
        let bound = u32::try_from(MAX_VERSIONS).expect("a small number");
        (1..=bound + 7).for_each(call);
        // One that is known stays known.
        call(1);
        let mut said = String::new();
        text::encode(&mut said, &registry).expect("text");
        for line in [
            r#"wasaga_component_calls_total{component="pay",version="1",direction="act",outcome="completed"} 2"#,
            r#"wasaga_component_calls_total{component="other",version="other",direction="act",outcome="completed"} 7"#,
            r#"wasaga_component_fuel_total{component="pay",version="1"} 20"#,
            r#"wasaga_component_fuel_total{component="other",version="other"} 70"#,
        ] {
            assert!(said.contains(line), "{line} is missing");
        }
        let series = said.lines().filter(|line| line.contains("_calls_total{"));
        assert_eq!(series.count(), MAX_VERSIONS + 1);
    }
}
