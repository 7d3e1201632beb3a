//! What goes wrong in a sandbox, in the words of the component's author.

use serde_json::Value;
use wasaga_core::{Certainty, Direction, Ended, Failure, FailureKind, json};
use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use crate::bindings::wasaga::saga::types::{self as wit, Outcome};
use crate::config::CallLimits;
use crate::exports::CALLBACK;
use crate::logs::truncated;
use crate::registry::LoadError;

/// Longest code of a failure.
const MAX_CODE_BYTES: usize = 128;
/// Longest message.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// A call that was cut off.
fn uncertain(kind: FailureKind, code: &str, message: String) -> Ended {
    let message = truncated(&message, MAX_MESSAGE_BYTES).to_owned();
    let failure = Failure {
        kind,
        code: code.to_owned(),
        message,
        details: None,
    };
    Ended::Failed {
        failure,
        certainty: Certainty::Uncertain,
    }
}

/// The version could not be loaded: nothing ran.
pub(crate) fn not_loaded(error: &LoadError) -> Ended {
    match error {
        LoadError::Missing(_) => uncertain(
            FailureKind::Permanent,
            "component-missing",
            error.to_string(),
        ),
        LoadError::Storage { .. } => uncertain(
            FailureKind::Retryable,
            "component-unavailable",
            error.to_string(),
        ),
        LoadError::Prepare(error) if error.is_of_the_server() => uncertain(
            FailureKind::Retryable,
            "component-unavailable",
            error.to_string(),
        ),
        LoadError::Prepare(_) => uncertain(
            FailureKind::Permanent,
            "instantiation-failed",
            error.to_string(),
        ),
    }
}

/// The call took too long.
pub(crate) fn timed_out(timeout: std::time::Duration) -> Ended {
    let ms = timeout.as_millis();
    let message = format!("the call took longer than its timeout of {ms} ms");
    uncertain(FailureKind::Retryable, "timeout", message)
}

/// Where a call was when it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The component was being instantiated.
    Instantiation,
    /// The action ran.
    Call,
}

/// What is known beside the error itself.
pub(crate) struct Circumstances<'a> {
    pub(crate) stage: Stage,
    pub(crate) limits: &'a CallLimits,
    /// Whether the limit forbade the growth of memory that the component asked for last.
    pub(crate) memory_refused: bool,
    /// What the component said last.
    pub(crate) last_words: Option<&'a str>,
}

/// The component trapped, or the engine refused to go on.
pub(crate) fn cut_off(error: &wasmtime::Error, around: &Circumstances<'_>) -> Ended {
    let limits = around.limits;
    let trap = error.downcast_ref::<Trap>();
    let (code, mut message) = if trap == Some(&Trap::OutOfFuel) {
        let reason = format!(
            "out of fuel after {} units: raise limits.fuel, or look for a loop that does not end",
            limits.fuel
        );
        ("out-of-fuel", reason)
    } else if is_for_want_of_memory(error, around) {
        let reason = format!(
            "the component asked for more than the {} bytes of memory that it may have: raise \
             limits.memory, or look for what it keeps",
            limits.memory_bytes
        );
        ("memory-limit", reason)
    } else if trap == Some(&Trap::StackOverflow) {
        (
            "stack-overflow",
            "the call stack is exhausted: look for a recursion that does not end".to_owned(),
        )
    } else if is_too_much_for_the_host(error) {
        let reason = format!(
            "the component handed over more data at once than it may; a payload can have {} bytes \
             (limits.payload)",
            limits.payload_bytes
        );
        ("payload-too-large", reason)
    } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
        (
            "trap",
            format!(
                "the component exited with status {} instead of returning",
                exit.0
            ),
        )
    } else if let Some(trap) = trap {
        let text = trap.to_string();
        (
            "trap",
            format!(
                "the component trapped: {}",
                text.trim_start_matches("wasm trap: ")
            ),
        )
    } else if around.stage == Stage::Instantiation {
        (
            "instantiation-failed",
            format!(
                "the component cannot be instantiated: {}",
                error.root_cause()
            ),
        )
    } else {
        (
            "trap",
            format!("the call was cut off: {}", error.root_cause()),
        )
    };
    if let Some(words) = around.last_words {
        message = format!("{message}; it said: {words}");
    }
    uncertain(FailureKind::Permanent, code, message)
}

/// A component that gets no memory and cannot do without ends itself, by `unreachable` or by an exit,
/// or never starts. Whatever else ends one that was refused memory has another cause, and one that
/// got some afterwards has coped.
fn is_for_want_of_memory(error: &wasmtime::Error, around: &Circumstances<'_>) -> bool {
    let gave_up = match error.downcast_ref::<Trap>() {
        Some(trap) => *trap == Trap::UnreachableCodeReached,
        None => error.is::<I32Exit>() || around.stage == Stage::Instantiation,
    };
    around.memory_refused && gave_up
}

/// Wasmtime limits what a component can hand to the host at once, and has no type for saying so.
fn is_too_much_for_the_host(error: &wasmtime::Error) -> bool {
    error
        .root_cause()
        .to_string()
        .contains("fuel allocated for hostcalls has been exhausted")
}

/// The action answered `pending`, and there is nothing that could take the reply.
pub(crate) fn pending_unsupported() -> Ended {
    let message = format!(
        "the action answered `pending`, but the component has nothing that takes the reply: export \
         `{CALLBACK}` (the world `callback-step`)"
    );
    uncertain(FailureKind::Permanent, "pending-unsupported", message)
}

/// The saga needs a function that this version does not have.
pub(crate) fn missing_export(interface: &str, direction: Direction) -> Ended {
    let message = format!(
        "the component does not export `{interface}`, which `{direction}` is a function of"
    );
    uncertain(FailureKind::Permanent, "missing-export", message)
}

/// The call lacks what its function takes.
pub(crate) fn incomplete_call(direction: Direction, lacks: &str) -> Ended {
    let message = format!("the call of `{direction}` came without {lacks}");
    uncertain(FailureKind::Permanent, "incomplete-call", message)
}

/// The action came to an end by itself, or the turning of a reply into its outcome.
pub(crate) fn acted(returned: Result<Outcome, wit::Failure>, limits: &CallLimits) -> Ended {
    match returned {
        Ok(Outcome::Completed(completion)) => completed(&completion, limits),
        Ok(Outcome::Pending(payload)) => pending(&payload, limits),
        Err(failure) => failed(failure, limits),
    }
}

/// The compensation or the confirmation came to an end by itself.
pub(crate) fn undone_or_confirmed(
    returned: Result<(), wit::Failure>,
    limits: &CallLimits,
) -> Ended {
    match returned {
        Ok(()) => Ended::Completed(wasaga_core::Completion::default()),
        Err(failure) => failed(failure, limits),
    }
}

fn pending(payload: &str, limits: &CallLimits) -> Ended {
    match parsed(
        "pending payload",
        payload,
        "invalid-pending-payload",
        limits,
    ) {
        Ok(payload) => Ended::Pending(payload),
        Err(failure) => Ended::Failed {
            failure,
            certainty: Certainty::Uncertain,
        },
    }
}

fn completed(completion: &wit::Completion, limits: &CallLimits) -> Ended {
    let result = match parsed("result", &completion.result, "invalid-result", limits) {
        Ok(result) => result,
        Err(failure) => {
            return Ended::Failed {
                failure,
                certainty: Certainty::Uncertain,
            };
        }
    };
    let Some(patch) = &completion.context_patch else {
        return Ended::Completed(wasaga_core::Completion {
            result,
            context_patch: None,
        });
    };
    match parsed("context patch", patch, "invalid-context-patch", limits) {
        Ok(patch @ Value::Object(_)) => Ended::Completed(wasaga_core::Completion {
            result,
            context_patch: Some(patch),
        }),
        Ok(_) => uncertain(
            FailureKind::Permanent,
            "invalid-context-patch",
            "the context patch is no JSON object".to_owned(),
        ),
        Err(failure) => Ended::Failed {
            failure,
            certainty: Certainty::Uncertain,
        },
    }
}

fn failed(failure: wit::Failure, limits: &CallLimits) -> Ended {
    let kind = match failure.kind {
        wit::FailureKind::Retryable => FailureKind::Retryable,
        wit::FailureKind::Permanent => FailureKind::Permanent,
    };
    let code = if failure.code.is_empty() {
        "failed"
    } else {
        &failure.code
    };
    let code = truncated(code, MAX_CODE_BYTES).to_owned();
    let message = truncated(&failure.message, MAX_MESSAGE_BYTES);
    let details = failure.details.as_deref();
    let details = details
        .map(|text| parsed("details", text, "invalid-details", limits))
        .transpose();
    let (message, details) = match details {
        Ok(details) => (message.to_owned(), details),
        // What a failure means for the saga does not depend on its details.
        Err(wrong) => {
            let note = format!(" (without its details: {})", wrong.message);
            let room = MAX_MESSAGE_BYTES.saturating_sub(note.len());
            (format!("{}{note}", truncated(message, room)), None)
        }
    };
    let failure = Failure {
        kind,
        code,
        message,
        details,
    };
    Ended::Failed {
        failure,
        certainty: Certainty::Definite,
    }
}

/// A failure as the contract spells it.
pub(crate) fn told(failure: &Failure) -> wit::Failure {
    wit::Failure {
        kind: match failure.kind {
            FailureKind::Retryable => wit::FailureKind::Retryable,
            FailureKind::Permanent => wit::FailureKind::Permanent,
        },
        code: failure.code.clone(),
        message: failure.message.clone(),
        details: failure.details.as_ref().map(Value::to_string),
    }
}

/// Reads JSON that a component returned, if a saga can keep it.
fn parsed(what: &str, text: &str, code: &str, limits: &CallLimits) -> Result<Value, Failure> {
    let (size, max) = (text.len() as u64, limits.payload_bytes);
    if size > max {
        let message =
            format!("the {what} has {size} bytes, at most {max} are allowed (limits.payload)");
        return Err(Failure::permanent("payload-too-large", message));
    }
    let value = serde_json::from_str(text)
        .map_err(|error| Failure::permanent(code, format!("the {what} is no JSON: {error}")))?;
    json::check_depth(&value)
        .map_err(|reason| Failure::permanent(code, format!("the {what} is {reason}")))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DefaultLimits;

    fn code(error: impl Into<wasmtime::Error>, stage: Stage, memory_refused: bool) -> String {
        let around = Circumstances {
            stage,
            limits: &DefaultLimits::default().default,
            memory_refused,
            last_words: None,
        };
        match cut_off(&error.into(), &around) {
            Ended::Failed { failure, .. } => failure.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_of_memory_explains_only_a_component_that_gave_up() {
        let none_left = |error| code(error, Stage::Call, true);
        let gave_up = Trap::UnreachableCodeReached;
        assert_eq!(none_left(gave_up.into()), "memory-limit");
        assert_eq!(none_left(I32Exit(2).into()), "memory-limit");
        assert_eq!(none_left(Trap::StackOverflow.into()), "stack-overflow");
        assert_eq!(none_left(Trap::OutOfFuel.into()), "out-of-fuel");
        assert_eq!(none_left(Trap::IntegerDivisionByZero.into()), "trap");
        assert_eq!(none_left(wasmtime::Error::msg("host")), "trap");
        assert_eq!(code(gave_up, Stage::Call, false), "trap");

        let start = |refused| code(wasmtime::Error::msg("pages"), Stage::Instantiation, refused);
        assert_eq!(start(true), "memory-limit");
        assert_eq!(start(false), "instantiation-failed");
    }
}
