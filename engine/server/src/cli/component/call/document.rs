//! The call to run: from a document, from options, or from both.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use uuid::Uuid;
use wasaga_core::id::idempotency_key;
use wasaga_core::{
    Call, CallId, Certainty, Completion, CutOff, Digest, Direction, Ended, Limits, Metering, Name,
    Pin, RecordedCall, RecordedEnd, RecordedOutcome, Reply, Report, RequestRecord, SagaId,
    StepPath, Timestamp,
};

use super::Usage;
use super::input;
use wasaga::wire::{self, CallInput, CallOutcome, CallOutput, CallSummary, Callback};

/// What the command line says of a call.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Call")]
pub(super) struct Given {
    /// A call in JSON, as `wasaga saga call ID CALL --json` prints it; `-` is standard input. The options
    /// below change it
    #[arg(long, value_name = "FILE")]
    call: Option<PathBuf>,
    /// Which of the component's actions; the file's name unless given
    #[arg(long)]
    action: Option<Name>,
    /// Which of the action's functions; `act` unless given
    #[arg(long, value_parser = direction())]
    direction: Option<Direction>,
    /// The saga's input: JSON, `@file`, or `-` for standard input; an empty object unless given
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// The saga's context, a JSON object; an empty one unless given
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// The step's arguments; null unless given
    #[arg(long, value_name = "JSON")]
    arguments: Option<String>,
    /// What the step before left
    #[arg(long, value_name = "JSON")]
    previous: Option<String>,
    /// What `act` left, for `compensate` and `confirm`
    #[arg(long, value_name = "JSON")]
    result: Option<String>,
    /// The reply, for `on-reply`: `{"succeeded": …}` or `{"failed": {…}}`
    #[arg(long, value_name = "JSON")]
    reply: Option<String>,
}

/// A call, and what is recorded of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document(wire::Call);

impl Given {
    /// The call that was given; `file` is the component.
    pub(super) fn document(&self, file: &Path) -> anyhow::Result<Document> {
        let mut call = match &self.call {
            Some(path) => {
                let bytes = input::read(path)?;
                serde_json::from_slice(&bytes).map_err(|error| {
                    let name = input::name(path);
                    Usage(format!(
                        "{name} is no call: {error}; `wasaga saga call ID CALL --json` prints one"
                    ))
                })?
            }
            None => minimal(match &self.action {
                Some(action) => action.clone(),
                None => named_like(file)?,
            }),
        };
        if let Some(action) = &self.action {
            call.summary.action = action.clone();
        }
        let input = &mut call.input;
        if let Some(direction) = self.direction {
            call.summary.direction = direction;
            input.idempotency_key = idempotency_key(input.saga, &call.summary.step, direction, 0);
        }
        let json = |option: &str, given: &Option<String>| {
            let given = given.as_deref();
            given.map(|given| input::json(option, given)).transpose()
        };
        if let Some(given) = json("--input", &self.input)? {
            input.input = given;
        }
        if let Some(given) = json("--context", &self.context)? {
            if !given.is_object() {
                return Err(Usage("--context is no JSON object".to_owned()).into());
            }
            input.context = given;
        }
        if let Some(given) = json("--arguments", &self.arguments)? {
            input.arguments = given;
        }
        input.previous = json("--previous", &self.previous)?.or(input.previous.take());
        input.result = json("--result", &self.result)?.or(input.result.take());
        if let Some(given) = json("--reply", &self.reply)? {
            let reply: Callback = serde_json::from_value(given)
                .map_err(|error| Usage(format!("--reply is no reply: {error}")))?;
            input.reply = Some(Reply::from(reply));
        }
        if call.summary.direction == Direction::OnReply && input.reply.is_none() {
            return Err(Usage("`on-reply` needs a reply: give one with --reply".to_owned()).into());
        }
        Ok(Document(call))
    }
}

impl Document {
    /// The call as the sandbox takes it.
    pub(super) fn call(&self, digest: Digest, timeout: Duration) -> Call {
        let wire::Call { summary, input, .. } = &self.0;
        let shared = |value: &Value| Arc::new(value.clone());
        Call {
            saga: input.saga,
            definition: input.definition.clone(),
            id: CallId {
                direction: summary.direction,
                step: summary.step.clone(),
                attempt: summary.attempt,
            },
            attempt: input.attempt,
            pin: Pin {
                component: summary.component.clone(),
                version: summary.version,
                digest,
            },
            action: summary.action.clone(),
            idempotency_key: input.idempotency_key,
            input: shared(&input.input),
            context: shared(&input.context),
            arguments: shared(&input.arguments),
            previous: input.previous.as_ref().map(shared),
            result: input.result.as_ref().map(shared),
            reply: input.reply.clone().map(Arc::new),
            timeout,
            limits: Limits::default(),
            started_at: summary.started_at,
        }
    }

    /// The requests that are recorded.
    pub(super) fn requests(&self) -> &[RequestRecord] {
        let output = self.0.output.as_ref();
        output.map_or(&[], |output| &output.requests)
    }

    /// The call with what is recorded of its end.
    pub(super) fn recorded(&self, call: Call) -> RecordedCall {
        let wire::Call {
            summary, output, ..
        } = &self.0;
        let end = output.clone().map(|output| RecordedEnd {
            seq: summary.seq,
            at: summary.ended_at.unwrap_or(summary.started_at),
            requests: output.requests.clone(),
            outcome: ended(summary.outcome, output),
            metering: summary.metering,
        });
        RecordedCall {
            seq: summary.seq,
            call: Box::new(call),
            end: end.filter(|_| summary.outcome != CallOutcome::Running),
        }
    }
}

fn ended(outcome: CallOutcome, output: CallOutput) -> RecordedOutcome {
    if let Some(failure) = output.failure {
        // Who writes a document by hand means what a component says.
        let certainty = output.certainty.unwrap_or(Certainty::Definite);
        return RecordedOutcome::Ended(Ended::Failed { failure, certainty });
    }
    match outcome {
        CallOutcome::Interrupted => RecordedOutcome::Interrupted(CutOff::default()),
        CallOutcome::Abandoned => RecordedOutcome::Abandoned,
        CallOutcome::Pending => {
            RecordedOutcome::Ended(Ended::Pending(output.pending.unwrap_or_default()))
        }
        CallOutcome::Running | CallOutcome::Completed | CallOutcome::Failed => {
            RecordedOutcome::Ended(Ended::Completed(Completion {
                result: output.result.unwrap_or_default(),
                context_patch: output.context_patch,
            }))
        }
    }
}

/// What came out of a call, as the API has it.
pub(super) fn came_out(report: Report) -> (CallOutcome, CallOutput) {
    let mut output = CallOutput {
        requests: report.requests,
        ..CallOutput::default()
    };
    let outcome = match report.ended {
        Ended::Completed(completion) => {
            output.result = Some(completion.result);
            output.context_patch = completion.context_patch;
            CallOutcome::Completed
        }
        Ended::Pending(payload) => {
            output.pending = Some(payload);
            CallOutcome::Pending
        }
        Ended::Failed { failure, certainty } => {
            output.failure = Some(failure);
            output.certainty = Some(certainty);
            CallOutcome::Failed
        }
    };
    (outcome, output)
}

/// The first call of a step named like its action, in a saga that nobody has heard of.
fn minimal(action: Name) -> wire::Call {
    let saga = SagaId::from_uuid(Uuid::now_v7());
    let step = StepPath::root(&action);
    let direction = Direction::Act;
    wire::Call {
        summary: CallSummary {
            seq: 0,
            step: step.clone(),
            direction,
            attempt: 1,
            component: action.clone(),
            version: 1,
            digest: Digest::of(&[]),
            action: action.clone(),
            started_at: now(),
            ended_at: None,
            outcome: CallOutcome::Running,
            metering: Metering::default(),
        },
        input: CallInput {
            saga,
            definition: action,
            attempt: 1,
            idempotency_key: idempotency_key(saga, &step, direction, 0),
            input: json!({}),
            context: json!({}),
            arguments: Value::Null,
            previous: None,
            result: None,
            reply: None,
        },
        output: None,
    }
}

/// The action that a file is named after.
fn named_like(file: &Path) -> anyhow::Result<Name> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let name = stem.and_then(|stem| Name::new(stem).ok());
    name.ok_or_else(|| {
        Usage("the file is not named like an action: name one with --action".to_owned()).into()
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    Timestamp::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn direction() -> impl TypedValueParser<Value = Direction> {
    let words = Direction::ALL.map(Direction::as_str);
    PossibleValuesParser::new(words).map(|word| {
        let mut all = Direction::ALL.into_iter();
        let named = all.find(|direction| direction.as_str() == word);
        named.unwrap_or(Direction::Act)
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use wasaga_core::{Failure, comparable};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        given: Given,
    }

    fn document(arguments: &[&str]) -> anyhow::Result<Document> {
        let line = Line::try_parse_from(["call"].iter().chain(arguments))?;
        line.given.document(Path::new("folder/charge.wasm"))
    }

    fn call(arguments: &[&str]) -> Call {
        let document = document(arguments).unwrap_or_else(|error| panic!("{error}"));
        document.call(Digest::of(b"x"), Duration::from_secs(1))
    }

    fn recorded(outcome: &str, output: Value) -> Document {
        let id = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";
        let call = serde_json::from_value(json!({
            "seq": 4, "step": "pay", "direction": "act", "attempt": 3, "component": "payment", "version": 3,
            "digest": format!("sha256:{}", "0".repeat(64)), "action": "charge", "started_at": "2026-01-31T08:00:00Z",
            "outcome": outcome, "metering": {"fuel": 7, "memory_bytes": 0, "duration_ms": 1.0, "requests": 0},
            "input": {"saga": id, "definition": "order", "attempt": 2, "idempotency_key": id, "input": {"a": 1},
                "context": {}, "arguments": null},
            "output": output,
        }));
        Document(call.expect("a call"))
    }

    #[test]
    fn a_call_without_a_document_is_the_first_act_of_the_file_s_action() {
        let first = call(&[]);
        assert_eq!(
            (first.action.as_str(), first.step_name()),
            ("charge", "charge")
        );
        assert_eq!((first.id.direction, first.attempt), (Direction::Act, 1));
        assert_eq!(*first.input, json!({}));
        assert_eq!((&*first.arguments, first.previous), (&Value::Null, None));
        assert!(document(&["--context", "[]"]).is_err());
        let undo = call(&[
            "--direction",
            "compensate",
            "--result",
            "7",
            "--action",
            "a",
        ]);
        assert_eq!(undo.result.as_deref(), Some(&json!(7)));
        let key = idempotency_key(undo.saga, &undo.id.step, Direction::Compensate, 0);
        assert_eq!((undo.action.as_str(), undo.idempotency_key), ("a", key));
    }

    #[test]
    fn an_answer_to_a_reply_needs_one() {
        assert!(document(&["--direction", "on-reply"]).is_err());
        let reply = r#"{"succeeded": {"ok": true}}"#;
        let replied = call(&["--direction", "on-reply", "--reply", reply]);
        let expected = Reply::Succeeded(json!({"ok": true}));
        assert_eq!(replied.reply.as_deref(), Some(&expected));
        assert!(document(&["--reply", r#"{"done": 1}"#]).is_err());
    }

    #[test]
    fn a_recorded_call_is_run_as_it_was_and_keeps_its_end() {
        let document = recorded("completed", json!({"result": {"id": 1}}));
        let call = document.call(Digest::of(b"x"), Duration::from_secs(1));
        assert_eq!((call.attempt, call.id.attempt), (2, 3));
        assert_eq!((call.action.as_str(), call.step_name()), ("charge", "pay"));
        let recorded = document.recorded(call);
        let end = comparable(&recorded).expect("it can be compared");
        let completion = Completion {
            result: json!({"id": 1}),
            context_patch: None,
        };
        let expected = RecordedOutcome::Ended(Ended::Completed(completion));
        assert_eq!((&end.outcome, end.metering.fuel), (&expected, 7));
    }

    #[test]
    fn a_failure_is_the_component_s_word_unless_it_was_cut_off() {
        let end = |failure: &Failure, certainty: Option<Certainty>| {
            let output = json!({ "failure": failure, "certainty": certainty });
            let document = recorded("failed", output);
            let call = document.call(Digest::of(b"x"), Duration::from_secs(1));
            document.recorded(call)
        };
        let timeout = Failure::retryable("timeout", "too slow");
        let cut_off = end(&timeout, Some(Certainty::Uncertain));
        assert!(comparable(&cut_off).is_err(), "another run is not as slow");
        let said = end(&timeout, None);
        let said = comparable(&said).expect("it can be compared");
        let expected = Ended::Failed {
            failure: timeout,
            certainty: Certainty::Definite,
        };
        assert_eq!(said.outcome, RecordedOutcome::Ended(expected));
    }
}
