//! Definitions and components in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};

use wasaga_core::{Candidate, Digest, Name, Policy, SagaId, Timestamp};

use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::journal::{Made, Removal};
use crate::model::{
    ComponentRow, ComponentVersion, DefinitionVersion, Description, NewComponentVersion, Page,
    PageRequest, Switched,
};

#[derive(Debug, Default)]
pub(super) struct Stock {
    blobs: HashMap<Digest, Vec<u8>>,
    definitions: BTreeMap<Name, Vec<DefinitionVersion>>,
    pub(super) components: BTreeMap<Name, Component>,
}

#[derive(Debug, Default)]
pub(super) struct Component {
    pub(super) active: Option<u32>,
    pub(super) candidate: Option<Candidate>,
    pub(super) generation: u64,
    policy: Policy,
    versions: Vec<ComponentVersion>,
    /// The highest number that was given to a version.
    latest: u32,
    pub(super) switches: VecDeque<Switched>,
}

impl Stock {
    pub(super) fn put_blob(&mut self, digest: Digest, bytes: &[u8]) {
        self.blobs.entry(digest).or_insert_with(|| bytes.to_vec());
    }

    pub(super) fn blob(&self, digest: Digest) -> Option<Vec<u8>> {
        self.blobs.get(&digest).cloned()
    }

    pub(super) fn put_definition(
        &mut self,
        name: &Name,
        digest: Digest,
        document: &serde_json::Value,
        at: Timestamp,
    ) -> (DefinitionVersion, Made) {
        let versions = self.definitions.entry(name.clone()).or_default();
        let version = match versions.last() {
            Some(latest) if latest.digest == digest => {
                return (latest.clone(), Made::Existing);
            }
            Some(latest) => latest.version + 1,
            None => 1,
        };
        let (name, document) = (name.clone(), document.clone());
        let made = DefinitionVersion {
            name,
            version,
            digest,
            document,
            created_at: at,
        };
        versions.push(made.clone());
        (made, Made::New)
    }

    pub(super) fn definition(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Option<DefinitionVersion> {
        let versions = self.definitions.get(name)?;
        let found = match version {
            None => versions.last(),
            Some(version) => versions.iter().find(|stored| stored.version == version),
        };
        found.cloned()
    }

    pub(super) fn definitions(
        &self,
        page: &PageRequest,
    ) -> Result<Page<DefinitionVersion>, JournalError> {
        let after: Option<Name> = cursor::after(List::Definitions, page)?;
        let limit = cursor::limit(page.limit);
        let latest = self
            .definitions
            .values()
            .filter_map(|versions| versions.last());
        let rest = latest.filter(|item| after.as_ref().is_none_or(|after| item.name > *after));
        let rest = rest.take(limit + 1).cloned().collect();
        Ok(cursor::page(
            List::Definitions,
            rest,
            limit,
            |item: &DefinitionVersion| item.name.clone(),
        ))
    }

    pub(super) fn put_component_version(
        &mut self,
        new: NewComponentVersion,
    ) -> (ComponentVersion, Made) {
        let component = self.components.entry(new.name.clone()).or_default();
        if let Some(same) = component
            .versions
            .iter()
            .find(|version| version.digest == new.digest)
        {
            return (same.clone(), Made::Existing);
        }
        let NewComponentVersion {
            name,
            digest,
            size_bytes,
            info,
            description,
            at,
        } = new;
        component.latest += 1;
        let version = component.latest;
        let made = ComponentVersion {
            name,
            version,
            digest,
            size_bytes,
            info,
            description,
            created_at: at,
        };
        component.versions.push(made.clone());
        (made, Made::New)
    }

    pub(super) fn component(&self, name: &Name) -> Option<ComponentRow> {
        self.components
            .get(name)
            .map(|component| component.row(name))
    }

    pub(super) fn components(
        &self,
        page: &PageRequest,
    ) -> Result<Page<ComponentRow>, JournalError> {
        let after: Option<Name> = cursor::after(List::Components, page)?;
        let limit = cursor::limit(page.limit);
        let rows = self
            .components
            .iter()
            .map(|(name, component)| component.row(name));
        let rest = rows.filter(|row| after.as_ref().is_none_or(|after| row.name > *after));
        let rest = rest.take(limit + 1).collect();
        Ok(cursor::page(
            List::Components,
            rest,
            limit,
            |row: &ComponentRow| row.name.clone(),
        ))
    }

    pub(super) fn component_version(&self, name: &Name, version: u32) -> Option<ComponentVersion> {
        self.components
            .get(name)
            .and_then(|component| component.version(version))
            .cloned()
    }

    pub(super) fn component_versions(
        &self,
        name: &Name,
        page: &PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        let after: Option<u64> = cursor::after(List::ComponentVersions, page)?;
        let limit = cursor::limit(page.limit);
        let key = |version: &ComponentVersion| u64::from(version.version);
        let versions = self
            .components
            .get(name)
            .map_or(&[][..], |component| &component.versions);
        let rest = versions
            .iter()
            .rev()
            .filter(|item| after.is_none_or(|after| key(item) < after));
        Ok(cursor::page(
            List::ComponentVersions,
            rest.take(limit + 1).cloned().collect(),
            limit,
            key,
        ))
    }

    pub(super) fn describe_component_version(
        &mut self,
        name: &Name,
        version: u32,
        description: &Description,
    ) -> Option<ComponentVersion> {
        let versions = &mut self.components.get_mut(name)?.versions;
        let stored = versions.iter_mut().find(|item| item.version == version)?;
        stored.description = description.clone();
        Some(stored.clone())
    }

    /// Removes a version, unless a saga that is not over is bound to it: this one.
    pub(super) fn remove_component_version(
        &mut self,
        name: &Name,
        version: u32,
        bound: Option<SagaId>,
    ) -> Removal {
        let Some(component) = self.components.get_mut(name) else {
            return Removal::NotFound;
        };
        let Some(digest) = component.version(version).map(|stored| stored.digest) else {
            return Removal::NotFound;
        };
        if component.row(name).takes(version) {
            return Removal::Taken;
        }
        if let Some(saga) = bound {
            return Removal::Bound(saga);
        }
        component.versions.retain(|item| item.version != version);
        let mut versions = self.components.values().flat_map(|item| &item.versions);
        if !versions.any(|item| item.digest == digest) {
            self.blobs.remove(&digest);
        }
        Removal::Done
    }

    pub(super) fn put_policy(&mut self, name: &Name, policy: &Policy) {
        let component = self.components.entry(name.clone()).or_default();
        component.policy = policy.clone();
        component.generation += 1;
    }
}

impl Component {
    pub(super) fn row(&self, name: &Name) -> ComponentRow {
        ComponentRow {
            name: name.clone(),
            active: self.active,
            candidate: self.candidate,
            generation: self.generation,
            policy: self.policy.clone(),
            latest: self.latest,
        }
    }

    pub(super) fn version(&self, number: u32) -> Option<&ComponentVersion> {
        self.versions
            .iter()
            .find(|version| version.version == number)
    }
}
