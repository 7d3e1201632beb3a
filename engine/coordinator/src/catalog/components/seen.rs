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
    /// When sagas last took a version that they do not take any more, or were moved to it.
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
        let after: Vec<_> = entry.taken().map(|taken| taken.version).collect();
        entry.left.retain(|version, _| !after.contains(version));
        let left = before
            .into_iter()
            .filter(|version| !after.contains(version));
        entry.left.extend(left.map(|version| (version, now)));
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

    /// Has it look as if new steps had taken a version until now.
    pub(super) fn keep(&self, name: &Name, version: u32) {
        let mut inner = self.write();
        if let Some(entry) = inner.components.get_mut(name) {
            entry.left.insert(version, Instant::now());
        }
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

#[cfg(test)]
mod tests {
    use wasaga_core::Timestamp;
    use wasaga_journal::Description;

    use super::*;

    fn name() -> Name {
        Name::new("pay").expect("a name")
    }

    fn digest(version: u32) -> Digest {
        Digest::of(&version.to_be_bytes())
    }

    fn version(number: u32, digest: Digest, exports: &[&str]) -> ComponentVersion {
        ComponentVersion {
            name: name(),
            version: number,
            digest,
            size_bytes: 1,
            info: ComponentInfo {
                imports: Vec::new(),
                exports: exports.iter().map(ToString::to_string).collect(),
            },
            description: Description::default(),
            created_at: Timestamp::from_unix_ms(0),
        }
    }

    fn row(active: Option<u32>, candidate: Option<(u32, u8)>) -> ComponentRow {
        ComponentRow {
            name: name(),
            active,
            candidate: candidate.map(|(version, percent)| Candidate { version, percent }),
            generation: 1,
            policy: Policy::default(),
            latest: 3,
        }
    }

    /// Three versions of which none is taken.
    fn seen() -> Seen {
        let seen = Seen::default();
        for number in 1..=3 {
            seen.version(&version(number, digest(number), &[]));
        }
        seen
    }

    fn taken(seen: &Seen, saga: u32) -> Option<u32> {
        let saga = SagaId::from_key(&saga.to_string());
        seen.active(&name(), saga).map(|active| active.version)
    }

    #[test]
    fn a_candidate_is_taken_by_its_share_of_sagas_and_by_no_other() {
        let seen = seen();
        assert_eq!(taken(&seen, 0), None);
        seen.component(&row(Some(1), Some((2, 30))));
        let candidate = Candidate {
            version: 2,
            percent: 30,
        };
        for saga in 0..200 {
            let id = SagaId::from_key(&saga.to_string());
            let expected = if candidate.is_for(&name(), id) { 2 } else { 1 };
            assert_eq!(taken(&seen, saga), Some(expected));
        }
        seen.component(&row(Some(1), None));
        assert!((0..200).all(|saga| taken(&seen, saga) == Some(1)));
    }

    #[test]
    fn what_sagas_took_until_now_is_remembered_until_they_take_it_again() {
        let seen = seen();
        let left = || [1, 2, 3].map(|version| seen.left_at(&name(), version).is_some());
        seen.component(&row(Some(1), Some((2, 50))));
        assert_eq!(left(), [false, false, false]);
        // What changes nothing for sagas changes nothing here.
        seen.component(&row(Some(1), Some((2, 60))));
        assert_eq!(left(), [false, false, false]);
        // Promoting the candidate leaves the active version alone.
        seen.component(&row(Some(2), None));
        assert_eq!(left(), [true, false, false]);
        seen.component(&row(Some(1), None));
        assert_eq!(left(), [false, true, false]);
        seen.forget_version(&name(), 2);
        assert_eq!(left(), [false, false, false]);
        seen.keep(&name(), 3);
        assert_eq!(left(), [false, false, true]);
    }

    #[test]
    fn bytes_are_known_for_as_long_as_a_version_has_them() {
        let seen = Seen::default();
        let confirms = ["wasaga:saga/action@0.1.0", "wasaga:saga/confirmation@0.1.0"];
        let bytes = digest(7);
        seen.version(&version(1, bytes, &confirms));
        // Stored again: still one.
        seen.version(&version(1, bytes, &confirms));
        assert_eq!(seen.versions_of(bytes), [(name(), 1)]);
        let pin = |digest| Pin {
            component: name(),
            version: 1,
            digest,
        };
        assert!(seen.confirms(&pin(bytes)));
        assert!(!seen.confirms(&pin(digest(8))));
        assert!(!seen.is_taken(bytes));
        seen.component(&row(Some(1), None));
        assert!(seen.is_taken(bytes));
        seen.component(&row(None, None));
        seen.forget_version(&name(), 1);
        assert!(seen.versions_of(bytes).is_empty() && !seen.confirms(&pin(bytes)));
        assert!(!seen.exists(&name()));
    }

    #[test]
    fn a_policy_is_there_before_the_first_version() {
        let seen = Seen::default();
        let policy = Policy {
            allowed_hosts: vec!["example.com".to_owned()],
            ..Policy::default()
        };
        seen.set_policy(&name(), policy.clone());
        assert_eq!(*seen.policy(&name()), policy);
        assert!(!seen.exists(&name()));
        assert_eq!(taken(&seen, 0), None);
    }
}
