//! The journals of all sagas as they grow, in the order in which they were written.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasaga_journal::{FeedEntry, Journal, JournalError};

/// Records read at a time.
const PAGE: u32 = 500;

/// The journals of all sagas, from some position on. Holds nothing but the position: one that is
/// read slowly costs nobody anything.
pub struct Feed {
    journal: Arc<dyn Journal>,
    written: watch::Receiver<()>,
    position: u64,
    stopping: CancellationToken,
}

impl Feed {
    pub(crate) fn new(
        journal: Arc<dyn Journal>,
        written: watch::Receiver<()>,
        position: u64,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            journal,
            written,
            position,
            stopping,
        }
    }

    /// The position of the last record that was given; of the last one that was written, at first.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The next records, at least one; `None` once the engine ends.
    ///
    /// # Errors
    /// When the store does not answer. The feed can go on.
    pub async fn next(&mut self) -> Option<Result<Vec<FeedEntry>, JournalError>> {
        loop {
            // Marked before the journal is read: what is written meanwhile is seen again.
            self.written.borrow_and_update();
            match self.journal.feed(self.position, PAGE).await {
                Err(error) => return Some(Err(error)),
                Ok(entries) => {
                    if let Some(last) = entries.last() {
                        self.position = last.position;
                        return Some(Ok(entries));
                    }
                }
            }
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                changed = self.written.changed() => if changed.is_err() {
                    return None;
                },
            }
        }
    }
}
