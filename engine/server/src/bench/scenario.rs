//! What is run: a component whose actions only compute, in a saga that completes and in one whose last
//! step fails.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use wasaga_core::Status;

use crate::cli::{Client, Usage};
use wasaga::wire::UploadedComponent;

/// Name of the component.
pub(super) const COMPONENT: &str = "bench";
/// Its actions; sagas of more steps use them again.
const ACTIONS: [&str; 3] = ["one", "two", "three"];

/// What becomes of a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SagaPath {
    /// Every step is done.
    Complete,
    /// The last step fails, and the others are undone.
    Compensate,
}

impl SagaPath {
    pub(super) const ALL: [Self; 2] = [Self::Complete, Self::Compensate];

    /// Name of the definition.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Compensate => "compensate",
        }
    }

    /// The status that every one of its sagas has in the end.
    pub(super) const fn ends_with(self) -> Status {
        match self {
            Self::Complete => Status::Completed,
            Self::Compensate => Status::Compensated,
        }
    }
}

impl fmt::Display for SagaPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The component and the length of the sagas that are made of it.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) steps: u32,
    pub(super) wasm: Vec<u8>,
}

impl Scenario {
    /// The definition of a path.
    pub(super) fn definition(&self, path: SagaPath) -> Value {
        let steps: Vec<Value> = (1..=self.steps)
            .zip(ACTIONS.iter().cycle())
            .map(|(number, action)| {
                let mut step = json!({"step": format!("step-{number}"), "component": COMPONENT, "action": action});
                if path == SagaPath::Compensate && number == self.steps {
                    step["arguments"] = json!({"fail": true});
                }
                step
            })
            .collect();
        json!({"name": path.as_str(), "steps": steps})
    }

    /// What each saga works on.
    pub(super) fn input() -> Value {
        json!({"order_id": "order-1", "user_id": "user_1", "amount": 100.0})
    }

    /// The body of the request that starts a saga.
    pub(super) fn start_request(&self, path: SagaPath) -> Bytes {
        json!({"definition": path.as_str(), "input": Self::input()})
            .to_string()
            .into()
    }

    /// Uploads the component and applies the definitions.
    pub(super) async fn set_up(&self, server: &str) -> anyhow::Result<()> {
        let client = Client::new(server)?;
        upload(&client, &self.wasm, "true").await?;
        for path in SagaPath::ALL {
            let apply = client
                .request(Method::PUT, &["v1", "definitions", path.as_str()])
                .json(&self.definition(path));
            client
                .send(apply)
                .await
                .context("the definition was not taken")?;
        }
        Ok(())
    }
}

/// Uploads a version of the component, and answers its number.
pub(super) async fn upload(client: &Client, wasm: &[u8], activate: &str) -> anyhow::Result<u32> {
    let upload = client
        .request(Method::POST, &["v1", "components", COMPONENT])
        .query(&[("activate", activate)])
        .header("content-type", "application/wasm")
        .body(wasm.to_vec());
    let answer = client
        .send(upload)
        .await
        .context("the component was not taken")?;
    let version: UploadedComponent = answer.json()?;
    Ok(version.version.version)
}

/// The component to run: the one that was asked for, or the one that `tests/guests.sh` has built beside
/// this executable or in `target`.
pub(super) fn component_file(asked: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = asked {
        if !path.is_file() {
            bail!(Usage(format!("{} is no file", path.display())));
        }
        return Ok(path.to_owned());
    }
    // The executable is in <target>/<profile>/.
    let executable = std::env::current_exe().context("the path of this executable")?;
    let beside = executable
        .ancestors()
        .nth(2)
        .map(|target| target.join("guests/bench.wasm"));
    let candidates: Vec<PathBuf> = beside
        .into_iter()
        .chain([PathBuf::from("target/guests/bench.wasm")])
        .collect();
    if let Some(found) = candidates.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let looked: Vec<String> = candidates
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    bail!(Usage(format!(
        "there is no component to measure with (looked for {}): build it with `tests/guests.sh bench`, or name one with --component",
        looked.join(" and ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_step_of_a_compensating_saga_fails() {
        let scenario = Scenario {
            steps: 4,
            wasm: Vec::new(),
        };
        let definition = scenario.definition(SagaPath::Compensate);
        let steps = definition["steps"].as_array().expect("steps");
        let actions: Vec<&Value> = steps.iter().map(|step| &step["action"]).collect();
        assert_eq!(actions, ["one", "two", "three", "one"]);
        let failing: Vec<bool> = steps
            .iter()
            .map(|step| step["arguments"]["fail"] == true)
            .collect();
        assert_eq!(failing, [false, false, false, true]);
        assert!(
            !scenario
                .definition(SagaPath::Complete)
                .to_string()
                .contains("fail")
        );
    }

    #[test]
    fn a_component_that_is_not_there_is_wrong_usage() {
        let error = component_file(Some(Path::new("/no/such/file"))).expect_err("no file");
        assert!(error.downcast_ref::<Usage>().is_some(), "{error}");
    }
}
