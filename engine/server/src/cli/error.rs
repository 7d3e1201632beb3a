//! What a command can end with, and the exit code of each.

use std::fmt;
use std::io;
use std::process::ExitCode;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::output::{Format, Output};
use wasaga::wire::Fault;

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As asked.
    Done,
    /// The saga or the call did not complete, or not all of what was asked for could be done. That
    /// was shown already.
    NotCompleted,
    /// What was compared is not the same, or there was nothing to compare. That was shown already.
    Different,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::NotCompleted | Outcome::Different => Self::from(1),
        }
    }
}

/// What was given on the command line cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// The server cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot reach the server at {server}: {reason}\nIs it running (`wasaga serve`)? Another one is named with --server or WASAGA_SERVER."
)]
pub(crate) struct Unreachable {
    /// Its address.
    pub(crate) server: String,
    /// What happened, from the outermost cause to the innermost.
    pub(crate) reason: String,
}

/// The server's answer when it does not do what it was asked: RFC 9457 problem details.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    /// The answer as it came, for `--json`.
    #[serde(skip)]
    pub(crate) body: String,
    status: u16,
    /// As text: a later server may have codes that this program does not know.
    code: String,
    title: String,
    detail: Option<String>,
    errors: Vec<Fault>,
}

/// Longest part of an answer that is no problem document and is shown all the same, in characters.
const MAX_SHOWN_CHARS: usize = 500;

impl Refused {
    /// Reads an answer. One that is no problem document, perhaps a proxy's, is shown as it is.
    pub(crate) fn read(status: reqwest::StatusCode, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body).into_owned();
        let problem = serde_json::from_str::<Self>(&body)
            .ok()
            .filter(|problem| !problem.title.is_empty());
        let mut problem = problem.unwrap_or_else(|| Self {
            title: status
                .canonical_reason()
                .unwrap_or("an unexpected answer")
                .to_owned(),
            detail: Some(body.trim().chars().take(MAX_SHOWN_CHARS).collect()),
            ..Self::default()
        });
        problem.status = status.as_u16();
        problem.body = body;
        problem
    }

    /// Whether what was asked for does not exist.
    pub(crate) fn is_unknown(&self) -> bool {
        self.status == reqwest::StatusCode::NOT_FOUND.as_u16()
    }

    /// What is faulty and how often, where the faults are shown below: the server's own words
    /// lead to the field of JSON that has them.
    fn faults(&self) -> Option<String> {
        let what = match self.code.as_str() {
            "invalid-definition" => "The definition has",
            "invalid-input" => "The input has",
            "invalid-tags" => "The tags have",
            "invalid-batch" => "No saga was started: the batch has",
            _ => return None,
        };
        match self.errors.len() {
            0 => None,
            1 => Some(format!("{what} a fault")),
            faults => Some(format!("{what} {faults} faults")),
        }
    }

    /// What a member of the problem says beside the others, when it has it.
    pub(crate) fn member<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let mut problem: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        serde_json::from_value(problem.get_mut(name)?.take()).ok()
    }

    /// The HTTP status.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults() {
            Some(faults) => f.write_str(&faults)?,
            None => f.write_str(
                self.detail
                    .as_deref()
                    .filter(|detail| !detail.is_empty())
                    .unwrap_or(&self.title),
            )?,
        }
        match self.code.as_str() {
            "" => write!(f, " ({})", self.status)?,
            code => write!(f, " ({} {code})", self.status)?,
        }
        if !self.errors.is_empty() {
            f.write_str(":")?;
        }
        for fault in &self.errors {
            let pointer = if fault.pointer.is_empty() {
                "(whole document)"
            } else {
                &fault.pointer
            };
            write!(f, "\n  {pointer}: {}", fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Shows an error and gives its exit code.
pub(super) fn report(error: &anyhow::Error, output: &Output) -> ExitCode {
    // Whoever read the output has seen enough, as `head` does.
    let pipe_closed = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe);
    if pipe_closed {
        return ExitCode::SUCCESS;
    }
    match (output.format(), error.downcast_ref::<Refused>()) {
        (Format::Json, Some(refused)) if !refused.body.is_empty() => {
            output.error_as_is(&refused.body)
        }
        _ => output.error(&format!("{error:#}")),
    }
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Usage>().is_some() {
        2
    } else if error.downcast_ref::<Unreachable>().is_some() {
        3
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    #[test]
    fn every_fault_of_a_problem_is_shown_with_its_place() {
        let body = br#"{"type": "about:blank", "title": "Unprocessable", "status": 422, "code": "invalid-definition",
            "detail": "`errors` says where",
            "errors": [{"pointer": "/steps/0/component", "message": "is missing"}, {"pointer": "", "message": "no steps"}]}"#;
        let refused = Refused::read(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(
            refused.to_string(),
            "The definition has 2 faults (422 invalid-definition):\n  /steps/0/component: is missing\n  (whole document): no steps"
        );
    }

    #[test]
    fn an_answer_that_is_no_problem_is_shown_as_it_is() {
        let refused = Refused::read(StatusCode::BAD_GATEWAY, b"<html>upstream is away</html>\n");
        assert_eq!(refused.to_string(), "<html>upstream is away</html> (502)");
        let refused = Refused::read(StatusCode::BAD_GATEWAY, b"");
        assert_eq!(refused.to_string(), "Bad Gateway (502)");
    }

    #[test]
    fn each_kind_of_error_has_its_exit_code() {
        let unreachable = Unreachable {
            server: "http://x".to_owned(),
            reason: "refused".to_owned(),
        };
        assert_eq!(
            exit_code(&anyhow::Error::new(unreachable).context("while watching")),
            3
        );
        assert_eq!(exit_code(&Usage("no file".to_owned()).into()), 2);
        assert_eq!(exit_code(&Refused::default().into()), 1);
    }
}
