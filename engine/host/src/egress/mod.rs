//! The way out: every request of a component passes here, whichever interface it came by.
//!
//! In this order: the allow-list, the lookup of the name, the check of its addresses, the connection
//! to one of those that passed. Secrets are put in on the way out, and taken out of what comes back.
//! A call that is replayed has a tape in place of all that.

mod address;
mod allow;
mod body;
mod fill;
mod forms;
mod gateway;
mod ledger;
mod outbound;
mod recorder;
mod rewrite;
mod tape;
mod vault;

pub(crate) use allow::AllowList;
pub(crate) use allow::MAX_ENTRIES;
pub use allow::PolicyError;
pub(crate) use gateway::Gateway;
pub(crate) use outbound::{Incoming, Outbound, Outgoing, OutgoingBody, Way, within};
pub(crate) use tape::Tape;
pub(crate) use vault::{Granted, Vault};

use wasaga_core::recording::RequestErrorKind;

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// The operator does not allow it. Nothing was sent.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// It is no valid request. Nothing was sent.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// There was no connection. Nothing was sent.
    #[error("no connection: {0}")]
    Connect(String),
    /// It took too long. The request may have been received.
    #[error("timeout: {0}")]
    Timeout(String),
    /// The connection broke. The request may have been received.
    #[error("transport: {0}")]
    Transport(String),
    /// The response's body is larger than so many bytes.
    #[error("the response's body is larger than {0} bytes")]
    TooLarge(u64),
}

impl SendError {
    /// The word of the journal for it.
    pub(crate) const fn kind(&self) -> RequestErrorKind {
        match self {
            Self::Forbidden(_) => RequestErrorKind::Forbidden,
            Self::InvalidRequest(_) => RequestErrorKind::InvalidRequest,
            Self::Connect(_) => RequestErrorKind::Connect,
            Self::Timeout(_) => RequestErrorKind::Timeout,
            Self::Transport(_) => RequestErrorKind::Transport,
            Self::TooLarge(_) => RequestErrorKind::TooLarge,
        }
    }

    /// Whether it is certain that nothing was sent.
    pub(crate) const fn nothing_sent(&self) -> bool {
        matches!(
            self,
            Self::Forbidden(_) | Self::InvalidRequest(_) | Self::Connect(_)
        )
    }
}
