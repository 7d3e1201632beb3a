//! Starting, reading and steering sagas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;
use wasaga_core::{
    Env, Input, LogLine, Name, NewSaga, Problem, Record, SagaId, Starts, State, start, transition,
};
use wasaga_journal::{JournalError, Made, Page, PageRequest, Refusal, SagaFilter, SagaRow};

use crate::clock;
use crate::commit::CommitError;
use crate::config::Config;
use crate::driver::{self, Driver};
use crate::engine::Engine;
use crate::error::{CommandError, ReadError, StartError};
use crate::hub::{Settling, Watch};
use crate::opening::Opening;
use crate::residents::{Answer, Command};

/// How often a command is sent again because the saga moved between memory and disk meanwhile.
const COMMAND_TRIES: u32 = 8;

/// A saga to be started.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// Name of its definition.
    pub definition: Name,
    /// Version of its definition; the latest when absent.
    pub version: Option<u32>,
    /// Its input.
    pub input: Value,
    /// Its id, when the client wants to choose it. Starting the same saga again is no error.
    pub id: Option<SagaId>,
    /// Labels to find it by.
    pub tags: BTreeMap<String, String>,
}

/// A saga that was started.
#[derive(Clone, Debug)]
pub struct Started {
    /// The saga; when the caller waited, as it was at the end of the wait.
    pub state: State,
    /// Whether this request started it.
    pub made: Made,
}

/// The sagas of a coordinator. Cheap to clone.
#[derive(Clone)]
pub struct Sagas(Arc<Engine>);

impl Sagas {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self(engine)
    }

    /// Starts a saga. It is durable when this returns. With `wait`, returns when the saga is
    /// settled, or when the time is over.
    ///
    /// # Errors
    /// When the saga cannot be started. Nothing was stored then.
    pub async fn start(
        &self,
        request: StartRequest,
        wait: Option<Duration>,
    ) -> Result<Started, StartError> {
        let engine = &self.0;
        if engine.stopping.is_cancelled() {
            return Err(StartError::ShuttingDown);
        }
        check_tags(&request.tags, &engine.config)?;
        let (version, definition) = engine
            .definitions
            .for_start(&request.definition, request.version)
            .await?
            .ok_or_else(|| StartError::UnknownDefinition {
                name: request.definition.clone(),
                version: request.version,
            })?;
        let id = request
            .id
            .unwrap_or_else(|| SagaId::from_uuid(Uuid::now_v7()));
        let input = Arc::new(request.input);
        let tags = request.tags;
        // Without room it is journaled all the same and waits its turn on disk.
        let room = engine.residents.try_room();
        let now = clock::now();
        let env = match room {
            Some(_) => engine.env(now),
            None => Env {
                starts: Starts::Held,
                ..engine.env(now)
            },
        };
        let new = NewSaga {
            id,
            version,
            input: Arc::clone(&input),
            tags: tags.clone(),
        };
        let turn = start(&definition, new, &env).map_err(|error| match error {
            wasaga_core::StartError::Input { problems } => StartError::Input { problems },
            wasaga_core::StartError::Fold(error) => StartError::Fold(error),
        })?;
        let again = Again {
            id,
            definition: &request.definition,
            version: request.version,
            input: &input,
            tags: &tags,
        };
        let settled = wait.map(|_| engine.hub.settled(id));
        let opening = Opening {
            engine: Arc::clone(engine),
            turn,
            seat: engine.residents.seat_new(id),
            permit: room,
        };
        let state = match opening.spawn().await {
            Ok(Ok(state)) => state,
            Ok(Err(CommitError::Refused(Refusal::Exists { .. }))) => {
                return self.started_before(again, wait).await;
            }
            Ok(Err(CommitError::Closed)) | Err(_) => return Err(StartError::ShuttingDown),
            Ok(Err(error)) => return Err(StartError::Commit(error.to_string())),
        };
        let state = match (wait, settled) {
            (Some(wait), Some(settled)) => self.wait(state, wait, settled).await?,
            _ => state,
        };
        Ok(Started {
            state,
            made: Made::New,
        })
    }

    /// A saga, folded from its journal.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self, id: SagaId) -> Result<Option<State>, ReadError> {
        driver::load(&self.0, id).await
    }

    /// Sagas, the latest first.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn list(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError> {
        self.0.journal.sagas(filter, page).await
    }

    /// A saga's records with a number above `after`. `None` when there is no such saga.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn records(
        &self,
        id: SagaId,
        after: u64,
        limit: u32,
    ) -> Result<Option<Vec<Record>>, JournalError> {
        let records = self.0.journal.records(id, after, limit).await?;
        if records.is_empty() && self.0.journal.saga(id).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(records))
    }

    /// What a saga's steps logged. `None` when there is no such saga.
    ///
    /// # Errors
    /// When the store does not answer, or the cursor is none of this list.
    pub async fn logs(
        &self,
        id: SagaId,
        page: PageRequest,
    ) -> Result<Option<Page<LogLine>>, JournalError> {
        if self.0.journal.saga(id).await?.is_none() {
            return Ok(None);
        }
        self.0.journal.logs(id, page).await.map(Some)
    }

    /// Follows a saga's journal from the record after `after`. `None` when there is no such saga.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn watch(&self, id: SagaId, after: u64) -> Result<Option<Watch>, JournalError> {
        let engine = &self.0;
        if engine.journal.saga(id).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(Watch::new(
            Arc::clone(&engine.hub),
            Arc::clone(&engine.journal),
            id,
            after,
        )))
    }

    /// Stops a saga that goes forward and undoes what was done. A call that runs is let finish.
    ///
    /// # Errors
    /// When there is no such saga or its status does not allow it.
    pub async fn cancel(
        &self,
        id: SagaId,
        by: String,
        reason: Option<String>,
    ) -> Result<State, CommandError> {
        self.command(id, Input::Cancel { by, reason }).await
    }

    /// Gives a saga an input from outside, wherever it is.
    async fn command(&self, id: SagaId, input: Input) -> Result<State, CommandError> {
        let engine = &self.0;
        for _ in 0..COMMAND_TRIES {
            if engine.stopping.is_cancelled() {
                return Err(CommandError::ShuttingDown);
            }
            let (sender, answer) = oneshot::channel();
            let command = Command {
                input: input.clone(),
                answer: sender,
            };
            if let Some(mailbox) = engine.residents.mailbox(id) {
                if mailbox.send(command).await.is_err() {
                    continue;
                }
            } else if !self.bring_in(id, command).await? {
                continue;
            }
            match answer.await {
                Ok(Answer::Done(state)) => return Ok(*state),
                Ok(Answer::Refused(error)) => return Err(error),
                // It moved between memory and disk meanwhile.
                Ok(Answer::Gone) | Err(_) => {}
            }
        }
        Err(CommandError::Elsewhere(id))
    }

    /// Brings a saga from disk into memory for a command. Says whether it did: somebody else may
    /// have been faster.
    async fn bring_in(&self, id: SagaId, command: Command) -> Result<bool, CommandError> {
        let engine = &self.0;
        let state = self.get(id).await?.ok_or(CommandError::NotFound(id))?;
        // What the saga would refuse is refused without taking it over.
        transition(&state, command.input.clone(), &engine.env(clock::now()))?;
        let Some(claimed) = engine
            .journal
            .claim_one(engine.owner, id, clock::now())
            .await?
        else {
            return Ok(false);
        };
        let Some(driver) = Driver::claimed(engine, claimed, None).await? else {
            return Err(CommandError::NotFound(id));
        };
        engine.drivers.spawn(driver.obey(command));
        Ok(true)
    }

    /// Waits for a saga to settle, as long as the caller and the engine will.
    async fn wait(
        &self,
        state: State,
        wait: Duration,
        mut settled: Settling,
    ) -> Result<State, ReadError> {
        let id = state.id;
        tokio::select! {
            biased;
            Some(state) = settled.state() => return Ok(state),
            () = tokio::time::sleep(wait) => {}
            () = self.0.stopping.cancelled() => {}
        }
        Ok(self.get(id).await?.unwrap_or(state))
    }

    /// Answers a start whose saga exists: the same one again, or another one under its id.
    async fn started_before(
        &self,
        request: Again<'_>,
        wait: Option<Duration>,
    ) -> Result<Started, StartError> {
        let id = request.id;
        let settled = self.0.hub.settled(id);
        let conflict = StartError::Conflict { id };
        let Some(state) = self.get(id).await? else {
            return Err(conflict);
        };
        let same = state.definition.name == *request.definition
            && request
                .version
                .is_none_or(|version| version == state.version)
            && *state.input == *request.input
            && *state.tags == *request.tags;
        if !same {
            return Err(conflict);
        }
        let state = match wait {
            Some(wait) if !state.status().is_settled() => self.wait(state, wait, settled).await?,
            _ => state,
        };
        Ok(Started {
            state,
            made: Made::Existing,
        })
    }
}

/// A start that was asked for before, perhaps.
#[derive(Clone, Copy)]
struct Again<'a> {
    id: SagaId,
    definition: &'a Name,
    version: Option<u32>,
    input: &'a Value,
    tags: &'a BTreeMap<String, String>,
}

fn check_tags(tags: &BTreeMap<String, String>, config: &Config) -> Result<(), StartError> {
    let mut problems = Vec::new();
    if tags.len() > config.max_tags {
        problems.push(Problem::new(
            "/tags",
            format!("{} tags; the most is {}", tags.len(), config.max_tags),
        ));
    }
    for (name, value) in tags {
        let longest = name.len().max(value.len());
        if longest > config.max_tag_bytes || name.is_empty() {
            let pointer = format!("/tags/{}", Problem::escape(name));
            let message = format!(
                "expected a name and a value of at most {} bytes each, and the name not empty",
                config.max_tag_bytes
            );
            problems.push(Problem::new(pointer, message));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(StartError::Tags { problems })
    }
}
