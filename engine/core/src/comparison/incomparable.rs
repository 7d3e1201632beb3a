//! Recorded calls that cannot be run again, or whose end says nothing about the component.

use serde::{Deserialize, Serialize};

use crate::call::{Certainty, Ended};
use crate::event::CutOff;
use crate::history::{RecordedCall, RecordedEnd, RecordedOutcome};
use crate::recording::{Body, RequestErrorKind, RequestRecord};

/// Codes of failures that tell of the engine around a call, not of what the component does: the
/// same version would not fail so again, or not because of itself.
const ENGINE_CODES: [&str; 4] = [
    // Its completion was turned down for what else stands in the saga's context.
    "context-too-large",
    // Nothing of it ran: its bytes were gone, or could not be read.
    "component-missing",
    "component-unavailable",
    // The call was made wrongly.
    "incomplete-call",
];

/// Why a recorded call cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Incomparable {
    /// It runs.
    #[error("it still runs")]
    Running,
    /// The engine went away meanwhile.
    #[error("the engine went away while it ran: what would have come of it is not known")]
    Interrupted {
        /// How.
        by: CutOff,
    },
    /// The saga was given up meanwhile.
    #[error("its saga was abandoned while it ran: what would have come of it is not known")]
    Abandoned,
    /// It took too long, which depends on more than the component.
    #[error("it ran into its timeout: how long a call takes is not the same twice")]
    TimedOut,
    /// The engine failed it for a reason of its own.
    #[error("the engine failed it with `{code}`: that says nothing about the component")]
    Engine {
        /// The failure's code.
        code: String,
    },
    /// What it sent was not kept, or not wholly: it cannot be answered from the record.
    #[error(
        "what it sent and was answered was not recorded in full: set `\"record\": \"full\"` in the component's policy"
    )]
    NotRecorded,
    /// A response was not kept as a whole: the request cannot be answered from the record.
    #[error(
        "the response to its request {recorded_index} (counted from 0) was not recorded as a whole"
    )]
    ResponseOmitted {
        /// Place of the request among those of the call, from 0.
        recorded_index: usize,
    },
}

/// What came of a recorded call, if another version can be compared with it: if it ended by itself
/// or within limits that are the same for every version, and everything that it was answered is in
/// the record.
///
/// A trap, out of fuel and out of memory are ends that come again. A timeout is not.
///
/// # Errors
/// Why it cannot be compared.
pub fn comparable(call: &RecordedCall) -> Result<&RecordedEnd, Incomparable> {
    let end = call.end.as_ref().ok_or(Incomparable::Running)?;
    match &end.outcome {
        RecordedOutcome::Interrupted(by) => return Err(Incomparable::Interrupted { by: *by }),
        RecordedOutcome::Abandoned => return Err(Incomparable::Abandoned),
        RecordedOutcome::Ended(Ended::Failed { failure, certainty })
            // A component may use such a code for something of its own.
            if *certainty == Certainty::Uncertain =>
        {
            let code = failure.code.as_str();
            if code == "timeout" {
                return Err(Incomparable::TimedOut);
            }
            if ENGINE_CODES.contains(&code) {
                let code = code.to_owned();
                return Err(Incomparable::Engine { code });
            }
        }
        RecordedOutcome::Ended(_) => {}
    }
    let sent = end.metering.requests as usize;
    let mut exchanges = end.requests.iter().map(|request| request.exchange.as_ref());
    if end.requests.len() < sent || exchanges.any(|exchange| exchange.is_none()) {
        return Err(Incomparable::NotRecorded);
    }
    let omitted = end
        .requests
        .iter()
        .position(|request| !is_answerable(request));
    match omitted {
        Some(recorded_index) => Err(Incomparable::ResponseOmitted { recorded_index }),
        None => Ok(end),
    }
}

/// Whether a request can be answered again as it was.
fn is_answerable(request: &RequestRecord) -> bool {
    let exchange = request.exchange.as_ref();
    let response = exchange.and_then(|exchange| exchange.response.as_ref());
    let is_kept = response.is_some_and(|response| !matches!(response.body, Body::Omitted(_)));
    is_kept
        || match request.error_kind {
            None => false,
            // The component had begun to hear the answer, and nobody knows how much of it.
            Some(RequestErrorKind::GivenUp) => request.status.is_none(),
            // It gets the same error again.
            Some(_) => true,
        }
}
