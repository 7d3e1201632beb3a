//! From a JSON document to a checked [`Definition`], with every problem reported.

mod container;
mod fields;
mod known;
mod policy;
mod step;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

pub use self::known::Known;

use self::fields::Fields;
use self::policy::Defaults;
use super::{
    Commit, Definition, Invalid, Kind, MAX_NESTING, MAX_NODES, Node, NodeId, Parallel, Place,
    Problem, Sequence,
};
use crate::expression::Template;
use crate::id::Name;
use crate::json::check_depth;
use crate::schema::Schema;

/// The kinds of entries that `steps` may have, by the field that says so. A field that stands
/// earlier decides.
const KINDS: [&str; 6] = [
    "component",
    "choice",
    "parallel",
    "for_each",
    "saga",
    "sleep",
];

/// What is known while a document is read.
struct Reader<'a> {
    /// The name of the definition.
    name: Name,
    /// What it may refer to; absent when nobody has to know.
    known: Option<&'a dyn Known>,
    problems: Vec<Problem>,
    names: HashSet<Name>,
    nodes: Vec<Node>,
    /// Nodes without a name, by kind.
    unnamed: HashMap<&'static str, u32>,
    /// Kinds of the containers around what is read, the innermost last.
    inside: Vec<&'static str>,
    /// Variables of the loops around what is read.
    variables: Vec<Arc<str>>,
    /// Whether a pivot was read.
    pivots: bool,
}

pub(super) fn definition(
    name: &Name,
    document: &Value,
    known: Option<&dyn Known>,
) -> Result<Definition, Invalid> {
    let mut reader = Reader {
        name: name.clone(),
        known,
        problems: Vec::new(),
        names: HashSet::new(),
        nodes: Vec::new(),
        unnamed: HashMap::new(),
        inside: Vec::new(),
        variables: Vec::new(),
        pivots: false,
    };
    if let Err(message) = check_depth(document) {
        // Nothing else is looked at: what reads it goes as deep as it does.
        reader.problem("", message);
        return Err(Invalid {
            problems: reader.problems,
        });
    }
    let read = Fields::new(document, "", &mut reader.problems)
        .map(|fields| reader.document(document, fields));
    match read {
        Some(definition) if reader.problems.is_empty() => Ok(definition),
        _ => Err(Invalid {
            problems: reader.problems,
        }),
    }
}

impl Reader<'_> {
    fn problem(&mut self, pointer: &str, message: String) {
        self.problems.push(Problem::new(pointer, message));
    }

    fn document(&mut self, document: &Value, mut fields: Fields<'_>) -> Definition {
        // Editors look for it; it means nothing here.
        fields.take("$schema");
        if let Some(own) = fields.name("name", &mut self.problems)
            && own != self.name
        {
            let message = format!(
                "expected `{}`, the name it is stored under, or no name",
                self.name
            );
            self.problem("/name", message);
        }
        let input_schema =
            fields
                .take("input_schema")
                .and_then(|value| match Schema::compile(value) {
                    Ok(schema) => Some(schema),
                    Err(reason) => {
                        self.problem("/input_schema", format!("not a JSON Schema: {reason}"));
                        None
                    }
                });
        let deadline = fields.duration("deadline", &mut self.problems);
        let defaults = Defaults::read(&mut fields, &mut self.problems);
        let body = match fields.take("steps") {
            Some(steps) => self.sequence(steps, "/steps", None, &defaults),
            None => {
                self.problem("", "expected a field `steps`, an array".to_owned());
                Sequence::default()
            }
        };
        let commit = self.commit(&mut fields);
        fields.finish(&mut self.problems);
        let nodes = std::mem::take(&mut self.nodes);
        Definition {
            input_schema,
            deadline,
            commit,
            ..Definition::new(self.name.clone(), Arc::new(document.clone()), nodes, body)
        }
    }

    fn commit(&mut self, fields: &mut Fields<'_>) -> Commit {
        let timeout = fields.duration("commit_timeout", &mut self.problems);
        let automatic = Commit::Automatic;
        let words = [
            ("automatic", automatic),
            ("manual", Commit::Manual { timeout }),
        ];
        let commit = step::one_of(fields, "commit", &words, &mut self.problems).unwrap_or_default();
        if commit == automatic && timeout.is_some() {
            let message = "only a saga with `\"commit\": \"manual\"` waits to be committed";
            self.problem("/commit_timeout", message.to_owned());
        }
        if commit != automatic && self.pivots {
            let message = "a saga with a pivot cannot be rejected at the end, so it cannot wait for \
                           a decision: take the pivot or the manual commit out";
            self.problem("/commit", message.to_owned());
        }
        commit
    }

    fn sequence(
        &mut self,
        value: &Value,
        pointer: &str,
        place: Option<Place>,
        defaults: &Defaults,
    ) -> Sequence {
        let Some(entries) = value.as_array() else {
            let found = fields::kind_of(value);
            self.problem(
                pointer,
                format!("expected an array of steps, found {found}"),
            );
            return Sequence::default();
        };
        let nodes = entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                self.node(entry, &format!("{pointer}/{index}"), place, defaults)
            })
            .collect();
        Sequence(nodes)
    }

    /// Takes the field `steps` of a container.
    fn required_steps(
        &mut self,
        fields: &mut Fields<'_>,
        container: &'static str,
        place: Option<Place>,
        defaults: &Defaults,
    ) -> Sequence {
        let at = fields.place("steps");
        match fields.take("steps") {
            Some(steps) => self.inside(container, &at, |reader| {
                reader.sequence(steps, &at, place, defaults)
            }),
            None => {
                let message = "expected a field `steps`, an array".to_owned();
                self.problem(fields.pointer(), message);
                Sequence::default()
            }
        }
    }

    /// Reads what stands inside a container.
    fn inside(
        &mut self,
        container: &'static str,
        pointer: &str,
        read: impl FnOnce(&mut Self) -> Sequence,
    ) -> Sequence {
        if self.inside.len() == MAX_NESTING {
            let message = format!("more than {MAX_NESTING} containers around a step");
            self.problem(pointer, message);
            return Sequence::default();
        }
        self.inside.push(container);
        let sequence = read(self);
        self.inside.pop();
        sequence
    }

    fn node(
        &mut self,
        value: &Value,
        pointer: &str,
        place: Option<Place>,
        defaults: &Defaults,
    ) -> Option<NodeId> {
        if self.nodes.len() >= MAX_NODES {
            let message = format!("more than {MAX_NODES} steps");
            if self
                .problems
                .last()
                .is_none_or(|last| last.message != message)
            {
                self.problem(pointer, message);
            }
            return None;
        }
        let mut fields = Fields::new(value, pointer, &mut self.problems)?;
        let kind = match KINDS.iter().find(|kind| fields.has(kind)) {
            Some(kind) => *kind,
            // What has a name and nothing else is taken for a step without its component.
            None if fields.has("step") => "component",
            None => {
                let message = format!(
                    "expected an entry with one of the fields {}, which says what it is",
                    fields::list(&KINDS)
                );
                self.problem(pointer, message);
                return None;
            }
        };
        let name = self.name_of(&mut fields, kind);
        // The node takes its place before what it contains does.
        let id = NodeId(u32::try_from(self.nodes.len()).ok()?);
        self.nodes.push(Node {
            name: name.clone().unwrap_or_else(|| self.name.clone()),
            place,
            kind: Kind::Parallel(Parallel {
                branches: Vec::new(),
            }),
        });
        let first = Place {
            node: id,
            branch: 0,
        };
        let kind = match kind {
            "choice" => Some(Kind::Choice(self.choice(&mut fields, first, defaults))),
            "parallel" => Some(Kind::Parallel(self.parallel(&mut fields, first, defaults))),
            "for_each" => Some(Kind::ForEach(self.for_each(&mut fields, first, defaults))),
            "saga" => self.saga(&mut fields).map(Kind::Saga),
            "sleep" => Some(Kind::Sleep(self.sleep(&mut fields))),
            _ => {
                let step = self.step(&mut fields, name.as_ref(), defaults);
                step.map(|step| Kind::Step(Box::new(step)))
            }
        };
        fields.finish(&mut self.problems);
        self.nodes[id.0 as usize].kind = kind?;
        Some(id)
    }

    /// Takes the name of a node, which only one node may have. A step and a nested saga need one;
    /// the others are named by their kind and number when they have none.
    fn name_of(&mut self, fields: &mut Fields<'_>, kind: &'static str) -> Option<Name> {
        let own = fields.name("step", &mut self.problems);
        let name = match own {
            Some(name) => name,
            None if fields.has("step") => return None,
            None if ["component", "saga"].contains(&kind) => {
                let message = "expected a field `step`, a name".to_owned();
                self.problem(fields.pointer(), message);
                return None;
            }
            None => {
                let number = self.unnamed.entry(kind).or_default();
                *number += 1;
                Name::new(&format!("{kind}-{number}")).ok()?
            }
        };
        if !self.names.insert(name.clone()) {
            let at = if fields.has("step") {
                fields.place("step")
            } else {
                fields.pointer().to_owned()
            };
            self.problem(&at, format!("another step is named `{name}` already"));
        }
        Some(name)
    }

    /// Takes a field in which expressions may stand.
    fn template(&mut self, fields: &mut Fields<'_>, field: &'static str) -> Option<Template> {
        let place = fields.place(field);
        let value = fields.take(field)?;
        Some(Template::parse(
            value,
            &place,
            &self.variables,
            &mut self.problems,
        ))
    }
}
