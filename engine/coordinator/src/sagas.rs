//! Reading and steering sagas.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use wasaga_core::{
    Input, LogLine, Order, Record, Reply, ReplyToken, SagaId, State, Verb, transition,
};
use wasaga_journal::{JournalError, Page, PageRequest, SagaFilter, SagaRow};

use crate::clock;
use crate::driver::Driver;
use crate::engine::Engine;
use crate::error::{CommandError, ReadError};
use crate::feed::Feed;
use crate::hold;
use crate::hub::Watch;
use crate::load::load;
use crate::residents::{Answer, Command};

/// How often a command is sent again because the saga moved between memory and disk meanwhile.
const COMMAND_TRIES: u32 = 50;

/// How long to wait before that, when the saga is on its way.
const COMMAND_WAIT: Duration = Duration::from_millis(20);

/// The sagas of a coordinator. Cheap to clone.
#[derive(Clone)]
pub struct Sagas(pub(crate) Arc<Engine>);

impl Sagas {
    pub(crate) const fn new(engine: Arc<Engine>) -> Self {
        Self(engine)
    }

    /// A saga, folded from its journal.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get(&self, id: SagaId) -> Result<Option<State>, ReadError> {
        load(&self.0, id).await
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

    /// Follows the journals of all sagas, from the record behind position `after`, or from now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn feed(&self, after: Option<u64>) -> Result<Feed, JournalError> {
        let engine = &self.0;
        let written = engine.hub.written();
        let position = match after {
            Some(position) => position,
            None => engine.journal.feed_end().await?,
        };
        let journal = Arc::clone(&engine.journal);
        Ok(Feed::new(
            journal,
            written,
            position,
            engine.stopping.clone(),
        ))
    }

    /// Does to a saga what an operator wants.
    ///
    /// # Errors
    /// When there is no such saga or it does not allow it.
    pub async fn order(&self, id: SagaId, verb: Verb, order: Order) -> Result<State, CommandError> {
        self.command(id, Input::Order { verb, order }).await
    }

    /// Replies to a pending step. The reply is durable when this returns.
    ///
    /// # Errors
    /// When nothing waits for it, or the reply is there already.
    pub async fn reply(&self, token: ReplyToken, reply: Reply) -> Result<State, CommandError> {
        let key = token.key;
        self.command(token.saga, Input::Reply { key, reply }).await
    }

    /// Gives a saga an input from outside, wherever it is.
    pub(crate) async fn command(&self, id: SagaId, input: Input) -> Result<State, CommandError> {
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
                // It is on its way into memory, or another engine has it.
                tokio::time::sleep(COMMAND_WAIT).await;
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
        let claimed = engine
            .journal
            .claim_one(engine.owner, id, clock::now())
            .await?;
        let Some(claimed) = claimed else {
            return Ok(false);
        };
        let work = {
            let engine = Arc::clone(engine);
            // Without room it takes the command in, and waits on disk to go on.
            let room = engine.residents.try_room();
            async move {
                let driver = Driver::claimed(engine, claimed, room).await?;
                driver.obey(command).await
            }
        };
        hold::spawn(engine, claimed, work);
        Ok(true)
    }
}
