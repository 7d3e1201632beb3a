//! `wasaga component call`: one action of a file, run here as the server would, without one.

mod document;
mod sandbox;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use wasaga_core::comparison::{Comparison, comparable, compare};
use wasaga_core::time::parse_duration;
use wasaga_core::{Digest, LogLine, Metering, Policy, Recording};
use wasaga_host::{Called as Run, Replayed};

use self::document::Given;
use self::sandbox::Sandbox;
use super::super::called::Called;
use super::super::comparison;
use super::super::error::{Outcome, Usage};
use super::super::input;
use super::super::output::{Format, Output, Tone};
use super::grants::Grants;
use super::policy;
use wasaga::wire::{CallOutcome, CallOutput};

pub(super) const HELP: &str = "A call is what `wasaga saga call ID CALL --json` prints; without one, it is made of the \
options. Requests are sent, to the hosts that --allow-host or --policy allow; with --recorded they are answered from the \
call's record, and what is different from it is shown.

Ends with 0 when the action completed or waits for a reply, with 1 when it failed. With --recorded: with 0 when all is \
as recorded, with 1 when something is different or it cannot be compared.

Random numbers follow from a key in the cache folder. `--cache wasaga-data/cache`, the server's own, lets a recorded \
call find those that it had.";

/// What to run, and on what.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// A component, or a core module that carries its component type
    file: PathBuf,
    #[command(flatten)]
    given: Given,
    /// Answer requests from the record of the call, and compare
    #[arg(long, requires = "call")]
    recorded: bool,
    /// Wall time that the call may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    timeout: Duration,
    /// Begin with a policy in JSON, as `wasaga component policy NAME --json` shows it; `-` is standard
    /// input
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A secret that the policy names, from an environment variable; may be repeated
    #[arg(long = "secret-env", value_name = "SECRET=VARIABLE", value_parser = input::key_value)]
    secret_values: Vec<(String, String)>,
    /// Folder of compiled components; the user's cache folder unless given
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    grants: Grants,
}

/// What came of a call, in JSON.
#[derive(Debug, Serialize)]
struct Came {
    digest: Digest,
    outcome: CallOutcome,
    output: CallOutput,
    metering: Metering,
    logs: Vec<LogLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomparable: Option<String>,
}

impl Options {
    pub(super) async fn run(self, output: &mut Output) -> anyhow::Result<Outcome> {
        let policy = self.granted()?;
        let wasm = input::read(&self.file)?;
        let sandbox = Sandbox::new(wasm, self.cache.clone(), &self.secret_values)?;
        let document = self.given.document(&self.file)?;
        let digest = sandbox
            .prepare()
            .await
            .with_context(|| input::name(&self.file))?;
        let call = document.call(digest, self.timeout);
        let policy = Arc::new(policy);
        if !self.recorded {
            sandbox.check(&policy)?;
            let came = Came::new(digest, sandbox.host().call(&call, &policy).await);
            came.show(output)?;
            return Ok(match came.outcome {
                CallOutcome::Completed | CallOutcome::Pending => Outcome::Done,
                _ => Outcome::NotCompleted,
            });
        }
        let sent = document.requests();
        let Replayed {
            called,
            answered_from,
        } = sandbox.host().replay(&call, &policy, sent).await;
        let recorded = document.recorded(call);
        let compared =
            comparable(&recorded).map(|end| compare(end, &called.report, &answered_from));
        let mut came = Came::new(digest, called);
        match compared {
            Ok(comparison) => came.comparison = Some(comparison),
            Err(why) => came.incomparable = Some(why.to_string()),
        }
        came.show(output)?;
        if output.format() == Format::Text {
            output.line("")?;
            comparison::verdict(
                came.comparison.as_ref(),
                came.incomparable.as_deref(),
                output,
            )?;
        }
        Ok(comparison::outcome(came.comparison.as_ref()))
    }

    /// What the call is granted. Its requests are kept in any case, to be shown.
    fn granted(&self) -> anyhow::Result<Policy> {
        let given = match &self.policy {
            Some(file) => policy::read(file)?,
            None => Policy::default(),
        };
        let given = self.grants.clone().apply(given);
        Ok(Policy {
            record: Recording::Full,
            ..given
        })
    }
}

impl Came {
    fn new(digest: Digest, run: Run) -> Self {
        let metering = run.report.metering;
        let (outcome, output) = document::came_out(run.report);
        Self {
            digest,
            outcome,
            output,
            metering,
            logs: run.logs,
            comparison: None,
            incomparable: None,
        }
    }

    fn show(&self, output: &mut Output) -> anyhow::Result<()> {
        if output.format() == Format::Json {
            output.line(serde_json::to_string(self)?)?;
            return Ok(());
        }
        output.line(output.paint(Tone::Faint, self.digest))?;
        let called = Called {
            outcome: self.outcome,
            output: Some(&self.output),
            metering: &self.metering,
            logs: &self.logs,
        };
        called.show(output)
    }
}
