//! What came of a call, for people.

use wasaga_core::recording::{Body, Message};
use wasaga_core::{LogLine, Metering, RequestRecord};

use super::output::{Output, Tone, excerpt, one_line};
use super::saga::log_line;
use super::words::{kind, millis, size};
use wasaga::wire::{CallOutcome, CallOutput};

/// Most of a value or a body that is shown, in characters; `--json` has all of it.
const MAX_VALUE_CHARS: usize = 2_000;

/// What came of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called<'a> {
    /// How it ended.
    pub(super) outcome: CallOutcome,
    /// What came out.
    pub(super) output: Option<&'a CallOutput>,
    /// What it used.
    pub(super) metering: &'a Metering,
    /// What it logged.
    pub(super) logs: &'a [LogLine],
}

impl Called<'_> {
    /// Shows all of it.
    pub(super) fn show(&self, output: &mut Output) -> anyhow::Result<()> {
        output.line(self.title(output))?;
        if let Some(came) = self.output {
            came_out(came, output)?;
        }
        for line in self.logs {
            let line = log_line(line, output);
            output.line(format!("{:9} {line}", "log"))?;
        }
        Ok(())
    }

    fn title(&self, output: &Output) -> String {
        let (word, tone) = outcome(self.outcome);
        let Metering {
            fuel,
            memory_bytes,
            duration_ms,
            requests,
        } = *self.metering;
        let word = output.paint(tone, word);
        let (took, memory) = (millis(duration_ms), size(memory_bytes));
        format!("{word}  {took}  fuel {fuel}  memory {memory}  requests {requests}")
    }
}

/// The word for how a call ended, and how it is meant.
pub(super) const fn outcome(outcome: CallOutcome) -> (&'static str, Tone) {
    match outcome {
        CallOutcome::Running => ("running", Tone::Normal),
        CallOutcome::Completed => ("completed", Tone::Good),
        CallOutcome::Pending => ("pending", Tone::Notable),
        CallOutcome::Failed => ("failed", Tone::Bad),
        CallOutcome::Interrupted => ("interrupted", Tone::Notable),
        CallOutcome::Abandoned => ("abandoned", Tone::Bad),
    }
}

/// Shows something of a call that is JSON.
pub(super) fn value(
    name: &str,
    value: &serde_json::Value,
    output: &mut Output,
) -> anyhow::Result<()> {
    field(name, &excerpt(value, MAX_VALUE_CHARS), output)
}

/// Shows something of a call that is text.
pub(super) fn field(name: &str, text: &str, output: &mut Output) -> anyhow::Result<()> {
    output.line(format!("{name:9} {}", one_line(text)))?;
    Ok(())
}

fn came_out(came: &CallOutput, output: &mut Output) -> anyhow::Result<()> {
    let CallOutput {
        result,
        context_patch,
        pending,
        failure,
        requests,
        ..
    } = came;
    let values = [
        ("result", result),
        ("patch", context_patch),
        ("payload", pending),
    ];
    for (name, some) in values {
        if let Some(some) = some {
            value(name, some, output)?;
        }
    }
    if let Some(failure) = failure {
        let kind = kind(failure.kind);
        let text = format!("({kind}) {}: {}", failure.code, failure.message);
        field("failure", &text, output)?;
        if let Some(details) = &failure.details {
            value("details", details, output)?;
        }
    }
    requests.iter().try_for_each(|sent| request(sent, output))
}

fn request(sent: &RequestRecord, output: &mut Output) -> anyhow::Result<()> {
    let answer = match (&sent.error, sent.status) {
        (Some(error), _) => error.clone(),
        (None, Some(status)) => status.to_string(),
        (None, None) => "no answer".to_owned(),
    };
    let took = millis(sent.duration_ms);
    let text = format!("{} {} → {answer}  {took}", sent.method, sent.url);
    field("request", &text, output)?;
    let Some(exchange) = &sent.exchange else {
        return Ok(());
    };
    message('>', &exchange.request, output)?;
    match &exchange.response {
        Some(response) => message('<', response, output),
        None => Ok(()),
    }
}

fn message(mark: char, said: &Message, output: &mut Output) -> anyhow::Result<()> {
    for (name, value) in &said.headers {
        let header = output.paint(Tone::Faint, format!("{mark} {name}: {value}"));
        output.line(format!("{:11}{header}", ""))?;
    }
    if let Some(body) = body(&said.body) {
        let body = one_line(&body);
        output.line(format!("{:11}{mark} {body}", ""))?;
    }
    Ok(())
}

fn body(body: &Body) -> Option<String> {
    match body {
        Body::Empty => None,
        Body::Text(text) => Some(match text.char_indices().nth(MAX_VALUE_CHARS) {
            None => text.clone(),
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        }),
        Body::Base64(text) => Some(format!("({} bytes of binary data)", text.len() / 4 * 3)),
        Body::Omitted(digest) => Some(format!("(too large to be recorded: {digest})")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::output::tests::plain;
    use super::*;

    #[test]
    fn a_call_shows_how_it_ended_what_it_left_and_what_it_said_and_was_answered() {
        let came: CallOutput = serde_json::from_value(json!({
            "result": {"id": 7}, "context_patch": {"paid": true},
            "requests": [
                {"method": "POST", "url": "http://a/pay", "status": 201, "duration_ms": 2.0, "request_bytes": 3,
                 "response_bytes": 2, "exchange": {
                    "request": {"headers": [["accept", "*/*"]], "body": {"text": "a\nb"}},
                    "response": {"body": {"base64": "AAAA"}}}},
                {"method": "GET", "url": "http://b/", "error": "connection refused", "error_kind": "connect",
                 "duration_ms": 1.0, "request_bytes": 0, "response_bytes": 0},
            ]
        }))
        .expect("an output");
        let metering = Metering {
            fuel: 42,
            memory_bytes: 1024,
            duration_ms: 5.0,
            requests: 2,
        };
        let (mut output, written) = plain();
        let called = Called {
            outcome: CallOutcome::Completed,
            output: Some(&came),
            metering: &metering,
            logs: &[],
        };
        called.show(&mut output).expect("written");
        assert_eq!(
            written.text(),
            "completed  5 ms  fuel 42  memory 1.0 KiB  requests 2\n\
             result    {\"id\":7}\n\
             patch     {\"paid\":true}\n\
             request   POST http://a/pay → 201  2 ms\n\
             \u{20}          > accept: */*\n\
             \u{20}          > a\\nb\n\
             \u{20}          < (3 bytes of binary data)\n\
             request   GET http://b/ → connection refused  1 ms\n"
        );
    }

    #[test]
    fn a_failure_says_whether_trying_again_may_help() {
        let came: CallOutput = serde_json::from_value(json!({
            "failure": {"kind": "permanent", "code": "declined", "message": "no money", "details": {"left": 3}}}))
        .expect("an output");
        let (mut output, written) = plain();
        came_out(&came, &mut output).expect("written");
        assert_eq!(
            written.text(),
            "failure   (permanent) declined: no money\ndetails   {\"left\":3}\n"
        );
    }
}
