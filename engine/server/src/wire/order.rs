//! What people and other systems say to a saga that exists.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wasaga_core::{Failure, FailureKind, Reply, SagaId, Status, StepPath};

use super::schema;

/// Who wants something done to a saga, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrderSaga {
    /// For people, kept in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it, kept in the journal; `api` unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What of a saga to try again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySaga {
    /// For people, kept in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it, kept in the journal; `api` unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Which step; all that wait for their next attempt or gave up unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::StepPath>)]
    pub step: Option<StepPath>,
    /// On which version of its component.
    pub version: RetryVersion,
}

/// On which version of its component a step is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetryVersion {
    /// The one that it started on.
    #[default]
    Pinned,
    /// The one that is active now. It stays on that one then.
    Active,
}

/// What of a saga to do without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SkipSaga {
    /// For people, kept in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who asks for it, kept in the journal; `api` unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Of which step; of all that gave up unless it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::StepPath>)]
    pub step: Option<StepPath>,
}

/// The reply to a pending step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Callback {
    /// The work is done. Its component gets this value.
    Succeeded(Value),
    /// The work is not done.
    Failed(CallbackFailure),
}

/// Why the work that a step asked for is not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackFailure {
    /// Whether trying again may help.
    #[schema(value_type = schema::FailureKind)]
    pub kind: FailureKind,
    /// Stable and machine readable.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whatever else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl From<Callback> for Reply {
    fn from(callback: Callback) -> Self {
        match callback {
            Callback::Succeeded(value) => Self::Succeeded(value),
            Callback::Failed(CallbackFailure {
                kind,
                code,
                message,
                details,
            }) => Self::Failed(Failure {
                kind,
                code,
                message,
                details,
            }),
        }
    }
}

/// A reply that was taken. The saga's other secrets are not for whoever has but a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replied {
    /// The saga that asked for it.
    #[schema(value_type = schema::SagaId)]
    pub saga: SagaId,
    /// Its status now.
    #[schema(value_type = schema::SagaStatus)]
    pub status: Status,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reply_is_one_of_two() {
        let read = |body: Value| serde_json::from_value::<Callback>(body).map(Reply::from);
        assert_eq!(
            read(json!({ "succeeded": { "ok": true } })).expect("a reply"),
            Reply::Succeeded(json!({ "ok": true }))
        );
        let failed = json!({ "kind": "permanent", "code": "declined", "message": "no" });
        assert_eq!(
            read(json!({ "failed": failed })).expect("a reply"),
            Reply::Failed(Failure::permanent("declined", "no"))
        );
        for wrong in [
            json!({}),
            json!({ "succeeded": 1, "failed": failed }),
            json!({ "failed": { "code": "declined", "message": "no" } }),
            json!({ "failed": { "kind": "permanent", "code": "x", "message": "no", "detail": 1 } }),
            json!({ "done": 1 }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
