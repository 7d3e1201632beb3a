//! Starting sagas, once each.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;
use wasaga_core::{Definition, Env, Name, NewSaga, Problem, SagaId, Starts, State, Turn, start};
use wasaga_journal::{Made, Refusal};

use crate::clock;
use crate::commit::CommitError;
use crate::config::Config;
use crate::driver;
use crate::error::{BatchError, ReadError, StartError};
use crate::hub::Settling;
use crate::opening::{Opening, first};
use crate::sagas::Sagas;

/// A saga to be started.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// Name of its definition.
    pub definition: Name,
    /// Version of its definition; the latest when absent.
    pub version: Option<u32>,
    /// Its input.
    pub input: Arc<Value>,
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

impl Sagas {
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
        // A start that is repeated is answered as the first time, whatever the definition is now.
        if let Some(state) = self.before(&request).await? {
            return self.started_before(state, &request, wait).await;
        }
        let (definition, new) = self.prepare(&request).await?;
        let id = new.id;
        let settled = wait.map(|_| self.0.hub.settled(id));
        let state = match self.open(&definition, new).await {
            Ok(state) => state,
            Err(StartError::Conflict { .. }) => {
                let state = self.get(id).await?.ok_or(StartError::Conflict { id })?;
                return self.started_before(state, &request, wait).await;
            }
            Err(error) => return Err(error),
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

    /// Starts many sagas with one commit. When one of them cannot be started, none is.
    ///
    /// # Errors
    /// Every saga that cannot be started, with its place in `requests`. Nothing was stored then,
    /// unless somebody else starts another saga under one of the ids at the same moment.
    pub async fn start_batch(
        &self,
        requests: Vec<StartRequest>,
    ) -> Result<Vec<Started>, BatchError> {
        let engine = &self.0;
        let mut errors = Vec::new();
        let mut openings = Vec::with_capacity(requests.len());
        let mut ids = HashSet::new();
        for (index, request) in requests.iter().enumerate() {
            match self.before_batch(request, &mut ids).await {
                Ok(opening) => openings.push(opening),
                Err(error) => errors.push((index, error)),
            }
        }
        if !errors.is_empty() {
            return Err(BatchError::Items { errors });
        }
        // All of them wait their turn on disk: a batch does not push aside what runs.
        let mut appends = Vec::new();
        for opening in &openings {
            if let BatchItem::New(turn) = opening {
                appends.push(first(engine, &turn.state, turn.records.clone()));
            }
        }
        let records: Vec<_> = appends
            .iter()
            .map(|append| Arc::clone(&append.records))
            .collect();
        let due_at = appends.iter().filter_map(|append| append.head.due_at).min();
        let answers = match engine.commits.commit_together(appends).await {
            Ok(answers) => answers,
            Err(CommitError::Closed) => return Err(BatchError::ShuttingDown),
            Err(error) => return Err(BatchError::Commit(error.to_string())),
        };
        if let Some(due_at) = due_at {
            engine.alarm.set(due_at);
        }
        let mut answers = answers.into_iter().zip(records);
        let mut started = Vec::with_capacity(openings.len());
        for (index, opening) in openings.into_iter().enumerate() {
            let one = match opening {
                BatchItem::Existing(state) => Ok(Started {
                    state: *state,
                    made: Made::Existing,
                }),
                BatchItem::New(turn) => match answers.next() {
                    Some((Ok(()), records)) => {
                        driver::committed(engine, &turn.state, records);
                        Ok(Started {
                            state: turn.state,
                            made: Made::New,
                        })
                    }
                    _ => {
                        self.started_meanwhile(turn.state.id, &requests[index])
                            .await
                    }
                },
            };
            match one {
                Ok(one) => started.push(one),
                Err(error) => errors.push((index, error)),
            }
        }
        if errors.is_empty() {
            Ok(started)
        } else {
            Err(BatchError::Items { errors })
        }
    }

    /// Prepares one saga of a batch. `ids` are those that the batch has already.
    async fn before_batch(
        &self,
        request: &StartRequest,
        ids: &mut HashSet<SagaId>,
    ) -> Result<BatchItem, StartError> {
        if let Some(id) = request.id
            && !ids.insert(id)
        {
            return Err(StartError::Conflict { id });
        }
        if let Some(state) = self.before(request).await? {
            let started = self.started_before(state, request, None).await?;
            return Ok(BatchItem::Existing(Box::new(started.state)));
        }
        let (definition, new) = self.prepare(request).await?;
        let env = Env {
            starts: Starts::Held,
            ..self.0.env(clock::now())
        };
        Ok(BatchItem::New(Box::new(start(&definition, new, &env)?)))
    }

    async fn started_meanwhile(
        &self,
        id: SagaId,
        request: &StartRequest,
    ) -> Result<Started, StartError> {
        let state = self.get(id).await?.ok_or(StartError::Conflict { id })?;
        self.started_before(state, request, None).await
    }

    /// The saga that a request started before.
    async fn before(&self, request: &StartRequest) -> Result<Option<State>, StartError> {
        if self.0.stopping.is_cancelled() {
            return Err(StartError::ShuttingDown);
        }
        check_tags(&request.tags, &self.0.config)?;
        match request.id {
            Some(id) => Ok(self.get(id).await?),
            None => Ok(None),
        }
    }

    async fn prepare(
        &self,
        request: &StartRequest,
    ) -> Result<(Arc<Definition>, NewSaga), StartError> {
        let (version, definition) = self
            .definition(&request.definition, request.version)
            .await?;
        let id = request
            .id
            .unwrap_or_else(|| SagaId::from_uuid(Uuid::now_v7()));
        let new = NewSaga {
            id,
            version,
            input: Arc::clone(&request.input),
            tags: request.tags.clone(),
            parent: None,
        };
        Ok((definition, new))
    }

    /// The definition that a new saga executes, with its version.
    pub(crate) async fn definition(
        &self,
        name: &Name,
        version: Option<u32>,
    ) -> Result<(u32, Arc<Definition>), StartError> {
        let found = self.0.definitions.for_start(name, version).await?;
        found.ok_or_else(|| StartError::UnknownDefinition {
            name: name.clone(),
            version,
        })
    }

    /// Stores a saga for the first time, and drives it when there is room.
    pub(crate) async fn open(
        &self,
        definition: &Arc<Definition>,
        new: NewSaga,
    ) -> Result<State, StartError> {
        let engine = &self.0;
        let id = new.id;
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
        let opening = Opening {
            engine: Arc::clone(engine),
            turn: start(definition, new, &env)?,
            seat: engine.residents.seat_new(id),
            permit: room,
        };
        match opening.spawn().await {
            Ok(Ok(state)) => Ok(state),
            Ok(Err(CommitError::Refused(Refusal::Exists { .. }))) => {
                Err(StartError::Conflict { id })
            }
            Ok(Err(CommitError::Closed)) | Err(_) => Err(StartError::ShuttingDown),
            Ok(Err(error)) => Err(StartError::Commit(error.to_string())),
        }
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
        state: State,
        request: &StartRequest,
        wait: Option<Duration>,
    ) -> Result<Started, StartError> {
        let id = state.id;
        let same = state.definition.name == request.definition
            && request
                .version
                .is_none_or(|version| version == state.version)
            && state.input == request.input
            && *state.tags == request.tags;
        if !same {
            return Err(StartError::Conflict { id });
        }
        let state = match wait {
            Some(wait) if !state.status().is_settled() => {
                let settled = self.0.hub.settled(id);
                // It may have settled before anybody waited.
                let state = self.get(id).await?.unwrap_or(state);
                if state.status().is_settled() {
                    state
                } else {
                    self.wait(state, wait, settled).await?
                }
            }
            _ => state,
        };
        Ok(Started {
            state,
            made: Made::Existing,
        })
    }
}

/// One saga of a batch.
enum BatchItem {
    /// It was started before.
    Existing(Box<State>),
    /// It begins so.
    New(Box<Turn>),
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
