//! Drawing a definition: nodes in order, each with arrows from what comes before it.

use std::collections::HashMap;
use std::fmt::Write as _;

use wasaga_core::Definition;
use wasaga_core::definition::{
    Choice, Fallback, ForEach, Kind, Nested, NodeId, Parallel, Sequence, Step, Work,
};

use super::label::{excerpt, label, template};
use super::{Drawn, Part};

/// A flowchart.
pub(super) struct Chart<'a> {
    definition: &'a Definition,
    /// Mermaid's text.
    pub(super) text: String,
    /// Mermaid's ids of what is drawn.
    pub(super) ids: HashMap<Drawn, String>,
    /// Frames around what is drawn.
    depth: usize,
}

/// Where an arrow to whatever comes next begins.
struct End {
    id: String,
    /// What stands at the arrow.
    label: Option<String>,
}

impl End {
    const fn of(id: String) -> Self {
        Self { id, label: None }
    }
}

impl<'a> Chart<'a> {
    /// Draws a definition between two words.
    pub(super) fn draw(definition: &'a Definition, first: &str, last: &str) -> Self {
        let mut chart = Self {
            definition,
            text: "flowchart TD\n".to_owned(),
            ids: HashMap::new(),
            depth: 1,
        };
        chart.line(&format!("first([{}])", label(&[first])));
        let ends = chart.sequence(&definition.body, vec![End::of("first".to_owned())]);
        chart.line(&format!("last([{}])", label(&[last])));
        chart.arrows(ends, "last");
        chart
    }

    fn line(&mut self, line: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "{:1$}{line}", "", 2 * self.depth);
    }

    fn arrows(&mut self, from: Vec<End>, to: &str) {
        for End { id, label } in from {
            match label {
                Some(label) => self.line(&format!("{id} -->|{label}| {to}")),
                None => self.line(&format!("{id} --> {to}")),
            }
        }
    }

    /// Draws nodes that follow one another; answers with where they end.
    fn sequence(&mut self, sequence: &Sequence, ends: Vec<End>) -> Vec<End> {
        sequence
            .0
            .iter()
            .fold(ends, |ends, id| self.node(*id, ends))
    }

    fn node(&mut self, id: NodeId, ends: Vec<End>) -> Vec<End> {
        let node = self.definition.node(id);
        let name = node.name.as_str();
        match &node.kind {
            Kind::Step(step) => self.step(name, step, ends),
            Kind::Saga(nested) => self.nested(name, nested, ends),
            Kind::Choice(choice) => self.choice(name, choice, ends),
            Kind::Parallel(parallel) => self.parallel(name, parallel, ends),
            Kind::ForEach(each) => self.for_each(name, each, ends),
            Kind::Sleep(sleep) => {
                let lines = [name, &format!("sleep {}", template(&sleep.duration))];
                let id = self.place(name, Part::Node);
                self.line(&format!("{id}>{}]", label(&lines)));
                self.arrows(ends, &id);
                vec![End::of(id)]
            }
        }
    }

    /// The id of something that is drawn now.
    fn place(&mut self, name: &str, part: Part) -> String {
        let id = format!("n{}", self.ids.len() + 1);
        let drawn = Drawn {
            name: name.to_owned(),
            part,
        };
        self.ids.insert(drawn, id.clone());
        id
    }

    fn step(&mut self, name: &str, step: &Step, ends: Vec<End>) -> Vec<End> {
        let id = self.place(name, Part::Node);
        self.work(&id, &pivot(name, step.pivot), &step.work);
        self.arrows(ends, &id);
        let own = End::of(id.clone());
        match &step.fallback {
            Some(fallback) => vec![own, self.fallback(name, &id, fallback)],
            None => vec![own],
        }
    }

    fn fallback(&mut self, name: &str, primary: &str, fallback: &Fallback) -> End {
        let id = self.place(name, Part::Fallback);
        self.work(&id, &format!("{name}:fallback"), &fallback.work);
        let when = match fallback.on.as_slice() {
            [] => "fails".to_owned(),
            codes => excerpt(&codes.join(", ")),
        };
        self.line(&format!("{primary} -.->|{}| {id}", label(&[&when])));
        End::of(id)
    }

    fn work(&mut self, id: &str, title: &str, work: &Work) {
        let calls = format!("{} · {}", work.component, work.action);
        self.line(&format!("{id}[{}]", label(&[title, &calls])));
    }

    fn nested(&mut self, name: &str, nested: &Nested, ends: Vec<End>) -> Vec<End> {
        let id = self.place(name, Part::Node);
        let version = nested.version.map(|version| format!(" v{version}"));
        let saga = format!("saga {}{}", nested.definition, version.unwrap_or_default());
        let lines = label(&[&pivot(name, nested.pivot), &saga]);
        self.line(&format!("{id}[[{lines}]]"));
        self.arrows(ends, &id);
        vec![End::of(id)]
    }

    fn choice(&mut self, name: &str, choice: &Choice, ends: Vec<End>) -> Vec<End> {
        let id = self.place(name, Part::Node);
        self.line(&format!("{id}{{{}}}", label(&[name])));
        self.arrows(ends, &id);
        let mut ends = Vec::new();
        // Branches that do nothing share one arrow: there may be any number of them.
        let mut nothing = Vec::new();
        for branch in &choice.branches {
            let when = match &branch.when {
                Some(when) => excerpt(when.source()),
                None => "else".to_owned(),
            };
            if branch.steps.0.is_empty() {
                nothing.push(when);
            } else {
                let start = End {
                    id: id.clone(),
                    label: Some(label(&[&when])),
                };
                ends.extend(self.sequence(&branch.steps, vec![start]));
            }
        }
        if choice.branches.iter().all(|branch| branch.when.is_some()) {
            nothing.push("else".to_owned());
        }
        let nothing = match nothing.as_slice() {
            [] => None,
            [when] => Some(label(&[when])),
            several => Some(label(&[&format!("{} others", several.len())])),
        };
        ends.extend(nothing.map(|nothing| End {
            id,
            label: Some(nothing),
        }));
        ends
    }

    fn parallel(&mut self, name: &str, parallel: &Parallel, ends: Vec<End>) -> Vec<End> {
        let id = self.place(name, Part::Node);
        self.line(&format!("{id}{{{{{}}}}}", label(&[name])));
        self.arrows(ends, &id);
        let (does_nothing, branches): (Vec<_>, Vec<_>) = parallel
            .branches
            .iter()
            .partition(|branch| branch.0.is_empty());
        let mut ends = Vec::new();
        for branch in branches {
            ends.extend(self.sequence(branch, vec![End::of(id.clone())]));
        }
        if !does_nothing.is_empty() {
            ends.push(End::of(id.clone()));
        }
        let join = format!("{id}_end");
        self.line(&format!("{join}(({}))", label(&[" "])));
        self.arrows(ends, &join);
        vec![End::of(join)]
    }

    fn for_each(&mut self, name: &str, each: &ForEach, ends: Vec<End>) -> Vec<End> {
        let id = self.place(name, Part::Node);
        let what = format!("for each {} in {}", each.variable, template(&each.items));
        let at_once = format!("{} at a time", each.max_concurrency);
        // The arrow comes first: what a frame's lines mention stands inside it.
        self.arrows(ends, &id);
        self.line(&format!(
            "subgraph {id}[{}]",
            label(&[name, &what, &at_once])
        ));
        self.depth += 1;
        // Nothing leads out of a frame but the arrow from the frame itself.
        let _ = self.sequence(&each.steps, Vec::new());
        self.depth -= 1;
        self.line("end");
        vec![End::of(id)]
    }
}

fn pivot(name: &str, pivot: bool) -> String {
    if pivot {
        format!("{name} (pivot)")
    } else {
        name.to_owned()
    }
}
