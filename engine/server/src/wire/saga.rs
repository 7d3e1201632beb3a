//! Sagas.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wasaga_core::state::FailureReport;
use wasaga_core::{Name, ReplyToken, SagaError, SagaId, Status, StepPath, Timestamp};

use super::schema;
use super::step::Step;

/// A saga as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SagaSummary {
    /// Its id.
    #[schema(value_type = schema::SagaId)]
    pub id: SagaId,
    /// Name of its definition.
    #[schema(value_type = schema::Name)]
    pub definition: Name,
    /// Version of its definition.
    pub version: u32,
    /// Its status.
    #[schema(value_type = schema::SagaStatus)]
    pub status: Status,
    /// Its labels.
    pub tags: BTreeMap<String, String>,
    /// When it was started.
    #[schema(value_type = schema::Timestamp)]
    pub created_at: Timestamp,
    /// When something last happened to it.
    #[schema(value_type = schema::Timestamp)]
    pub updated_at: Timestamp,
}

/// A saga.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Saga {
    /// Its id.
    #[schema(value_type = schema::SagaId)]
    pub id: SagaId,
    /// Name of its definition.
    #[schema(value_type = schema::Name)]
    pub definition: Name,
    /// Version of its definition.
    pub version: u32,
    /// Its status.
    #[schema(value_type = schema::SagaStatus)]
    pub status: Status,
    /// Its labels.
    #[schema(value_type = BTreeMap<String, String>)]
    pub tags: Arc<BTreeMap<String, String>>,
    /// What was submitted.
    #[schema(value_type = Value)]
    pub input: Arc<Value>,
    /// What the completed steps made of `{}`.
    #[schema(value_type = Object)]
    pub context: Arc<Value>,
    /// The first failure, which stays.
    #[schema(value_type = Option<schema::SagaError>)]
    pub error: Option<Arc<SagaError>>,
    /// What went wrong and what became of it, once something did.
    #[schema(value_type = Option<schema::FailureReport>)]
    pub failure: Option<FailureReport>,
    /// What has to come before the saga goes on by itself; null while a call runs, and when it does
    /// not go on by itself. Of several, the first in the order of `steps`; each step has its own.
    pub waiting: Option<Waiting>,
    /// Why it is paused, when it is.
    pub paused: Option<Paused>,
    /// How far it is.
    pub progress: Progress,
    /// What its definition has it do, in that order, what was not reached included. A loop's steps
    /// stand there once, by name, before it starts, and then once for each round that has begun.
    pub steps: Vec<Step>,
    /// How many more `steps` there are: beyond the first 2,000 they are left out.
    pub steps_left_out: u64,
    /// The saga that this one is a step of.
    pub parent: Option<ParentSaga>,
    /// When it has to be done.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub deadline: Option<Timestamp>,
    /// When it was started.
    #[schema(value_type = schema::Timestamp)]
    pub created_at: Timestamp,
    /// When something last happened to it.
    #[schema(value_type = schema::Timestamp)]
    pub updated_at: Timestamp,
}

/// The saga that a nested one is a step of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParentSaga {
    /// Its id.
    #[schema(value_type = schema::SagaId)]
    pub saga: SagaId,
    /// Which of its steps.
    #[schema(value_type = schema::StepPath)]
    pub step: StepPath,
}

/// What a saga, or a step of it, waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum Waiting {
    /// The next attempt of a step, whichever way it goes.
    Backoff {
        /// Which step.
        #[schema(value_type = schema::StepPath)]
        step: StepPath,
        /// When it starts.
        #[schema(value_type = schema::Timestamp)]
        until: Timestamp,
    },
    /// The reply to a pending step.
    Reply {
        /// Which step.
        #[schema(value_type = schema::StepPath)]
        step: StepPath,
        /// What `POST /v1/callbacks/{token}` has to name.
        #[schema(value_type = schema::ReplyToken)]
        token: ReplyToken,
        /// What the step has for whoever replies.
        #[schema(value_type = Value)]
        payload: Arc<Value>,
        /// Until when the reply has to come; absent (null) when it may take for ever.
        #[schema(value_type = Option<schema::Timestamp>)]
        deadline: Option<Timestamp>,
    },
    /// The end of a `sleep`.
    Sleep {
        /// Which one.
        #[schema(value_type = schema::StepPath)]
        step: StepPath,
        /// When it ends.
        #[schema(value_type = schema::Timestamp)]
        until: Timestamp,
    },
    /// The end of a nested saga, or of its undo.
    Saga {
        /// Which step.
        #[schema(value_type = schema::StepPath)]
        step: StepPath,
        /// The nested saga.
        #[schema(value_type = schema::SagaId)]
        saga: SagaId,
    },
    /// Somebody who commits or rejects the saga.
    Commit {
        /// When it is rejected if nobody does; absent (null) when it waits for ever.
        #[schema(value_type = Option<schema::Timestamp>)]
        deadline: Option<Timestamp>,
    },
}

/// Why a saga is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Paused {
    /// What made it stop.
    pub cause: PausedBy,
    /// Which step did; absent (null) when an operator did.
    #[schema(value_type = Option<schema::StepPath>)]
    pub step: Option<StepPath>,
    /// Who asked for it, when somebody did.
    pub by: Option<String>,
    /// What for, if that was said.
    pub reason: Option<String>,
    /// Since when.
    #[schema(value_type = schema::Timestamp)]
    pub at: Timestamp,
}

/// What makes a saga stop for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PausedBy {
    /// Somebody asked for it.
    Operator,
    /// A step's retries are used up, and its definition says `"on_exhausted": "pause"`.
    Exhausted,
    /// A step after the pivot failed for good.
    Pivot,
    /// Calls of a step were running too often when the engine went down.
    Poison,
}

/// How far a saga is, in steps, nested sagas and sleeps.
///
/// A loop counts those in it once before it knows its list, and then once for each round. A choice
/// counts those of its longest branch, and then of the one that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Those that are done, undone or not.
    pub done: u32,
    /// All, as far as is known.
    pub total: u32,
}
