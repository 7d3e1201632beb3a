//! Reads a `step`.

use super::Reader;
use super::fields::{Fields, list};
use super::policy::{Defaults, Policy};
use crate::definition::{CompensateFailed, CompensationPolicy, Problem, Step};
use crate::expression::Template;

impl Reader<'_> {
    pub(super) fn step(&mut self, fields: &mut Fields<'_>, defaults: &Defaults) -> Option<Step> {
        let problems = &mut self.problems;
        let name = fields.name("step", problems);
        if !fields.has("component") {
            problems.push(Problem::new(
                fields.pointer(),
                "expected a field `component`, a name",
            ));
        }
        let component = fields.name("component", problems);
        if let Some(component) = &component
            && !(self.knows)(component)
        {
            let message = format!("there is no component `{component}`: upload it first");
            problems.push(Problem::new(fields.place("component"), message));
        }
        let action = fields.name("action", problems);
        let place = fields.place("arguments");
        let arguments = match fields.take("arguments") {
            Some(value) => Template::parse(value, &place, problems),
            None => Template::null(),
        };
        let act = Policy::read(fields, &defaults.act, problems);
        let failed = compensate_failed(fields, problems);
        // Separate budgets of the same size: an act that burnt its fuel can still be undone.
        let base = Policy {
            limits: act.limits.or(defaults.compensate.limits),
            ..defaults.compensate.clone()
        };
        let undo = match fields.object("compensate", problems) {
            Some(mut own) => {
                let policy = Policy::read(&mut own, &base, problems);
                own.finish(problems);
                policy
            }
            None => base,
        };
        let name = name?;
        self.unique(&name, &fields.place("step"));
        Some(Step {
            component: component?,
            action: action.unwrap_or_else(|| name.clone()),
            name,
            arguments,
            timeout: act.timeout,
            retry: act.retry,
            limits: act.limits,
            compensate: CompensationPolicy {
                timeout: undo.timeout,
                retry: undo.retry,
                limits: undo.limits,
                failed,
            },
        })
    }
}

fn compensate_failed(fields: &mut Fields<'_>, problems: &mut Vec<Problem>) -> CompensateFailed {
    const FIELD: &str = "compensate_failed";
    match fields.text(FIELD, problems).as_deref() {
        None | Some("auto") => CompensateFailed::Auto,
        Some("always") => CompensateFailed::Always,
        Some("never") => CompensateFailed::Never,
        Some(other) => {
            let known = list(&["auto", "always", "never"]);
            problems.push(Problem::new(
                fields.place(FIELD),
                format!("expected one of {known}, found `{other:.40}`"),
            ));
            CompensateFailed::Auto
        }
    }
}
