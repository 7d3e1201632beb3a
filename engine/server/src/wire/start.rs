//! Starting sagas.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wasaga_core::{Name, SagaId, Status};

use super::schema;

/// Most sagas of one batch.
pub const MAX_BATCH: usize = 1_000;

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
    /// Id of the saga to be, so that a repeated request starts it once. The header `Idempotency-Key`
    /// does the same with a key of any form.
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

/// Sagas to start together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartSagas {
    /// The sagas, at most 1,000.
    #[schema(max_items = 1000)]
    pub sagas: Vec<StartSaga>,
}

/// Sagas that were started together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedSagas {
    /// The sagas, in the order of the request.
    pub items: Vec<StartedSaga>,
}

/// A saga that was started with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedSaga {
    /// Its id.
    #[schema(value_type = schema::SagaId)]
    pub id: SagaId,
    /// Its status.
    #[schema(value_type = schema::SagaStatus)]
    pub status: Status,
    /// Whether this request started it.
    pub made: StartedBy,
}

/// Who started a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartedBy {
    /// This request did.
    New,
    /// An earlier one did.
    Existing,
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
