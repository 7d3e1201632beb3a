//! Runs a program.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use wasaga_sdk::http::{self, Response};
use wasaga_sdk::log::{self, Level as HostLevel};
use wasaga_sdk::{StepError, config};

use crate::program::{Level, Program, Request};
use crate::resources;

/// How long a line of `log_bytes` is.
const LINE_BYTES: usize = 1_000;

/// Does all of the program but its result, and says what it saw.
pub(crate) fn run(program: &Program, attempt: u32) -> Result<Value, StepError> {
    loop {
        let observed = once(program)?;
        if !program.forever {
            fail(program, attempt)?;
            return Ok(observed);
        }
    }
}

fn once(program: &Program) -> Result<Value, StepError> {
    let responses = program
        .requests
        .iter()
        .map(|request| send(request, program.tolerate))
        .collect::<Result<Vec<_>, _>>()?;
    let mut observed = Map::from_iter([("responses".to_owned(), Value::from(responses))]);

    for line in &program.log {
        log::write(line.level.into(), &line.message);
    }
    for start in (0..program.log_bytes).step_by(LINE_BYTES) {
        wasaga_sdk::info!("{}", "x".repeat(LINE_BYTES.min(program.log_bytes - start)));
    }
    if let Some(text) = &program.print {
        resources::print(text);
    }
    if let Some(text) = &program.eprint {
        resources::eprint(text);
    }
    if let Some(name) = &program.config {
        observed.insert("config".into(), config::get(name).into());
    }
    if let Some(bytes) = program.random_bytes {
        observed.insert("random_bytes".into(), resources::random(bytes).into());
    }
    if program.ask_the_world {
        observed.insert("world".into(), resources::world());
    }
    if program.sleep_ms > 0 {
        resources::sleep(program.sleep_ms);
    }
    if program.allocate_bytes > 0 {
        resources::allocate(program.allocate_bytes);
    }
    if program.recurse {
        resources::recurse();
    }
    if program.spin {
        resources::spin();
    }
    if program.panic {
        panic!("the program asked for it");
    }
    Ok(observed.into())
}

fn fail(program: &Program, attempt: u32) -> Result<(), StepError> {
    match (&program.fail, program.fail_until_attempt) {
        (_, Some(until)) if attempt >= until => Ok(()),
        (Some(fail), _) => Err(fail.into()),
        (None, Some(until)) => Err(StepError::retryable(
            "not-yet",
            format!("attempt {attempt} fails, attempt {until} will not"),
        )),
        (None, None) => Ok(()),
    }
}

/// Sends one request; what the program tolerates becomes a value instead of an error.
fn send(request: &Request, tolerate_all: bool) -> Result<Value, StepError> {
    match exchange(request) {
        Ok(response) if request.expect_status && !tolerate_all && !request.tolerate => {
            Ok(describe(&response.error_for_status()?))
        }
        Ok(response) => Ok(describe(&response)),
        Err(error) if tolerate_all || request.tolerate => {
            let error = StepError::from(error);
            let kind = crate::kind(error.kind());
            Ok(
                json!({ "error": { "kind": kind, "code": error.code(), "message": error.message() } }),
            )
        }
        Err(error) => Err(error.into()),
    }
}

fn exchange(request: &Request) -> Result<Response, http::Error> {
    let mut builder = http::request(&request.method, &request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    if let Some(basic) = &request.basic {
        builder = builder.header(
            "authorization",
            format!("Basic {}", BASE64_STANDARD.encode(basic)),
        );
    }
    builder = match (&request.body, request.body_bytes) {
        (_, Some(bytes)) => builder.body("x".repeat(bytes)),
        (Some(Value::String(text)), None) => builder.body(text.as_str()),
        (Some(body), None) => builder.json(body),
        (None, None) => builder,
    };
    if let Some(timeout_ms) = request.timeout_ms {
        builder = builder.timeout(Duration::from_millis(timeout_ms));
    }
    builder.send()
}

fn describe(response: &Response) -> Value {
    let headers: Map<String, Value> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.as_str().into()))
        .collect();
    let body = response
        .json::<Value>()
        .unwrap_or_else(|_| response.text().into());
    json!({ "status": response.status(), "headers": headers, "body": body })
}

impl From<Level> for HostLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
