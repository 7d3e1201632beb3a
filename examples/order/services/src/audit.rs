//! Reading the books of a running process, and judging them.

mod client;
mod report;
mod verdict;

use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;

use client::Client;
use verdict::{Statement, Verdict, judge};

/// What to audit.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the services are.
    #[arg(
        long,
        default_value = "http://127.0.0.1:7421",
        env = "ORDER_SERVICES_URL"
    )]
    url: String,
    /// A number that must be in the books: NAME is a product (its available stock), a user (the
    /// balance), or one of complete, undone, open, confirmed (orders) and shipments. Repeatable.
    #[arg(long = "expect", value_name = "NAME=NUMBER")]
    expectations: Vec<Expectation>,
    /// Print only what is wrong.
    #[arg(long)]
    quiet: bool,
}

/// One number that must be in the books.
#[derive(Debug, Clone, PartialEq)]
struct Expectation {
    name: String,
    number: f64,
}

/// Reads, prints and judges the books.
///
/// # Errors
///
/// The services cannot be reached, or answer with something else than their books.
pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let statement = Client::new(&options.url)?.statement().await?;
    let verdict = judge(&statement);
    if !options.quiet {
        print!("{}", report::books(&statement, &verdict));
    }
    let mut faults = verdict.faults.clone();
    faults.extend(unmet(&options.expectations, &statement, &verdict));
    for fault in &faults {
        println!("wrong: {fault}");
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The expectations that the books do not meet, in words.
fn unmet(expectations: &[Expectation], statement: &Statement, verdict: &Verdict) -> Vec<String> {
    let figures = verdict::figures(statement, verdict);
    expectations
        .iter()
        .filter_map(|Expectation { name, number }| match figures.get(name) {
            Some(found) if found == number => None,
            Some(found) => Some(format!("{name} is {found}, expected {number}")),
            None => Some(format!("{name} is not in the books, expected {number}")),
        })
        .collect()
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text
            .split_once('=')
            .ok_or_else(|| format!("expected NAME=NUMBER, got {text}"))?;
        let number = number
            .parse()
            .map_err(|_| format!("expected a number after {name}=, got {number}"))?;
        Ok(Self {
            name: name.to_owned(),
            number,
        })
    }
}
