//! Reads the nodes that contain others, and those that wait.

use std::sync::Arc;

use serde_json::Value;

use super::Reader;
use super::fields::{Fields, kind_of};
use super::policy::Defaults;
use crate::definition::{Branch, Choice, ForEach, Nested, Parallel, Place, Sleep};
use crate::expression::{Expression, Template, check_variable};
use crate::time::parse_duration;

/// Most rounds of a loop that may run at the same time.
const MAX_CONCURRENCY: u64 = 1_000;

impl Reader<'_> {
    pub(super) fn choice(
        &mut self,
        fields: &mut Fields<'_>,
        place: Place,
        defaults: &Defaults,
    ) -> Choice {
        let pointer = fields.place("choice");
        let entries = self.branches(fields, "choice");
        let last = entries.len().saturating_sub(1);
        let mut branches = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            let Some(mut own) = Fields::new(entry, &at, &mut self.problems) else {
                continue;
            };
            let when = own.text("when", &mut self.problems);
            if when.is_none() && !own.has("when") && index != last {
                let message = "expected a field `when`, an expression: only the last branch may do \
                               without, and runs when no other does";
                self.problem(&at, message.to_owned());
            }
            let when = when.and_then(|source| {
                Expression::parse(&source, &self.variables)
                    .map_err(|reason| self.problem(&own.place("when"), reason))
                    .ok()
            });
            let branch = Place {
                branch: branch(index),
                ..place
            };
            let steps = self.required_steps(&mut own, "choice", Some(branch), defaults);
            own.finish(&mut self.problems);
            branches.push(Branch { when, steps });
        }
        Choice { branches }
    }

    pub(super) fn parallel(
        &mut self,
        fields: &mut Fields<'_>,
        place: Place,
        defaults: &Defaults,
    ) -> Parallel {
        let pointer = fields.place("parallel");
        let entries = self.branches(fields, "parallel");
        let branches = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let branch = Place {
                    branch: branch(index),
                    ..place
                };
                let at = format!("{pointer}/{index}");
                self.inside("parallel", &at, |reader| {
                    reader.sequence(entry, &at, Some(branch), defaults)
                })
            })
            .collect();
        Parallel { branches }
    }

    /// Takes a list of branches.
    fn branches<'v>(&mut self, fields: &mut Fields<'v>, field: &'static str) -> &'v [Value] {
        let value = fields.take(field).unwrap_or(&Value::Null);
        match value.as_array() {
            Some(entries) if !entries.is_empty() => entries,
            Some(_) => {
                self.problem(
                    &fields.place(field),
                    "expected at least one branch".to_owned(),
                );
                &[]
            }
            None => {
                let message = format!("expected an array of branches, found {}", kind_of(value));
                self.problem(&fields.place(field), message);
                &[]
            }
        }
    }

    pub(super) fn for_each(
        &mut self,
        fields: &mut Fields<'_>,
        place: Place,
        defaults: &Defaults,
    ) -> ForEach {
        let items = self
            .template(fields, "for_each")
            .unwrap_or_else(Template::null);
        let found = match &items {
            Template::Literal(value) if !value.is_array() => Some(kind_of(value)),
            Template::Object(_) => Some("an object"),
            _ => None,
        };
        if let Some(found) = found {
            let message =
                format!("expected an array, or an expression that gives one, found {found}");
            self.problem(&fields.place("for_each"), message);
        }
        let variable = fields
            .text("as", &mut self.problems)
            .unwrap_or_else(|| "item".to_owned());
        if let Err(reason) = check_variable(&variable, &self.variables) {
            let at = if fields.has("as") {
                fields.place("as")
            } else {
                fields.pointer().to_owned()
            };
            self.problem(&at, reason);
        }
        let concurrency = fields.whole("max_concurrency", 1, MAX_CONCURRENCY, &mut self.problems);
        let max_concurrency = concurrency
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(1);
        let variable: Arc<str> = variable.into();
        self.variables.push(Arc::clone(&variable));
        let steps = self.required_steps(fields, "for_each", Some(place), defaults);
        self.variables.pop();
        ForEach {
            items,
            variable,
            max_concurrency,
            steps,
        }
    }

    pub(super) fn saga(&mut self, fields: &mut Fields<'_>) -> Option<Nested> {
        let definition = fields.name("saga", &mut self.problems);
        let version = fields.small("version", 1, &mut self.problems);
        let input = self
            .template(fields, "input")
            .unwrap_or_else(|| Template::Literal(Arc::new(Value::Object(serde_json::Map::new()))));
        let pivot = self.pivot(fields);
        let nested = Nested {
            definition: definition?,
            version,
            input,
            pivot,
        };
        self.check_nested(&nested, &fields.place("saga"));
        Some(nested)
    }

    pub(super) fn sleep(&mut self, fields: &mut Fields<'_>) -> Sleep {
        let duration = self
            .template(fields, "sleep")
            .unwrap_or_else(Template::null);
        if let Template::Literal(value) = &duration {
            let read = match value.as_str() {
                Some(text) => parse_duration(text)
                    .map(|_| ())
                    .map_err(|error| error.to_string()),
                None => Err(format!(
                    "expected a length of time such as \"10s\" or \"200ms\", found {}",
                    kind_of(value)
                )),
            };
            if let Err(reason) = read {
                self.problem(&fields.place("sleep"), reason);
            }
        }
        Sleep { duration }
    }
}

/// A definition's nodes are bounded far below this.
fn branch(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
