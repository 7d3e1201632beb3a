//! What the operator configured for this component.
//!
//! ```
//! use wasaga_sdk::prelude::*;
//!
//! fn charges_url() -> Result<String, StepError> {
//!     Ok(format!("{}/charges", config::require("payments_url")?))
//! }
//! ```

use crate::{StepError, host};

/// The value called `name`, `None` when the operator set none.
///
/// Plain values can be read by whoever reaches the engine's API. For a secret this is a placeholder: write it into a
/// header or a body, and the engine puts the secret there when the request goes to a host that the secret is bound to.
pub fn get(name: &str) -> Option<String> {
    host::config(name)
}

/// The value called `name`, which this step cannot do without.
///
/// # Errors
///
/// Permanent, `missing-config`, when the operator set none.
pub fn require(name: &str) -> Result<String, StepError> {
    get(name).ok_or_else(|| {
        StepError::permanent(
            "missing-config",
            format!("this step needs the configuration value `{name}`, and it is not set"),
        )
    })
}
