//! Taking in a version of a component.

use std::collections::HashSet;

use wasaga_core::{ComponentInfo, Name, Order};
use wasaga_host::Changes;
use wasaga_journal::{
    Activation, ComponentRow, ComponentVersion, Description, JournalError, Made,
    NewComponentVersion, Switch, SwitchTo,
};

use super::Components;
use crate::clock;
use crate::error::UploadError;

/// Whether an upload becomes the active version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activate {
    /// At once.
    Now,
    /// When somebody says so.
    Later,
}

/// What is uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Of which component it becomes a version.
    pub name: Name,
    /// A component, or a core module that carries its component type.
    pub bytes: Vec<u8>,
    /// What people say about it.
    pub description: Description,
    /// Whether it becomes the active version.
    pub activate: Activate,
    /// Who uploads it and why.
    pub order: Order,
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
    /// What is imported and exported otherwise than by the version that was active before; absent
    /// when none was.
    pub changes: Option<Changes>,
    /// What the author may want to know.
    pub warnings: Vec<String>,
}

impl Components {
    /// Takes an upload: checks and compiles it, stores it, and makes it a version of the component.
    ///
    /// The same bytes are the same version, whose description stays as it is.
    ///
    /// # Errors
    /// When the bytes are no component that the engine can run, or it is to become active and imports
    /// what the component's policy does not grant. Nothing was stored then.
    pub async fn upload(&self, upload: Upload) -> Result<Uploaded, UploadError> {
        let Upload {
            name,
            bytes,
            description,
            activate,
            order,
        } = upload;
        let size_bytes = bytes.len() as u64;
        let prepared = self.host.prepare(bytes.clone()).await?;
        // Also over the bytes: whoever removes the last version with the same would take them away.
        let _changing = self.changing.lock().await;
        let info = &prepared.info;
        let policy = self.seen.policy(&name);
        let not_granted = wasaga_host::not_granted(info, &policy);
        if activate == Activate::Now && !not_granted.is_empty() {
            return Err(UploadError::NotGranted {
                name,
                imports: not_granted,
            });
        }
        let mut warnings = wasaga_host::warnings(info, &policy);
        if !not_granted.is_empty() {
            let imports = not_granted.join("`, `");
            warnings.push(format!(
                "imports `{imports}`, which the policy's allowed_imports do not grant: it cannot be \
                 activated until they do"
            ));
        }
        self.journal.put_blob(prepared.digest, &bytes).await?;
        let at = clock::now();
        let new = NewComponentVersion {
            name: name.clone(),
            digest: prepared.digest,
            size_bytes,
            info: prepared.info,
            description,
            at,
        };
        let before = self.active_version(&name).await?;
        let (version, made) = self.journal.put_component_version(new).await?;
        self.seen.version(&version);
        if let Some(before) = &before {
            warnings.extend(new_imports(&before.info, &version.info).map(|import| {
                format!(
                    "imports `{import}`, which the active version does not in any version of it"
                )
            }));
        }
        let changes = before.map(|before| Changes::between(&before.info, &version.info));
        let component = match activate {
            Activate::Now => {
                let switch = Switch {
                    name: name.clone(),
                    to: SwitchTo::Active {
                        version: version.version,
                    },
                    if_generation: None,
                    order,
                    at,
                };
                match self.switch_and_remember(&switch).await? {
                    Activation::Done(row) => Some(row),
                    _ => None,
                }
            }
            Activate::Later => self.journal.component(&name).await?,
        };
        let component = component.ok_or_else(|| JournalError::Corrupt {
            what: format!("component `{name}`"),
            reason: "it is not there right after a version of it was stored".to_owned(),
        })?;
        self.seen.component(&component);
        Ok(Uploaded {
            version,
            made,
            component,
            changes,
            warnings,
        })
    }

    async fn active_version(&self, name: &Name) -> Result<Option<ComponentVersion>, JournalError> {
        let row = self.journal.component(name).await?;
        match row.and_then(|row| row.active) {
            Some(active) => self.journal.component_version(name, active).await,
            None => Ok(None),
        }
    }
}

/// The interfaces that only the later version imports. Another version of the same interface is none:
/// a toolchain that was brought up to date names other versions of all it imports, and would hide what
/// is new.
fn new_imports<'a>(
    before: &'a ComponentInfo,
    after: &'a ComponentInfo,
) -> impl Iterator<Item = &'a str> {
    let bare = |import: &'a String| {
        import
            .split_once('@')
            .map_or(import.as_str(), |(name, _)| name)
    };
    let known: HashSet<&str> = before.imports.iter().map(bare).collect();
    let new = after.imports.iter();
    new.filter(move |import| !known.contains(bare(import)))
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_of_the_same_interface_is_no_new_import() {
        let info = |imports: &[&str]| ComponentInfo {
            imports: imports.iter().map(|import| (*import).to_owned()).collect(),
            exports: Vec::new(),
        };
        let before = info(&["wasi:io/poll@0.2.6", "wasaga:saga/log@0.1.0"]);
        let after = info(&["wasi:io/poll@0.2.12", "wasaga:saga/http@0.1.0"]);
        let new: Vec<_> = new_imports(&before, &after).collect();
        assert_eq!(new, ["wasaga:saga/http@0.1.0"]);
    }
}
