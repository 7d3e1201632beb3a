//! Secrets, of which nobody is told more than their names.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A secret that the server has. Policies grant it by its name; its value is never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    /// Its name in the server's configuration.
    pub name: String,
}
