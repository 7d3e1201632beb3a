//! Who waits for a saga to settle, and who watches its journal grow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, oneshot, watch};
use wasaga_core::{Record, SagaId, State};
use wasaga_journal::{Journal, JournalError};

/// Batches that a watcher may be behind before it reads the journal again.
const LAG: usize = 64;

/// Records that a watcher reads from the journal at a time.
const PAGE: u32 = 500;

type Batch = Arc<[Record]>;

/// Waiters and watchers by saga. Sagas that nobody waits for cost one look.
#[derive(Default)]
pub(crate) struct Hub {
    waiters: Mutex<HashMap<SagaId, Vec<oneshot::Sender<State>>>>,
    watchers: Mutex<HashMap<SagaId, broadcast::Sender<Batch>>>,
    /// Changes whenever anything is committed.
    written: watch::Sender<()>,
}

impl Hub {
    /// Waits for a saga's settled state. Ask before the saga may settle.
    pub(crate) fn settled(self: &Arc<Self>, saga: SagaId) -> Settling {
        let (sender, state) = oneshot::channel();
        lock(&self.waiters).entry(saga).or_default().push(sender);
        Settling {
            hub: Arc::clone(self),
            saga,
            state,
        }
    }

    /// Changes whenever anything is committed.
    pub(crate) fn written(&self) -> watch::Receiver<()> {
        self.written.subscribe()
    }

    /// Tells everybody what was committed.
    pub(crate) fn committed(&self, state: &State, records: Batch) {
        self.written.send_replace(());
        let watched = {
            let mut watchers = lock(&self.watchers);
            match watchers.get(&state.id) {
                Some(sender) if sender.receiver_count() > 0 => Some(sender.clone()),
                Some(_) => {
                    watchers.remove(&state.id);
                    None
                }
                None => None,
            }
        };
        if let Some(sender) = watched {
            let _ = sender.send(records);
        }
        if state.status().is_settled() {
            lock(&self.watchers).remove(&state.id);
            let waiters = lock(&self.waiters).remove(&state.id);
            for waiter in waiters.into_iter().flatten() {
                let _ = waiter.send(state.clone());
            }
        }
    }

    fn subscribe(&self, saga: SagaId) -> broadcast::Receiver<Batch> {
        let mut watchers = lock(&self.watchers);
        watchers
            .entry(saga)
            .or_insert_with(|| broadcast::channel(LAG).0)
            .subscribe()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps are whole after every statement made under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A wait for a saga to settle.
pub(crate) struct Settling {
    hub: Arc<Hub>,
    saga: SagaId,
    state: oneshot::Receiver<State>,
}

impl Settling {
    /// The settled state. `None` when nobody will say it any more.
    pub(crate) async fn state(&mut self) -> Option<State> {
        (&mut self.state).await.ok()
    }
}

impl Drop for Settling {
    /// Leaves nothing behind for a saga that does not settle.
    fn drop(&mut self) {
        self.state.close();
        let mut waiters = lock(&self.hub.waiters);
        if let Some(entry) = waiters.get_mut(&self.saga) {
            entry.retain(|waiter| !waiter.is_closed());
            if entry.is_empty() {
                waiters.remove(&self.saga);
            }
        }
    }
}

/// A saga's journal as it grows.
pub struct Watch {
    hub: Arc<Hub>,
    journal: Arc<dyn Journal>,
    saga: SagaId,
    seq: u64,
    live: broadcast::Receiver<Batch>,
    source: Source,
}

enum Source {
    /// What was there before, and what was missed.
    Journal,
    /// What is committed now.
    Live,
    /// Nothing more comes.
    Ended,
}

impl Watch {
    /// Watches a saga's records with a number above `after`.
    pub(crate) fn new(hub: Arc<Hub>, journal: Arc<dyn Journal>, saga: SagaId, after: u64) -> Self {
        // Subscribed before the journal is read: nothing falls between the two.
        let live = hub.subscribe(saga);
        Self {
            hub,
            journal,
            saga,
            seq: after,
            live,
            source: Source::Journal,
        }
    }

    /// The next records, at least one; `None` once the saga is settled and all were given.
    ///
    /// # Errors
    /// When the store does not answer. The watch can go on.
    pub async fn next(&mut self) -> Option<Result<Vec<Record>, JournalError>> {
        self.try_next().await.transpose()
    }

    async fn try_next(&mut self) -> Result<Option<Vec<Record>>, JournalError> {
        loop {
            let records = match self.source {
                Source::Ended => return Ok(None),
                Source::Journal => {
                    let records = self.journal.records(self.saga, self.seq, PAGE).await?;
                    if records.is_empty() {
                        // Asked after the records: one that settled in between is read again.
                        let row = self.journal.saga(self.saga).await?;
                        self.source = match row {
                            Some(row) if !row.status.is_settled() || row.seq > self.seq => {
                                if row.seq > self.seq {
                                    Source::Journal
                                } else {
                                    Source::Live
                                }
                            }
                            _ => Source::Ended,
                        };
                    }
                    records
                }
                Source::Live => match self.live.recv().await {
                    Ok(batch) => batch
                        .iter()
                        .filter(|record| record.seq > self.seq)
                        .cloned()
                        .collect(),
                    // Missed some: the journal knows.
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.source = Source::Journal;
                        Vec::new()
                    }
                    // The saga settled, and may go on since: an operator had it tried again.
                    Err(broadcast::error::RecvError::Closed) => {
                        self.live = self.hub.subscribe(self.saga);
                        self.source = Source::Journal;
                        Vec::new()
                    }
                },
            };
            let Some(first) = records.first() else {
                continue;
            };
            if first.seq != self.seq + 1 {
                self.source = Source::Journal;
                continue;
            }
            self.seq += records.len() as u64;
            return Ok(Some(records));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = lock(&self.hub.watchers);
        // This watch still counts: it is the last one.
        if watchers
            .get(&self.saga)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            watchers.remove(&self.saga);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures::FutureExt as _;
    use serde_json::json;
    use wasaga_core::{Name, Order, Verb};
    use wasaga_host::{Host, HostConfig};
    use wasaga_journal::MemoryJournal;

    use super::*;
    use crate::{Blobs, Config, Coordinator, StartRequest};

    #[tokio::test]
    async fn a_watch_of_a_saga_that_goes_on_after_it_had_settled_listens_again() {
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        let cache = tempfile::tempdir().expect("a folder");
        let blobs = Arc::new(Blobs(Arc::clone(&journal)));
        let host = Host::new(HostConfig::new(cache.path()), blobs).expect("a sandbox");
        let coordinator = Coordinator::open(journal, host, Config::default())
            .await
            .expect("a coordinator");
        let sleeps = Name::new("sleeps").expect("a name");
        let document = json!({"steps": [{"sleep": "1h"}]});
        let applied = coordinator.definitions().apply(&sleeps, &document);
        applied.await.expect("a definition");
        let request = StartRequest {
            definition: sleeps,
            version: None,
            input: Arc::default(),
            id: None,
            tags: BTreeMap::new(),
        };
        let started = coordinator.sagas().start(request, None).await;
        let saga = started.expect("it starts").state.id;
        let watch = coordinator.sagas().watch(saga, 0).await;
        let mut watch = watch.expect("the store answers").expect("it is there");
        let first = watch.next().await.expect("records").expect("they are read");
        assert_eq!(first.len(), 2);

        // What the hub does when a saga settles, while this reader is slow.
        let hub = Arc::clone(&watch.hub);
        lock(&hub.watchers).remove(&saga);
        assert!(watch.next().now_or_never().is_none(), "nothing happens");
        let listening = lock(&hub.watchers)
            .get(&saga)
            .map_or(0, |sender| sender.receiver_count());
        assert_eq!(listening, 1);

        let order = Order {
            by: "somebody".to_owned(),
            reason: None,
        };
        let cancelled = coordinator.sagas().order(saga, Verb::Cancel, order).await;
        cancelled.expect("it can be cancelled");
        let last = watch.next().await.expect("records").expect("they are read");
        assert_eq!(last.first().map(|record| record.seq), Some(3));
        coordinator.shutdown().await;
    }
}
