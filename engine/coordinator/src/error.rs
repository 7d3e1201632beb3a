//! What a coordinator may answer instead of doing what it was asked.

use wasaga_core::definition::Invalid;
use wasaga_core::state::FoldError;
use wasaga_core::{Name, Problem, SagaId, TransitionError};
use wasaga_host::{LoadError, PolicyError, PrepareError};
use wasaga_journal::JournalError;

/// A coordinator that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A saga that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its journal makes no sense to this engine.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The version of the definition that it executes is not in the store, or this engine cannot
    /// read it.
    #[error("version {version} of definition `{name}` cannot be used: {reason}")]
    Definition {
        /// Name of the definition.
        name: Name,
        /// Number of the version.
        version: u32,
        /// Why not.
        reason: String,
    },
}

/// A saga that was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such definition.
    #[error("there is no definition `{name}`{}", version.map(|v| format!(" of version {v}")).unwrap_or_default())]
    UnknownDefinition {
        /// The name that was asked for.
        name: Name,
        /// The version that was asked for.
        version: Option<u32>,
    },
    /// The input does not fit the definition's schema.
    #[error("the input does not fit the definition's input_schema")]
    Input {
        /// Every problem, with its place in the input.
        problems: Vec<Problem>,
    },
    /// The tags are not as they should be.
    #[error("the tags cannot be used")]
    Tags {
        /// Every problem, with its place in the tags.
        problems: Vec<Problem>,
    },
    /// A saga of that id exists, and it is another one.
    #[error("saga {id} exists already, with another definition, input or tags")]
    Conflict {
        /// The id that was asked for.
        id: SagaId,
    },
    /// The engine is about to end.
    #[error("the engine is shutting down: try again later")]
    ShuttingDown,
    /// The saga exists already and cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The saga was not stored.
    #[error("the saga was not stored: {0}")]
    Commit(String),
    /// The state machine contradicts itself.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl From<wasaga_core::StartError> for StartError {
    fn from(error: wasaga_core::StartError) -> Self {
        match error {
            wasaga_core::StartError::Input { problems } => Self::Input { problems },
            wasaga_core::StartError::Fold(error) => Self::Fold(error),
        }
    }
}

/// Sagas that were not started together.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Some of them cannot be started.
    #[error("{} of the sagas cannot be started", errors.len())]
    Items {
        /// Their places in the batch, and why.
        errors: Vec<(usize, StartError)>,
    },
    /// The engine is about to end.
    #[error("the engine is shutting down: try again later")]
    ShuttingDown,
    /// The sagas were not stored.
    #[error("the sagas were not stored: {0}")]
    Commit(String),
}

/// A command that did nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such saga.
    #[error("there is no saga {0}")]
    NotFound(SagaId),
    /// The saga's status does not allow it.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// Another engine on the same store drives the saga.
    #[error("saga {0} is driven by another engine: ask that one")]
    Elsewhere(SagaId),
    /// The engine is about to end.
    #[error("the engine is shutting down: try again later")]
    ShuttingDown,
    /// The saga cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was decided was not stored.
    #[error("the command was not stored: {0}")]
    Commit(String),
}

/// A recorded call that was not run again.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// There is no such saga.
    #[error("there is no saga {0}")]
    NoSaga(SagaId),
    /// The saga has no such call.
    #[error("saga {saga} has no call that event {seq} started")]
    NoCall {
        /// Which saga.
        saga: SagaId,
        /// The number that was asked for.
        seq: u64,
    },
    /// There is no such version, or not any more.
    #[error("there is no version {version} of component `{component}`: name another one")]
    NoVersion {
        /// The component.
        component: Name,
        /// The version that was asked for.
        version: u32,
    },
    /// The saga cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A version that was not tried.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no such component or version.
    #[error("there is no component `{component}`{}", version.map(|v| format!(" of version {v}")).unwrap_or_default())]
    NoVersion {
        /// The component.
        component: Name,
        /// The version that was asked for.
        version: Option<u32>,
    },
    /// No version is active whose calls it could be tried on.
    #[error("component `{0}` has no active version: name the one whose calls are to be run again")]
    NoActive(Name),
    /// The version cannot be made ready.
    #[error("the version cannot be loaded: {0}")]
    Load(#[from] LoadError),
    /// A saga cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sandbox failed: an error of the engine.
    #[error("a call could not be run again: {0}")]
    Broken(String),
}

/// Sagas that were not moved to another version.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// There is no such version.
    #[error("there is no version {version} of component `{component}`")]
    NoVersion {
        /// The component.
        component: Name,
        /// The version that was asked for.
        version: u32,
    },
    /// No version is active.
    #[error("component `{0}` has no active version: name the version to move to")]
    NoActive(Name),
    /// The version cannot be called in all ways in which the present one can.
    #[error(
        "version {to} of component `{component}` does not export `{}`, which version {from} does: \
         sagas that rely on it cannot run on that version", .exports.join("`, `")
    )]
    Lacks {
        /// The component.
        component: Name,
        /// The present version.
        from: u32,
        /// The version that was asked for.
        to: u32,
        /// What it does not export.
        exports: Vec<String>,
    },
    /// The version imports what its component's policy does not grant.
    #[error(
        "version {version} of component `{component}` imports `{}`, which its policy does not grant: \
         add it to allowed_imports, or name another version", .imports.join("`, `")
    )]
    NotGranted {
        /// The component.
        component: Name,
        /// The version that was asked for.
        version: u32,
        /// All imports that are not granted.
        imports: Vec<String>,
    },
    /// A saga did not take it.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The store did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<JournalError> for VerifyError {
    fn from(error: JournalError) -> Self {
        Self::Read(error.into())
    }
}

/// An upload that was refused.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The bytes are no component that the engine can run.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// It is to become active and imports what its component's policy does not grant.
    #[error(
        "component `{name}` would import `{}`, which its policy does not grant: add it to \
         allowed_imports, or upload it without activating it", .imports.join("`, `")
    )]
    NotGranted {
        /// The component.
        name: Name,
        /// All imports that are not granted.
        imports: Vec<String>,
    },
    /// The store did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A policy that was refused.
#[derive(Debug, thiserror::Error)]
pub enum SetPolicyError {
    /// Something in it has no meaning.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Somebody else changed the component.
    #[error("the component is at generation {generation} now: somebody else changed it")]
    Outdated {
        /// The present generation.
        generation: u64,
    },
    /// It does not grant what a version imports that sagas take.
    #[error(
        "allowed_imports: version {version}, which sagas take, imports `{}`: allow it, or activate \
         another version first", .imports.join("`, `")
    )]
    NotGranted {
        /// The version.
        version: u32,
        /// All imports that are not granted.
        imports: Vec<String>,
    },
    /// The store did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A definition that was refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It has problems.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store did not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<JournalError> for StartError {
    fn from(error: JournalError) -> Self {
        Self::Read(error.into())
    }
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        Self::Read(error.into())
    }
}
