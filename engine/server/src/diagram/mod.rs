//! Definitions and sagas as Mermaid flowcharts.
//!
//! | in a definition | in the chart |
//! |---|---|
//! | a step | a box; its fallback is another one, behind a dotted arrow |
//! | a choice | a diamond with an arrow for each branch |
//! | a parallel | a hexagon, and a circle where its branches meet |
//! | a loop | a frame around its steps |
//! | a nested saga | a box with double sides |
//! | a sleep | a flag |
//!
//! What is drawn grows with the definition and not with the saga: a loop's steps are drawn once. All
//! text of a definition is escaped, and cut where it is long.

mod chart;
mod label;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use wasaga_core::{Definition, State, StepStatus};

use self::chart::Chart;
use crate::view;

/// How a status looks, and the name of its class, from what matters most to what matters least.
const CLASSES: [(StepStatus, &str, &str); 9] = [
    (
        StepStatus::CompensationFailed,
        "compensation_failed",
        "fill:#f8b4b4,stroke:#9b1c1c,stroke-width:3px",
    ),
    (StepStatus::Failed, "failed", "fill:#fde2e2,stroke:#c81e1e"),
    (
        StepStatus::Running,
        "running",
        "fill:#d9e8ff,stroke:#1a56db,stroke-width:2px",
    ),
    (
        StepStatus::Compensating,
        "compensating",
        "fill:#ffe8cc,stroke:#b45309,stroke-width:2px",
    ),
    (
        StepStatus::Waiting,
        "waiting",
        "fill:#fdf6b2,stroke:#8e6a00",
    ),
    (
        StepStatus::Compensated,
        "compensated",
        "fill:#f3e8d9,stroke:#92641a",
    ),
    (
        StepStatus::Completed,
        "completed",
        "fill:#def7ec,stroke:#057a55",
    ),
    (
        StepStatus::Pending,
        "pending",
        "fill:#ffffff,stroke:#9ca3af",
    ),
    (
        StepStatus::Skipped,
        "skipped",
        "fill:#f3f4f6,stroke:#9ca3af,stroke-dasharray:4 3",
    ),
];

/// A definition as a Mermaid flowchart.
#[must_use]
pub fn definition(definition: &Definition) -> String {
    Chart::draw(definition, definition.name.as_str(), "done").text
}

/// A saga as a Mermaid flowchart: its definition, with a class for each step's status. Of a loop's
/// step, that is the status that matters most in all its rounds.
#[must_use]
pub fn saga(state: &State) -> String {
    let title = format!("{} v{}", state.definition.name, state.version);
    let chart = Chart::draw(&state.definition, &title, state.status().as_str());
    let ranks = ranks(state);
    let mut by_rank: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (drawn, id) in &chart.ids {
        let rank = ranks
            .get(drawn)
            .copied()
            .unwrap_or(rank(StepStatus::Pending));
        by_rank.entry(rank).or_default().push(id);
    }
    let mut text = chart.text;
    for (_, class, style) in CLASSES {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  classDef {class} {style}");
    }
    for (rank, mut ids) in by_rank {
        ids.sort_unstable();
        let _ = writeln!(text, "  class {} {}", ids.join(","), CLASSES[rank].1);
    }
    text
}

/// What is drawn of a node: a step and its fallback are two things.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Drawn {
    name: String,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Node,
    Fallback,
}

/// The place in [`CLASSES`] of what each node shows.
fn ranks(state: &State) -> HashMap<Drawn, usize> {
    let mut ranks = HashMap::new();
    for step in view::steps(state) {
        let part = if step.step.is_fallback() {
            Part::Fallback
        } else {
            Part::Node
        };
        let drawn = Drawn {
            name: step.step.name().to_owned(),
            part,
        };
        let rank = rank(step.shown_status());
        ranks
            .entry(drawn)
            .and_modify(|most: &mut usize| *most = rank.min(*most))
            .or_insert(rank);
    }
    ranks
}

fn rank(status: StepStatus) -> usize {
    let found = CLASSES.iter().position(|(of, _, _)| *of == status);
    found.unwrap_or(CLASSES.len() - 1)
}
