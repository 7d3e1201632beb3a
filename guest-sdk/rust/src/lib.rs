//! Write the steps of a [Wasaga](https://github.com/wasaga/wasaga) saga in Rust.
//!
//! A step is a type that implements [`Action`]: `act` does the work, `compensate` undoes it. [`export!`] makes a
//! component of it. [`Callback`] is for a step that waits for a reply, [`Confirmation`] for the second phase of a step.
//!
//! ```
//! use wasaga_sdk::prelude::*;
//!
//! struct Charge;
//!
//! impl Action for Charge {
//!     type Input = Value;
//!     type Result = Value;
//!
//!     fn act(call: Call<Value>) -> Result<Completed<Value>, StepError> {
//!         let payment: Value = http::post("https://pay.example/charges").json(&call.input).send()?.error_for_status()?.json()?;
//!         info!("charged {}", payment["id"]);
//!         Ok(Completed::new(payment))
//!     }
//! }
//!
//! wasaga_sdk::export!(Charge);
//! ```
//!
//! What happens around it:
//!
//! - The input is deserialised before `act` runs. Input that does not fit is a permanent failure, `invalid-input`.
//! - `?` turns any error into a [`StepError`]: the engine tries again as the definition says. Use
//!   [`StepError::permanent`] where that cannot help.
//! - Each request that changes something carries an `Idempotency-Key` that is the same for every attempt, so a service
//!   that honours it does the work once.
//! - On a target that is not wasm a step builds as well, so that its own tests run: there the log goes to standard
//!   error, nothing is configured and every request fails to connect.
//! - A panic ends the call; its message is in the saga's log.

mod action;
pub mod bindings;
mod call;
mod callback;
pub mod config;
mod confirmation;
mod error;
mod export;
mod host;
pub mod http;
pub mod log;
mod run;

pub use action::{Action, Completed};
pub use call::Call;
pub use callback::{Callback, Outcome};
pub use confirmation::Confirmation;
pub use error::{FailureKind, StepError};
pub use serde_json::{Value, json};

/// What nearly every step needs: `use wasaga_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Action, Call, Callback, Completed, Confirmation, Outcome, StepError, Value, config, http,
        json,
    };
    pub use crate::{debug, error, info, trace, warn};
    pub use serde::{Deserialize, Serialize};
}

/// What [`export!`] expands to. No part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::wasaga::saga::types::{Call, Failure};
    pub use crate::run::{Actions, Run, unknown_action};
}

/// Compiles the README's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
