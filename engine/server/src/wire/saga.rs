//! Sagas.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wasaga_core::event::SkipReason;
use wasaga_core::{
    Digest, Failure, Metering, Name, SagaError, SagaId, Status, StepPath, StepStatus, Timestamp,
};

use super::schema;

/// A saga to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartSaga {
    /// Name of the definition.
    #[schema(value_type = schema::Name)]
    pub definition: Name,
    /// Version of the definition; the latest unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// What the saga works on; has to fit the definition's `input_schema`. An empty object unless it
    /// is given.
    #[serde(default = "empty_object")]
    pub input: Value,
    /// Id of the saga to be, so that a repeated request starts it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::SagaId>)]
    pub id: Option<SagaId>,
    /// Labels to find the saga by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Why a saga is cancelled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CancelSaga {
    /// For people, kept in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it, kept in the journal; `api` unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

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
    /// What has to come before the saga goes on by itself.
    pub waiting: Option<Waiting>,
    /// How far it is.
    pub progress: Progress,
    /// Its steps in the order of the definition, those that were not reached included.
    pub steps: Vec<Step>,
    /// The saga that this one is a step of.
    #[schema(value_type = Option<schema::SagaId>)]
    pub parent: Option<SagaId>,
    /// When it was started.
    #[schema(value_type = schema::Timestamp)]
    pub created_at: Timestamp,
    /// When something last happened to it.
    #[schema(value_type = schema::Timestamp)]
    pub updated_at: Timestamp,
}

/// What a saga waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum Waiting {
    /// The next attempt of a step, in either direction.
    Backoff {
        /// Which step.
        #[schema(value_type = schema::Name)]
        step: StepPath,
        /// When it starts.
        #[schema(value_type = schema::Timestamp)]
        until: Timestamp,
    },
}

/// How far a saga is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Steps whose act completed, undone or not.
    pub done: u32,
    /// All steps.
    pub total: u32,
}

/// A step of a saga.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Its name.
    #[schema(value_type = schema::Name)]
    pub step: StepPath,
    /// How it stands.
    #[schema(value_type = schema::StepStatus)]
    pub status: StepStatus,
    /// Attempts of its act that were started.
    pub attempts: u32,
    /// The component that holds its action.
    #[schema(value_type = schema::Name)]
    pub component: Name,
    /// The component's version that it runs on; absent (null) until it starts.
    pub version: Option<u32>,
    /// Digest of that version.
    #[schema(value_type = Option<schema::Digest>)]
    pub digest: Option<Digest>,
    /// What its act left, when that completed.
    #[schema(value_type = Value)]
    pub result: Option<Arc<Value>>,
    /// The failure of the last attempt that failed.
    #[schema(value_type = Option<schema::Failure>)]
    pub error: Option<Arc<Failure>>,
    /// When its first attempt started.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub started_at: Option<Timestamp>,
    /// When its act ended for good.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub finished_at: Option<Timestamp>,
    /// What all attempts of its act used together; of memory, the most.
    #[schema(value_type = Option<schema::Metering>)]
    pub metering: Option<Metering>,
    /// How its undo stands, once one is needed or found not to be.
    pub compensation: Option<Compensation>,
}

/// The undo of a step.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Compensation {
    /// How it stands.
    pub status: CompensationStatus,
    /// Attempts that were started.
    pub attempts: u32,
    /// Why it was skipped, when it was: `no-effect` or `definition`.
    #[schema(value_type = Option<String>)]
    pub reason: Option<SkipReason>,
    /// The failure of the last attempt that failed.
    #[schema(value_type = Option<schema::Failure>)]
    pub error: Option<Arc<Failure>>,
    /// When it ended for good.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub finished_at: Option<Timestamp>,
    /// What all attempts used together; of memory, the most.
    #[schema(value_type = schema::Metering)]
    pub metering: Metering,
}

/// How the undo of a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CompensationStatus {
    /// An attempt runs.
    Running,
    /// Between attempts.
    Waiting,
    /// The step is undone.
    Completed,
    /// Given up: the saga is stuck.
    Failed,
    /// Not needed.
    Skipped,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_saga_that_is_given_no_input_works_on_an_empty_object() {
        let read = |body: Value| {
            serde_json::from_value::<StartSaga>(body)
                .expect("a saga")
                .input
        };
        assert_eq!(read(json!({"definition": "order"})), json!({}));
        assert_eq!(
            read(json!({"definition": "order", "input": null})),
            Value::Null
        );
    }
}
