//! An action that does what its arguments say.
//!
//! The step's `arguments` are a [`Program`]: requests to send, lines to log, a limit to break, the failure or the result
//! to end with. So a test of the engine says in its definition what the step does, and needs no component of its own.
//! Implements the contract itself, not [`wasaga_sdk::Action`], because a program may ask for a result that is not even
//! JSON.
//!
//! Four components hold it, which differ in what they export: `script`, `callback`, `confirm` and `full`.

mod program;
mod resources;
mod run;

use program::Program;
use serde_json::{Value, json};
use wasaga_sdk::FailureKind;
use wasaga_sdk::bindings::exports::wasaga::saga::action;
use wasaga_sdk::bindings::replies::exports::wasaga::saga::callback;
use wasaga_sdk::bindings::second_phase::exports::wasaga::saga::confirmation;
use wasaga_sdk::bindings::wasaga::saga::types::{Call, Completion, Failure, Outcome, Reply};

/// The action, for a component to export.
#[derive(Debug)]
pub struct Script;

impl action::Guest for Script {
    fn act(call: Call) -> Result<Outcome, Failure> {
        wasaga_sdk::log::panics();
        let program = Program::read(&call)?;
        let observed = run::run(&program, call.attempt)?;
        Ok(match program.pending(None) {
            Some(payload) => Outcome::Pending(payload),
            None => completed(program, echo(&call), observed),
        })
    }

    fn compensate(call: Call, result: Option<String>) -> Result<(), Failure> {
        wasaga_sdk::log::panics();
        undo_or_confirm(&call, Program::read(&call)?.compensate, result.as_deref())
    }
}

impl callback::Guest for Script {
    fn on_reply(call: Call, reply: Reply) -> Result<Outcome, Failure> {
        wasaga_sdk::log::panics();
        let reply = describe(&reply);
        let Some(program) = Program::read(&call)?.on_reply else {
            let observed = json!({ "reply": reply });
            return Ok(completed(Program::default(), Value::Null, observed));
        };
        let mut observed = run::run(&program, call.attempt)?;
        if let Some(payload) = program.pending(reply.get("succeeded")) {
            return Ok(Outcome::Pending(payload));
        }
        let mut echoed = echo(&call);
        echoed["reply"] = reply.clone();
        observed["reply"] = reply;
        Ok(completed(*program, echoed, observed))
    }
}

impl confirmation::Guest for Script {
    fn confirm(call: Call, result: String) -> Result<(), Failure> {
        wasaga_sdk::log::panics();
        undo_or_confirm(&call, Program::read(&call)?.confirm, Some(&result))
    }
}

/// Runs the program of a function that has no result; it logs what it would have for one.
fn undo_or_confirm(
    call: &Call,
    program: Option<Box<Program>>,
    result: Option<&str>,
) -> Result<(), Failure> {
    let Some(program) = program else {
        return Ok(());
    };
    run::run(&program, call.attempt)?;
    if program.echo {
        let mut echoed = echo(call);
        echoed["result"] = result.map_or(Value::Null, parse);
        wasaga_sdk::info!("{echoed}");
    }
    Ok(())
}

/// The end of a program that is done: with the result it asks for, or else with what it saw.
fn completed(program: Program, echoed: Value, observed: Value) -> Outcome {
    let result = match &program {
        Program {
            raw_result: Some(text),
            ..
        } => text.clone(),
        Program {
            result_bytes: Some(bytes),
            ..
        } => json!("x".repeat(*bytes)).to_string(),
        Program {
            result: Some(result),
            ..
        } => result.to_string(),
        Program { echo: true, .. } => echoed.to_string(),
        _ => observed.to_string(),
    };
    let context_patch = program
        .raw_patch
        .or_else(|| program.patch.map(|patch| patch.to_string()));
    Outcome::Completed(Completion {
        result,
        context_patch,
    })
}

/// All that the engine said in this call.
fn echo(call: &Call) -> Value {
    json!({
        "saga_id": call.saga_id,
        "saga": call.saga,
        "step": call.step,
        "action": call.action,
        "attempt": call.attempt,
        "idempotency_key": call.idempotency_key,
        "input": parse(&call.input),
        "context": parse(&call.context),
        "arguments": parse(&call.arguments),
        "previous": call.previous.as_deref().map(parse),
    })
}

/// A reply as whoever replied has written it.
fn describe(reply: &Reply) -> Value {
    match reply {
        Reply::Succeeded(value) => json!({ "succeeded": parse(value) }),
        Reply::Failed(failure) => json!({ "failed": {
            "kind": kind(failure.kind),
            "code": failure.code,
            "message": failure.message,
            "details": failure.details.as_deref().map(parse),
        } }),
    }
}

/// The contract's word for it.
fn kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Retryable => "retryable",
        FailureKind::Permanent => "permanent",
    }
}

/// JSON as a value; text that is no JSON as a string, so that a test can see it.
fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::from(json))
}
