//! Versions that are ready to be called, by digest.

use std::sync::{Arc, Mutex, PoisonError};

use hashlink::LruCache;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task;
use wasaga_core::{ComponentInfo, Digest};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::cache::Cache;
use crate::config::HostConfig;
use crate::exports::Exports;
use crate::prepare::{self, PrepareError};
use crate::stats::{Counters, add};
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
pub(crate) enum LoadError {
    #[error("nobody has the bytes of {0}")]
    Missing(Digest),
    #[error("the bytes of {digest} cannot be read: {source}")]
    Storage {
        digest: Digest,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

type Slot = Arc<OnceCell<Arc<Loaded>>>;

/// Loads versions, each once however many ask for it, and keeps those that were used last.
pub(crate) struct Registry {
    compiler: Arc<Compiler>,
    linker: Linker<CallState>,
    components: Arc<dyn Components>,
    slots: Mutex<LruCache<Digest, Slot>>,
}

/// What compiling needs. It goes on when whoever asked for it has gone.
struct Compiler {
    engine: Engine,
    cache: Cache,
    /// One at a time: each takes all cores and much memory.
    turn: Arc<Semaphore>,
    counters: Arc<Counters>,
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
        let linker = imports::linker(&engine).map_err(HostError::Engine)?;
        let capacity = config.max_loaded_components.max(1) as usize;
        let turn = Arc::new(Semaphore::new(1));
        Ok(Self {
            compiler: Arc::new(Compiler {
                engine,
                cache,
                turn,
                counters,
            }),
            linker,
            components,
            slots: Mutex::new(LruCache::new(capacity)),
        })
    }

    /// How many versions are ready.
    pub(crate) fn len(&self) -> usize {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter().filter(|(_, slot)| slot.initialized()).count()
    }

    /// The version with this digest, from memory, else from the cache on disk, else compiled.
    pub(crate) async fn get(&self, digest: Digest) -> Result<Arc<Loaded>, LoadError> {
        self.load(digest, async {
            let storage = |source| LoadError::Storage { digest, source };
            let bytes = self.components.wasm(digest).await.map_err(storage)?;
            let bytes = bytes.ok_or(LoadError::Missing(digest))?;
            if Digest::of(&bytes) != digest {
                return Err(storage("they have another digest now".into()));
            }
            Ok(bytes)
        })
        .await
    }

    /// The version that was uploaded with these bytes.
    pub(crate) async fn prepare(
        &self,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<Arc<Loaded>, PrepareError> {
        self.load(digest, async { Ok(bytes) })
            .await
            .map_err(|error| match error {
                LoadError::Prepare(error) => error,
                other => PrepareError::Compile(other.to_string()),
            })
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
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&digest) {
            return Arc::clone(slot);
        }
        let slot = Slot::default();
        slots.insert(digest, Arc::clone(&slot));
        slot
    }

    /// What could not be loaded takes no place, unless somebody else is trying now.
    fn forget(&self, digest: Digest, slot: &Slot) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = slots
            .peek(&digest)
            .is_some_and(|known| Arc::ptr_eq(known, slot));
        if is_same && !slot.initialized() {
            slots.remove(&digest);
        }
    }
}

impl Compiler {
    async fn cached(self: &Arc<Self>, digest: Digest) -> Option<Component> {
        let compiler = Arc::clone(self);
        let load = move || compiler.cache.load(&compiler.engine, digest);
        let component = task::spawn_blocking(load).await.ok()??;
        add(&self.counters.cache_hits, 1);
        Some(component)
    }

    async fn compile(
        self: &Arc<Self>,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<Component, PrepareError> {
        // Never closed, so it is always had; and held until the compiler is done, also when
        // whoever waits here gives up.
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok();
        let compiler = Arc::clone(self);
        let compile = move || {
            let _turn = turn;
            // Whoever was before in the queue may have wanted the same.
            if let Some(component) = compiler.cache.load(&compiler.engine, digest) {
                return Ok(component);
            }
            let component = prepare::compile(&compiler.engine, &bytes)?;
            add(&compiler.counters.compiles, 1);
            compiler.cache.store(digest, &component);
            Ok(component)
        };
        task::spawn_blocking(compile)
            .await
            .unwrap_or_else(|error| Err(PrepareError::Compile(format!("the compiler: {error}"))))
    }
}
