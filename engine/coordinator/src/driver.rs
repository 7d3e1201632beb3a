//! The loop around one saga in memory: run what its state asks for, take in what happens, commit
//! what follows, and only then let anything depend on it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::oneshot;
use wasaga_core::{
    Call, Direction, Effect, Env, Input, LogLine, Record, Report, Starts, State, StepPath,
    Timestamp, TransitionError, Turn, effects, transition,
};
use wasaga_host::Called;
use wasaga_journal::{Claimed, Fence, Ownership};

use crate::append::{append, ownership};
use crate::clock;
use crate::commit::CommitError;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::hold::Left;
use crate::load::load;
use crate::residents::{Answer, Command, Permit, Seat};

/// Waits between attempts to commit while the store fails; the last one is repeated.
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

impl Driver {
    /// Brings a saga that this engine has claimed into memory.
    pub(crate) async fn claimed(
        engine: Arc<Engine>,
        claimed: Claimed,
        permit: Option<Permit>,
    ) -> Result<Self, Left> {
        let seat = engine.residents.seat(claimed.saga).await;
        let state = load(&engine, claimed.saga).await?.ok_or(Left::Missing)?;
        Ok(Self {
            engine,
            state,
            fence: claimed.fence,
            seat,
            _permit: permit,
            ownership: Ownership::Keep,
        })
    }

    /// Goes on where the last owner was cut off.
    pub(crate) async fn recover(mut self) -> Result<(), Left> {
        let turn = transition(&self.state, Input::Recover, &self.engine.env(clock::now()))?;
        let rest = ownership(&turn.state);
        self.commit(turn, Vec::new(), rest).await?;
        self.run().await
    }

    /// Takes a command for a saga that was brought in for it.
    pub(crate) async fn obey(mut self, command: Command) -> Result<(), Left> {
        // Whatever ran is marked as cut off first, but nothing is started before the command.
        let held = Env {
            starts: Starts::Held,
            ..self.engine.env(clock::now())
        };
        let turn = transition(&self.state, Input::Recover, &held)?;
        self.commit(turn, Vec::new(), Ownership::Keep).await?;
        self.take(command.input, Vec::new(), true, Some(command.answer))
            .await?;
        if self.ownership == Ownership::Keep && !self.state.is_calling() {
            // The command was refused, and nothing else keeps the saga here.
            let nothing = Turn::nothing(&self.state);
            self.write(nothing, Vec::new(), Ownership::Release).await?;
        }
        self.run().await
    }

    /// Drives the saga until it rests: it is settled, or waits for something on disk.
    pub(crate) async fn run(mut self) -> Result<(), Left> {
        let engine = Arc::clone(&self.engine);
        let mut calls = FuturesUnordered::new();
        let mut running: HashSet<CallKey> = HashSet::new();
        loop {
            if self.ownership == Ownership::Release && calls.is_empty() {
                return Ok(());
            }
            let mut wake_at = None;
            for effect in effects(&self.state) {
                match effect {
                    Effect::Call(call) => {
                        if running.insert((call.direction, call.step.clone(), call.attempt)) {
                            calls.push(run_call(&engine, call));
                        }
                    }
                    // While nothing may be started a timer would fire again and again.
                    Effect::WakeAt(at) if !engine.stopping.is_cancelled() => wake_at = Some(at),
                    Effect::WakeAt(_) => {}
                }
            }
            tokio::select! {
                Some((key, called)) = calls.next(), if !calls.is_empty() => {
                    running.remove(&key);
                    engine.metrics.called(key.0, &called.report);
                    let input = returned(key, called.report);
                    self.take(input, called.logs, calls.is_empty(), None).await?;
                }
                Some(Command { input, answer }) = self.seat.command() => {
                    self.take(input, Vec::new(), calls.is_empty(), Some(answer)).await?;
                }
                () = sleep_until(wake_at) => {
                    self.take(Input::Tick, Vec::new(), calls.is_empty(), None).await?;
                }
            }
        }
    }

    /// Takes in what happened, and answers whoever made it happen. `idle` says that no call runs
    /// besides those that follow from it.
    async fn take(
        &mut self,
        input: Input,
        logs: Vec<LogLine>,
        idle: bool,
        asked: Option<oneshot::Sender<Answer>>,
    ) -> Result<(), Left> {
        let turn = match transition(&self.state, input, &self.engine.env(clock::now())) {
            Ok(turn) => turn,
            Err(error) => return refuse(asked, error),
        };
        let rest = if idle {
            ownership(&turn.state)
        } else {
            Ownership::Keep
        };
        self.commit(turn, logs, rest).await?;
        answer(asked, || Answer::Done(Box::new(self.state.clone())));
        Ok(())
    }

    /// Makes a turn durable, and then true. A turn in which nothing happened needs no writing.
    async fn commit(
        &mut self,
        turn: Turn,
        logs: Vec<LogLine>,
        rest: Ownership,
    ) -> Result<(), Left> {
        if turn.records.is_empty() && logs.is_empty() {
            return Ok(());
        }
        self.write(turn, logs, rest).await
    }

    /// Writes until the store answers: what a call reported exists nowhere else.
    async fn write(&mut self, turn: Turn, logs: Vec<LogLine>, rest: Ownership) -> Result<(), Left> {
        let Turn { records, state, .. } = turn;
        let append = append(self.fence, self.state.seq, &state, records, logs, rest);
        let mut waits = COMMIT_BACKOFF.into_iter();
        let mut wait = COMMIT_BACKOFF[0];
        loop {
            match self.engine.commits.commit(append.clone()).await {
                Ok(()) => break,
                Err(CommitError::Refused(_)) => return Err(Left::Fenced),
                Err(CommitError::Closed) => return Err(Left::Ended),
                Err(CommitError::Failed(_)) => {
                    wait = waits.next().unwrap_or(wait);
                    tokio::time::sleep(wait).await;
                }
            }
        }
        self.ownership = rest;
        self.state = state;
        committed(&self.engine, &self.state, append.records);
        if let (Ownership::Release, Some(due_at)) = (rest, append.head.due_at) {
            self.engine.alarm.set(due_at);
        }
        Ok(())
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

fn returned((direction, step, attempt): CallKey, report: Report) -> Input {
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

/// A command that does not fit is refused. A call or a timer that does not fit is an error of the
/// engine, and going on would repeat it.
fn refuse(asked: Option<oneshot::Sender<Answer>>, error: TransitionError) -> Result<(), Left> {
    if asked.is_none() {
        return Err(Left::Transition(error));
    }
    answer(asked, || Answer::Refused(CommandError::Transition(error)));
    Ok(())
}

fn answer(asked: Option<oneshot::Sender<Answer>>, answer: impl FnOnce() -> Answer) {
    if let Some(asked) = asked {
        // Whoever asked may have gone.
        let _ = asked.send(answer());
    }
}

async fn sleep_until(wake_at: Option<Timestamp>) {
    match wake_at {
        Some(at) => tokio::time::sleep(at.since(clock::now())).await,
        None => std::future::pending().await,
    }
}
