//! What transitions see of components, which cannot wait for the store.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use wasaga_core::{Active, Candidate, ComponentInfo, Digest, Name, Pin, Policy, SagaId};
use wasaga_journal::{ComponentRow, ComponentVersion};

/// The interface of a component that takes part in two phases, in any version of it.
const CONFIRMATION: &str = "wasaga:saga/confirmation@";

/// The components as sagas see them.
#[derive(Default)]
pub(super) struct Seen(RwLock<Inner>);

#[derive(Default)]
struct Inner {
    components: HashMap<Name, Entry>,
    /// The versions with the same bytes, and what they are.
    versions: HashMap<Digest, Bytes>,
}

/// What a saga needs to know of a component.
#[derive(Default)]
struct Entry {
    /// Digests of its versions.
    versions: HashMap<u32, Digest>,
    active: Option<Active>,
    candidate: Option<(Candidate, Active)>,
    policy: Arc<Policy>,
    /// When sagas last took a version that they do not take any more.
    left: HashMap<u32, Instant>,
}

struct Bytes {
    confirms: bool,
    of: Vec<(Name, u32)>,
}

impl Seen {
    /// Takes in a component whose versions are known.
    pub(super) fn component(&self, row: &ComponentRow) {
        let mut inner = self.write();
        let entry = inner.components.entry(row.name.clone()).or_default();
        let find = |version: u32| {
            entry.versions.get(&version).map(|digest| Active {
                version,
                digest: *digest,
            })
        };
        let active = row.active.and_then(find);
        let candidate = row
            .candidate
            .and_then(|candidate| Some((candidate, find(candidate.version)?)));
        let before: Vec<_> = entry.taken().map(|taken| taken.version).collect();
        entry.active = active;
        entry.candidate = candidate;
        entry.policy = Arc::new(row.policy.clone());
        let now = Instant::now();
        for version in before {
            if entry.taken().all(|taken| taken.version != version) {
                entry.left.insert(version, now);
            }
        }
    }

    pub(super) fn version(&self, version: &ComponentVersion) {
        let mut inner = self.write();
        let known = inner
            .components
            .entry(version.name.clone())
            .or_default()
            .versions
            .insert(version.version, version.digest);
        if known.is_some() {
            return;
        }
        let bytes = inner.versions.entry(version.digest).or_insert(Bytes {
            confirms: confirms(&version.info),
            of: Vec::new(),
        });
        bytes.of.push((version.name.clone(), version.version));
    }

    pub(super) fn forget_version(&self, name: &Name, version: u32) {
        let mut inner = self.write();
        let Some(entry) = inner.components.get_mut(name) else {
            return;
        };
        entry.left.remove(&version);
        let Some(digest) = entry.versions.remove(&version) else {
            return;
        };
        if let Some(bytes) = inner.versions.get_mut(&digest) {
            bytes.of.retain(|of| *of != (name.clone(), version));
            if bytes.of.is_empty() {
                inner.versions.remove(&digest);
            }
        }
    }

    pub(super) fn set_policy(&self, name: &Name, policy: Policy) {
        let mut inner = self.write();
        inner.components.entry(name.clone()).or_default().policy = Arc::new(policy);
    }

    pub(super) fn policy(&self, name: &Name) -> Arc<Policy> {
        let inner = self.read();
        let entry = inner.components.get(name);
        entry
            .map(|entry| Arc::clone(&entry.policy))
            .unwrap_or_default()
    }

    pub(super) fn exists(&self, name: &Name) -> bool {
        let inner = self.read();
        inner
            .components
            .get(name)
            .is_some_and(|entry| !entry.versions.is_empty())
    }

    pub(super) fn active(&self, name: &Name, saga: SagaId) -> Option<Active> {
        let inner = self.read();
        let entry = inner.components.get(name)?;
        match &entry.candidate {
            Some((candidate, version)) if candidate.is_for(name, saga) => Some(*version),
            _ => entry.active,
        }
    }

    pub(super) fn confirms(&self, pin: &Pin) -> bool {
        let inner = self.read();
        inner
            .versions
            .get(&pin.digest)
            .is_some_and(|bytes| bytes.confirms)
    }

    /// Whether new steps of any component take these bytes.
    pub(super) fn is_taken(&self, digest: Digest) -> bool {
        let inner = self.read();
        let mut taken = inner.components.values().flat_map(Entry::taken);
        taken.any(|taken| taken.digest == digest)
    }

    pub(super) fn versions_of(&self, digest: Digest) -> Vec<(Name, u32)> {
        let inner = self.read();
        let bytes = inner.versions.get(&digest);
        bytes.map(|bytes| bytes.of.clone()).unwrap_or_default()
    }

    /// Since when new steps do not take a version any more, if they ever did.
    pub(super) fn left_at(&self, name: &Name, version: u32) -> Option<Instant> {
        let inner = self.read();
        inner.components.get(name)?.left.get(&version).copied()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The versions that new steps take.
    fn taken(&self) -> impl Iterator<Item = &Active> {
        let candidate = self.candidate.as_ref().map(|(_, version)| version);
        self.active.iter().chain(candidate)
    }
}

fn confirms(info: &ComponentInfo) -> bool {
    let mut exports = info.exports.iter();
    exports.any(|export| export.starts_with(CONFIRMATION))
}
