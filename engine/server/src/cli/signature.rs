//! Who orders something, and what for.

use clap::Args;
use serde::Serialize;

/// What the server keeps with a change; serialised, members of a request's body or its query.
#[derive(Clone, Debug, Default, Args, Serialize)]
pub(super) struct Signature {
    /// Why, kept with the change
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Who asks for it, kept with the change
    #[arg(long, env = "USER", value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}
