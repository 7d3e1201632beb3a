//! `wasaga component move`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use reqwest::Method;
use wasaga_core::{Name, SagaId, Status};

use super::super::client::Client;
use super::super::error::Outcome;
use super::super::input;
use super::super::output::{Cell, Format, Output, Tone};
use super::super::saga::saga_id;
use super::super::signature::Signature;
use super::super::words::counted;
use wasaga::wire::{LeftSaga, MoveSagas, MovedSagas};

/// Statuses in which a saga stands still.
const STANDING: [Status; 3] = [Status::Waiting, Status::Paused, Status::Stuck];

/// Most sagas that one request names.
const MAX_NAMED: usize = 200;

/// Which sagas are to go on with which version.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
#[group(skip)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["sagas", "statuses", "definition", "tag"]))]
pub(in crate::cli) struct Move {
    /// Name of the component
    name: Name,
    /// Only what is bound to this version
    #[arg(long, value_name = "VERSION")]
    from: u32,
    /// The version to go on with; the one that new steps take unless given
    #[arg(long, value_name = "VERSION")]
    to: Option<u32>,
    /// This saga; may be repeated
    #[arg(long = "saga", value_name = "ID", value_parser = saga_id,
        conflicts_with_all = ["statuses", "definition", "tag"])]
    sagas: Vec<SagaId>,
    /// All sagas of this status; may be repeated. Of all three where only --definition or --tag says
    /// which sagas
    #[arg(long = "status", value_name = "STATUS", value_parser = standing())]
    statuses: Vec<Status>,
    /// Only sagas of this definition
    #[arg(long)]
    definition: Option<Name>,
    /// Only sagas with this label
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    tag: Option<String>,
    /// Try at once what waits for its next attempt, or gave up
    #[arg(long)]
    retry: bool,
    #[command(flatten)]
    signature: Signature,
}

const HELP: &str =
    "Each saga's journal says that it was moved. Ends with 1 when a saga was left where it is.";

impl Move {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        let mut all = MovedSagas {
            moved: Vec::new(),
            left: Vec::new(),
            next_cursor: None,
        };
        let path = ["v1", "components", self.name.as_str(), "move"];
        for mut order in self.orders() {
            loop {
                let request = client.request(Method::POST, &path).json(&order);
                let moved: MovedSagas = client.send(request).await?.json()?;
                all.moved.extend(moved.moved);
                all.left.extend(moved.left);
                if moved.next_cursor.is_none() {
                    break;
                }
                order.cursor = moved.next_cursor;
                let so_far = all.moved.len();
                output.transient(format!("{so_far} sagas moved so far"))?;
            }
        }
        match output.format() {
            Format::Json => output.line(serde_json::to_string(&all)?)?,
            Format::Text => show(&all, output)?,
        }
        Ok(if all.left.is_empty() {
            Outcome::Done
        } else {
            Outcome::NotCompleted
        })
    }

    /// What to ask the server for, one after the other.
    fn orders(&self) -> Vec<MoveSagas> {
        let order = MoveSagas {
            from: self.from,
            to: self.to,
            definition: self.definition.clone(),
            tag: self.tag.clone(),
            retry: self.retry,
            reason: self.signature.reason.clone(),
            by: self.signature.by.clone(),
            ..MoveSagas::default()
        };
        if !self.sagas.is_empty() {
            let named = self.sagas.chunks(MAX_NAMED).map(|sagas| MoveSagas {
                sagas: Some(sagas.to_vec()),
                ..order.clone()
            });
            return named.collect();
        }
        let statuses = if self.statuses.is_empty() {
            &STANDING[..]
        } else {
            &self.statuses
        };
        let found = statuses.iter().map(|status| MoveSagas {
            status: Some(*status),
            ..order.clone()
        });
        found.collect()
    }
}

fn sagas(count: usize) -> String {
    counted(count, "saga", "sagas")
}

fn show(all: &MovedSagas, output: &mut Output) -> anyhow::Result<()> {
    let moved = format!("{} moved", sagas(all.moved.len()));
    let tone = if all.moved.is_empty() {
        Tone::Notable
    } else {
        Tone::Good
    };
    output.line(output.paint(tone, moved))?;
    if all.left.is_empty() {
        return Ok(());
    }
    let left = format!("{} left", sagas(all.left.len()));
    output.line(output.paint(Tone::Notable, left))?;
    let rows = all
        .left
        .iter()
        .map(|LeftSaga { saga, reason }| [Cell::new(saga), Cell::new(reason)]);
    output.table(["LEFT", "WHY"], rows)?;
    Ok(())
}

/// Reads a status in which a saga stands still.
fn standing() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(STANDING.map(Status::as_str))
        .try_map(|status| status.parse::<Status>())
}

fn label(argument: &str) -> Result<String, String> {
    input::key_value(argument).map(|_| argument.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::super::super::output::tests::plain;
    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        order: Move,
    }

    const ID: &str = "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f";

    fn orders(arguments: &[&str]) -> Result<Vec<Value>, clap::Error> {
        let line = ["move", "pay", "--from", "1", "--by", "ann"];
        let line = Line::try_parse_from(line.iter().chain(arguments))?;
        let orders = line.order.orders();
        let orders = orders.iter().map(serde_json::to_value);
        Ok(orders.collect::<Result<_, _>>().expect("JSON"))
    }

    #[test]
    fn sagas_are_named_or_found_and_not_both() {
        assert_eq!(
            orders(&["--saga", ID, "--to", "2", "--retry"]).expect("orders"),
            [json!({"from": 1, "to": 2, "sagas": [ID], "retry": true, "by": "ann"})]
        );
        assert_eq!(
            orders(&["--status", "stuck", "--tag", "a=b"]).expect("orders"),
            [json!({"from": 1, "status": "stuck", "tag": "a=b", "retry": false, "by": "ann"})]
        );
        let usage = orders(&[]).expect_err("nothing says which").to_string();
        assert!(usage.contains("--status <STATUS>|"), "{usage}");
        assert!(orders(&["--saga", ID, "--status", "stuck"]).is_err());
        assert!(orders(&["--status", "running"]).is_err());
    }

    #[test]
    fn a_filter_alone_means_all_sagas_that_stand_still() {
        let found = orders(&["--definition", "order"]).expect("orders");
        let statuses: Vec<&Value> = found.iter().map(|order| &order["status"]).collect();
        assert_eq!(statuses, ["waiting", "paused", "stuck"]);
        assert!(found.iter().all(|order| order["definition"] == "order"));
    }

    #[test]
    fn more_sagas_than_one_request_names_take_several() {
        let ids = ["--saga", ID].repeat(MAX_NAMED + 1);
        let orders = orders(&ids).expect("orders");
        let named = orders
            .iter()
            .map(|order| order["sagas"].as_array().map(Vec::len));
        assert_eq!(named.collect::<Vec<_>>(), [Some(MAX_NAMED), Some(1)]);
    }

    #[test]
    fn those_that_were_left_say_why() {
        let all: MovedSagas = serde_json::from_value(json!({"moved": [ID], "next_cursor": null,
            "left": [{"saga": ID, "reason": "nothing of it is bound to v1"}]}))
        .expect("an answer");
        let (mut output, written) = plain();
        show(&all, &mut output).expect("written");
        let text = written.text();
        assert!(text.starts_with("1 saga moved\n1 saga left\n"), "{text}");
        assert!(
            text.contains(&format!("{ID}  nothing of it is bound to v1")),
            "{text}"
        );
    }
}
