//! What operators do to a saga: `cancel`, `pause`, `resume`, `retry`, `skip`, `abandon`, `commit` and
//! `reject`.

use clap::Args;
use reqwest::Method;
use serde::Serialize;
use wasaga_core::{SagaId, StepPath};

use super::super::client::Client;
use super::super::output::{Format, Output, status_tone};
use super::super::signature::Signature;
use super::saga_id;
use wasaga::wire::{OrderSaga, RetrySaga, RetryVersion, Saga, SkipSaga};

/// Which saga, and what the journal says about the order.
#[derive(Debug, Args)]
pub(in crate::cli) struct Order {
    /// Id of the saga, as `wasaga saga list` shows it
    #[arg(value_parser = saga_id)]
    id: SagaId,
    #[command(flatten)]
    signature: Signature,
}

/// `wasaga saga retry`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Retry {
    #[command(flatten)]
    order: Order,
    /// Only this step; all that gave up or wait for their next attempt unless given
    #[arg(long, value_parser = step_path)]
    step: Option<StepPath>,
    /// Run the step on its component's active version from now on, not on the one that it started on
    #[arg(long)]
    active_version: bool,
}

/// `wasaga saga skip`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Skip {
    #[command(flatten)]
    order: Order,
    /// Only of this step; of all that gave up unless given
    #[arg(long, value_parser = step_path)]
    step: Option<StepPath>,
}

impl Order {
    /// Does to the saga what a verb of the API says.
    pub(super) async fn run(
        self,
        verb: &str,
        client: &Client,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let body = OrderSaga {
            reason: self.signature.reason,
            by: self.signature.by,
        };
        send(self.id, verb, &body, client, output).await
    }
}

impl Retry {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let id = self.order.id;
        send(id, "retry", &self.body(), client, output).await
    }

    fn body(self) -> RetrySaga {
        RetrySaga {
            reason: self.order.signature.reason,
            by: self.order.signature.by,
            step: self.step,
            version: if self.active_version {
                RetryVersion::Active
            } else {
                RetryVersion::Pinned
            },
        }
    }
}

impl Skip {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let body = SkipSaga {
            reason: self.order.signature.reason,
            by: self.order.signature.by,
            step: self.step,
        };
        send(self.order.id, "skip", &body, client, output).await
    }
}

async fn send(
    id: SagaId,
    verb: &str,
    body: &impl Serialize,
    client: &Client,
    output: &mut Output,
) -> anyhow::Result<()> {
    let request = client
        .request(Method::POST, &["v1", "sagas", &id.to_string(), verb])
        .json(body);
    let answer = client.send(request).await?;
    if output.format() == Format::Json {
        output.line(answer.text()?)?;
    } else {
        let saga: Saga = answer.json()?;
        let status = output.paint(status_tone(saga.status), saga.status);
        output.line(format!("{id}  {status}"))?;
    }
    Ok(())
}

/// Reads a step's path. Which ones there are, the server knows.
fn step_path(argument: &str) -> Result<StepPath, String> {
    if argument.is_empty() {
        return Err("expected a step, as `wasaga saga show` names it".to_owned());
    }
    serde_json::from_value(argument.into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        retry: Retry,
    }

    const ID: &str = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";

    fn body(arguments: &[&str]) -> Value {
        let line = ["retry", ID, "--by", "ann"].iter().chain(arguments);
        let line = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
        serde_json::to_value(line.retry.body()).expect("JSON")
    }

    #[test]
    fn a_step_is_tried_again_on_its_own_version_unless_the_active_one_is_asked_for() {
        assert_eq!(body(&[]), json!({"by": "ann", "version": "pinned"}));
        let arguments = [
            "--step",
            "picks[3].pick",
            "--active-version",
            "--reason",
            "fixed",
        ];
        assert_eq!(
            body(&arguments),
            json!({"by": "ann", "reason": "fixed", "step": "picks[3].pick", "version": "active"})
        );
    }

    #[test]
    fn a_saga_is_named_by_its_id() {
        assert!(Line::try_parse_from(["retry", "order"]).is_err());
        assert!(Line::try_parse_from(["retry"]).is_err());
        assert!(Line::try_parse_from(["retry", ID, "--step", ""]).is_err());
    }
}
