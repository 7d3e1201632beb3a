//! Components: uploading, activating, granting, and which version a saga's step takes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;
use wasaga_core::{Active, ComponentInfo, Digest, Name, Pin, Policy};
use wasaga_host::Host;
use wasaga_journal::{
    Activation, ComponentRow, ComponentVersion, Journal, JournalError, Made, NewComponentVersion,
    Page, PageRequest,
};

use crate::clock;
use crate::error::{SetPolicyError, UploadError};

/// The interface of a component that takes part in two phases, in any version of it.
const CONFIRMATION: &str = "wasaga:saga/confirmation@";

/// Rows read at a time when the coordinator opens.
const PAGE: u32 = 500;

/// Whether an upload becomes the active version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activate {
    /// At once.
    Now,
    /// When somebody says so.
    Later,
}

/// An upload that was taken.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// The version that it is.
    pub version: ComponentVersion,
    /// Whether the version is new.
    pub made: Made,
    /// The component after the upload.
    pub component: ComponentRow,
    /// What the author may want to know.
    pub warnings: Vec<String>,
}

/// What a saga needs to know of a component.
#[derive(Clone, Default)]
struct Entry {
    /// Whether there is any version of it, or only a policy.
    uploaded: bool,
    active: Option<Active>,
    policy: Arc<Policy>,
}

/// What transitions see of the store, which they cannot wait for.
#[derive(Default)]
struct Seen {
    entries: HashMap<Name, Entry>,
    /// Versions that export `confirmation`.
    confirming: HashSet<Digest>,
}

/// The components of a coordinator.
pub struct Components {
    journal: Arc<dyn Journal>,
    host: Host,
    seen: RwLock<Seen>,
    /// Held over a change in the store and in `seen`, so that both see the same order.
    changing: Mutex<()>,
}

impl Components {
    pub(crate) async fn open(journal: Arc<dyn Journal>, host: Host) -> Result<Self, JournalError> {
        let components = Self {
            journal,
            host,
            seen: RwLock::default(),
            changing: Mutex::new(()),
        };
        let mut after = None;
        loop {
            let page = components.list(PageRequest { after, limit: PAGE }).await?;
            for row in &page.items {
                components.remember(row).await?;
                components.remember_versions(&row.name).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(components);
            }
        }
    }

    /// Takes an upload: checks and compiles it, stores it, and makes it a version of the component.
    ///
    /// # Errors
    /// When the bytes are no component that the engine can run. Nothing was stored then.
    pub async fn upload(
        &self,
        name: &Name,
        bytes: Vec<u8>,
        activate: Activate,
    ) -> Result<Uploaded, UploadError> {
        let prepared = self.host.prepare(bytes.clone()).await?;
        self.journal.put_blob(prepared.digest, &bytes).await?;
        let new = NewComponentVersion {
            name: name.clone(),
            digest: prepared.digest,
            size_bytes: bytes.len() as u64,
            info: prepared.info,
            at: clock::now(),
        };
        let _changing = self.changing.lock().await;
        let (version, made) = self.journal.put_component_version(new).await?;
        self.remember_version(&version);
        let activation = match activate {
            Activate::Now => self.journal.activate(name, version.version, None).await?,
            Activate::Later => Activation::NotFound,
        };
        let component = match activation {
            Activation::Done(component) => component,
            Activation::NotFound | Activation::Outdated { .. } => self
                .journal
                .component(name)
                .await?
                .ok_or_else(|| JournalError::Corrupt {
                    what: format!("component `{name}`"),
                    reason: "it is not there right after a version of it was stored".to_owned(),
                })?,
        };
        self.remember(&component).await?;
        Ok(Uploaded {
            version,
            made,
            component,
            warnings: prepared.warnings,
        })
    }

    /// A component.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn get(&self, name: &Name) -> Result<Option<ComponentRow>, JournalError> {
        self.journal.component(name).await
    }

    /// Components, by name.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn list(&self, page: PageRequest) -> Result<Page<ComponentRow>, JournalError> {
        self.journal.components(page).await
    }

    /// Versions of a component, the latest first.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn versions(
        &self,
        name: &Name,
        page: PageRequest,
    ) -> Result<Page<ComponentVersion>, JournalError> {
        self.journal.component_versions(name, page).await
    }

    /// A version of a component.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn version(
        &self,
        name: &Name,
        version: u32,
    ) -> Result<Option<ComponentVersion>, JournalError> {
        self.journal.component_version(name, version).await
    }

    /// A version's bytes, as they were uploaded.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn wasm(&self, digest: Digest) -> Result<Option<Vec<u8>>, JournalError> {
        self.journal.blob(digest).await
    }

    /// Makes a version the active one. Steps that start from now on take it; steps that have started
    /// keep theirs. With `if_generation`, only while nobody else changed it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn activate(
        &self,
        name: &Name,
        version: u32,
        if_generation: Option<u64>,
    ) -> Result<Activation, JournalError> {
        let _changing = self.changing.lock().await;
        let activation = self.journal.activate(name, version, if_generation).await?;
        if let Activation::Done(component) = &activation {
            self.remember(component).await?;
        }
        Ok(activation)
    }

    /// Sets what a component is granted, from its next call on. The component need not exist yet.
    ///
    /// # Errors
    /// When something in the policy has no meaning. Nothing was stored then.
    pub async fn set_policy(&self, name: &Name, policy: Policy) -> Result<(), SetPolicyError> {
        Host::check_policy(&policy)?;
        let _changing = self.changing.lock().await;
        self.journal.put_policy(name, &policy).await?;
        self.write().entries.entry(name.clone()).or_default().policy = Arc::new(policy);
        Ok(())
    }

    /// What a component is granted.
    pub(crate) fn policy(&self, name: &Name) -> Arc<Policy> {
        self.read()
            .entries
            .get(name)
            .map(|entry| Arc::clone(&entry.policy))
            .unwrap_or_default()
    }

    /// Whether anybody ever uploaded it.
    pub(crate) fn exists(&self, name: &Name) -> bool {
        let seen = self.read();
        seen.entries.get(name).is_some_and(|entry| entry.uploaded)
    }

    async fn remember(&self, row: &ComponentRow) -> Result<(), JournalError> {
        let active = match row.active {
            Some(number) => self
                .journal
                .component_version(&row.name, number)
                .await?
                .map(|version| Active {
                    version: version.version,
                    digest: version.digest,
                }),
            None => None,
        };
        let entry = Entry {
            uploaded: row.latest > 0,
            active,
            policy: Arc::new(row.policy.clone()),
        };
        self.write().entries.insert(row.name.clone(), entry);
        Ok(())
    }

    /// The version that a step takes when it first starts.
    pub(crate) fn active(&self, name: &Name) -> Option<Active> {
        self.read().entries.get(name)?.active
    }

    /// Whether a version takes part in two phases.
    pub(crate) fn confirms(&self, pin: &Pin) -> bool {
        self.read().confirming.contains(&pin.digest)
    }

    async fn remember_versions(&self, name: &Name) -> Result<(), JournalError> {
        let mut after = None;
        loop {
            let page = PageRequest { after, limit: PAGE };
            let page = self.journal.component_versions(name, page).await?;
            for version in &page.items {
                self.remember_version(version);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn remember_version(&self, version: &ComponentVersion) {
        if confirms(&version.info) {
            self.write().confirming.insert(version.digest);
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Seen> {
        self.seen.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn confirms(info: &ComponentInfo) -> bool {
    info.exports
        .iter()
        .any(|export| export.starts_with(CONFIRMATION))
}
