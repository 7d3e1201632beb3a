//! Drives sagas: takes effects from the state machine, runs them, journals what came of them.
//!
//! | file | what it holds |
//! |---|---|
//! | `driver` | the loop around one saga in memory |
//! | `opening` | a saga's first moments |
//! | `hold` | letting go of a saga whatever happens to the work on it |
//! | `append` | what is written of a saga |
//! | `load` | a saga from its journal |
//! | `commit` | the one writer that all sagas' events pass |
//! | `claimer` | brings sagas that are due into memory: timers, recovery and the queue are one |
//! | `residents` | the sagas in memory and how many there may be |
//! | `work` | what runs for one saga in memory |
//! | `nested` | what sagas that nest one another say to each other |
//! | `breakers` | circuit breakers |
//! | `retention` | deletes finished sagas whose time is over |
//! | `hub` | who waits for a saga or watches it |
//! | `feed` | the journals of all sagas as they grow |
//! | `catalog/` | definitions and components, as sagas and users see them |
//! | `start` | starting sagas, once each |
//! | `sagas` | reading and steering sagas |
//! | `moving` | moving sagas to another version of a component |
//! | `calls` | the calls of a saga, and running one again |
//! | `verify` | trying a version on what another one did |
//! | `unloading` | drops versions that no saga needs from memory |

mod append;
mod breakers;
mod calls;
mod catalog;
mod claimer;
mod clock;
mod commit;
mod config;
mod driver;
mod engine;
mod error;
mod feed;
mod hold;
mod hub;
mod load;
mod metrics;
mod moving;
mod nested;
mod opening;
mod residents;
mod retention;
mod sagas;
mod start;
mod unloading;
mod verify;
mod work;

pub use self::breakers::{BreakerState, BreakerView, Breakers};
pub use self::calls::{Rerun, RerunOn};
pub use self::catalog::{
    Activate, Blobs, Components, Definitions, Describe, RemoveError, Removed, SwitchError,
    SwitchRequest, Upload, Uploaded,
};
pub use self::config::{Config, Retention};
pub use self::engine::Coordinator;
pub use self::error::{
    ApplyError, BatchError, CommandError, MoveError, OpenError, ReadError, RerunError,
    SetPolicyError, StartError, UploadError, VerifyError,
};
pub use self::feed::Feed;
pub use self::hub::Watch;
pub use self::moving::{MAX_MOVED, Move, Moved, Then, Which};
pub use self::sagas::Sagas;
pub use self::start::{StartRequest, Started};
pub use self::verify::{Different, MAX_CALLS, MAX_SAGAS, Verification, Verify};
