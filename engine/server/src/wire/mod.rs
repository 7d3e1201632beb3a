//! What goes over HTTP: requests and answers, one file a resource.
//!
//! The server writes what clients read and the other way round, so every type here does both.

pub mod component;
pub mod definition;
pub mod page;
pub mod problem;
pub mod saga;
pub mod schema;

pub use self::component::{
    ActivateComponent, Component, ComponentDetail, ComponentVersion, UploadedComponent,
};
pub use self::definition::{DefinitionSummary, DefinitionVersion};
pub use self::page::Page;
pub use self::problem::{Code, Fault, PROBLEM_JSON, Problem};
pub use self::saga::{
    CancelSaga, Compensation, CompensationStatus, Progress, Saga, SagaSummary, StartSaga, Step,
    Waiting,
};
