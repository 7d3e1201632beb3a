//! Problems (RFC 9457).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Media type of a [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not done. Nothing has changed then, unless `detail` says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable and machine readable.
    pub code: Code,
    /// What the code means; the same for every problem with this code.
    pub title: String,
    /// The response's status.
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// Everything that is wrong with a document, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Whatever else a program needs to act, by code.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Its place: a JSON pointer (RFC 6901), empty for the whole document.
    pub pointer: String,
    /// What was expected and what is there.
    pub message: String,
}

impl From<wasaga_core::Problem> for Fault {
    fn from(problem: wasaga_core::Problem) -> Self {
        Self {
            pointer: problem.pointer,
            message: problem.message,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $title:literal;)+) => {
        /// What kind of problem it is. A code keeps its meaning; later servers may have more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $($(#[$doc])* $name,)+
            /// One that this program does not know.
            #[serde(other)]
            Other,
        }

        impl Code {
            /// Every code that this server answers with.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Status of the responses with this code.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                    Self::Other => StatusCode::INTERNAL_SERVER_ERROR,
                }
            }

            /// What the code means.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                    Self::Other => "Some other problem",
                }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    MalformedJson = BAD_REQUEST, "The body is not JSON";
    /// The body could not be read to its end.
    IncompleteBody = BAD_REQUEST, "The body could not be read";
    /// A query parameter is unknown, or its value is not of its form.
    InvalidQuery = BAD_REQUEST, "A query parameter is not as expected";
    /// `cursor` is none that this list gave out.
    InvalidCursor = BAD_REQUEST, "The cursor is none of this list";
    /// A header's value is not of its form.
    InvalidHeader = BAD_REQUEST, "A header is not as expected";
    /// An id in the path is no UUID.
    InvalidId = BAD_REQUEST, "The id is no UUID";
    /// A name in the path is none.
    InvalidName = BAD_REQUEST, "The name is not of the form that names have";
    /// A token in the path is none.
    InvalidToken = BAD_REQUEST, "The token is no reply token";
    /// A call in the path is no number.
    InvalidCall = BAD_REQUEST, "The call is no number";
    /// A version in the path is no number.
    InvalidVersion = BAD_REQUEST, "The version is no number";
    /// A web page of another origin wants to change something.
    CrossSite = FORBIDDEN, "The request comes from a page of another origin";
    /// There is nothing at this path.
    UnknownPath = NOT_FOUND, "There is nothing at this path";
    /// There is no such saga.
    UnknownSaga = NOT_FOUND, "There is no such saga";
    /// There is no such definition, or not that version of it.
    UnknownDefinition = NOT_FOUND, "There is no such definition";
    /// There is no such component, or not that version of it.
    UnknownComponent = NOT_FOUND, "There is no such component";
    /// The saga has made no such call.
    UnknownCall = NOT_FOUND, "There is no such call";
    /// Nothing has waited, waits or will wait for a reply with this token.
    UnknownToken = NOT_FOUND, "Nothing waits for a reply with this token";
    /// There is no circuit breaker of this action: none of its calls failed of late.
    UnknownBreaker = NOT_FOUND, "There is no such circuit breaker";
    /// The path does not take this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "The path does not take this method";
    /// A saga of that id exists and is another one.
    SagaExists = CONFLICT, "Another saga has this id or key";
    /// The saga's status does not allow it. `saga_status` is its status, `allowed` those that do.
    SagaStatus = CONFLICT, "The saga's status does not allow it";
    /// The saga's status allows it, and something else does not.
    SagaUnfit = CONFLICT, "The saga does not allow it as it stands";
    /// The saga cannot turn back: its pivot is done, or runs. `pivot` is the step, `pivot_status` is
    /// `completed` or `running`.
    ForwardOnly = CONFLICT, "The saga only goes forward";
    /// The step has its reply already.
    AlreadyReplied = CONFLICT, "The reply was given already";
    /// The step does not wait for the reply any more.
    ReplyNotAwaited = CONFLICT, "Nobody waits for the reply any more";
    /// A version imports what its component's policy does not grant. `imports` has all of that.
    ImportNotGranted = CONFLICT, "The policy does not grant an import";
    /// A version lacks what the present one exports. `exports` has all of that.
    VersionLacksExport = CONFLICT, "The version lacks an export";
    /// The version is needed: sagas take it, or one is bound to it, which `saga` is then.
    VersionInUse = CONFLICT, "The version is in use";
    /// The component has no active version.
    NoActiveVersion = CONFLICT, "The component has no active version";
    /// The version is the active one already: it cannot share sagas with itself.
    VersionActive = CONFLICT, "The version is the active one";
    /// The version does not do what the active one did, or there was nothing to compare.
    /// `verification` is the report.
    VerificationDiffers = CONFLICT, "The version does not do what the active one did";
    /// Somebody else changed it meanwhile. `generation` is the present one.
    Outdated = PRECONDITION_FAILED, "Somebody else changed it";
    /// The body is too large. `limit_bytes` is the most.
    BodyTooLarge = PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is of the wrong type.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "The body is of the wrong type";
    /// The request is for a host that the server does not answer to.
    UnknownHost = MISDIRECTED_REQUEST, "The server does not answer to this host";
    /// The body is JSON and not what is expected here.
    InvalidBody = UNPROCESSABLE_ENTITY, "The body is not what is expected here";
    /// The definition has faults; `errors` has them all.
    InvalidDefinition = UNPROCESSABLE_ENTITY, "The definition has faults";
    /// The input does not fit the definition's schema.
    InvalidInput = UNPROCESSABLE_ENTITY, "The input does not fit the definition";
    /// Some sagas of a batch cannot be started; `errors` says which and why. None was started.
    InvalidBatch = UNPROCESSABLE_ENTITY, "Some of the sagas cannot be started";
    /// The tags are too many or too long.
    InvalidTags = UNPROCESSABLE_ENTITY, "The tags are not as expected";
    /// The bytes are no component that the engine can run.
    InvalidComponent = UNPROCESSABLE_ENTITY, "The component cannot be used";
    /// The policy has faults.
    InvalidPolicy = UNPROCESSABLE_ENTITY, "The policy has faults";
    /// The server failed; its log says why.
    Internal = INTERNAL_SERVER_ERROR, "The server failed";
    /// The server has too many requests at once.
    Overloaded = SERVICE_UNAVAILABLE, "The server has too much to do";
    /// The server is going down.
    ShuttingDown = SERVICE_UNAVAILABLE, "The server is shutting down";
    /// The server cannot reach what it needs.
    Unavailable = SERVICE_UNAVAILABLE, "The server is not ready";
    /// The request took longer than the server allows. Whether it was done is not known.
    Timeout = GATEWAY_TIMEOUT, "The request took too long";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_what_it_writes() {
        for code in Code::ALL {
            let text = serde_json::to_string(code).expect("JSON");
            assert_eq!(serde_json::from_str::<Code>(&text).expect("a code"), *code);
            assert!(code.status().as_u16() >= 400, "{text}");
        }
    }

    #[test]
    fn a_code_of_a_later_server_can_be_read() {
        let problem: Problem = serde_json::from_str(
            r#"{"code": "too-blue", "title": "t", "status": 418, "detail": "d", "shade": 3}"#,
        )
        .expect("a problem");
        assert_eq!(problem.code, Code::Other);
        assert_eq!(problem.more["shade"], 3);
    }
}
