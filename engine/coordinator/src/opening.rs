//! A saga's first moments: stored, then driven if there is room for it.

use std::sync::Arc;

use tokio::sync::oneshot;
use wasaga_core::{Effect, Record, State, Turn, effects};
use wasaga_journal::{Append, Claimed, Fence, Ownership};

use crate::append::append;
use crate::clock;
use crate::commit::CommitError;
use crate::driver::{self, Driver};
use crate::engine::Engine;
use crate::hold::{self, Left};
use crate::residents::{Permit, Seat};

/// The append that stores a saga for the first time. One that has nothing to do yet is let go of at
/// once.
pub(crate) fn first(engine: &Engine, state: &State, records: Vec<Record>) -> Append {
    let fence = Fence {
        owner: engine.owner,
        epoch: 1,
    };
    let works = |effect: &Effect| !matches!(effect, Effect::WakeAt(_));
    let ownership = if effects(state).iter().any(works) {
        Ownership::Keep
    } else {
        Ownership::Release
    };
    append(fence, 0, state, records, Vec::new(), ownership)
}

/// A saga that is to be stored for the first time.
pub(crate) struct Opening {
    pub(crate) engine: Arc<Engine>,
    /// How it begins.
    pub(crate) turn: Turn,
    /// Its place in memory. `None` when another opening of the same saga has it: only one of them
    /// will be stored, and if it is this one, the other leaves.
    pub(crate) seat: Option<Seat>,
    /// Room to be driven at once.
    pub(crate) permit: Option<Permit>,
}

impl Opening {
    /// Stores the saga, answers, and drives it. In a task of its own: whoever asked may go away at
    /// any moment, and a saga that is stored has to be driven.
    pub(crate) fn spawn(self) -> oneshot::Receiver<Result<State, CommitError>> {
        let (stored, answer) = oneshot::channel();
        let drivers = self.engine.drivers.clone();
        drivers.spawn(self.run(stored));
        answer
    }

    async fn run(self, stored: oneshot::Sender<Result<State, CommitError>>) {
        let Self {
            engine,
            turn,
            seat,
            permit,
        } = self;
        let state = turn.state;
        let append = first(&engine, &state, turn.records);
        let fence = append.fence;
        let ownership = append.head.ownership;
        let records = Arc::clone(&append.records);
        let due_at = append.head.due_at;
        let saga = state.id;
        if let Err(error) = engine.commits.commit(append).await {
            // A store that failed may have taken the saga all the same, and nobody would drive it.
            let lost = match &error {
                CommitError::Failed(_) => engine.journal.release(saga, fence, clock::now()).await,
                CommitError::Refused(_) | CommitError::Closed => Ok(()),
            };
            // Whoever asks again finds the place free.
            drop(seat);
            let _ = stored.send(Err(error));
            if lost.is_err() {
                let unknown = std::future::ready(Err(Left::Unknown));
                hold::work(engine, Claimed { saga, fence }, unknown).await;
            }
            return;
        }
        driver::committed(&engine, &state, records);
        let _ = stored.send(Ok(state.clone()));
        match ownership {
            Ownership::Keep => {
                let held = Arc::clone(&engine);
                let work = async move {
                    let seat = match seat {
                        Some(seat) => seat,
                        None => engine.residents.seat(saga).await,
                    };
                    let driver = Driver::opened(engine, state, fence, seat, permit);
                    driver.run().await
                };
                hold::work(held, Claimed { saga, fence }, work).await;
            }
            Ownership::Release => {
                drop(seat);
                if let Some(due_at) = due_at {
                    engine.alarm.set(due_at);
                }
            }
        }
    }
}
