//! `wasaga saga watch`, and whatever else follows a saga to its end.

use wasaga_core::Status;

use super::super::client::Client;
use super::super::error::Outcome;
use super::super::follow::{Followed, follow};
use super::super::live::Live;
use super::super::output::{Format, Output};
use super::{show, title};
use wasaga::wire::Saga;

/// What JSON a command prints of a saga that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// Each record of the journal on a line.
    Journal,
    /// The saga when it is over.
    Outcome,
}

/// Shows a saga until it is over or stuck.
pub(super) async fn watch(
    client: &Client,
    saga: &Saga,
    shows: Shows,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let mut live = Live::new(saga.id, saga.steps.iter().map(|step| step.step.as_str()));
    let format = output.format();
    if format == Format::Text {
        output.line(title(saga, output))?;
    }
    let show = |followed: Followed<'_>, output: &mut Output| match (format, shows, followed) {
        (Format::Text, _, Followed::Record(record, _)) => live.show(record, output),
        (Format::Text, _, Followed::Progress(progress)) => {
            live.reached(progress);
            Ok(())
        }
        (Format::Json, Shows::Journal, Followed::Record(_, text)) => output.line(text),
        (Format::Json, _, _) => Ok(()),
    };
    let (ended, answer) = follow(client, saga.id, output, show).await?;
    match (format, shows) {
        (Format::Text, _) => {
            output.line(show::outcome(&ended, output))?;
            show::next(&ended, output)?;
        }
        (Format::Json, Shows::Journal) => {}
        (Format::Json, Shows::Outcome) => output.line(answer.text()?)?,
    }
    Ok(if ended.status == Status::Completed {
        Outcome::Done
    } else {
        Outcome::NotCompleted
    })
}
