//! Group commit: all sagas' appends pass one writer, which commits whatever waits in one
//! transaction. While a transaction is on its way to the disk the next one fills.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wasaga_journal::{Append, Journal, JournalError, Refusal};

use crate::metrics::Metrics;

/// An append that was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// The store refused this append. Final.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed. Trying again may help.
    #[error("{0}")]
    Failed(Arc<JournalError>),
    /// The writer has ended.
    #[error("the engine is shutting down")]
    Closed,
}

struct Request {
    append: Append,
    done: oneshot::Sender<Result<(), CommitError>>,
}

/// The way to the writer.
#[derive(Clone)]
pub(crate) struct Commits(mpsc::Sender<Request>);

impl Commits {
    /// Starts the writer. When `closing` is cancelled it takes no more, commits what waits, and ends.
    pub(crate) fn spawn(
        journal: Arc<dyn Journal>,
        max_commit: usize,
        metrics: Arc<Metrics>,
        closing: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        // As many wait as fit in one transaction: more would only hide that the disk is slow.
        let (sender, receiver) = mpsc::channel(max_commit);
        (
            Self(sender),
            tokio::spawn(write(journal, receiver, max_commit, metrics, closing)),
        )
    }

    /// Whether the writer is gone: nothing can be committed any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until an append is durable.
    pub(crate) async fn commit(&self, append: Append) -> Result<(), CommitError> {
        let (done, answer) = oneshot::channel();
        self.0
            .send(Request { append, done })
            .await
            .map_err(|_| CommitError::Closed)?;
        answer.await.unwrap_or(Err(CommitError::Closed))
    }
}

async fn write(
    journal: Arc<dyn Journal>,
    mut requests: mpsc::Receiver<Request>,
    max_commit: usize,
    metrics: Arc<Metrics>,
    closing: CancellationToken,
) {
    let mut waiting = Vec::with_capacity(max_commit);
    loop {
        tokio::select! {
            biased;
            () = closing.cancelled(), if !requests.is_closed() => {
                requests.close();
                continue;
            }
            count = requests.recv_many(&mut waiting, max_commit) => {
                if count == 0 {
                    return;
                }
            }
        }
        let (appends, dones): (Vec<_>, Vec<_>) = waiting
            .drain(..)
            .map(|request| (request.append, request.done))
            .unzip();
        let started = Instant::now();
        let size = appends.len();
        let answers = journal.append(appends).await;
        metrics.committed(size, started.elapsed(), answers.is_ok());
        match answers {
            Ok(answers) => {
                for (done, answer) in dones.into_iter().zip(answers) {
                    // Whoever asked may have gone: the append stands all the same.
                    let _ = done.send(answer.map_err(CommitError::Refused));
                }
            }
            Err(error) => {
                tracing::error!(%error, appends = size, "a commit failed");
                let error = Arc::new(error);
                for done in dones {
                    let _ = done.send(Err(CommitError::Failed(Arc::clone(&error))));
                }
            }
        }
    }
}
