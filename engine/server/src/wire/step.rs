//! What stands in a saga's `steps`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wasaga_core::event::SkipReason;
use wasaga_core::{Digest, Failure, Metering, Name, SagaId, StepPath, StepStatus, Timestamp};

use super::saga::{Progress, Waiting};
use super::schema;

/// A node of a saga's definition, and how it stands. The fields beside these depend on `kind`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Its name, with the rounds of the loops around it: `reserve`, `picks[3].pick`. The fallback of
    /// a step has an entry of its own once it is called: `reserve:fallback`.
    #[schema(value_type = schema::StepPath)]
    pub step: StepPath,
    /// How it stands. Skipped is what is in a branch that a choice did not take, a step that its open
    /// circuit breaker kept from being tried, one that failed and needs no undo (`error` says how it
    /// failed), and one whose undo an operator did without. What contains others is never undone itself.
    #[schema(value_type = schema::StepStatus)]
    pub status: StepStatus,
    /// What it left, when it completed: a step its result, a nested saga the results of its steps by
    /// name, a parallel and a loop what each branch or round left.
    #[schema(value_type = Value)]
    pub result: Option<Arc<Value>>,
    /// The failure of the last attempt that failed.
    #[schema(value_type = Option<schema::Failure>)]
    pub error: Option<Arc<Failure>>,
    /// What has to come before it goes on.
    pub waiting: Option<Waiting>,
    /// When it was reached.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub started_at: Option<Timestamp>,
    /// When it ended for good; undoing it comes later.
    #[schema(value_type = Option<schema::Timestamp>)]
    pub finished_at: Option<Timestamp>,
    /// What it is.
    #[serde(flatten)]
    pub node: Node,
}

impl Step {
    /// How it stands, for people: that it failed says more than that it needs no undo.
    #[must_use]
    pub fn shown_status(&self) -> StepStatus {
        let undo = match &self.node {
            Node::Step(own) => own.compensation.as_ref(),
            Node::Saga(own) => own.compensation.as_ref(),
            _ => None,
        };
        let unneeded = undo.is_some_and(|undo| undo.reason != Some(SkipReason::Operator));
        if self.status == StepStatus::Skipped && unneeded {
            StepStatus::Failed
        } else {
            self.status
        }
    }
}

/// What an entry of a saga's `steps` is, named by the field that says so in the definition.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Node {
    /// It calls an action of a component.
    Step(Box<ActionStep>),
    /// It is a saga of its own.
    Saga(Box<NestedStep>),
    /// It takes one of its branches.
    Choice {
        /// The branch that it took, from 0; absent (null) when it took none, or has not yet.
        branch: Option<u32>,
    },
    /// Its branches run at the same time.
    Parallel {
        /// How many there are.
        branches: u32,
    },
    /// It goes round for each element of a list.
    ForEach {
        /// Its rounds; absent (null) until it knows its list.
        rounds: Option<Progress>,
    },
    /// It waits.
    Sleep {
        /// Until when, while it does.
        #[schema(value_type = Option<schema::Timestamp>)]
        until: Option<Timestamp>,
    },
}

/// What a step that calls a component has beside the others.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ActionStep {
    /// Attempts of its `act` and `on-reply` that were started.
    pub attempts: u32,
    /// The component that holds its action.
    #[schema(value_type = schema::Name)]
    pub component: Name,
    /// Which of the component's actions.
    #[schema(value_type = schema::Name)]
    pub action: Name,
    /// The component's version that it runs on; absent (null) until it starts.
    pub version: Option<u32>,
    /// Digest of that version.
    #[schema(value_type = Option<schema::Digest>)]
    pub digest: Option<Digest>,
    /// What all its attempts used together; of memory, the most.
    #[schema(value_type = Option<schema::Metering>)]
    pub metering: Option<Metering>,
    /// How it is made final, once that begins.
    pub confirmation: Option<Effort>,
    /// How its undo stands, once one is needed or found not to be.
    pub compensation: Option<Effort>,
}

/// What a step that is a nested saga has beside the others.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NestedStep {
    /// Times that a nested saga was started for it.
    pub attempts: u32,
    /// Name of the nested saga's definition.
    #[schema(value_type = schema::Name)]
    pub definition: Name,
    /// Version of that definition, when this saga's definition names one.
    pub version: Option<u32>,
    /// The nested saga, once it is started.
    #[schema(value_type = Option<schema::SagaId>)]
    pub saga: Option<SagaId>,
    /// How its undo stands, once one is needed or found not to be.
    pub compensation: Option<Effort>,
}

/// The undo of a step, or what makes it final.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Effort {
    /// How it stands.
    pub status: EffortStatus,
    /// Attempts that were started.
    pub attempts: u32,
    /// Why it was skipped, when it was: `no-effect`, `definition` or `operator`.
    #[schema(value_type = Option<schema::SkipReason>)]
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

/// How the undo of a step stands, or what makes it final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EffortStatus {
    /// An attempt runs.
    Running,
    /// Between attempts.
    Waiting,
    /// Done.
    Completed,
    /// Given up: the saga is stuck.
    Failed,
    /// Not needed.
    Skipped,
}
