//! Circuit breakers: an action that keeps failing is left alone for a while, and its steps go to
//! their fallbacks at once.
//!
//! A breaker belongs to an action of a component. It is closed until so many calls in a row failed
//! as the step's policy says; open until the reset timeout is over; then half open: one step may
//! try, and what comes of that closes or opens it. What a component answers in order is no reason to
//! leave it alone: permanent failures do not count.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wasaga_core::definition::BreakerPolicy;
use wasaga_core::{
    Certainty, Event, Failure, FailureKind, Name, Record, SagaId, State, StepPath, Timestamp,
};
use wasaga_journal::{BreakerRow, Journal, JournalError};

/// Most breakers that are kept. Beyond them, an action that fails is called all the same.
const MAX_BREAKERS: usize = 10_000;

/// How long to wait when the store does not take a breaker.
const STORE_BACKOFF: Duration = Duration::from_secs(1);

/// How long a trial may take before another step may try.
const TRIAL: Duration = Duration::from_secs(60);

type Key = (Name, Name);

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open,
    /// One call may try.
    HalfOpen,
}

/// A breaker as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerView {
    /// The component.
    pub component: Name,
    /// Its action.
    pub action: Name,
    /// How it stands.
    pub state: BreakerState,
    /// Failures in a row that count.
    pub failures: u32,
    /// Since when it is open.
    pub opened_at: Option<Timestamp>,
    /// When one call may try.
    pub reset_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Breaker {
    failures: u32,
    open: Option<Open>,
    updated_at: Timestamp,
}

#[derive(Clone, Debug)]
struct Open {
    since: Timestamp,
    until: Timestamp,
    /// Who tries, and how long the others wait for it.
    trial: Option<(SagaId, StepPath, Timestamp)>,
}

impl Breaker {
    const fn closed(now: Timestamp) -> Self {
        Self {
            failures: 0,
            open: None,
            updated_at: now,
        }
    }

    fn state(&self, now: Timestamp) -> BreakerState {
        match &self.open {
            None => BreakerState::Closed,
            Some(open) if open.until > now => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    fn admits(&mut self, saga: SagaId, step: &StepPath, now: Timestamp) -> bool {
        let Some(open) = &mut self.open else {
            return true;
        };
        if open.until > now {
            return false;
        }
        let taken = open
            .trial
            .as_ref()
            .is_some_and(|(other, at, until)| *until > now && (*other != saga || at != step));
        if !taken {
            open.trial = Some((saga, step.clone(), now.after(TRIAL)));
        }
        !taken
    }

    fn succeeded(&mut self) {
        self.failures = 0;
        self.open = None;
    }

    fn failed(&mut self, policy: BreakerPolicy, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        // One that was called before it opened says nothing new.
        let is_open = self.state(now) == BreakerState::Open;
        if self.failures >= policy.failure_threshold && !is_open {
            self.open = Some(Open {
                since: now,
                until: now.after(policy.reset_timeout),
                trial: None,
            });
        }
    }

    /// A call failed in a way that does not count: whoever comes next may try.
    fn released(&mut self) {
        if let Some(open) = &mut self.open {
            open.trial = None;
        }
    }
}

/// The breakers of a coordinator.
pub struct Breakers {
    journal: Arc<dyn Journal>,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    breakers: HashMap<Key, Breaker>,
    /// What the store has not got yet.
    unsaved: BTreeSet<Key>,
}

impl Breakers {
    pub(crate) async fn open(journal: Arc<dyn Journal>) -> Result<Self, JournalError> {
        let rows = journal.breakers().await?;
        let breakers = rows.into_iter().map(|row| {
            let open = row.opened_at.zip(row.reset_at).map(|(since, until)| Open {
                since,
                until,
                trial: None,
            });
            let breaker = Breaker {
                failures: row.failures,
                open,
                updated_at: row.updated_at,
            };
            ((row.component, row.action), breaker)
        });
        let inner = Inner {
            breakers: breakers.collect(),
            unsaved: BTreeSet::new(),
        };
        Ok(Self {
            journal,
            inner: Mutex::new(inner),
            changed: Notify::new(),
        })
    }

    /// Breakers that count failures, by component and action. One that is not there is closed.
    #[must_use]
    pub fn list(&self) -> Vec<BreakerView> {
        let now = crate::clock::now();
        let inner = self.lock();
        let views = inner.breakers.iter().map(|((component, action), breaker)| {
            let open = breaker.open.as_ref();
            BreakerView {
                component: component.clone(),
                action: action.clone(),
                state: breaker.state(now),
                failures: breaker.failures,
                opened_at: open.map(|open| open.since),
                reset_at: open.map(|open| open.until),
            }
        });
        let mut views: Vec<_> = views.collect();
        views.sort_by(|a, b| (&a.component, &a.action).cmp(&(&b.component, &b.action)));
        views
    }

    /// Closes a breaker. Says whether there was one.
    pub fn reset(&self, component: &Name, action: &Name) -> bool {
        self.close(&(component.clone(), action.clone()))
    }

    /// Whether a step's call is let through.
    pub(crate) fn admits(
        &self,
        component: &Name,
        action: &Name,
        saga: SagaId,
        step: &StepPath,
        now: Timestamp,
    ) -> bool {
        let mut inner = self.lock();
        // Few actions fail, and only those that do have a breaker.
        match inner.breakers.get_mut(&(component.clone(), action.clone())) {
            Some(breaker) => breaker.admits(saga, step, now),
            None => true,
        }
    }

    /// Learns from what was committed of a saga.
    pub(crate) fn committed(&self, state: &State, records: &[Record]) {
        for record in records {
            let (step, failure) = match &record.event {
                Event::ActCompleted { step, .. } | Event::ActPending { step, .. } => (step, None),
                Event::ActFailed {
                    step,
                    failure,
                    certainty,
                    ..
                } => (step, Some((failure, *certainty))),
                _ => continue,
            };
            if step.is_fallback() {
                continue;
            }
            let Some(definition) = state.definition.step_at(step) else {
                continue;
            };
            let fallback = definition.fallback.as_ref();
            let Some(policy) = fallback.and_then(|fallback| fallback.breaker) else {
                continue;
            };
            let work = &definition.work;
            let key = (work.component.clone(), work.action.clone());
            match failure {
                None => {
                    self.close(&key);
                }
                Some((failure, certainty)) => {
                    self.failed(key, policy, counts(failure, certainty), record.at);
                }
            }
        }
    }

    fn close(&self, key: &Key) -> bool {
        let mut inner = self.lock();
        let Some(breaker) = inner.breakers.get_mut(key) else {
            return false;
        };
        breaker.succeeded();
        inner.breakers.remove(key);
        inner.unsaved.insert(key.clone());
        self.changed.notify_one();
        true
    }

    fn failed(&self, key: Key, policy: BreakerPolicy, counts: Counts, now: Timestamp) {
        let mut inner = self.lock();
        if counts == Counts::No {
            if let Some(breaker) = inner.breakers.get_mut(&key) {
                breaker.released();
            }
            return;
        }
        if inner.breakers.len() >= MAX_BREAKERS && !inner.breakers.contains_key(&key) {
            tracing::warn!(component = %key.0, action = %key.1, "too many circuit breakers: this one stays closed");
            return;
        }
        let breaker = inner
            .breakers
            .entry(key.clone())
            .or_insert_with(|| Breaker::closed(now));
        breaker.failed(policy, now);
        breaker.updated_at = now;
        inner.unsaved.insert(key);
        self.changed.notify_one();
    }

    /// Brings changes to the store until the engine stops. A change that is on its way then still
    /// gets there; what changes later is for [`save`](Self::save).
    pub(crate) async fn save_until(&self, stopping: &CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = self.changed.notified() => {}
            }
            while let Err(error) = self.save().await {
                tracing::warn!(%error, "circuit breakers could not be stored");
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(STORE_BACKOFF) => {}
                }
            }
        }
    }

    /// Brings to the store what changed.
    pub(crate) async fn save(&self) -> Result<(), JournalError> {
        loop {
            let Some((key, row)) = self.next_unsaved() else {
                return Ok(());
            };
            let saved = match &row {
                Some(row) => self.journal.put_breaker(row).await,
                None => self.journal.remove_breaker(&key.0, &key.1).await,
            };
            if let Err(error) = saved {
                self.lock().unsaved.insert(key);
                return Err(error);
            }
        }
    }

    fn next_unsaved(&self) -> Option<(Key, Option<BreakerRow>)> {
        let mut inner = self.lock();
        let key = inner.unsaved.pop_first()?;
        let row = inner.breakers.get(&key).map(|breaker| {
            let open = breaker.open.as_ref();
            BreakerRow {
                component: key.0.clone(),
                action: key.1.clone(),
                failures: breaker.failures,
                opened_at: open.map(|open| open.since),
                reset_at: open.map(|open| open.until),
                updated_at: breaker.updated_at,
            }
        });
        Some((key, row))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The maps are whole after every statement made under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure says something about the action's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Yes,
    No,
}

fn counts(failure: &Failure, certainty: Certainty) -> Counts {
    match (failure.kind, certainty) {
        (FailureKind::Permanent, Certainty::Definite) => Counts::No,
        (FailureKind::Retryable, _) | (_, Certainty::Uncertain) => Counts::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy = BreakerPolicy {
        failure_threshold: 2,
        reset_timeout: Duration::from_secs(60),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    fn saga(number: u8) -> SagaId {
        SagaId::from_parts(1, &[number; 10])
    }

    fn step() -> StepPath {
        StepPath::root(&Name::new("pay").expect("a name"))
    }

    #[test]
    fn it_opens_at_the_threshold_and_lets_one_try_when_its_time_is_over() {
        let mut breaker = Breaker::closed(at(0));
        breaker.failed(POLICY, at(0));
        assert!(breaker.admits(saga(1), &step(), at(1)));
        breaker.failed(POLICY, at(1));
        assert_eq!(breaker.state(at(2)), BreakerState::Open);
        assert!(!breaker.admits(saga(1), &step(), at(60)));
        assert_eq!(breaker.state(at(61)), BreakerState::HalfOpen);
        assert!(breaker.admits(saga(1), &step(), at(61)));
        assert!(!breaker.admits(saga(2), &step(), at(61)), "one tries");
        assert!(
            breaker.admits(saga(1), &step(), at(62)),
            "the same one asks again"
        );
        breaker.failed(POLICY, at(62));
        assert_eq!(breaker.state(at(100)), BreakerState::Open);
        assert!(breaker.admits(saga(2), &step(), at(122)));
        breaker.succeeded();
        assert_eq!(breaker.state(at(123)), BreakerState::Closed);
        assert!(breaker.admits(saga(3), &step(), at(123)));
    }

    #[test]
    fn a_trial_that_nobody_hears_of_again_gives_way_to_the_next() {
        let mut breaker = Breaker::closed(at(0));
        breaker.failed(POLICY, at(0));
        breaker.failed(POLICY, at(0));
        assert!(breaker.admits(saga(1), &step(), at(60)));
        assert!(!breaker.admits(saga(2), &step(), at(119)));
        assert!(breaker.admits(saga(2), &step(), at(121)));
        breaker.released();
        assert!(breaker.admits(saga(3), &step(), at(122)));
    }

    #[test]
    fn failures_that_the_component_means_do_not_count() {
        let retryable = Failure::retryable("busy", "later");
        let permanent = Failure::permanent("declined", "no");
        assert_eq!(counts(&retryable, Certainty::Definite), Counts::Yes);
        assert_eq!(counts(&permanent, Certainty::Uncertain), Counts::Yes);
        assert_eq!(counts(&permanent, Certainty::Definite), Counts::No);
    }
}
