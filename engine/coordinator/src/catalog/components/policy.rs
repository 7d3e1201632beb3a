//! What a component is granted.

use wasaga_core::{Name, Policy};

use super::Components;
use crate::error::SetPolicyError;

impl Components {
    /// Sets what a component is granted, from its next call on. The component need not exist yet. With
    /// `if_generation`, only while nobody else has changed the component.
    ///
    /// # Errors
    /// When something in the policy has no meaning, it does not grant what a version imports that sagas
    /// take, or somebody else was faster. Nothing was stored then.
    pub async fn set_policy(
        &self,
        name: &Name,
        policy: Policy,
        if_generation: Option<u64>,
    ) -> Result<(), SetPolicyError> {
        self.host.check_policy(&policy)?;
        let _changing = self.changing.lock().await;
        let row = self.journal.component(name).await?;
        let generation = row.as_ref().map_or(0, |row| row.generation);
        if if_generation.is_some_and(|seen| seen != generation) {
            return Err(SetPolicyError::Outdated { generation });
        }
        let taken = row.iter().flat_map(|row| {
            let candidate = row.candidate.map(|candidate| candidate.version);
            row.active.into_iter().chain(candidate)
        });
        for number in taken {
            let Some(version) = self.journal.component_version(name, number).await? else {
                continue;
            };
            let imports = wasaga_host::not_granted(&version.info, &policy);
            if !imports.is_empty() {
                return Err(SetPolicyError::NotGranted {
                    version: number,
                    imports,
                });
            }
        }
        self.journal.put_policy(name, &policy).await?;
        self.seen.set_policy(name, policy);
        Ok(())
    }
}
