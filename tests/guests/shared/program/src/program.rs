//! What a script may say. An unknown field is an error, so that a test cannot misspell one.
//!
//! In every text of a program, the URL, headers and body of a request among them, `{key}` stands for the idempotency key
//! of the call that runs it, and `{token}` for the token of the reply to that call. `{config:NAME}` stands for what the
//! configuration has by that name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wasaga_sdk::bindings::wasaga::saga::types::Call;
use wasaga_sdk::{StepError, config};

/// Done from top to bottom. What is not there is not done.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Program {
    /// Sent in this order.
    pub(crate) requests: Vec<Request>,
    /// Holds for each of `requests`, see [`Request::tolerate`].
    pub(crate) tolerate: bool,
    pub(crate) log: Vec<Line>,
    /// Logs so many bytes at info, in lines of 1,000.
    pub(crate) log_bytes: usize,
    /// Draws from each of WASI's sources of random numbers and asks each clock of the day for the time. What came stands in
    /// the default result.
    pub(crate) ask_the_world: bool,
    /// Written to standard output.
    pub(crate) print: Option<String>,
    /// Written to standard error.
    pub(crate) eprint: Option<String>,
    /// Name of a configuration value: what it is stands in the default result, `null` when it is not set.
    pub(crate) config: Option<String>,
    /// Asks WASI for so many random bytes. How many came stands in the default result.
    pub(crate) random_bytes: Option<u64>,
    /// Sleeps in a host call, on WASI's monotonic clock.
    pub(crate) sleep_ms: u64,
    /// Takes so many bytes of memory and writes to all of them.
    pub(crate) allocate_bytes: usize,
    /// Calls itself without end.
    pub(crate) recurse: bool,
    /// Computes without end.
    pub(crate) spin: bool,
    pub(crate) panic: bool,
    /// Does all of the above again and again.
    pub(crate) forever: bool,
    /// Ends with this failure.
    pub(crate) fail: Option<Fail>,
    /// Fails only while the attempt is less than this: as `fail` says, or retryable with the code `not-yet`.
    pub(crate) fail_until_attempt: Option<u32>,

    /// Answers that a reply has to come, with this payload, instead of a result. Also in `on_reply`.
    #[serde(deserialize_with = "present")]
    pub(crate) pending: Option<Value>,
    /// The same with this text as its payload, JSON or not.
    pub(crate) raw_pending: Option<String>,
    /// In `on_reply`: no longer `pending` once the reply is a success with this value.
    #[serde(deserialize_with = "present")]
    pub(crate) pending_until_reply: Option<Value>,

    /// Ends with this text as its result, JSON or not.
    pub(crate) raw_result: Option<String>,
    /// Ends with a string of so many bytes as its result.
    pub(crate) result_bytes: Option<usize>,
    /// Ends with this result. Without any of these it is `{"responses": […], …}`, in `on_reply` with the `reply` in it.
    #[serde(deserialize_with = "present")]
    pub(crate) result: Option<Value>,
    /// Ends with all fields of the call as its result, in `on_reply` with the `reply` too. `compensate` and `confirm` log
    /// them with the `result` that they were given.
    pub(crate) echo: bool,
    /// Patches the context with this text, JSON or not.
    pub(crate) raw_patch: Option<String>,
    /// Patches the context.
    pub(crate) patch: Option<Value>,

    /// What `on_reply` does. Without it, it ends with the result `{"reply": {"succeeded": …}}` or
    /// `{"reply": {"failed": {…}}}`.
    pub(crate) on_reply: Option<Box<Program>>,
    /// What `confirm` does.
    pub(crate) confirm: Option<Box<Program>>,
    /// What `compensate` does.
    pub(crate) compensate: Option<Box<Program>>,
}

impl Program {
    /// The program in a call's arguments; `null` is one that does nothing.
    pub(crate) fn read(call: &Call) -> Result<Self, StepError> {
        // Ids and keys hold nothing that JSON would escape.
        let token = format!("{}.{}", call.saga_id, call.idempotency_key);
        let arguments = call
            .arguments
            .replace("{key}", &call.idempotency_key)
            .replace("{token}", &token);
        let arguments = configured(&arguments);
        serde_json::from_str::<Option<Self>>(&arguments)
            .map(Option::unwrap_or_default)
            .map_err(|error| {
                StepError::permanent("invalid-arguments", format!("this is no program: {error}"))
            })
    }

    /// The payload when it ends with `pending`, after a reply that succeeded with this value.
    pub(crate) fn pending(&self, replied: Option<&Value>) -> Option<String> {
        if replied.is_some() && replied == self.pending_until_reply.as_ref() {
            return None;
        }
        let payload = self.pending.as_ref().map(Value::to_string);
        self.raw_pending.clone().or(payload)
    }
}

/// A program with values of the configuration in it, written as JSON wants them.
fn configured(arguments: &str) -> String {
    let mut parts = arguments.split("{config:");
    let mut configured = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let value = Value::from(config::get(name).unwrap_or_default()).to_string();
        configured.push_str(&value[1..value.len() - 1]);
        configured.push_str(rest);
    }
    configured
}

/// A request to send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// User and password, which are sent as `Authorization: Basic`.
    pub(crate) basic: Option<String>,
    /// A string is sent as it is, anything else as JSON.
    #[serde(default, deserialize_with = "present")]
    pub(crate) body: Option<Value>,
    /// Sends a body of so many bytes.
    pub(crate) body_bytes: Option<usize>,
    pub(crate) timeout_ms: Option<u64>,
    /// Whether a status that is not 2xx is a failure. It is by default.
    #[serde(default = "yes")]
    pub(crate) expect_status: bool,
    /// Puts a failure among the responses and goes on, instead of failing the step.
    #[serde(default)]
    pub(crate) tolerate: bool,
}

/// A line to log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    #[serde(default)]
    pub(crate) level: Level,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

/// A failure to end with.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fail {
    pub(crate) kind: Kind,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Retryable,
    Permanent,
}

impl From<&Fail> for StepError {
    fn from(fail: &Fail) -> Self {
        let error = match fail.kind {
            Kind::Retryable => Self::retryable(&fail.code, &fail.message),
            Kind::Permanent => Self::permanent(&fail.code, &fail.message),
        };
        match &fail.details {
            Some(details) => error.with_details(details.clone()),
            None => error,
        }
    }
}

/// Keeps a `null` that is there apart from a field that is not.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn get() -> String {
    "GET".into()
}

fn yes() -> bool {
    true
}
