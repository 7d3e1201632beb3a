//! The loop around one saga in memory: run what its state asks for, take in what happens, commit
//! what follows, and only then let anything depend on it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::oneshot;
use wasaga_core::{
    Call, Direction, Effect, Env, Input, LogLine, Record, SagaId, Starts, State, StepPath,
    StepState, Timestamp, TransitionError, Turn, effects, transition,
};
use wasaga_host::Called;
use wasaga_journal::{Append, Claimed, Fence, Head, Ownership};

use crate::clock;
use crate::commit::CommitError;
use crate::engine::Engine;
use crate::error::{CommandError, ReadError};
use crate::residents::{Answer, Command, Permit, Seat};

/// Waits between attempts to commit while the store fails.
const COMMIT_BACKOFF: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// A saga in memory.
pub(crate) struct Driver {
    pub(crate) engine: Arc<Engine>,
    pub(crate) state: State,
    pub(crate) fence: Fence,
    pub(crate) seat: Seat,
    /// Held while the saga is in memory. A saga that was called for by a command has none: an
    /// operator does not queue.
    pub(crate) _permit: Option<Permit>,
    /// Whether the last commit let go of the saga.
    pub(crate) ownership: Ownership,
}

/// A call that runs: its direction, step and attempt.
type CallKey = (Direction, StepPath, u32);

/// Why a driver lets go of its saga before it rests.
enum Left {
    /// Somebody else owns it.
    Fenced,
    /// The engine ends.
    Ended,
}

impl Driver {
    /// Brings a saga that this engine has claimed into memory. `None` when there is none.
    pub(crate) async fn claimed(
        engine: &Arc<Engine>,
        claimed: Claimed,
        permit: Option<Permit>,
    ) -> Result<Option<Self>, ReadError> {
        let seat = engine.residents.seat(claimed.saga).await;
        let state = load(engine, claimed.saga).await?;
        Ok(state.map(|state| Self {
            engine: Arc::clone(engine),
            state,
            fence: claimed.fence,
            seat,
            _permit: permit,
            ownership: Ownership::Keep,
        }))
    }

    /// Goes on where the last owner was cut off.
    pub(crate) async fn recover(mut self) {
        match transition(&self.state, Input::Recover, &self.engine.env(clock::now())) {
            Ok(turn) => {
                if self.commit(turn, Vec::new(), true).await.is_ok() {
                    self.run().await;
                }
            }
            Err(error) => {
                tracing::error!(saga = %self.state.id, %error, "a saga cannot be recovered")
            }
        }
    }

    /// Takes a command for a saga that was brought in for it.
    pub(crate) async fn obey(mut self, command: Command) {
        // Whatever ran is marked as cut off first, but nothing is started before the command.
        let held = Env {
            starts: Starts::Held,
            ..self.engine.env(clock::now())
        };
        match transition(&self.state, Input::Recover, &held) {
            Ok(turn) => {
                if self.commit(turn, Vec::new(), true).await.is_err() {
                    return;
                }
            }
            Err(error) => return self.refuse(Some(command.answer), error),
        }
        self.ownership = Ownership::Keep;
        match transition(&self.state, command.input, &self.engine.env(clock::now())) {
            Ok(turn) => {
                if self.commit(turn, Vec::new(), true).await.is_ok() {
                    answer(Some(command.answer), || {
                        Answer::Done(Box::new(self.state.clone()))
                    });
                    self.run().await;
                }
            }
            Err(error) => {
                self.refuse(Some(command.answer), error);
                self.release().await;
            }
        }
    }

    /// Drives the saga until it rests: it is settled, or waits for something on disk.
    pub(crate) async fn run(mut self) {
        let aborting = self.engine.aborting.clone();
        let left = tokio::select! {
            left = self.drive() => left,
            () = aborting.cancelled() => Err(Left::Ended),
        };
        if let Err(Left::Fenced) = left {
            tracing::warn!(saga = %self.state.id, "another engine took the saga over");
        }
    }

    async fn drive(&mut self) -> Result<(), Left> {
        let engine = Arc::clone(&self.engine);
        let mut calls = FuturesUnordered::new();
        let mut running: HashSet<CallKey> = HashSet::new();
        loop {
            let mut wake_at = None;
            // Nothing is started for a saga that this engine has let go of.
            if self.ownership == Ownership::Keep {
                for effect in effects(&self.state) {
                    match effect {
                        Effect::Call(call) => {
                            if running.insert((call.direction, call.step.clone(), call.attempt)) {
                                calls.push(run_call(&engine, call));
                            }
                        }
                        Effect::WakeAt(at) => wake_at = Some(at),
                    }
                }
            } else if calls.is_empty() {
                return Ok(());
            }
            let mut command = None;
            let mut logs = Vec::new();
            let input = tokio::select! {
                Some((key, called)) = calls.next(), if !calls.is_empty() => {
                    running.remove(&key);
                    engine.metrics.called(key.0, &called.report);
                    logs = called.logs;
                    returned(key, called.report)
                }
                Some(Command { input, answer }) = self.seat.command() => {
                    command = Some(answer);
                    input
                }
                () = sleep_until(wake_at) => Input::Tick,
            };
            match transition(&self.state, input, &engine.env(clock::now())) {
                Ok(turn) => {
                    self.commit(turn, logs, calls.is_empty()).await?;
                    answer(command, || Answer::Done(Box::new(self.state.clone())));
                }
                Err(error) => self.refuse(command, error),
            }
        }
    }

    /// Makes a turn durable, and then true. Tries until the store answers: a call's report exists
    /// nowhere else.
    async fn commit(&mut self, turn: Turn, logs: Vec<LogLine>, idle: bool) -> Result<(), Left> {
        if turn.records.is_empty() && logs.is_empty() {
            return Ok(());
        }
        let append = append(
            self.fence,
            self.state.seq,
            &turn.state,
            turn.records,
            logs,
            idle,
        );
        let ownership = append.head.ownership;
        let due_at = append.head.due_at;
        let mut waits = COMMIT_BACKOFF.into_iter();
        let mut wait = COMMIT_BACKOFF[0];
        loop {
            match self.engine.commits.commit(append.clone()).await {
                Ok(()) => break,
                Err(CommitError::Refused(refusal)) => {
                    tracing::error!(saga = %self.state.id, %refusal, "an append was refused");
                    return Err(Left::Fenced);
                }
                Err(CommitError::Closed) => return Err(Left::Ended),
                Err(CommitError::Failed(_)) => {
                    wait = waits.next().unwrap_or(wait);
                    tokio::time::sleep(wait).await;
                }
            }
        }
        self.ownership = ownership;
        self.state = turn.state;
        committed(&self.engine, &self.state, append.records);
        if ownership == Ownership::Release
            && let Some(due_at) = due_at
        {
            self.engine.alarm.set(due_at);
        }
        Ok(())
    }

    /// Lets go of a saga that rests.
    async fn release(&mut self) {
        let append = append(
            self.fence,
            self.state.seq,
            &self.state,
            Vec::new(),
            Vec::new(),
            true,
        );
        let due_at = append.head.due_at;
        if self.engine.commits.commit(append).await.is_ok()
            && let Some(due_at) = due_at
        {
            self.engine.alarm.set(due_at);
        }
    }

    fn refuse(&self, command: Option<oneshot::Sender<Answer>>, error: TransitionError) {
        if command.is_none() {
            // A call or a timer that the state machine did not expect is an error of the engine.
            tracing::error!(saga = %self.state.id, %error, "an input was refused");
        }
        answer(command, || Answer::Refused(CommandError::Transition(error)));
    }
}

/// The append that makes a turn durable. `idle` says that no call runs besides those that the turn
/// itself asks for.
pub(crate) fn append(
    fence: Fence,
    expected: u64,
    state: &State,
    records: Vec<Record>,
    logs: Vec<LogLine>,
    idle: bool,
) -> Append {
    let status = state.status();
    let calls = !idle || state.steps.iter().any(StepState::is_running);
    let (ownership, due_at) = if status.is_settled() {
        (Ownership::Release, None)
    } else if calls {
        // Due at once for whoever finds it without an owner.
        (Ownership::Keep, Some(state.updated_at))
    } else {
        // Between two calls with nothing to wait for: whoever has room goes on.
        (Ownership::Release, Some(next_look(state)))
    };
    Append {
        saga: state.id,
        expected,
        fence,
        records: records.into(),
        logs,
        head: Head {
            definition: state.definition.name.clone(),
            version: state.version,
            status,
            tags: if expected == 0 {
                BTreeMap::clone(&state.tags)
            } else {
                BTreeMap::new()
            },
            created_at: state.created_at,
            updated_at: state.updated_at,
            due_at,
            ownership,
        },
    }
}

/// When a saga that rests has to be looked at: its timer if it waits for one, else now.
fn next_look(state: &State) -> Timestamp {
    let backoff = state
        .steps
        .iter()
        .filter_map(StepState::backoff_until)
        .min();
    match (backoff, state.wake_at()) {
        (Some(_), Some(at)) => at,
        _ => state.updated_at,
    }
}

/// Tells everybody what became true.
pub(crate) fn committed(engine: &Engine, state: &State, records: Arc<[Record]>) {
    engine.metrics.recorded(&records);
    engine.hub.committed(state, records);
}

async fn run_call(engine: &Engine, call: Box<Call>) -> (CallKey, Called) {
    let policy = engine.components.policy(&call.pin.component);
    let called = engine.host.call(&call, &policy).await;
    ((call.direction, call.step, call.attempt), called)
}

fn returned((direction, step, attempt): CallKey, report: wasaga_core::Report) -> Input {
    match direction {
        Direction::Act => Input::ActReturned {
            step,
            attempt,
            report,
        },
        Direction::Compensate => Input::CompensationReturned {
            step,
            attempt,
            report,
        },
    }
}

fn answer(command: Option<oneshot::Sender<Answer>>, answer: impl FnOnce() -> Answer) {
    if let Some(command) = command {
        // Whoever asked may have gone.
        let _ = command.send(answer());
    }
}

async fn sleep_until(wake_at: Option<Timestamp>) {
    match wake_at {
        Some(at) => tokio::time::sleep(at.since(clock::now())).await,
        None => std::future::pending().await,
    }
}

/// Reads a saga's whole journal and folds it.
pub(crate) async fn load(engine: &Engine, saga: SagaId) -> Result<Option<State>, ReadError> {
    const PAGE: u32 = 1_000;
    let mut records = engine.journal.records(saga, 0, PAGE).await?;
    let Some(Record {
        event:
            wasaga_core::Event::SagaStarted {
                definition,
                version,
                ..
            },
        ..
    }) = records.first()
    else {
        return Ok(None);
    };
    let definition = engine.definitions.parsed(definition, *version).await?;
    let mut state = State::fold(saga, definition, &records)?;
    while records.len() == PAGE as usize {
        records = engine.journal.records(saga, state.seq, PAGE).await?;
        for record in &records {
            state.apply(record)?;
        }
    }
    Ok(Some(state))
}
