//! Brings sagas that are due into memory.
//!
//! A saga that waits, one that found no room, and one whose engine went away all look the same:
//! they stand on disk with nobody's name on them and a time at which somebody has to look. So
//! timers, the queue and recovery are one loop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use wasaga_core::Timestamp;
use wasaga_journal::{Claimed, JournalError};

use crate::clock;
use crate::driver::Driver;
use crate::engine::Engine;
use crate::hold;
use crate::residents::Permit;

/// Most sagas claimed at a time.
const MAX_CLAIM: usize = 64;

/// How long the claimer sleeps at the longest: other engines' sagas may fall due unseen.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// When the claimer has to wake up.
pub(crate) struct Alarm {
    next: Mutex<Option<Timestamp>>,
    earlier: Notify,
}

impl Default for Alarm {
    /// Rings at once: there may be sagas that an earlier process left.
    fn default() -> Self {
        Self {
            next: Mutex::new(Some(Timestamp::from_unix_ms(0))),
            earlier: Notify::new(),
        }
    }
}

impl Alarm {
    /// Says that a saga becomes due.
    pub(crate) fn set(&self, at: Timestamp) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            self.earlier.notify_one();
        }
    }

    fn take_due(&self, now: Timestamp) -> Result<(), Duration> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match *next {
            Some(at) if at <= now => {
                *next = None;
                Ok(())
            }
            Some(at) => Err(at.since(now).min(LONGEST_SLEEP)),
            None => Err(LONGEST_SLEEP),
        }
    }
}

/// Claims what is due until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let stopping = engine.stopping.clone();
    tokio::select! {
        () = stopping.cancelled() => {}
        () = claim_forever(&engine) => {}
    }
}

async fn claim_forever(engine: &Arc<Engine>) {
    loop {
        while let Err(wait) = engine.alarm.take_due(clock::now()) {
            let slept = tokio::time::timeout(wait, engine.alarm.earlier.notified())
                .await
                .is_err();
            if slept && wait == LONGEST_SLEEP {
                break;
            }
        }
        if let Err(error) = claim_due(engine).await {
            tracing::error!(%error, "sagas that are due could not be claimed");
            tokio::time::sleep(Duration::from_secs(1)).await;
            engine.alarm.set(clock::now());
        }
    }
}

/// Claims until nothing is due, and sets the alarm for the next that will be.
async fn claim_due(engine: &Arc<Engine>) -> Result<(), JournalError> {
    loop {
        let Some(permit) = engine.residents.room().await else {
            return Ok(());
        };
        let mut permits = vec![permit];
        while permits.len() < MAX_CLAIM
            && let Some(permit) = engine.residents.try_room()
        {
            permits.push(permit);
        }
        let limit = u32::try_from(permits.len()).unwrap_or(1);
        let claimed = engine
            .journal
            .claim(engine.owner, clock::now(), limit)
            .await?;
        let found = claimed.len();
        for (claimed, permit) in claimed.into_iter().zip(permits) {
            admit(engine, claimed, permit);
        }
        if found < limit as usize {
            break;
        }
    }
    if let Some(next) = engine.journal.next_due().await? {
        engine.alarm.set(next);
    }
    Ok(())
}

/// Drives a saga that this engine has claimed, as if its calls had just been cut off.
fn admit(engine: &Arc<Engine>, claimed: Claimed, permit: Permit) {
    let work = {
        let engine = Arc::clone(engine);
        async move {
            let driver = Driver::claimed(engine, claimed, Some(permit)).await?;
            driver.recover().await
        }
    };
    hold::spawn(engine, claimed, work);
}
