//! Holding a saga: this engine owns it while it works on it, and lets go of it whatever happens.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use wasaga_core::TransitionError;
use wasaga_journal::Claimed;

use crate::clock;
use crate::engine::Engine;
use crate::error::ReadError;

/// How soon somebody looks again at a saga that could not be worked on.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How soon one that waits to run alone asks for its turn again.
const TURN: Duration = Duration::from_millis(500);

/// How long to wait when the store does not even take a saga back.
const STORE_BACKOFF: Duration = Duration::from_secs(1);

/// Why work on a saga ended before the saga rests.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Left {
    /// An append was refused: somebody else owns the saga, or an append that was reported as
    /// failed was made. In either case the store knows better.
    #[error("its journal is not where this engine left it")]
    Fenced,
    /// The store failed while it was stored for the first time.
    #[error("nobody knows whether it was stored")]
    Unknown,
    /// It may be what brings the engine down, and another one that may be runs alone at present.
    #[error("it waits to run alone")]
    Suspected,
    /// What ran for it panicked.
    #[error("the work on it panicked")]
    Panicked,
    /// The engine ends. Whoever comes next goes on.
    #[error("the engine is shutting down")]
    Ended,
    /// Its journal cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] ReadError),
    /// It has no journal.
    #[error("it has no journal")]
    Missing,
    /// The state machine did not expect what came of a call or a timer.
    #[error("what happened to it does not fit its state: {0}")]
    Transition(#[from] TransitionError),
}

/// Works on a saga in a task of its own; see [`work`].
pub(crate) fn spawn<W>(engine: &Arc<Engine>, held: Claimed, work: W)
where
    W: Future<Output = Result<(), Left>> + Send + 'static,
{
    engine
        .drivers
        .spawn(self::work(Arc::clone(engine), held, work));
}

/// Works on a saga. When the work ends before the saga rests, for whatever reason, the saga is given
/// back to be looked at again: nobody else would.
pub(crate) async fn work<W>(engine: Arc<Engine>, held: Claimed, work: W)
where
    W: Future<Output = Result<(), Left>>,
{
    tokio::select! {
        () = work_or_give_back(&engine, held, work) => {}
        () = engine.leaving.cancelled() => {}
    }
}

async fn work_or_give_back(
    engine: &Engine,
    held: Claimed,
    work: impl Future<Output = Result<(), Left>>,
) {
    let saga = held.saga;
    let mut wait = LOOK_AGAIN;
    match AssertUnwindSafe(work).catch_unwind().await {
        // The next process finds it: this one's lease ends with it.
        Ok(Ok(()) | Err(Left::Ended)) => return,
        Ok(Err(Left::Suspected)) => wait = TURN,
        Ok(Err(left)) => tracing::error!(%saga, reason = %left, "a saga could not be worked on"),
        Err(_) => tracing::error!(%saga, "the work on a saga panicked"),
    }
    let due_at = clock::now().after(wait);
    // Refused silently when somebody else owns it by now.
    while let Err(error) = engine.journal.release(saga, held.fence, due_at).await {
        tracing::error!(%saga, %error, "a saga could not be given back");
        tokio::time::sleep(STORE_BACKOFF).await;
    }
    engine.alarm.set(due_at);
}
