//! The figures.

use anyhow::Context;
use serde::Serialize;

use super::load::Measured;
use super::scenario::SagaPath;
use crate::cli::{Cell, Output, Tone};

/// Everything that was measured. Its JSON is read by programs: fields stay.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) runs: Vec<Run>,
    pub(crate) ceilings: Ceilings,
}

/// Sagas over HTTP, so many at a time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    path: SagaPath,
    concurrency: u32,
    sagas_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// What the engine's parts do alone, with completing sagas.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Ceilings {
    /// Sagas whose journal rows are written straight to the journal, in groups.
    pub(crate) journal_sagas_per_s: f64,
    /// Sagas whose calls are made straight to the sandbox, on all cores.
    pub(crate) sandbox_sagas_per_s: f64,
}

impl Run {
    pub(crate) fn new(
        path: SagaPath,
        concurrency: u32,
        measured: Measured,
    ) -> anyhow::Result<Self> {
        let nothing = "no saga ended while it was measured: choose a longer --duration";
        Ok(Self {
            path,
            concurrency,
            sagas_per_s: rounded(per_second(measured.times.len(), measured.elapsed)),
            p50_ms: measured.times.percentile_ms(50).context(nothing)?,
            p99_ms: measured.times.percentile_ms(99).context(nothing)?,
        })
    }
}

impl Report {
    /// Shows the figures as a table.
    pub(crate) fn show(&self, output: &mut Output) -> std::io::Result<()> {
        let Ceilings {
            journal_sagas_per_s,
            sandbox_sagas_per_s,
        } = self.ceilings;
        let rows = self.runs.iter().map(|run| {
            // The ceilings are of completing sagas: others have other rows and calls.
            let of = |ceiling: f64| match run.path {
                SagaPath::Complete => format!("{:.0} %", 100.0 * run.sagas_per_s / ceiling),
                SagaPath::Compensate => String::new(),
            };
            [
                Cell::new(run.path),
                Cell::right(run.concurrency),
                Cell::right(format!("{:.0}", run.sagas_per_s)).tone(Tone::Strong),
                Cell::right(format!("{:.2}", run.p50_ms)),
                Cell::right(format!("{:.2}", run.p99_ms)),
                Cell::right(of(journal_sagas_per_s)),
                Cell::right(of(sandbox_sagas_per_s)),
            ]
        });
        output.table(
            [
                "PATH",
                "AT A TIME",
                "SAGAS/S",
                "P50 MS",
                "P99 MS",
                "OF JOURNAL",
                "OF SANDBOX",
            ],
            rows,
        )?;
        output.line("")?;
        output.line(format!("journal alone  {journal_sagas_per_s:.0} sagas/s: the same rows in groups, each group durable"))?;
        output.line(format!(
            "sandbox alone  {sandbox_sagas_per_s:.0} sagas/s: the same calls on all cores"
        ))
    }
}

/// How many a second `count` in `elapsed` are.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn per_second(count: usize, elapsed: std::time::Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// To a tenth: more digits would claim a precision that is not there.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::percentile::Times;
    use super::*;
    use crate::cli::tests::plain;

    fn report() -> Report {
        let run = |path, count: u32| {
            let times = Times::new((1..=count).map(|n| n * 10).collect());
            Run::new(
                path,
                64,
                Measured {
                    times,
                    elapsed: Duration::from_secs(2),
                },
            )
            .expect("a run")
        };
        Report {
            runs: vec![
                run(SagaPath::Complete, 1000),
                run(SagaPath::Compensate, 100),
            ],
            ceilings: Ceilings {
                journal_sagas_per_s: 1000.0,
                sandbox_sagas_per_s: 2000.0,
            },
        }
    }

    #[test]
    fn the_json_is_what_programs_read() {
        assert_eq!(
            serde_json::to_value(report()).expect("JSON"),
            json!({
                "runs": [
                    {"path": "complete", "concurrency": 64, "sagas_per_s": 500.0, "p50_ms": 5.0, "p99_ms": 9.9},
                    {"path": "compensate", "concurrency": 64, "sagas_per_s": 50.0, "p50_ms": 0.5, "p99_ms": 0.99},
                ],
                "ceilings": {"journal_sagas_per_s": 1000.0, "sandbox_sagas_per_s": 2000.0},
            })
        );
    }

    #[test]
    fn the_table_sets_completing_sagas_against_the_ceilings() {
        let (mut output, written) = plain();
        report().show(&mut output).expect("written");
        let text = written.text();
        let fields = |start: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(start))
                .expect("a row");
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            fields("complete"),
            [
                "complete", "64", "500", "5.00", "9.90", "50", "%", "25", "%"
            ]
        );
        assert_eq!(
            fields("compensate"),
            ["compensate", "64", "50", "0.50", "0.99"]
        );
    }

    #[test]
    fn a_run_in_which_nothing_ended_is_an_error() {
        let nothing = Measured {
            times: Times::default(),
            elapsed: Duration::from_secs(1),
        };
        assert!(Run::new(SagaPath::Complete, 1, nothing).is_err());
    }
}
