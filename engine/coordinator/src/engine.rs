//! The coordinator: what all its parts share, how it opens and how it ends.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use wasaga_core::{Active, Env, Name, Pin, SagaId, Starts, StepPath, Timestamp, World};
use wasaga_host::Host;
use wasaga_journal::{Journal, JournalError, OwnerId};

use crate::breakers::Breakers;
use crate::catalog::{Components, Definitions};
use crate::claimer::{self, Alarm};
use crate::clock;
use crate::commit::Commits;
use crate::config::Config;
use crate::error::OpenError;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::residents::Residents;
use crate::retention;
use crate::sagas::Sagas;
use crate::unloading;

/// How long a shutdown waits at the most until the sagas whose calls were cut off are given back.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// What the parts of a coordinator share.
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) host: Host,
    /// Who this process is to the journal.
    pub(crate) owner: OwnerId,
    pub(crate) components: Arc<Components>,
    pub(crate) definitions: Definitions,
    pub(crate) commits: Commits,
    pub(crate) residents: Arc<Residents>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) alarm: Alarm,
    pub(crate) breakers: Breakers,
    /// Held by the one saga whose calls run alone because they may bring the engine down.
    pub(crate) alone: Arc<Semaphore>,
    pub(crate) metrics: Arc<Metrics>,
    /// Says that nothing new is to be started.
    pub(crate) stopping: CancellationToken,
    /// Says that calls which still run are to be cut off, and their sagas given back.
    pub(crate) aborting: CancellationToken,
    /// Says that nobody waits any more for sagas to be given back.
    pub(crate) leaving: CancellationToken,
    /// The drivers of the sagas in memory.
    pub(crate) drivers: TaskTracker,
}

impl Engine {
    /// What a transition at `now` sees of the outside.
    pub(crate) fn env(&self, now: Timestamp) -> Env<'_> {
        let starts = if self.stopping.is_cancelled() {
            Starts::Held
        } else {
            Starts::Allowed
        };
        Env {
            now,
            world: self,
            starts,
            bounds: self.config.bounds,
        }
    }
}

impl World for Engine {
    fn active(&self, component: &Name, saga: SagaId) -> Option<Active> {
        self.components.active(component, saga)
    }

    fn confirms(&self, pin: &Pin) -> bool {
        self.components.confirms(pin)
    }

    fn admits(
        &self,
        component: &Name,
        action: &Name,
        saga: SagaId,
        step: &StepPath,
        now: Timestamp,
    ) -> bool {
        self.breakers.admits(component, action, saga, step, now)
    }
}

/// Drives all sagas of one process. Cheap to clone: clones are the same coordinator.
#[derive(Clone)]
pub struct Coordinator {
    sagas: Sagas,
    engine: Arc<Engine>,
    background: Arc<Background>,
}

struct Background {
    writer: std::sync::Mutex<Option<JoinHandle<()>>>,
    /// Says that the writer is to commit what waits, and end.
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Coordinator {
    /// Opens a coordinator on a store. Sagas that an earlier process left go on at once.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open(
        journal: Arc<dyn Journal>,
        host: Host,
        config: Config,
    ) -> Result<Self, OpenError> {
        let owner = OwnerId(Uuid::now_v7());
        journal
            .register(owner, clock::now().after(config.lease))
            .await?;
        let components = Arc::new(Components::open(Arc::clone(&journal), host.clone()).await?);
        let definitions = Definitions::new(
            Arc::clone(&journal),
            Arc::clone(&components),
            config.max_parsed_definitions,
        );
        let metrics = Arc::new(Metrics::default());
        let closing = CancellationToken::new();
        let (commits, writer) = Commits::spawn(
            Arc::clone(&journal),
            config.max_commit,
            Arc::clone(&metrics),
            closing.clone(),
        );
        let breakers = Breakers::open(Arc::clone(&journal)).await?;
        let engine = Arc::new(Engine {
            breakers,
            alone: Arc::new(Semaphore::new(1)),
            residents: Residents::new(config.max_resident),
            config,
            journal,
            host,
            owner,
            components,
            definitions,
            commits,
            hub: Arc::default(),
            alarm: Alarm::default(),
            metrics,
            stopping: CancellationToken::new(),
            aborting: CancellationToken::new(),
            leaving: CancellationToken::new(),
            drivers: TaskTracker::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(claimer::run(Arc::clone(&engine)));
        tasks.spawn(keep_lease(Arc::clone(&engine)));
        tasks.spawn(retention::run(Arc::clone(&engine)));
        tasks.spawn(save_breakers(Arc::clone(&engine)));
        tasks.spawn(unloading::run(Arc::clone(&engine)));
        tasks.close();
        let background = Arc::new(Background {
            writer: std::sync::Mutex::new(Some(writer)),
            closing,
            tasks,
        });
        Ok(Self {
            sagas: Sagas::new(Arc::clone(&engine)),
            engine,
            background,
        })
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Components: uploading, activating, granting.
    #[must_use]
    pub fn components(&self) -> &Components {
        &self.engine.components
    }

    /// Definitions: applying and reading.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        &self.engine.definitions
    }

    /// Sagas: starting, reading, steering.
    #[must_use]
    pub const fn sagas(&self) -> &Sagas {
        &self.sagas
    }

    /// Circuit breakers: reading and closing.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.engine.breakers
    }

    /// Whether the store answers and can be written to.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), JournalError> {
        if self.engine.commits.is_closed() {
            return Err(JournalError::Closed);
        }
        self.engine.journal.ping().await
    }

    /// Adds this coordinator's metrics to a registry.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.engine.metrics.register(registry);
    }

    /// Brings the metrics up to date that are read, not counted.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn refresh_metrics(&self) -> Result<(), JournalError> {
        let by_status = self.engine.journal.count_by_status().await?;
        self.engine.metrics.refresh(
            &by_status,
            self.engine.residents.count(),
            &self.engine.host.stats(),
            &self.engine.breakers.list(),
        );
        Ok(())
    }

    /// Ends: starts nothing more, waits for the calls that run, leaves those that take too long to
    /// the next process, and closes the store. Whatever was committed is found again.
    pub async fn shutdown(&self) {
        let engine = &self.engine;
        engine.stopping.cancel();
        engine.drivers.close();
        if tokio::time::timeout(engine.config.shutdown_grace, engine.drivers.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                sagas = engine.residents.count(),
                "leaving calls that still run to recovery"
            );
            engine.aborting.cancel();
            let given_back = tokio::time::timeout(GIVE_BACK, engine.drivers.wait()).await;
            if given_back.is_err() {
                engine.leaving.cancel();
                engine.drivers.wait().await;
            }
        }
        self.background.tasks.wait().await;
        if let Err(error) = engine.breakers.save().await {
            tracing::warn!(%error, "circuit breakers could not be stored");
        }
        let writer = self
            .background
            .writer
            .lock()
            .ok()
            .and_then(|mut writer| writer.take());
        self.background.closing.cancel();
        if let Some(writer) = writer {
            let _ = writer.await;
        }
        engine.journal.close().await;
    }
}

/// Brings changes of circuit breakers to the store.
async fn save_breakers(engine: Arc<Engine>) {
    engine.breakers.save_until(&engine.stopping).await;
}

/// Tells the other engines on the store, again and again, that this one lives.
async fn keep_lease(engine: Arc<Engine>) {
    let period = engine.config.lease / 3;
    loop {
        tokio::select! {
            () = engine.stopping.cancelled() => return,
            () = tokio::time::sleep(period.max(Duration::from_millis(10))) => {}
        }
        let until = clock::now().after(engine.config.lease);
        if let Err(error) = engine.journal.register(engine.owner, until).await {
            tracing::warn!(%error, "the lease could not be extended");
        }
    }
}
