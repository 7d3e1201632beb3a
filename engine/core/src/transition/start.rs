//! How a saga begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Env, Turn};
use crate::definition::{Definition, Problem};
use crate::event::{Event, Parent, Record};
use crate::id::SagaId;
use crate::json;
use crate::state::{FoldError, State};

/// A saga to be.
#[derive(Clone, Debug)]
pub struct NewSaga {
    /// Its id.
    pub id: SagaId,
    /// Version of the definition.
    pub version: u32,
    /// What is submitted.
    pub input: Arc<Value>,
    /// Labels to find it by.
    pub tags: BTreeMap<String, String>,
    /// The saga that it is a step of.
    pub parent: Option<Parent>,
}

/// A saga that cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The input is not as the definition's schema wants it.
    #[error("the input does not fit the definition's input_schema: {}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Input {
        /// Every problem, with its place in the input.
        problems: Vec<Problem>,
    },
    /// The state machine contradicts itself.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// Starts a saga.
///
/// # Errors
/// When the input does not fit the definition.
pub fn start(
    definition: &Arc<Definition>,
    saga: NewSaga,
    env: &Env<'_>,
) -> Result<Turn, StartError> {
    json::check_depth(&saga.input).map_err(|message| StartError::Input {
        problems: vec![Problem::new("", message)],
    })?;
    if let Some(schema) = &definition.input_schema {
        schema
            .check(&saga.input)
            .map_err(|problems| StartError::Input { problems })?;
    }
    let event = Event::SagaStarted {
        definition: definition.name.clone(),
        version: saga.version,
        input: saga.input,
        tags: saga.tags,
        deadline: definition.deadline.map(|length| env.now.after(length)),
        parent: saga.parent,
    };
    let record = Record {
        seq: 1,
        at: env.now,
        event,
    };
    let state = State::begin(saga.id, Arc::clone(definition), &record)?;
    let mut turn = Turn {
        records: vec![record],
        state,
        now: env.now,
    };
    turn.advance(env)?;
    Ok(turn)
}
