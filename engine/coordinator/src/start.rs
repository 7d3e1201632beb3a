//! Starting sagas, once each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;
use wasaga_core::{Env, Name, NewSaga, Problem, SagaId, Starts, State, start};
use wasaga_journal::{Made, Refusal};

use crate::clock;
use crate::commit::CommitError;
use crate::config::Config;
use crate::error::{ReadError, StartError};
use crate::hub::Settling;
use crate::opening::Opening;
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
        let engine = &self.0;
        if engine.stopping.is_cancelled() {
            return Err(StartError::ShuttingDown);
        }
        check_tags(&request.tags, &engine.config)?;
        // A start that is repeated is answered as the first time, whatever the definition is now.
        if let Some(id) = request.id
            && let Some(state) = self.get(id).await?
        {
            return self.started_before(state, &request, wait).await;
        }
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
            input: Arc::clone(&request.input),
            tags: request.tags.clone(),
        };
        let turn = start(&definition, new, &env).map_err(|error| match error {
            wasaga_core::StartError::Input { problems } => StartError::Input { problems },
            wasaga_core::StartError::Fold(error) => StartError::Fold(error),
        })?;
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
                let state = self.get(id).await?.ok_or(StartError::Conflict { id })?;
                return self.started_before(state, &request, wait).await;
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
