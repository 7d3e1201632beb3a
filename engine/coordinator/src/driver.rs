//! The loop around one saga in memory: run what its state asks for, take in what happens, commit
//! what follows, and only then let anything depend on it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wasaga_core::{
    CutOff, Effect, Env, Input, LogLine, Record, Starts, State, Timestamp, TransitionError, Turn,
    effects, transition,
};
use wasaga_journal::{Claimed, Fence, Ownership};

use crate::append::append;
use crate::clock;
use crate::commit::CommitError;
use crate::engine::Engine;
use crate::error::CommandError;
use crate::hold::Left;
use crate::load::load;
use crate::residents::{Answer, Command, Permit, Seat};
use crate::work::{Done, Key, Running};

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
    engine: Arc<Engine>,
    state: State,
    fence: Fence,
    seat: Seat,
    /// Room to start calls. A saga that was called for by a command may have none: then it takes
    /// the command in, and waits on disk for room to go on.
    permit: Option<Permit>,
    /// Held while its calls run alone, because one of them may bring the engine down.
    alone: Option<OwnedSemaphorePermit>,
    /// Whether the last commit let go of the saga.
    ownership: Ownership,
    /// What was done for this state and left nothing to journal.
    done: HashSet<Key>,
}

impl Driver {
    /// A saga that has just been stored.
    pub(crate) fn opened(
        engine: Arc<Engine>,
        state: State,
        fence: Fence,
        seat: Seat,
        permit: Option<Permit>,
    ) -> Self {
        Self {
            engine,
            state,
            fence,
            seat,
            permit,
            alone: None,
            ownership: Ownership::Keep,
            done: HashSet::new(),
        }
    }

    /// Brings a saga that this engine has claimed into memory.
    pub(crate) async fn claimed(
        engine: Arc<Engine>,
        claimed: Claimed,
        permit: Option<Permit>,
    ) -> Result<Self, Left> {
        let seat = engine.residents.seat(claimed.saga).await;
        let state = load(&engine, claimed.saga).await?.ok_or(Left::Missing)?;
        Ok(Self::opened(engine, state, claimed.fence, seat, permit))
    }

    /// Goes on where the last owner was cut off.
    pub(crate) async fn recover(mut self) -> Result<(), Left> {
        let crashed = Input::Recover { by: CutOff::Crash };
        if self.may_crash_again() {
            let turn = transition(&self.state, crashed, &self.held())?;
            self.commit(turn, Vec::new(), Ownership::Keep).await?;
            if self.state.pause.is_none() {
                // What is found running after the next crash is what ran alone, or is new.
                let alone = Arc::clone(&self.engine.alone).try_acquire_owned();
                self.alone = Some(alone.map_err(|_| Left::Suspected)?);
            }
            let turn = transition(&self.state, Input::Tick, &self.env())?;
            self.settle(turn).await?;
        } else {
            let turn = transition(&self.state, crashed, &self.env())?;
            self.settle(turn).await?;
        }
        self.run().await
    }

    /// Whether the next crash in a row would make the saga one that is paused for it.
    fn may_crash_again(&self) -> bool {
        let calls = u32::from(self.state.is_calling());
        let crashes = self.state.crashes() + calls;
        crashes > 0 && crashes + 1 >= self.engine.config.bounds.max_crashes
    }

    /// Takes a command for a saga that was brought in for it.
    pub(crate) async fn obey(mut self, command: Command) -> Result<(), Left> {
        // Whatever ran is marked as cut off first, but nothing is started before the command.
        let crashed = Input::Recover { by: CutOff::Crash };
        let turn = transition(&self.state, crashed, &self.held())?;
        self.commit(turn, Vec::new(), Ownership::Keep).await?;
        if self.may_crash_again() {
            // The command need not wait until the saga's calls may run alone: only they do.
            self.permit = None;
        }
        self.take(command.input, Vec::new(), Some(command.answer))
            .await?;
        self.run().await
    }

    /// Drives the saga until it rests: it is over, or waits for something on disk.
    pub(crate) async fn run(mut self) -> Result<(), Left> {
        let engine = Arc::clone(&self.engine);
        let mut running = Running::default();
        loop {
            let effects = effects(&self.state);
            running.keep_only(&effects);
            let mut wake_at = None;
            for effect in effects {
                match effect {
                    // While nothing may be started a timer would fire again and again.
                    Effect::WakeAt(at) if self.starts() == Starts::Allowed => wake_at = Some(at),
                    Effect::WakeAt(_) => {}
                    effect => {
                        if Key::of(&effect).is_some_and(|key| !self.done.contains(&key)) {
                            running.start(&engine, effect);
                        }
                    }
                }
            }
            if running.is_empty() {
                if self.ownership == Ownership::Keep {
                    let nothing = Turn::nothing(&self.state);
                    self.write(nothing, Vec::new(), Ownership::Release).await?;
                }
                return Ok(());
            }
            if self.state.crashes() == 0 {
                self.alone = None;
            }
            tokio::select! {
                done = running.next() => self.done(done).await?,
                Some(Command { input, answer }) = self.seat.command() => {
                    self.take(input, Vec::new(), Some(answer)).await?;
                }
                () = sleep_until(wake_at) => self.take(Input::Tick, Vec::new(), None).await?,
                // Other sagas hear nothing any more: only calls are worth waiting for.
                () = engine.stopping.cancelled(), if !running.is_calling() => {
                    return self.leave(running).await;
                }
                () = engine.aborting.cancelled() => {
                    return self.leave(running).await;
                }
            }
        }
    }

    /// Takes in what came of an effect.
    async fn done(&mut self, done: Done) -> Result<(), Left> {
        match done {
            Done::Called(call, called) => {
                let report = called.report;
                let input = Input::Returned { call, report };
                self.take(input, called.logs, None).await
            }
            Done::Asked(key, input) => {
                self.done.insert(key);
                match input {
                    Some(input) => self.take(input, Vec::new(), None).await,
                    None => Ok(()),
                }
            }
            Done::Panicked => Err(Left::Panicked),
        }
    }

    /// Journals that the engine ends in order, and lets go of the saga.
    async fn leave(&mut self, running: Running) -> Result<(), Left> {
        drop(running);
        let shutdown = Input::Recover {
            by: CutOff::Shutdown,
        };
        let turn = transition(&self.state, shutdown, &self.held())?;
        self.write(turn, Vec::new(), Ownership::Release).await
    }

    /// Takes in what happened, and answers whoever made it happen.
    async fn take(
        &mut self,
        input: Input,
        logs: Vec<LogLine>,
        asked: Option<oneshot::Sender<Answer>>,
    ) -> Result<(), Left> {
        let turn = match transition(&self.state, input, &self.env()) {
            Ok(turn) => turn,
            Err(error) => return refuse(asked, error),
        };
        let rest = self.rest(&turn.state);
        self.commit(turn, logs, rest).await?;
        answer(asked, || Answer::Done(Box::new(self.state.clone())));
        Ok(())
    }

    async fn settle(&mut self, turn: Turn) -> Result<(), Left> {
        let rest = self.rest(&turn.state);
        self.commit(turn, Vec::new(), rest).await
    }

    /// Whether the engine goes on with the saga in a state. It lets go of one that has nothing to do
    /// but wait: that needs no memory.
    fn rest(&self, state: &State) -> Ownership {
        let open = |effect: &Effect| {
            let key = Key::of(effect);
            key.is_some_and(|key| !self.done.contains(&key))
        };
        if effects(state).iter().any(open) {
            Ownership::Keep
        } else {
            Ownership::Release
        }
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
        let mut append = append(self.fence, self.state.seq, &state, records, logs, rest);
        if rest == Ownership::Release && self.rest(&state) == Ownership::Keep {
            // Other sagas have not heard yet what this one has to say: whoever comes next says it.
            append.head.due_at = Some(state.updated_at);
        }
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

    /// What a transition sees of the outside now.
    fn env(&self) -> Env<'_> {
        Env {
            starts: self.starts(),
            ..self.engine.env(clock::now())
        }
    }

    /// The same, while nothing may be started.
    fn held(&self) -> Env<'_> {
        Env {
            starts: Starts::Held,
            ..self.engine.env(clock::now())
        }
    }

    fn starts(&self) -> Starts {
        if self.permit.is_some() && !self.engine.stopping.is_cancelled() {
            Starts::Allowed
        } else {
            Starts::Held
        }
    }
}

/// Tells everybody what became true.
pub(crate) fn committed(engine: &Engine, state: &State, records: Arc<[Record]>) {
    engine.metrics.recorded(&records);
    engine.breakers.committed(state, &records);
    engine.hub.committed(state, records);
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wasaga_core::{Name, NewSaga, SagaId, start};
    use wasaga_host::{Host, HostConfig};
    use wasaga_journal::{Journal, MemoryJournal};

    use super::*;
    use crate::opening::first;
    use crate::{Blobs, Config, Coordinator};

    #[tokio::test]
    async fn a_saga_that_could_not_start_its_nested_one_before_the_engine_ends_is_looked_at_again()
    {
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        let cache = tempfile::tempdir().expect("a folder");
        let blobs = Arc::new(Blobs(Arc::clone(&journal)));
        let host = Host::new(HostConfig::new(cache.path()), blobs).expect("a sandbox");
        let coordinator = Coordinator::open(Arc::clone(&journal), host, Config::default())
            .await
            .expect("a coordinator");
        let engine = coordinator.engine();
        let name = |text| Name::new(text).expect("a name");
        let inner = json!({"steps": [{"sleep": "1h"}]});
        let outer = json!({"steps": [{"saga": "inner", "step": "child"}]});
        for (definition, document) in [("inner", inner), ("outer", outer)] {
            let definition = name(definition);
            let applied = coordinator.definitions().apply(&definition, &document);
            applied.await.expect("a definition");
        }
        let definition = engine.definitions.for_start(&name("outer"), None).await;
        let (version, definition) = definition.expect("the store answers").expect("it is there");
        let new = NewSaga {
            id: SagaId::from_parts(1, &[0; 10]),
            version,
            input: Arc::default(),
            tags: std::collections::BTreeMap::new(),
            parent: None,
        };
        let id = new.id;
        let Turn { state, records, .. } =
            start(&definition, new, &engine.env(clock::now())).expect("it starts");
        let append = first(engine, &state, records);
        let fence = append.fence;
        engine.commits.commit(append).await.expect("it is stored");

        // Nothing is claimed any more, and the nested saga has not been started.
        engine.stopping.cancel();
        let seat = engine.residents.seat(id).await;
        let permit = engine.residents.try_room();
        let driver = Driver::opened(Arc::clone(engine), state, fence, seat, permit);
        driver.run().await.expect("it leaves");
        let row = journal.saga(id).await.expect("the store answers");
        assert!(row.is_some_and(|row| row.seq == 2));
        let due = journal.next_due().await.expect("the store answers");
        assert!(due.is_some(), "nobody would start the nested saga");
        coordinator.shutdown().await;
    }
}
