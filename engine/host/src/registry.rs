//! Versions that are ready to be called, by digest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use tokio::sync::OnceCell;
use wasaga_core::{ComponentInfo, Digest};
use wasmtime::component::{InstancePre, Linker};

use crate::cache::Cache;
use crate::compile::{self, Compiler};
use crate::config::HostConfig;
use crate::exports::Exports;
use crate::keys::HostKey;
use crate::prepare::{self, PrepareError};
use crate::stats::Counters;
use crate::store::CallState;
use crate::{Components, HostError, engine, imports};

/// A version that can be called.
pub(crate) struct Loaded {
    pub(crate) pre: InstancePre<CallState>,
    pub(crate) exports: Exports,
    pub(crate) info: ComponentInfo,
}

/// Why a version cannot be called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no such version.
    #[error("nobody has the bytes of {0}")]
    Missing(Digest),
    /// Its bytes cannot be read now.
    #[error("the bytes of {digest} cannot be read: {source}")]
    Storage {
        /// Which version.
        digest: Digest,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be compiled or linked any more.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

type Slot = Arc<OnceCell<Arc<Loaded>>>;

/// Loads versions, each once however many ask for it, and keeps those that were used last.
pub(crate) struct Registry {
    compiler: Arc<Compiler>,
    linker: Linker<CallState>,
    components: Arc<dyn Components>,
    host_key: HostKey,
    slots: Mutex<LruCache<Digest, Slot>>,
}

impl Registry {
    pub(crate) fn new(
        config: &HostConfig,
        components: Arc<dyn Components>,
        counters: Arc<Counters>,
    ) -> Result<Self, HostError> {
        let engine = engine::engine(config).map_err(HostError::Engine)?;
        let dir = &config.cache_dir;
        let cache = Cache::open(dir, &engine, config.max_cache_bytes).map_err(|source| {
            HostError::Cache {
                dir: dir.clone(),
                source,
            }
        })?;
        let host_key = cache.host_key();
        let linker = imports::linker(&engine).map_err(HostError::Engine)?;
        let capacity = config.max_loaded_components.max(1) as usize;
        let compiler = Compiler::new(engine, cache, config.compiler.clone(), counters);
        Ok(Self {
            compiler: Arc::new(compiler),
            linker,
            components,
            host_key,
            slots: Mutex::new(LruCache::new(capacity)),
        })
    }

    /// The key that stays as long as the cache.
    pub(crate) const fn host_key(&self) -> &HostKey {
        &self.host_key
    }

    /// The versions that are ready.
    pub(crate) fn loaded(&self) -> Vec<Digest> {
        let slots = self.slots();
        let loaded = slots.iter().filter(|(_, slot)| slot.initialized());
        loaded.map(|(digest, _)| *digest).collect()
    }

    /// Drops a version for whoever asks for it from now on. Says whether it was ready.
    pub(crate) fn unload(&self, digest: Digest) -> bool {
        let slot = self.slots().remove(&digest);
        slot.is_some_and(|slot| slot.initialized())
    }

    /// The version with this digest, from memory, else from the cache on disk, else compiled.
    pub(crate) async fn get(&self, digest: Digest) -> Result<Arc<Loaded>, LoadError> {
        self.load(digest, async {
            let storage = |source| LoadError::Storage { digest, source };
            let bytes = self.components.wasm(digest).await.map_err(storage)?;
            let bytes = bytes.ok_or(LoadError::Missing(digest))?;
            let (found, bytes) = digested(bytes).await?;
            if found != digest {
                return Err(storage("they have another digest now".into()));
            }
            Ok(bytes)
        })
        .await
    }

    /// The version that was uploaded with these bytes, and its digest.
    pub(crate) async fn prepare(
        &self,
        bytes: Vec<u8>,
    ) -> Result<(Digest, Arc<Loaded>), PrepareError> {
        let (digest, bytes) = digested(bytes).await?;
        match self.load(digest, async { Ok(bytes) }).await {
            Ok(loaded) => Ok((digest, loaded)),
            Err(LoadError::Prepare(error)) => Err(error),
            Err(other) => Err(PrepareError::Compile(other.to_string())),
        }
    }

    async fn load(
        &self,
        digest: Digest,
        bytes: impl Future<Output = Result<Vec<u8>, LoadError>>,
    ) -> Result<Arc<Loaded>, LoadError> {
        let slot = self.slot(digest);
        if let Some(loaded) = slot.get() {
            return Ok(Arc::clone(loaded));
        }
        let loaded = slot
            .get_or_try_init(|| async {
                let component = match self.compiler.cached(digest).await {
                    Some(component) => component,
                    None => self.compiler.compile(digest, bytes.await?).await?,
                };
                let loaded = prepare::link(&self.linker, &component)?;
                Ok::<_, LoadError>(Arc::new(loaded))
            })
            .await;
        if loaded.is_err() {
            self.forget(digest, &slot);
        }
        loaded.map(Arc::clone)
    }

    fn slot(&self, digest: Digest) -> Slot {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(&digest) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        slots.insert(digest, Arc::clone(&slot));
        slot
    }

    /// What could not be loaded takes no place, unless somebody else is trying now.
    fn forget(&self, digest: Digest, slot: &Slot) {
        let mut slots = self.slots();
        let is_same = slots
            .peek(&digest)
            .is_some_and(|known| Arc::ptr_eq(known, slot));
        if is_same && !slot.initialized() {
            slots.remove(&digest);
        }
    }

    fn slots(&self) -> MutexGuard<'_, LruCache<Digest, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digest of bytes, of which there may be many.
async fn digested(bytes: Vec<u8>) -> Result<(Digest, Vec<u8>), PrepareError> {
    compile::blocking(move || Ok((Digest::of(&bytes), bytes))).await
}
