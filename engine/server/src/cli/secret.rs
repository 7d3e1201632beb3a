//! `wasaga secret`.

use clap::Subcommand;

use super::client::Client;
use super::output::{Cell, Format, Output};
use wasaga::wire::{Page, Secret};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the secrets that policies can grant, by name; nobody is shown their values
    List,
}

impl Command {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<()> {
        let Self::List = self;
        let answer = client.get(&["v1", "secrets"]).await?;
        if output.format() == Format::Json {
            output.line(answer.text()?)?;
            return Ok(());
        }
        let list: Page<Secret> = answer.json()?;
        if list.items.is_empty() {
            output.note("No secrets: the server takes them from its environment (WASAGA_SECRET_<NAME>) and from `wasaga serve --secrets FILE`.");
            return Ok(());
        }
        output.table(
            ["NAME"],
            list.items.iter().map(|secret| [Cell::new(&secret.name)]),
        )?;
        Ok(())
    }
}
