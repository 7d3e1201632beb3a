//! `wasaga component`, one file a verb or a group of verbs.
//!
//! | file | what it holds |
//! |---|---|
//! | `push` | a new version |
//! | `show` | components, their versions, and who changed what sagas take |
//! | `describe` | what is said about a version, and its removal |
//! | `switch` | the version that sagas take: all of them, or some |
//! | `grants`, `policy` | what a component may do |
//! | `verify` | a version on what another one did |
//! | `moving` | sagas to another version |
//! | `call/` | an action of a file, without a server |

mod call;
mod describe;
mod grants;
mod moving;
mod policy;
mod push;
mod show;
mod switch;
mod verify;

use clap::Subcommand;
use wasaga_core::Name;

use super::client::{Answer, Client};
use super::error::{Outcome, Refused};
use super::output::{Format, Output, Tone};
use super::page::PageOptions;
use wasaga::wire::ComponentDetail;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Upload a version of a component and make it the active one
    Push(push::Push),
    /// List the components
    List {
        #[command(flatten)]
        page: PageOptions,
    },
    /// Show a component and its versions
    Show(show::Show),
    /// Show which versions sagas took since when, and who said so
    History(show::History),
    /// Say something about a version
    Describe(describe::Describe),
    /// Delete a version that nobody needs
    Remove(describe::Remove),
    /// Make a version the active one: steps that start from now on take it
    Activate(switch::Activate),
    /// Make the version the active one that was it before
    Rollback(switch::Rollback),
    /// Let some sagas take a version in place of the active one
    Share(switch::Share),
    /// Make the version the active one that some sagas take
    Promote(switch::Promote),
    /// Let no saga take another version than the active one any more
    Drop(switch::Drop),
    /// Run a version on the recorded calls of another one, without sending anything, and show what is
    /// different
    Verify(verify::Verify),
    /// Let sagas that stand still go on with another version
    Move(moving::Move),
    /// Show what a component is granted, or change it
    #[command(after_help = policy::HELP)]
    Policy(Box<policy::Change>),
    /// Run one action of a file, here and without a server
    #[command(after_help = call::HELP)]
    Call(Box<call::Options>),
}

impl Command {
    pub(super) async fn run(self, server: &str, output: &mut Output) -> anyhow::Result<Outcome> {
        if let Self::Call(options) = self {
            return options.run(output).await;
        }
        let client = &Client::new(server)?;
        match self {
            Self::Push(push) => push.run(client, output).await?,
            Self::List { page } => show::list(&page, client, output).await?,
            Self::Show(show) => show.run(client, output).await?,
            Self::History(history) => history.run(client, output).await?,
            Self::Describe(describe) => describe.run(client, output).await?,
            Self::Remove(remove) => remove.run(client, output).await?,
            Self::Activate(activate) => activate.run(client, output).await?,
            Self::Rollback(rollback) => rollback.run(client, output).await?,
            Self::Share(share) => share.run(client, output).await?,
            Self::Promote(promote) => promote.run(client, output).await?,
            Self::Drop(drop) => drop.run(client, output).await?,
            Self::Verify(verify) => return verify.run(client, output).await,
            Self::Move(order) => return order.run(client, output).await,
            Self::Policy(change) => change.run(client, output).await?,
            Self::Call(options) => return options.run(output).await,
        }
        Ok(Outcome::Done)
    }
}

async fn get(client: &Client, name: &Name) -> anyhow::Result<Answer> {
    client.get(&["v1", "components", name.as_str()]).await
}

/// A component, when there is one of that name.
async fn find(client: &Client, name: &Name) -> anyhow::Result<Option<ComponentDetail>> {
    match get(client, name).await {
        Ok(answer) => answer.json().map(Some),
        Err(error) if error.downcast_ref().is_some_and(Refused::is_unknown) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Shows an answer as it came, or what `text` makes of it.
fn show_answer<T: serde::de::DeserializeOwned>(
    answer: &Answer,
    output: &mut Output,
    text: impl FnOnce(T, &mut Output) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match output.format() {
        Format::Json => Ok(output.line(answer.text()?)?),
        Format::Text => text(answer.json()?, output),
    }
}

/// A version's name as a title.
fn title(name: &Name, version: u32, output: &Output) -> String {
    output.paint(Tone::Strong, format!("{name} v{version}"))
}
