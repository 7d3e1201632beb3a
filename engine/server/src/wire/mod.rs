//! What goes over HTTP: requests and answers, one file a resource.
//!
//! The server writes what clients read and the other way round, so every type here does both.

pub mod breaker;
pub mod call;
pub mod component;
pub mod definition;
pub mod event;
pub mod order;
pub mod page;
pub mod problem;
pub mod saga;
pub mod schema;
pub mod secret;
pub mod start;
pub mod step;
pub mod verify;

pub use self::breaker::{Breaker, BreakerState};
pub use self::call::{Call, CallInput, CallOutcome, CallOutput, CallSummary, Rerun, RerunCall};
pub use self::component::{
    ActivateComponent, Component, ComponentDetail, ComponentSwitch, ComponentVersion,
    DescribeVersion, InterfaceChanges, LeftSaga, MoveSagas, MovedSagas, SetCandidate,
    ShareComponent, SwitchTo, UploadedComponent,
};
pub use self::definition::{DefinitionSummary, DefinitionVersion};
pub use self::event::{LAGGED_EVENT, Lagged, PROGRESS_EVENT, SagaEvent};
pub use self::order::{
    Callback, CallbackFailure, OrderSaga, Replied, RetrySaga, RetryVersion, SkipSaga,
};
pub use self::page::Page;
pub use self::problem::{Code, Fault, PROBLEM_JSON, Problem};
pub use self::saga::{ParentSaga, Paused, PausedBy, Progress, Saga, SagaSummary, Waiting};
pub use self::secret::Secret;
pub use self::start::{MAX_BATCH, StartSaga, StartSagas, StartedBy, StartedSaga, StartedSagas};
pub use self::step::{ActionStep, Effort, EffortStatus, NestedStep, Node, Step};
pub use self::verify::{DifferentCall, Verification, VerifyVersion};
