//! What is different between a recorded call and the same call on another version, as a person reads
//! it: what was recorded after a `-`, what came now after a `+`.

use wasaga_core::comparison::{
    self, Change, Changes, Compared, Comparison, Difference, HeaderChange, Part, ShownBody,
};

use super::error::Outcome;
use super::output::{Output, Tone};
use super::words::{kind, size};

/// Shows every difference, and what was used.
pub(super) fn show(comparison: &Comparison, output: &mut Output) -> anyhow::Result<()> {
    for difference in &comparison.differences {
        one(difference, output)?;
    }
    if comparison.more > 0 {
        line(
            1,
            format!("and {} more differences", comparison.more),
            output,
        )?;
    }
    if let Some(index) = comparison.diverged_at {
        let after = place(index);
        let text =
            format!("nothing after {after} is compared: what it would be answered is not recorded");
        output.line(output.paint(Tone::Faint, format!("  {text}")))?;
    }
    used(comparison.fuel, comparison.memory_bytes, 1, output)
}

/// Shows what is different, or why nobody can say.
pub(super) fn verdict(
    comparison: Option<&Comparison>,
    incomparable: Option<&str>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let Some(comparison) = comparison else {
        let why = incomparable.unwrap_or("the server does not say why");
        let text = format!("cannot be compared with the record: {why}");
        output.line(output.paint(Tone::Notable, text))?;
        return Ok(());
    };
    let text = if comparison.is_clean() {
        output.paint(Tone::Good, "as recorded")
    } else {
        output.paint(Tone::Bad, "different from the record")
    };
    output.line(text)?;
    show(comparison, output)
}

/// How a command ends that was to find nothing different.
pub(super) fn outcome(comparison: Option<&Comparison>) -> Outcome {
    match comparison {
        Some(comparison) if comparison.is_clean() => Outcome::Done,
        _ => Outcome::Different,
    }
}

/// Shows what both used.
pub(super) fn used(
    fuel: Compared,
    memory_bytes: Compared,
    depth: usize,
    output: &mut Output,
) -> anyhow::Result<()> {
    for (name, numbers, words) in [
        ("fuel", fuel, beside(fuel, |fuel| fuel.to_string())),
        ("memory", memory_bytes, beside(memory_bytes, size)),
    ] {
        let much_more = numbers.candidate > numbers.recorded.saturating_mul(3) / 2;
        let tone = if much_more {
            Tone::Notable
        } else {
            Tone::Normal
        };
        let words = output.paint(tone, words);
        output.line(format!("{:1$}{name:7} {words}", "", depth * 2))?;
    }
    Ok(())
}

fn one(difference: &Difference, output: &mut Output) -> anyhow::Result<()> {
    match difference {
        Difference::Outcome(outcomes) => {
            line(1, "outcome", output)?;
            let words = Compared {
                recorded: ended(&outcomes.recorded),
                candidate: ended(&outcomes.candidate),
            };
            both(&words, 1, output)
        }
        Difference::Result(changes) => all(changes, "result", 1, output),
        Difference::ContextPatch(changes) => all(changes, "context patch", 1, output),
        Difference::PendingPayload(changes) => all(changes, "payload", 1, output),
        Difference::Failure { message, details } => {
            if let Some(message) = message {
                line(1, "failure's message", output)?;
                both(message, 1, output)?;
            }
            all(details, "failure's details", 1, output)
        }
        Difference::Order { sent } => {
            let places: Vec<String> = sent.iter().map(|index| (index + 1).to_string()).collect();
            let places = places.join(", ");
            line(
                1,
                format!("order of the recorded requests: {places}"),
                output,
            )
        }
        Difference::Request {
            recorded_index,
            method,
            url,
            parts,
            ..
        } => {
            let place = place(*recorded_index);
            line(1, format!("{place}: {method} {url}"), output)?;
            parts.iter().try_for_each(|part| self::part(part, output))
        }
        Difference::UnrecordedRequest {
            index,
            method,
            url,
            body,
        } => {
            line(1, format!("{}, never recorded", place(*index)), output)?;
            let text = format!("{method} {url}{}", after(body));
            diff('+', &text, 1, output)
        }
        Difference::MissingRequest {
            recorded_index,
            method,
            url,
            body,
        } => {
            let place = place(*recorded_index);
            line(1, format!("{place}, not sent any more"), output)?;
            let text = format!("{method} {url}{}", after(body));
            diff('-', &text, 1, output)
        }
    }
}

fn part(part: &Part, output: &mut Output) -> anyhow::Result<()> {
    match part {
        Part::Method(methods) => {
            line(2, "method", output)?;
            both(methods, 2, output)
        }
        Part::Url(urls) => {
            line(2, "URL", output)?;
            both(urls, 2, output)
        }
        Part::Headers(headers) => {
            for change in &headers.changes {
                header(change, output)?;
            }
            rest(headers.more, 2, output)
        }
        Part::JsonBody(changes) => all(changes, "body", 2, output),
        Part::Body(bodies) => {
            line(2, "body", output)?;
            let words = Compared {
                recorded: body(&bodies.recorded),
                candidate: body(&bodies.candidate),
            };
            both(&words, 2, output)
        }
    }
}

fn header(change: &HeaderChange, output: &mut Output) -> anyhow::Result<()> {
    line(2, format!("header {}", change.name), output)?;
    sides(
        change.recorded.as_deref(),
        change.candidate.as_deref(),
        2,
        output,
    )
}

/// Every change of one value, each with its place in it.
fn all(changes: &Changes, of: &str, depth: usize, output: &mut Output) -> anyhow::Result<()> {
    for Change {
        pointer,
        recorded,
        candidate,
    } in &changes.changes
    {
        line(depth, format!("{of} {pointer}").trim_end(), output)?;
        let [recorded, candidate] =
            [recorded, candidate].map(|value| value.as_ref().map(ToString::to_string));
        sides(recorded.as_deref(), candidate.as_deref(), depth, output)?;
    }
    rest(changes.more, depth, output)
}

fn rest(more: usize, depth: usize, output: &mut Output) -> anyhow::Result<()> {
    match more {
        0 => Ok(()),
        more => line(depth, format!("and {more} more"), output),
    }
}

fn both(texts: &Compared<String>, depth: usize, output: &mut Output) -> anyhow::Result<()> {
    sides(Some(&texts.recorded), Some(&texts.candidate), depth, output)
}

fn sides(
    recorded: Option<&str>,
    candidate: Option<&str>,
    depth: usize,
    output: &mut Output,
) -> anyhow::Result<()> {
    for (mark, text) in [('-', recorded), ('+', candidate)] {
        if let Some(text) = text {
            diff(mark, text, depth, output)?;
        }
    }
    Ok(())
}

fn diff(mark: char, text: &str, depth: usize, output: &mut Output) -> anyhow::Result<()> {
    let tone = if mark == '-' { Tone::Bad } else { Tone::Good };
    let text = output.paint(tone, format!("{mark} {text}"));
    output.line(format!("{:1$}{text}", "", depth * 2))?;
    Ok(())
}

fn line(depth: usize, text: impl std::fmt::Display, output: &mut Output) -> anyhow::Result<()> {
    let text = output.paint(Tone::Normal, text);
    output.line(format!("{:1$}{text}", "", depth * 2))?;
    Ok(())
}

/// People count from 1.
fn place(index: usize) -> String {
    format!("request {}", index + 1)
}

fn ended(outcome: &comparison::Outcome) -> String {
    match outcome {
        comparison::Outcome::Completed => "completed".to_owned(),
        comparison::Outcome::Pending => "waits for a reply".to_owned(),
        comparison::Outcome::Failed {
            kind: failure_kind,
            code,
            message,
            ..
        } => format!("failed ({}): {code}: {message}", kind(*failure_kind)),
    }
}

fn body(body: &ShownBody) -> String {
    match body {
        ShownBody::Empty => "(none)".to_owned(),
        ShownBody::Text(text) => text.clone(),
        ShownBody::Digest(digest) => digest.to_string(),
    }
}

fn after(shown: &ShownBody) -> String {
    match shown {
        ShownBody::Empty => String::new(),
        other => format!("  {}", body(other)),
    }
}

/// Two numbers, and how many times the second is the first.
fn beside(numbers: Compared, text: impl Fn(u64) -> String) -> String {
    let Compared {
        recorded,
        candidate,
    } = numbers;
    if recorded == candidate {
        return format!("{}, the same", text(recorded));
    }
    let words = format!("{} → {}", text(recorded), text(candidate));
    match recorded {
        0 => words,
        // What is shown has two digits: more than a floating-point number has is not lost.
        recorded => format!("{words}  (×{:.2})", candidate as f64 / recorded as f64),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::output::tests::plain;
    use super::*;

    fn shown(differences: Value, diverged_at: Option<usize>) -> String {
        let comparison: Comparison = serde_json::from_value(json!({
            "differences": differences, "diverged_at": diverged_at,
            "fuel": {"recorded": 100, "candidate": 250}, "memory_bytes": {"recorded": 1024, "candidate": 1024},
        }))
        .expect("a comparison");
        let (mut output, written) = plain();
        show(&comparison, &mut output).expect("written");
        written.text()
    }

    #[test]
    fn a_changed_amount_is_a_small_diff_with_its_place() {
        let differences = json!([{"type": "request", "index": 0, "recorded_index": 0, "method": "POST",
            "url": "http://a/pay", "parts": [
                {"part": "json-body", "changes": [{"pointer": "/amount", "recorded": 1.0, "candidate": 2.0}]},
                {"part": "headers", "changes": [{"name": "x-new", "candidate": "yes"}]}]}]);
        assert_eq!(
            shown(differences, None),
            "  request 1: POST http://a/pay\n    body /amount\n    - 1.0\n    + 2.0\n    header x-new\n    + yes\n  \
             fuel    100 → 250  (×2.50)\n  memory  1.0 KiB, the same\n"
        );
    }

    #[test]
    fn requests_that_came_or_went_say_so_and_where_comparing_ends() {
        let differences = json!([
            {"type": "missing-request", "recorded_index": 1, "method": "GET", "url": "http://a/old", "body": "empty"},
            {"type": "unrecorded-request", "index": 0, "method": "POST", "url": "http://a/new", "body": {"text": "hi"}},
            {"type": "order", "sent": [1, 0]},
        ]);
        let text = shown(differences, Some(0));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines[..6],
            [
                "request 2, not sent any more",
                "- GET http://a/old",
                "request 1, never recorded",
                "+ POST http://a/new  hi",
                "order of the recorded requests: 2, 1",
                "nothing after request 1 is compared: what it would be answered is not recorded",
            ]
        );
    }

    #[test]
    fn another_end_and_another_result_are_shown_one_above_the_other() {
        let failed = json!({"ended": "failed", "kind": "permanent", "certainty": "definite", "code": "no", "message": "m"});
        let text = shown(
            json!([{"type": "outcome", "recorded": {"ended": "completed"}, "candidate": failed}]),
            None,
        );
        assert!(
            text.starts_with("  outcome\n  - completed\n  + failed (permanent): no: m\n"),
            "{text}"
        );
        let text = shown(
            json!([{"type": "result", "changes": [{"pointer": "", "recorded": null, "candidate": 1}], "more": 3}]),
            None,
        );
        assert!(
            text.starts_with("  result\n  - null\n  + 1\n  and 3 more\n"),
            "{text}"
        );
    }
}
