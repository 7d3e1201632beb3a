//! Policies and where a step's come from: the step, then the definition's defaults, then built in.

use std::time::Duration;

use super::fields::Fields;
use crate::definition::{CallPolicy, Problem};
use crate::limits::Limits;
use crate::retry::RetryPolicy;

/// Wall time of an attempt when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The definition's `defaults`.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) act: CallPolicy,
    pub(super) compensate: CallPolicy,
    pub(super) confirm: CallPolicy,
}

impl Defaults {
    pub(super) fn read(definition: &mut Fields<'_>, problems: &mut Vec<Problem>) -> Self {
        let base = CallPolicy {
            timeout: TIMEOUT,
            retry: RetryPolicy::for_act(),
            limits: Limits::default(),
        };
        // To undo and to make final is worth more tries than to do.
        let mut undo = CallPolicy {
            retry: RetryPolicy::for_compensate(),
            ..base.clone()
        };
        let Some(mut fields) = definition.object("defaults", problems) else {
            return Self {
                act: base,
                confirm: undo.clone(),
                compensate: undo,
            };
        };
        let act = policy(&mut fields, &base, problems);
        // Time and limits hold all ways unless something else is said; how often to try does not:
        // the definition of an act's retries is no reason to give up an undo.
        undo.timeout = act.timeout;
        undo.limits = act.limits;
        let defaults = Self {
            compensate: own(&mut fields, "compensate", &undo, problems),
            confirm: own(&mut fields, "confirm", &undo, problems),
            act,
        };
        fields.finish(problems);
        defaults
    }
}

/// Reads a policy that stands in a field of its own; what is not there comes from `base`.
pub(super) fn own(
    fields: &mut Fields<'_>,
    field: &'static str,
    base: &CallPolicy,
    problems: &mut Vec<Problem>,
) -> CallPolicy {
    match fields.object(field, problems) {
        Some(mut own) => {
            let policy = policy(&mut own, base, problems);
            own.finish(problems);
            policy
        }
        None => base.clone(),
    }
}

/// Reads `timeout`, `retry` and `limits`; what is not there comes from `base`.
pub(super) fn policy(
    fields: &mut Fields<'_>,
    base: &CallPolicy,
    problems: &mut Vec<Problem>,
) -> CallPolicy {
    let timeout = fields.duration("timeout", problems).unwrap_or(base.timeout);
    let limits = match fields.object("limits", problems) {
        Some(mut own) => {
            let limits = limits(&mut own, problems).or(base.limits);
            own.finish(problems);
            limits
        }
        None => base.limits,
    };
    let retry = match fields.object("retry", problems) {
        Some(mut own) => {
            let retry = retry(&mut own, &base.retry, problems);
            own.finish(problems);
            retry
        }
        None => base.retry.clone(),
    };
    CallPolicy {
        timeout,
        retry,
        limits,
    }
}

fn retry(fields: &mut Fields<'_>, base: &RetryPolicy, problems: &mut Vec<Problem>) -> RetryPolicy {
    RetryPolicy {
        max_attempts: fields
            .small("max_attempts", 1, problems)
            .unwrap_or(base.max_attempts),
        initial_interval: fields
            .duration("initial_interval", problems)
            .unwrap_or(base.initial_interval),
        multiplier: fields
            .number("multiplier", 1.0, 100.0, problems)
            .unwrap_or(base.multiplier),
        max_interval: fields
            .duration("max_interval", problems)
            .unwrap_or(base.max_interval),
        jitter: fields
            .number("jitter", 0.0, 1.0, problems)
            .unwrap_or(base.jitter),
    }
}

fn limits(fields: &mut Fields<'_>, problems: &mut Vec<Problem>) -> Limits {
    Limits {
        fuel: fields.whole("fuel", 1, u64::MAX, problems),
        memory_bytes: fields.size("memory", problems),
        payload_bytes: fields.size("payload", problems),
        log_bytes: fields.size("log", problems),
        response_bytes: fields.size("response", problems),
        requests: fields.small("requests", 0, problems),
    }
}
