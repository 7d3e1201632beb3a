//! Taking a version of a component out.

use std::time::Duration;

use wasaga_core::Name;
use wasaga_journal::{JournalError, Removal};

use super::Components;

/// How long a version stays that sagas took, or were moved to, until a moment ago: one may have just
/// decided for it, and not have written that down yet.
const LEAVE: Duration = Duration::from_secs(60);

/// What came of removing a version.
pub type Removed = Removal;

/// A version that was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Sagas took it until a moment ago.
    #[error(
        "sagas took version {version} of component `{name}` until a moment ago: try again in {} s",
        wait.as_secs() + 1
    )]
    JustLeft {
        /// The component.
        name: Name,
        /// The version.
        version: u32,
        /// How long to wait.
        wait: Duration,
    },
    /// The store did not do it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Components {
    /// Removes a version that no saga needs.
    ///
    /// # Errors
    /// When sagas took it until a moment ago, or the store does not answer.
    pub async fn remove(&self, name: &Name, version: u32) -> Result<Removed, RemoveError> {
        let _changing = self.changing.lock().await;
        if let Some(left_at) = self.seen.left_at(name, version)
            && let Some(wait) = LEAVE.checked_sub(left_at.elapsed())
        {
            return Err(RemoveError::JustLeft {
                name: name.clone(),
                version,
                wait,
            });
        }
        let digest = self.journal.component_version(name, version).await?;
        let removal = self.journal.remove_component_version(name, version).await?;
        if removal == Removal::Done {
            self.seen.forget_version(name, version);
            if let Some(removed) = digest
                && self.seen.versions_of(removed.digest).is_empty()
            {
                self.host.unload(removed.digest);
            }
        }
        Ok(removal)
    }
}
