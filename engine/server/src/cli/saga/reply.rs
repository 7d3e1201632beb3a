//! `wasaga saga reply`.

use clap::{ArgGroup, Args};
use reqwest::Method;
use wasaga_core::{FailureKind, ReplyToken};

use super::super::client::Client;
use super::super::input;
use super::super::output::{Format, Output, status_tone};
use wasaga::wire::{Callback, CallbackFailure, Replied};

/// What became of the work that a step asked for.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("reply").args(["succeeded", "failed"]).required(true))]
pub(in crate::cli) struct Reply {
    /// What the step gave to whoever replies; `wasaga saga show` has it too
    #[arg(value_parser = token)]
    token: ReplyToken,
    /// The work is done, and this came of it: JSON, `@file`, or `-` for standard input
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    succeeded: Option<String>,
    /// The work is not done, for this reason: a word for programs, such as `declined`
    #[arg(long, value_name = "CODE", requires = "message")]
    failed: Option<String>,
    /// Why the work is not done, for people
    #[arg(long, value_name = "TEXT", requires = "failed")]
    message: Option<String>,
    /// Trying again may help
    #[arg(long, requires = "failed", conflicts_with = "permanent")]
    retryable: bool,
    /// Trying again cannot help; so it is unless `--retryable` is given
    #[arg(long, requires = "failed")]
    permanent: bool,
    /// Whatever else there is to say about the failure: JSON, `@file`, or `-` for standard input
    #[arg(
        long,
        value_name = "JSON",
        requires = "failed",
        allow_negative_numbers = true
    )]
    details: Option<String>,
}

impl Reply {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let token = self.token.to_string();
        let request = client
            .request(Method::POST, &["v1", "callbacks", &token])
            .json(&self.callback()?);
        let answer = client.send(request).await?;
        if output.format() == Format::Json {
            output.line(answer.text()?)?;
        } else {
            let replied: Replied = answer.json()?;
            let status = output.paint(status_tone(replied.status), replied.status);
            output.line(format!("{}  {status}", replied.saga))?;
        }
        Ok(())
    }

    fn callback(self) -> anyhow::Result<Callback> {
        let Some(code) = self.failed else {
            let value = self.succeeded.unwrap_or_default();
            return Ok(Callback::Succeeded(input::json("--succeeded", &value)?));
        };
        let details = self
            .details
            .map(|details| input::json("--details", &details));
        Ok(Callback::Failed(CallbackFailure {
            kind: if self.retryable {
                FailureKind::Retryable
            } else {
                FailureKind::Permanent
            },
            code,
            message: self.message.unwrap_or_default(),
            details: details.transpose()?,
        }))
    }
}

/// Reads a token that there may be.
fn token(argument: &str) -> Result<ReplyToken, String> {
    argument
        .parse()
        .map_err(|_| "expected a reply token, as `wasaga saga show` has it".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        reply: Reply,
    }

    const TOKEN: &str = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f.5b0e9c4e-2c1c-5d7d-8f36-0e6d3f8a1b2c";

    fn parse(arguments: &[&str]) -> Result<Line, clap::Error> {
        Line::try_parse_from(["reply", TOKEN].iter().chain(arguments))
    }

    fn body(arguments: &[&str]) -> Value {
        let line = parse(arguments).unwrap_or_else(|error| panic!("{error}"));
        serde_json::to_value(line.reply.callback().expect("a reply")).expect("JSON")
    }

    #[test]
    fn a_reply_says_that_the_work_is_done_or_why_it_is_not() {
        assert_eq!(
            body(&["--succeeded", r#"{"ok": true}"#]),
            json!({"succeeded": {"ok": true}})
        );
        assert_eq!(body(&["--succeeded", "-5"]), json!({"succeeded": -5}));
        assert_eq!(
            body(&["--failed", "declined", "--message", "no money"]),
            json!({"failed": {"kind": "permanent", "code": "declined", "message": "no money"}})
        );
        let all = [
            "--failed",
            "busy",
            "--message",
            "later",
            "--retryable",
            "--details",
            "[1]",
        ];
        assert_eq!(
            body(&all),
            json!({"failed": {"kind": "retryable", "code": "busy", "message": "later", "details": [1]}})
        );
    }

    #[test]
    fn a_reply_that_says_both_or_nothing_is_wrong_usage() {
        for wrong in [
            &[][..],
            &["--failed", "declined"],
            &["--message", "no"],
            &["--succeeded", "1", "--failed", "x", "--message", "m"],
            &["--succeeded", "1", "--details", "1"],
            &[
                "--failed",
                "x",
                "--message",
                "m",
                "--retryable",
                "--permanent",
            ],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Line::try_parse_from(["reply", "token", "--succeeded", "1"]).is_err());
    }

    #[test]
    fn a_reply_that_is_no_json_names_its_option() {
        let line = parse(&["--succeeded", "yes"]).unwrap_or_else(|error| panic!("{error}"));
        let error = line.reply.callback().expect_err("no JSON").to_string();
        assert!(error.starts_with("--succeeded is not JSON"), "{error}");
    }
}
