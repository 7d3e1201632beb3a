//! Which part of a list a command shows.

use clap::Args;
use serde::Serialize;

use super::output::Output;

/// Options of every command that lists something; serialised, they are the query of the request.
#[derive(Debug, Args, Serialize)]
pub(super) struct PageOptions {
    /// Most rows to show
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    /// Where to go on, as the page before said
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl PageOptions {
    /// Says how to get the next page, when there is one.
    pub(super) fn note_more(&self, next: Option<&str>, output: &Output) {
        if let Some(next) = next {
            output.note(format!("There are more: --cursor {next}"));
        }
    }
}
