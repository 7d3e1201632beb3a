//! Trying a version on what another one did, before sagas take it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio_util::task::AbortOnDropHandle;
use wasaga_core::comparison::{Aspect, Compared, Comparison, Incomparable, comparable};
use wasaga_core::{Direction, Name, Pin, RecordedCall, SagaId, StepPath};
use wasaga_journal::{JournalError, PageRequest, SagaFilter};

use crate::calls;
use crate::engine::{Coordinator, Engine};
use crate::error::VerifyError;

/// Most sagas of one verification.
pub const MAX_SAGAS: u32 = 1_000;

/// Most calls of one verification.
pub const MAX_CALLS: u32 = 10_000;

/// Calls whose differences are shown.
const MAX_SHOWN: usize = 100;

/// Calls that run beside each other, for each core.
const CALLS_PER_CORE: usize = 2;

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The component.
    pub component: Name,
    /// The version to try.
    pub candidate: u32,
    /// The version whose calls it is tried on; the active one when absent.
    pub against: Option<u32>,
    /// How many sagas, the latest first, up to [`MAX_SAGAS`].
    pub sagas: u32,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The version whose calls were run again.
    pub against: Pin,
    /// The version that they were run on.
    pub candidate: Pin,
    /// Sagas whose calls were looked at.
    pub sagas: u32,
    /// Their calls on that version.
    pub calls: u32,
    /// Whether there were more than [`MAX_CALLS`].
    pub more: bool,
    /// Calls that were run again and compared.
    pub compared: u32,
    /// Those without any difference.
    pub same: u32,
    /// Those that ended in the same way, with the same result.
    pub same_outcome: u32,
    /// Those that changed the context in the same way.
    pub same_patch: u32,
    /// Those that sent the same requests in the same order.
    pub same_requests: u32,
    /// How many could not be compared, by reason.
    pub incomparable: BTreeMap<&'static str, u32>,
    /// Units of fuel of all calls that could be compared together.
    pub fuel: Compared,
    /// The most memory that one of them used, in bytes.
    pub memory_bytes: Compared,
    /// The first calls with differences.
    pub different: Vec<Different>,
    /// How long it took.
    pub took: Duration,
}

/// A call with differences.
#[derive(Clone, Debug)]
pub struct Different {
    /// Whose call it is.
    pub saga: SagaId,
    /// Number of the event that started it.
    pub seq: u64,
    /// Of which step.
    pub step: StepPath,
    /// Which function.
    pub direction: Direction,
    /// Which attempt.
    pub attempt: u32,
    /// What is different.
    pub comparison: Comparison,
}

impl Verification {
    /// Whether nothing is different, and there was something to compare.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.same == self.compared && self.compared > 0
    }

    fn new(against: Pin, candidate: Pin) -> Self {
        Self {
            against,
            candidate,
            sagas: 0,
            calls: 0,
            more: false,
            compared: 0,
            same: 0,
            same_outcome: 0,
            same_patch: 0,
            same_requests: 0,
            incomparable: BTreeMap::new(),
            fuel: Compared::default(),
            memory_bytes: Compared::default(),
            different: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn add(&mut self, saga: SagaId, call: &RecordedCall, came: Result<Comparison, Incomparable>) {
        self.calls += 1;
        let comparison = match came {
            Ok(comparison) => comparison,
            Err(why) => {
                *self.incomparable.entry(word(&why)).or_default() += 1;
                return;
            }
        };
        self.compared += 1;
        self.fuel.recorded += comparison.fuel.recorded;
        self.fuel.candidate += comparison.fuel.candidate;
        let memory = &mut self.memory_bytes;
        memory.recorded = memory.recorded.max(comparison.memory_bytes.recorded);
        memory.candidate = memory.candidate.max(comparison.memory_bytes.candidate);
        self.same += u32::from(comparison.is_clean());
        self.same_outcome += u32::from(comparison.is_same_in(Aspect::Outcome));
        self.same_patch += u32::from(comparison.is_same_in(Aspect::ContextPatch));
        self.same_requests += u32::from(comparison.is_same_in(Aspect::Requests));
        if !comparison.is_clean() && self.different.len() < MAX_SHOWN {
            self.different.push(Different {
                saga,
                seq: call.seq,
                step: call.call.id.step.clone(),
                direction: call.call.id.direction,
                attempt: call.call.id.attempt,
                comparison,
            });
        }
    }
}

impl Coordinator {
    /// Runs the recorded calls of the last sagas of a version on another one, in the sandbox and with
    /// every request answered from the record: nothing leaves the machine, and no saga is touched.
    ///
    /// # Errors
    /// When there is no such version, or a saga cannot be read.
    pub async fn verify(&self, verify: Verify) -> Result<Verification, VerifyError> {
        let engine = self.engine();
        let began = Instant::now();
        let candidate = pin(engine, &verify.component, verify.candidate).await?;
        let against = match verify.against {
            Some(version) => version,
            None => active(engine, &verify.component).await?,
        };
        let against = pin(engine, &verify.component, against).await?;
        // So that a version that cannot be loaded is not taken for one that fails.
        engine.host.load(candidate.digest).await?;
        let mut report = Verification::new(against, candidate);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut recorded = Recorded::new(engine, &report.against, verify.sagas.min(MAX_SAGAS));
        let mut running = futures::stream::FuturesOrdered::new();
        loop {
            while running.len() < cores * CALLS_PER_CORE {
                let Some((saga, call)) = recorded.next().await? else {
                    break;
                };
                if let Err(why) = comparable(&call) {
                    report.add(saga, &call, Err(why));
                    continue;
                }
                let (engine, on) = (Arc::clone(engine), report.candidate.clone());
                // A task of its own: calls compute, and are to use all cores.
                running.push_back(AbortOnDropHandle::new(tokio::spawn(async move {
                    let (_, comparison) = calls::replay(&engine, &call, &on).await;
                    (saga, call, comparison)
                })));
            }
            match running.next().await {
                Some(Ok((saga, call, comparison))) => report.add(saga, &call, comparison),
                Some(Err(error)) => return Err(VerifyError::Broken(error.to_string())),
                None => break,
            }
        }
        report.sagas = recorded.sagas_done;
        report.more = recorded.more;
        report.took = began.elapsed();
        Ok(report)
    }
}

/// A word for why calls cannot be compared, as the comparison spells it.
const fn word(why: &Incomparable) -> &'static str {
    match why {
        Incomparable::Running => "running",
        Incomparable::Interrupted { .. } => "interrupted",
        Incomparable::Abandoned => "abandoned",
        Incomparable::TimedOut => "timed-out",
        Incomparable::Engine { .. } => "engine",
        Incomparable::NotRecorded => "not-recorded",
        Incomparable::ResponseOmitted { .. } => "response-omitted",
    }
}

async fn active(engine: &Engine, component: &Name) -> Result<u32, VerifyError> {
    let row = engine.components.get(component).await?;
    let row = row.ok_or_else(|| VerifyError::NoVersion {
        component: component.clone(),
        version: None,
    })?;
    row.active
        .ok_or_else(|| VerifyError::NoActive(component.clone()))
}

async fn pin(engine: &Engine, component: &Name, version: u32) -> Result<Pin, VerifyError> {
    let found = engine.components.version(component, version).await?;
    let found = found.ok_or_else(|| VerifyError::NoVersion {
        component: component.clone(),
        version: Some(version),
    })?;
    Ok(Pin {
        component: found.name,
        version,
        digest: found.digest,
    })
}

/// The calls of the last sagas of a version, read saga by saga.
struct Recorded<'a> {
    engine: &'a Engine,
    of: Pin,
    ids: VecDeque<SagaId>,
    page: PageRequest,
    /// Whether another page of ids may come.
    pages: bool,
    sagas_left: u32,
    sagas_done: u32,
    calls_left: u32,
    more: bool,
    calls: VecDeque<(SagaId, RecordedCall)>,
}

impl<'a> Recorded<'a> {
    fn new(engine: &'a Engine, of: &Pin, sagas: u32) -> Self {
        Self {
            engine,
            of: of.clone(),
            ids: VecDeque::new(),
            page: PageRequest {
                after: None,
                limit: sagas.clamp(1, MAX_SAGAS),
            },
            pages: sagas > 0,
            sagas_left: sagas,
            sagas_done: 0,
            calls_left: MAX_CALLS,
            more: false,
            calls: VecDeque::new(),
        }
    }

    async fn next(&mut self) -> Result<Option<(SagaId, RecordedCall)>, VerifyError> {
        loop {
            if let Some(next) = self.calls.pop_front() {
                if self.calls_left == 0 {
                    self.more = true;
                    return Ok(None);
                }
                self.calls_left -= 1;
                return Ok(Some(next));
            }
            let Some(saga) = self.next_saga().await? else {
                return Ok(None);
            };
            let Some(calls) = calls::calls(self.engine, saga).await? else {
                continue;
            };
            let of = &self.of;
            let calls = calls.into_iter().filter(|call| call.call.pin == *of);
            self.calls.extend(calls.map(|call| (saga, call)));
            self.sagas_done += 1;
            self.sagas_left -= 1;
        }
    }

    async fn next_saga(&mut self) -> Result<Option<SagaId>, JournalError> {
        while self.ids.is_empty() && self.pages && self.sagas_left > 0 {
            let filter = SagaFilter {
                bound_to: Some((self.of.component.clone(), self.of.version)),
                ..SagaFilter::default()
            };
            let page = self.engine.journal.sagas(filter, self.page.clone()).await?;
            self.ids.extend(page.items.iter().map(|row| row.id));
            self.pages = page.next.is_some();
            self.page.after = page.next;
        }
        Ok(if self.sagas_left == 0 {
            None
        } else {
            self.ids.pop_front()
        })
    }
}
