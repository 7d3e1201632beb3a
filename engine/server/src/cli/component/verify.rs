//! `wasaga component verify`.

use clap::Args;
use reqwest::Method;
use wasaga_core::Name;

use super::super::client::Client;
use super::super::comparison;
use super::super::error::Outcome;
use super::super::output::{Cell, Output, Tone};
use super::super::words::{counted, length};
use super::show_answer;
use wasaga::wire::{DifferentCall, Verification, VerifyVersion};

/// A version to try on what another one did.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Verify {
    /// Name of the component
    name: Name,
    /// Number of the version to try, as `wasaga component show` lists it
    version: u32,
    /// Try it on the calls of so many sagas, the latest first
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1000))]
    sagas: u32,
    /// The version whose calls they are; the active one unless given
    #[arg(long, value_name = "VERSION")]
    against: Option<u32>,
    /// Show every call that the server has the differences of, not only the first ones
    #[arg(long)]
    all: bool,
}

/// Most calls whose differences are shown, unless all are asked for.
const MAX_CALLS: usize = 10;

/// How many of the calls with differences are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calls {
    /// The first ones.
    Some,
    /// Those that the server sent.
    All,
}

const HELP: &str = "Every request is answered from the record: nothing leaves the machine. Ends with 0 when all that \
could be compared is the same, with 1 when something is different or nothing could be compared.";

impl Verify {
    pub(super) async fn run(self, client: &Client, output: &mut Output) -> anyhow::Result<Outcome> {
        let number = self.version.to_string();
        let path = [
            "v1",
            "components",
            self.name.as_str(),
            "versions",
            &number,
            "verify",
        ];
        let body = VerifyVersion {
            sagas: self.sagas,
            against: self.against,
        };
        let answer = client
            .send(client.request(Method::POST, &path).json(&body))
            .await?;
        let calls = if self.all { Calls::All } else { Calls::Some };
        show_answer(&answer, output, |verification, output| {
            report(&verification, calls, output)
        })?;
        let verification: Verification = answer.json()?;
        Ok(if verification.clean {
            Outcome::Done
        } else {
            Outcome::Different
        })
    }
}

/// Shows what came of a verification.
pub(super) fn report(
    verification: &Verification,
    calls: Calls,
    output: &mut Output,
) -> anyhow::Result<()> {
    let (candidate, against) = (verification.version, verification.against);
    let title = format!(
        "{} v{candidate} on what v{against} did",
        verification.component
    );
    output.line(output.paint(Tone::Strong, title))?;
    let (verdict, tone) = verdict(verification);
    output.line(output.paint(tone, verdict))?;
    output.line(looked_at(verification))?;
    if verification.compared > 0 {
        output.line("")?;
        counts(verification, output)?;
        output.line("")?;
        comparison::used(verification.fuel, verification.memory_bytes, 0, output)?;
    }
    let shown = match calls {
        Calls::Some => MAX_CALLS,
        Calls::All => usize::MAX,
    };
    let shown = shown.min(verification.different.len());
    for call in verification.different.iter().take(shown) {
        output.line("")?;
        output.line(which(call, output))?;
        comparison::show(&call.comparison, output)?;
    }
    let more = different(verification).saturating_sub(shown);
    if more > 0 {
        let more = counted(more, "more call", "more calls");
        output.line(format!("\nand {more} with differences"))?;
    }
    Ok(())
}

fn verdict(verification: &Verification) -> (String, Tone) {
    match (verification.compared, different(verification)) {
        (0, _) => ("nothing to compare".to_owned(), Tone::Notable),
        (all, 0) => (format!("the same in {all} of {all} calls"), Tone::Good),
        (all, different) => (
            format!("different in {different} of {all} calls"),
            Tone::Bad,
        ),
    }
}

/// Calls with differences.
fn different(verification: &Verification) -> usize {
    verification.compared.saturating_sub(verification.same) as usize
}

/// What was looked at, and what of it could not be compared.
fn looked_at(verification: &Verification) -> String {
    let took = length(std::time::Duration::from_millis(verification.duration_ms));
    let more = if verification.more {
        ", and there are more calls than one verification runs"
    } else {
        ""
    };
    let calls = counted(verification.calls as usize, "call", "calls");
    let sagas = counted(verification.sagas as usize, "saga", "sagas");
    let mut text = format!("{calls} of {sagas} in {took}{more}");
    if verification.calls == 0 {
        let against = verification.against;
        text.push_str(&format!(
            "\nno call of v{against} is in the journal: start a saga that makes one, or name another version with `wasaga component verify --against`"
        ));
    }
    for (reason, count) in &verification.incomparable {
        text.push_str(&format!("\nnot compared: {count} {reason}{}", why(reason)));
    }
    text
}

/// What a reason means, where its name does not say what to do.
fn why(reason: &str) -> &'static str {
    match reason {
        "not-recorded" => {
            ": their requests were not recorded in full (`wasaga component policy NAME --record full`)"
        }
        "response-omitted" => ": a response was too large to be recorded",
        "timed-out" => ": how long a call takes is not the same twice",
        _ => "",
    }
}

fn counts(verification: &Verification, output: &mut Output) -> anyhow::Result<()> {
    let rows = [
        ("outcome and result", verification.same_outcome),
        ("context patch", verification.same_context_patch),
        ("requests", verification.same_requests),
        ("all of it", verification.same),
    ];
    let rows = rows.map(|(what, same)| {
        let different = verification.compared.saturating_sub(same);
        let tone = if different == 0 {
            Tone::Good
        } else {
            Tone::Bad
        };
        [
            Cell::new(what),
            Cell::right(same),
            Cell::right(different).tone(tone),
        ]
    });
    output.table(["CALLS BY", "SAME", "DIFFERENT"], rows)?;
    Ok(())
}

fn which(call: &DifferentCall, output: &Output) -> String {
    let step = format!("{} {} #{}", call.step, call.direction, call.attempt);
    let place = format!("saga {} call {}", call.saga, call.seq);
    format!(
        "{}  {}",
        output.paint(Tone::Strong, step),
        output.paint(Tone::Faint, place)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::output::tests::plain;
    use super::*;

    fn verification(more: serde_json::Value) -> Verification {
        let mut verification = json!({
            "component": "pay", "version": 2, "against": 1, "clean": false, "sagas": 3, "calls": 4, "more": false,
            "compared": 0, "same": 0, "same_outcome": 0, "same_context_patch": 0, "same_requests": 0,
            "incomparable": {}, "fuel": {"recorded": 0, "candidate": 0},
            "memory_bytes": {"recorded": 0, "candidate": 0}, "different": [], "duration_ms": 12,
        });
        for (field, value) in more.as_object().expect("fields") {
            verification[field] = value.clone();
        }
        serde_json::from_value(verification).expect("a verification")
    }

    fn text(verification: &Verification) -> String {
        let (mut output, written) = plain();
        report(verification, Calls::Some, &mut output).expect("written");
        written.text()
    }

    #[test]
    fn a_report_counts_what_is_different_and_names_each_call() {
        let comparison = json!([{"type": "result", "changes": [{"pointer": "/total", "recorded": 1, "candidate": 2}]}]);
        let call = json!({"saga": "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f", "seq": 4, "step": "charge", "direction": "act",
            "attempt": 2, "differences": comparison, "fuel": {"recorded": 10, "candidate": 10},
            "memory_bytes": {"recorded": 0, "candidate": 0}});
        let report = text(&verification(json!({
            "compared": 4, "same": 1, "same_outcome": 1, "same_context_patch": 4, "same_requests": 4,
            "fuel": {"recorded": 100, "candidate": 150}, "different": [call],
        })));
        for line in [
            "pay v2 on what v1 did",
            "different in 3 of 4 calls",
            "4 calls of 3 sagas in 12 ms",
            "outcome and result     1          3",
            "context patch          4          0",
            "fuel    100 → 150  (×1.50)",
            "charge act #2  saga 01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f call 4",
            "  result /total",
            "  - 1",
            "  + 2",
            "and 2 more calls with differences",
        ] {
            assert!(
                report.lines().any(|shown| shown == line),
                "{line}\n{report}"
            );
        }
    }

    #[test]
    fn no_more_calls_are_shown_than_anybody_reads_unless_all_are_asked_for() {
        let call = json!({"saga": "01970c3e-7b5a-7c1e-9d0f-3a5b7c9d1e2f", "seq": 4, "step": "charge", "direction": "act",
            "attempt": 2, "differences": [], "diverged_at": 0, "fuel": {"recorded": 10, "candidate": 10},
            "memory_bytes": {"recorded": 0, "candidate": 0}});
        let many = verification(json!({"compared": 200, "different": vec![call; 100]}));
        for (calls, shown) in [(Calls::Some, MAX_CALLS), (Calls::All, 100)] {
            let (mut output, written) = plain();
            report(&many, calls, &mut output).expect("written");
            let text = written.text();
            assert_eq!(text.matches("charge act #2").count(), shown);
            let more = format!("\nand {} more calls with differences\n", 200 - shown);
            assert!(text.ends_with(&more), "{text}");
        }
    }

    #[test]
    fn a_report_without_anything_to_compare_says_why() {
        let report = text(&verification(json!({"incomparable": {"not-recorded": 4}})));
        assert!(report.contains("\nnothing to compare\n"), "{report}");
        assert!(
            report.contains("not compared: 4 not-recorded: "),
            "{report}"
        );
        assert!(report.contains("--record full"), "{report}");
        assert!(!report.contains("CALLS BY"), "{report}");
    }

    #[test]
    fn a_version_that_made_no_calls_is_named() {
        let report = text(&verification(json!({"calls": 0, "sagas": 0})));
        assert!(
            report.contains("no call of v1 is in the journal"),
            "{report}"
        );
    }

    #[test]
    fn a_clean_report_says_so_first() {
        let clean = json!({"clean": true, "compared": 4, "same": 4, "same_outcome": 4, "same_context_patch": 4, "same_requests": 4});
        assert!(text(&verification(clean)).contains("\nthe same in 4 of 4 calls\n"));
    }
}
