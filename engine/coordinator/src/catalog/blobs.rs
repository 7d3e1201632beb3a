//! The sandbox's way to the components' bytes.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use wasaga_core::Digest;
use wasaga_journal::Journal;

/// Reads components from a journal's blobs.
pub struct Blobs(pub Arc<dyn Journal>);

#[async_trait]
impl wasaga_host::Components for Blobs {
    async fn wasm(&self, digest: Digest) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.blob(digest).await?)
    }
}
