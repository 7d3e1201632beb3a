//! The sagas in memory, how to reach them, and how many there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use wasaga_core::{Input, SagaId, State};

use crate::error::CommandError;

/// Commands that may wait for one saga.
const MAILBOX: usize = 16;

/// An input from outside for a saga in memory.
pub(crate) struct Command {
    pub(crate) input: Input,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// What a driver makes of a command.
pub(crate) enum Answer {
    /// It was done, and this is the saga after it.
    Done(Box<State>),
    /// It was refused.
    Refused(CommandError),
    /// The saga has just left memory: ask again.
    Gone,
}

/// Room for one saga in memory.
pub(crate) type Permit = OwnedSemaphorePermit;

/// The sagas in memory.
pub(crate) struct Residents {
    mailboxes: Mutex<HashMap<SagaId, mpsc::Sender<Command>>>,
    left: Notify,
    room: Arc<Semaphore>,
    capacity: u32,
}

impl Residents {
    pub(crate) fn new(capacity: u32) -> Arc<Self> {
        Arc::new(Self {
            mailboxes: Mutex::default(),
            left: Notify::new(),
            room: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
        })
    }

    /// Room for a newcomer, unless there is none or others wait for it.
    pub(crate) fn try_room(&self) -> Option<Permit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// Room for a saga that waits on disk. First come, first served.
    pub(crate) async fn room(&self) -> Option<Permit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    /// How many sagas are in memory.
    pub(crate) fn count(&self) -> usize {
        (self.capacity as usize).saturating_sub(self.room.available_permits())
    }

    /// Seats a saga that nobody can have seated yet.
    pub(crate) fn seat_new(self: &Arc<Self>, saga: SagaId) -> Option<Seat> {
        let mut mailboxes = self.lock();
        if mailboxes.contains_key(&saga) {
            return None;
        }
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        mailboxes.insert(saga, sender);
        Some(Seat {
            residents: Arc::clone(self),
            saga,
            mailbox,
        })
    }

    /// Seats a saga once whoever had it in memory before has left.
    pub(crate) async fn seat(self: &Arc<Self>, saga: SagaId) -> Seat {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if let Some(seat) = self.seat_new(saga) {
                return seat;
            }
            left.await;
        }
    }

    /// How to reach a saga in memory.
    pub(crate) fn mailbox(&self, saga: SagaId) -> Option<mpsc::Sender<Command>> {
        self.lock().get(&saga).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SagaId, mpsc::Sender<Command>>> {
        // The map is whole after every statement made under the lock.
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A saga's place in memory: while it is held, the saga can be reached there.
pub(crate) struct Seat {
    residents: Arc<Residents>,
    saga: SagaId,
    mailbox: mpsc::Receiver<Command>,
}

impl Seat {
    /// The next command for the saga.
    pub(crate) async fn command(&mut self) -> Option<Command> {
        self.mailbox.recv().await
    }
}

impl Drop for Seat {
    /// Makes the saga unreachable and tells whoever still wrote to it to ask again.
    fn drop(&mut self) {
        self.residents.lock().remove(&self.saga);
        self.residents.left.notify_waiters();
        self.mailbox.close();
        while let Ok(command) = self.mailbox.try_recv() {
            let _ = command.answer.send(Answer::Gone);
        }
    }
}
