//! An action that does what its arguments say.
//!
//! The step's `arguments` are a [`Program`](program::Program): requests to send, lines to log, a limit to break, the
//! failure or the result to end with. So a test of the engine says in its definition what the step does, and needs no
//! component of its own. Implements the contract itself, not [`wasaga_sdk::Action`], because a program may ask for a
//! result that is not even JSON.

mod program;
mod resources;
mod run;

use program::Program;
use serde_json::{Value, json};
use wasaga_sdk::StepError;
use wasaga_sdk::bindings::exports::wasaga::saga::action::Guest;
use wasaga_sdk::bindings::wasaga::saga::types::{Call, Completion, Failure, Outcome};

struct Script;

impl Guest for Script {
    fn act(call: Call) -> Result<Outcome, Failure> {
        wasaga_sdk::log::panics();
        let program = Program::read(&call)?;
        let observed = run::run(&program, call.attempt)?;
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
            Program { echo: true, .. } => echo(&call).to_string(),
            _ => observed.to_string(),
        };
        let context_patch = program
            .raw_patch
            .or_else(|| program.patch.map(|patch| patch.to_string()));
        Ok(Outcome::Completed(Completion {
            result,
            context_patch,
        }))
    }

    fn compensate(call: Call, result: Option<String>) -> Result<(), Failure> {
        wasaga_sdk::log::panics();
        let Some(program) = Program::read(&call)?.compensate else {
            return Ok(());
        };
        run::run(&program, call.attempt)?;
        if program.echo {
            let mut echoed = echo(&call);
            echoed["result"] = result.as_deref().map_or(Value::Null, parse);
            wasaga_sdk::info!("{echoed}");
        }
        Ok(())
    }
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

/// JSON as a value; text that is no JSON as a string, so that a test can see it.
fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| Value::from(json))
}

impl Program {
    /// The program in a call's arguments; `null` is one that does nothing.
    fn read(call: &Call) -> Result<Self, StepError> {
        serde_json::from_str::<Option<Self>>(&call.arguments)
            .map(Option::unwrap_or_default)
            .map_err(|error| {
                StepError::permanent("invalid-arguments", format!("this is no program: {error}"))
            })
    }
}

wasaga_sdk::bindings::export_step!(Script with_types_in wasaga_sdk::bindings);
