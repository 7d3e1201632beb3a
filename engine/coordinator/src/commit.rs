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

/// Appends that are made in one transaction.
struct Request {
    appends: Vec<Append>,
    done: oneshot::Sender<Result<Answers, CommitError>>,
}

/// What became of each append.
type Answers = Vec<Result<(), Refusal>>;

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
        let answer = self.commit_together(vec![append]).await?.pop();
        answer.unwrap_or(Ok(())).map_err(CommitError::Refused)
    }

    /// Waits until appends are durable, all in one transaction. One that is refused does not keep the
    /// others from being made.
    pub(crate) async fn commit_together(
        &self,
        appends: Vec<Append>,
    ) -> Result<Answers, CommitError> {
        let (done, answer) = oneshot::channel();
        self.0
            .send(Request { appends, done })
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
        let mut appends = Vec::with_capacity(waiting.len());
        let mut dones = Vec::with_capacity(waiting.len());
        for request in waiting.drain(..) {
            dones.push((request.appends.len(), request.done));
            appends.extend(request.appends);
        }
        let started = Instant::now();
        let size = appends.len();
        let answers = journal.append(appends).await;
        metrics.committed(size, started.elapsed(), answers.is_ok());
        match answers {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                for (count, done) in dones {
                    // Whoever asked may have gone: the append stands all the same.
                    let _ = done.send(Ok(answers.by_ref().take(count).collect()));
                }
            }
            Err(error) => {
                tracing::error!(%error, appends = size, "a commit failed");
                let error = Arc::new(error);
                for (_, done) in dones {
                    let _ = done.send(Err(CommitError::Failed(Arc::clone(&error))));
                }
            }
        }
    }
}
