//! What an operator can count.

mod versions;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use wasaga_core::{Certainty, Direction, Ended, Event, Pin, Record, Report, Status};
use wasaga_host::HostStats;

use self::versions::Versions;
use crate::breakers::{BreakerState, BreakerView};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BreakerLabels {
    component: String,
    action: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    direction: &'static str,
    outcome: &'static str,
}

/// The coordinator's metrics.
pub(crate) struct Metrics {
    started: Counter,
    settled: Family<StatusLabel, Counter>,
    calls: Family<CallLabels, Counter>,
    versions: Versions,
    call_seconds: Histogram,
    fuel: Counter,
    commits: Counter,
    commit_failures: Counter,
    commit_size: Histogram,
    commit_seconds: Histogram,
    sagas: Family<StatusLabel, Gauge>,
    resident: Gauge,
    calls_running: Gauge,
    calls_waiting: Gauge,
    components_loaded: Gauge,
    breakers: Family<BreakerLabels, Gauge>,
    sagas_deleted: Counter,
    busy_seconds: Counter<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            started: Counter::default(),
            settled: Family::default(),
            calls: Family::default(),
            versions: Versions::default(),
            call_seconds: Histogram::new(exponential_buckets(0.000_05, 4.0, 10)),
            fuel: Counter::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
            commit_size: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_1, 4.0, 8)),
            sagas: Family::default(),
            resident: Gauge::default(),
            calls_running: Gauge::default(),
            calls_waiting: Gauge::default(),
            components_loaded: Gauge::default(),
            breakers: Family::default(),
            sagas_deleted: Counter::default(),
            busy_seconds: Counter::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let seconds = Unit::Seconds;
        registry.register(
            "wasaga_sagas_started",
            "Sagas started",
            self.started.clone(),
        );
        registry.register(
            "wasaga_sagas_settled",
            "Sagas settled, by status",
            self.settled.clone(),
        );
        registry.register("wasaga_calls", "Calls of components", self.calls.clone());
        registry.register_with_unit(
            "wasaga_call_duration",
            "Wall time of calls of components",
            seconds.clone(),
            self.call_seconds.clone(),
        );
        registry.register_with_unit(
            "wasaga_call_busy",
            "Wall time of all calls together",
            seconds.clone(),
            self.busy_seconds.clone(),
        );
        registry.register("wasaga_fuel", "Fuel used by components", self.fuel.clone());
        self.versions.register(registry);
        registry.register(
            "wasaga_commits",
            "Transactions of the journal",
            self.commits.clone(),
        );
        registry.register(
            "wasaga_commit_failures",
            "Transactions of the journal that failed",
            self.commit_failures.clone(),
        );
        registry.register(
            "wasaga_commit_appends",
            "Appends in a transaction",
            self.commit_size.clone(),
        );
        registry.register_with_unit(
            "wasaga_commit_duration",
            "Wall time of transactions",
            seconds,
            self.commit_seconds.clone(),
        );
        registry.register(
            "wasaga_sagas",
            "Sagas in the store, by status",
            self.sagas.clone(),
        );
        registry.register(
            "wasaga_sagas_resident",
            "Sagas in memory",
            self.resident.clone(),
        );
        registry.register(
            "wasaga_calls_running",
            "Calls that run",
            self.calls_running.clone(),
        );
        registry.register(
            "wasaga_calls_waiting",
            "Calls that wait for room",
            self.calls_waiting.clone(),
        );
        registry.register(
            "wasaga_components_loaded",
            "Component versions ready to run",
            self.components_loaded.clone(),
        );
        registry.register(
            "wasaga_circuit_breaker",
            "Circuit breakers that count failures: 0 closed, 1 half open, 2 open",
            self.breakers.clone(),
        );
        registry.register(
            "wasaga_sagas_deleted",
            "Finished sagas whose time was over",
            self.sagas_deleted.clone(),
        );
    }

    pub(crate) fn deleted(&self, sagas: u64) {
        self.sagas_deleted.inc_by(sagas);
    }

    pub(crate) fn committed(&self, appends: usize, took: Duration, ok: bool) {
        if ok {
            self.commits.inc();
            self.commit_size.observe(appends as f64);
            self.commit_seconds.observe(took.as_secs_f64());
        } else {
            self.commit_failures.inc();
        }
    }

    pub(crate) fn recorded(&self, records: &[Record]) {
        for record in records {
            let status = match record.event {
                Event::SagaStarted { .. } => {
                    self.started.inc();
                    continue;
                }
                Event::SagaCompleted => Status::Completed,
                Event::SagaCompensated => Status::Compensated,
                Event::SagaStuck => Status::Stuck,
                Event::SagaAbandoned { .. } => Status::Abandoned,
                _ => continue,
            };
            self.settled
                .get_or_create(&StatusLabel {
                    status: status.as_str(),
                })
                .inc();
        }
    }

    pub(crate) fn called(&self, direction: Direction, pin: &Pin, report: &Report) {
        let outcome = match &report.ended {
            Ended::Completed(_) => "completed",
            Ended::Pending(_) => "pending",
            Ended::Failed {
                certainty: Certainty::Definite,
                ..
            } => "failed",
            Ended::Failed {
                certainty: Certainty::Uncertain,
                ..
            } => "cut_off",
        };
        let labels = CallLabels {
            direction: direction.as_str(),
            outcome,
        };
        self.calls.get_or_create(&labels).inc();
        self.versions
            .called(pin, direction, outcome, report.metering.fuel);
        let seconds = report.metering.duration_ms / 1e3;
        self.call_seconds.observe(seconds);
        self.busy_seconds.inc_by(seconds);
        self.fuel.inc_by(report.metering.fuel);
    }

    pub(crate) fn refresh(
        &self,
        by_status: &[(Status, u64)],
        resident: usize,
        host: &HostStats,
        breakers: &[BreakerView],
    ) {
        // One that is closed again is not there any more.
        self.breakers.clear();
        for breaker in breakers {
            let labels = BreakerLabels {
                component: breaker.component.to_string(),
                action: breaker.action.to_string(),
            };
            self.breakers
                .get_or_create(&labels)
                .set(match breaker.state {
                    BreakerState::Closed => 0,
                    BreakerState::HalfOpen => 1,
                    BreakerState::Open => 2,
                });
        }
        for status in Status::ALL {
            let count = by_status
                .iter()
                .find(|(other, _)| *other == status)
                .map_or(0, |(_, n)| *n);
            let labels = StatusLabel {
                status: status.as_str(),
            };
            self.sagas
                .get_or_create(&labels)
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let gauge = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        gauge(&self.resident, resident as u64);
        gauge(&self.calls_running, host.calls_running);
        gauge(&self.calls_waiting, host.calls_waiting);
        gauge(&self.components_loaded, host.components_loaded);
    }
}
