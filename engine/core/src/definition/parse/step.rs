//! Reads a `step`.

use super::Reader;
use super::fields::{Fields, list};
use super::policy::{self, Defaults};
use crate::definition::{
    BreakerPolicy, CallPolicy, CompensateFailed, Fallback, OnExhausted, Problem, Step, Work,
};
use crate::id::Name;

/// What a work takes over from when a field is not there.
struct Base<'a> {
    component: Option<&'a Name>,
    action: Option<&'a Name>,
    own: Option<&'a Work>,
    act: &'a CallPolicy,
    compensate: &'a CallPolicy,
    confirm: &'a CallPolicy,
}

impl Reader<'_> {
    pub(super) fn step(
        &mut self,
        fields: &mut Fields<'_>,
        name: Option<&Name>,
        defaults: &Defaults,
    ) -> Option<Step> {
        if !fields.has("component") {
            self.problem(
                fields.pointer(),
                "expected a field `component`, a name (or `choice`, `parallel`, `for_each`, `saga` or \
                 `sleep`, for an entry of another kind)"
                    .to_owned(),
            );
        }
        let work = self.work(
            fields,
            &Base {
                component: None,
                action: name,
                own: None,
                act: &defaults.act,
                compensate: &defaults.compensate,
                confirm: &defaults.confirm,
            },
        );
        let fallback = match fields.object("fallback", &mut self.problems) {
            Some(own) => self.fallback(own, work.as_ref()),
            None => None,
        };
        let pivot = self.pivot(fields);
        let on_exhausted = on_exhausted(fields, &mut self.problems);
        let reply_timeout = fields.duration("reply_timeout", &mut self.problems);
        Some(Step {
            work: work?,
            fallback,
            pivot,
            on_exhausted,
            reply_timeout,
        })
    }

    /// Reads an action and its policies.
    fn work(&mut self, fields: &mut Fields<'_>, base: &Base<'_>) -> Option<Work> {
        let component = fields
            .name("component", &mut self.problems)
            .or_else(|| base.component.cloned());
        if let Some(component) = &component
            && fields.has("component")
            && self.known.is_some_and(|known| !known.component(component))
        {
            let message = format!("there is no component `{component}`: upload it first");
            self.problem(&fields.place("component"), message);
        }
        let action = fields
            .name("action", &mut self.problems)
            .or_else(|| base.action.cloned());
        let arguments = match self.template(fields, "arguments") {
            Some(arguments) => Some(arguments),
            None => base.own.map(|own| own.arguments.clone()),
        };
        let act = policy::policy(fields, base.act, &mut self.problems);
        let compensate_failed = compensate_failed(fields, &mut self.problems)
            .or(base.own.map(|own| own.compensate_failed));
        // Separate budgets of the same size: an act that burnt its fuel can still be undone.
        let with_limits = |policy: &CallPolicy| CallPolicy {
            limits: act.limits.or(policy.limits),
            ..policy.clone()
        };
        let compensate = policy::own(
            fields,
            "compensate",
            &with_limits(base.compensate),
            &mut self.problems,
        );
        let confirm = policy::own(
            fields,
            "confirm",
            &with_limits(base.confirm),
            &mut self.problems,
        );
        Some(Work {
            component: component?,
            action: action?,
            arguments: arguments.unwrap_or_else(crate::expression::Template::null),
            act,
            compensate,
            compensate_failed: compensate_failed.unwrap_or_default(),
            confirm,
        })
    }

    /// Reads a `fallback`. What it does not say it has from the step's own work.
    fn fallback(&mut self, mut fields: Fields<'_>, own: Option<&Work>) -> Option<Fallback> {
        let on = fields.texts("on", &mut self.problems).unwrap_or_default();
        let breaker = match fields.object("circuit_breaker", &mut self.problems) {
            Some(own) => Some(breaker(own, &mut self.problems)),
            None => None,
        };
        if !["component", "action", "arguments"]
            .iter()
            .any(|field| fields.has(field))
        {
            let message = "expected at least one of the fields `component`, `action`, `arguments`: \
                           otherwise the fallback is the same call again";
            self.problem(fields.pointer(), message.to_owned());
        }
        // Without a valid step to take over from there is nothing to read it by; that problem is
        // reported already.
        let own = own?;
        let work = self.work(
            &mut fields,
            &Base {
                component: Some(&own.component),
                action: Some(&own.action),
                own: Some(own),
                act: &own.act,
                compensate: &own.compensate,
                confirm: &own.confirm,
            },
        );
        fields.finish(&mut self.problems);
        Some(Fallback {
            work: work?,
            on,
            breaker,
        })
    }

    /// Takes the field `pivot`, which may not stand where not all is decided by it.
    pub(super) fn pivot(&mut self, fields: &mut Fields<'_>) -> bool {
        let pivot = fields.flag("pivot", &mut self.problems).unwrap_or_default();
        if pivot {
            if let Some(container) = self.inside.iter().rev().find(|kind| **kind != "choice") {
                let message = format!(
                    "a pivot cannot stand inside a `{container}`: what runs beside it could still \
                     fail; put it before or after"
                );
                self.problem(&fields.place("pivot"), message);
            }
            self.pivots = true;
        }
        pivot
    }
}

fn breaker(mut fields: Fields<'_>, problems: &mut Vec<Problem>) -> BreakerPolicy {
    let policy = BreakerPolicy {
        failure_threshold: fields.small("failure_threshold", 1, problems).unwrap_or(5),
        reset_timeout: fields
            .duration("reset_timeout", problems)
            .unwrap_or(std::time::Duration::from_secs(60)),
    };
    fields.finish(problems);
    policy
}

fn on_exhausted(fields: &mut Fields<'_>, problems: &mut Vec<Problem>) -> OnExhausted {
    let words = [
        ("compensate", OnExhausted::Compensate),
        ("pause", OnExhausted::Pause),
    ];
    one_of(fields, "on_exhausted", &words, problems).unwrap_or_default()
}

fn compensate_failed(
    fields: &mut Fields<'_>,
    problems: &mut Vec<Problem>,
) -> Option<CompensateFailed> {
    let words = [
        ("auto", CompensateFailed::Auto),
        ("always", CompensateFailed::Always),
        ("never", CompensateFailed::Never),
    ];
    one_of(fields, "compensate_failed", &words, problems)
}

/// Takes a field that has to be one of some words.
pub(super) fn one_of<T: Copy>(
    fields: &mut Fields<'_>,
    field: &'static str,
    words: &[(&str, T)],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let text = fields.text(field, problems)?;
    let found = words.iter().find(|(word, _)| *word == text);
    if found.is_none() {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("expected one of {}, found `{text:.40}`", list(&known));
        problems.push(Problem::new(fields.place(field), message));
    }
    found.map(|(_, value)| *value)
}
