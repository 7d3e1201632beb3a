//! From a JSON document to a checked [`Definition`], with every problem reported.

mod fields;
mod policy;
mod step;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use self::fields::Fields;
use self::policy::Defaults;
use super::{Definition, Invalid, MAX_NODES, Node, Problem, Sequence};
use crate::id::Name;
use crate::json::check_depth;
use crate::schema::Schema;

/// The kinds of entries that `steps` may have.
const KINDS: [&str; 1] = ["step"];

/// What is known while a document is read.
struct Reader<'a> {
    /// Whether somebody uploaded a component.
    knows: &'a dyn Fn(&Name) -> bool,
    problems: Vec<Problem>,
    names: HashSet<Name>,
    nodes: usize,
}

pub(super) fn definition(
    name: &Name,
    document: &Value,
    knows: &dyn Fn(&Name) -> bool,
) -> Result<Definition, Invalid> {
    let mut reader = Reader {
        knows,
        problems: Vec::new(),
        names: HashSet::new(),
        nodes: 0,
    };
    if let Err(message) = check_depth(document) {
        // Nothing else is looked at: what reads it goes as deep as it does.
        reader.problem("", message);
        return Err(Invalid {
            problems: reader.problems,
        });
    }
    let mut parts = None;
    if let Some(mut fields) = Fields::new(document, "", &mut reader.problems) {
        // Editors look for it; it means nothing here.
        fields.take("$schema");
        if let Some(own) = fields.name("name", &mut reader.problems)
            && own != *name
        {
            reader.problem(
                "/name",
                format!("expected `{name}`, the name it is stored under, or no name"),
            );
        }
        let input_schema =
            fields
                .take("input_schema")
                .and_then(|value| match Schema::compile(value) {
                    Ok(schema) => Some(schema),
                    Err(reason) => {
                        reader.problem("/input_schema", format!("not a JSON Schema: {reason}"));
                        None
                    }
                });
        let deadline = fields.duration("deadline", &mut reader.problems);
        let defaults = Defaults::read(&mut fields, &mut reader.problems);
        let body = match fields.take("steps") {
            Some(steps) => reader.sequence(steps, "/steps", &defaults),
            None => {
                reader.problem("", "expected a field `steps`, an array".to_owned());
                Sequence::default()
            }
        };
        fields.finish(&mut reader.problems);
        parts = Some((input_schema, deadline, body));
    }
    match parts {
        Some((input_schema, deadline, body)) if reader.problems.is_empty() => Ok(Definition {
            name: name.clone(),
            input_schema,
            deadline,
            body,
            document: Arc::new(document.clone()),
        }),
        _ => Err(Invalid {
            problems: reader.problems,
        }),
    }
}

impl Reader<'_> {
    fn problem(&mut self, pointer: &str, message: String) {
        self.problems.push(Problem::new(pointer, message));
    }

    fn sequence(&mut self, value: &Value, pointer: &str, defaults: &Defaults) -> Sequence {
        let Some(entries) = value.as_array() else {
            self.problem(
                pointer,
                format!(
                    "expected an array of steps, found {}",
                    fields::kind_of(value)
                ),
            );
            return Sequence::default();
        };
        let nodes = entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| self.node(entry, &format!("{pointer}/{index}"), defaults))
            .collect();
        Sequence(nodes)
    }

    fn node(&mut self, value: &Value, pointer: &str, defaults: &Defaults) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            if self.nodes == MAX_NODES + 1 {
                self.problem(pointer, format!("more than {MAX_NODES} steps"));
            }
            return None;
        }
        let mut fields = Fields::new(value, pointer, &mut self.problems)?;
        if fields.has("step") {
            let step = self.step(&mut fields, defaults);
            fields.finish(&mut self.problems);
            return step.map(Node::Step);
        }
        self.problem(
            pointer,
            format!(
                "expected an entry with one of the fields {}, which says what it is and names it",
                fields::list(&KINDS)
            ),
        );
        None
    }

    /// Takes a name that only one node may have.
    fn unique(&mut self, name: &Name, pointer: &str) {
        if !self.names.insert(name.clone()) {
            self.problem(pointer, format!("another step is named `{name}` already"));
        }
    }
}
