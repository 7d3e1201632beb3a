//! Compiling: what comes out of the cache, in whose turn, and where the compiler runs.
//!
//! Nobody promises that a compiler gets done with hostile input in good time or at all. So what was
//! uploaded is read by a process of its own (`process` is this side of it, `child` the other,
//! `protocol` what they say to each other), and this one sees only its first bytes and what the
//! compiler made of it.

mod child;
mod process;
mod protocol;

use std::sync::Arc;

use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task;
use wasaga_core::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

pub use child::compile_component;

use crate::cache::Cache;
use crate::config::{CompilerConfig, CompilerPlace};
use crate::engine;
use crate::prepare::{self, PrepareError};
use crate::stats::{Counters, add};

/// Makes components that can be linked of what was uploaded.
pub(crate) struct Compiler {
    engine: Engine,
    cache: Cache,
    config: CompilerConfig,
    turns: Arc<Semaphore>,
    counters: Arc<Counters>,
}

impl Compiler {
    pub(crate) fn new(
        engine: Engine,
        cache: Cache,
        config: CompilerConfig,
        counters: Arc<Counters>,
    ) -> Self {
        let turns = match config.place {
            // It takes all cores.
            CompilerPlace::InProcess => 1,
            CompilerPlace::Process { .. } => config.max_concurrent.max(1) as usize,
        };
        Self {
            engine,
            cache,
            config,
            turns: Arc::new(Semaphore::new(turns)),
            counters,
        }
    }

    /// What was compiled of the upload with this digest, if it is still there.
    pub(crate) async fn cached(self: &Arc<Self>, digest: Digest) -> Option<Component> {
        let compiler = Arc::clone(self);
        let load = move || compiler.cache.load(&compiler.engine, digest);
        let component = task::spawn_blocking(load).await.ok()??;
        add(&self.counters.cache_hits, 1);
        Some(component)
    }

    /// Compiles an upload when its turn comes, and keeps the result.
    ///
    /// # Errors
    /// When it is no component, no component can be made of it, or compiling it fails or takes more
    /// than it may.
    pub(crate) async fn compile(
        self: &Arc<Self>,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<Component, PrepareError> {
        prepare::recognize(&bytes)?;
        // Never closed, so it is always had.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let compiler = Arc::clone(self);
        // A task of its own: what has begun is of use to whoever comes next, and holds its turn, also
        // when whoever waits here gives up.
        let compiled = task::spawn(async move {
            let _turn = turn;
            // Whoever was before in the queue may have wanted the same.
            match compiler.cached(digest).await {
                Some(component) => Ok(component),
                None => compiler.compile_now(digest, bytes).await,
            }
        });
        compiled.await.unwrap_or_else(|error| Err(ended(&error)))
    }

    async fn compile_now(
        self: &Arc<Self>,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<Component, PrepareError> {
        let compiler = Arc::clone(self);
        let code = match &self.config.place {
            CompilerPlace::InProcess => {
                blocking(move || prepare::compile(&compiler.engine, &bytes)).await?
            }
            CompilerPlace::Process {
                program,
                arguments,
                environment,
            } => {
                let mut command = Command::new(program);
                command
                    .args(arguments)
                    .env_clear()
                    .envs(environment.clone());
                let compatibility = engine::compatibility(&self.engine);
                process::compile(command, &self.config, compatibility, bytes).await?
            }
        };
        check_size(code.len() as u64, self.config.max_compiled_bytes)?;
        add(&self.counters.compiles, 1);
        let compiler = Arc::clone(self);
        blocking(move || {
            let component = compiler.cache.keep(&compiler.engine, digest, &code);
            component.map_err(|error| PrepareError::Compile(prepare::reason(&error)))
        })
        .await
    }
}

fn check_size(size_bytes: u64, max_bytes: u64) -> Result<(), PrepareError> {
    if size_bytes > max_bytes {
        return Err(PrepareError::CompiledTooLarge {
            size_bytes,
            max_bytes,
        });
    }
    Ok(())
}

/// Does what takes a while on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PrepareError> + Send + 'static,
) -> Result<T, PrepareError> {
    let done = task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ended(&error)))
}

/// A panic, or the end of the runtime.
fn ended(error: &task::JoinError) -> PrepareError {
    PrepareError::CompilerCrashed(error.to_string())
}
