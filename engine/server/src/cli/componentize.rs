//! `wasaga componentize`.

use std::path::PathBuf;

use anyhow::Context;
use bytesize::ByteSize;
use clap::Args;
use serde_json::json;

use super::error::Outcome;
use super::input;
use super::output::{Format, Output};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The core module; `-` is standard input
    file: PathBuf,
    /// Where the component goes
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Makes the component that the server would make of the same upload.
pub(super) fn run(options: &Options, output: &mut Output) -> anyhow::Result<Outcome> {
    let module = input::read(&options.file)?;
    let component =
        wasaga_host::componentize(module).with_context(|| input::name(&options.file))?;
    let path = options.output.display();
    std::fs::write(&options.output, &component).with_context(|| path.to_string())?;
    match output.format() {
        Format::Json => output.line(json!({"output": options.output, "size": component.len()}))?,
        Format::Text => output.line(format!("{path}  {}", ByteSize(component.len() as u64)))?,
    }
    Ok(Outcome::Done)
}
