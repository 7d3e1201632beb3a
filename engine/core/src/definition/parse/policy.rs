//! Policies and where a step's come from: the step, then the definition's defaults, then built in.

use std::time::Duration;

use super::fields::Fields;
use crate::definition::Problem;
use crate::limits::Limits;
use crate::retry::RetryPolicy;

/// Wall time of an attempt when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Policies of one direction.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) timeout: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) limits: Limits,
}

/// The definition's `defaults`.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) act: Policy,
    pub(super) compensate: Policy,
}

impl Defaults {
    pub(super) fn read(definition: &mut Fields<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut defaults = Self {
            act: Policy {
                timeout: TIMEOUT,
                retry: RetryPolicy::for_act(),
                limits: Limits::default(),
            },
            compensate: Policy {
                timeout: TIMEOUT,
                retry: RetryPolicy::for_compensate(),
                limits: Limits::default(),
            },
        };
        if let Some(mut fields) = definition.object("defaults", problems) {
            defaults.act = Policy::read(&mut fields, &defaults.act, problems);
            // Time and limits hold both ways unless `compensate` says otherwise; how often to try
            // does not: the definition of an act's retries is no reason to give up an undo.
            defaults.compensate.timeout = defaults.act.timeout;
            defaults.compensate.limits = defaults.act.limits;
            if let Some(mut compensate) = fields.object("compensate", problems) {
                defaults.compensate = Policy::read(&mut compensate, &defaults.compensate, problems);
                compensate.finish(problems);
            }
            fields.finish(problems);
        }
        defaults
    }
}

impl Policy {
    /// Reads `timeout`, `retry` and `limits`; what is not there comes from `base`.
    pub(super) fn read(fields: &mut Fields<'_>, base: &Self, problems: &mut Vec<Problem>) -> Self {
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
        Self {
            timeout,
            retry,
            limits,
        }
    }
}

fn retry(fields: &mut Fields<'_>, base: &RetryPolicy, problems: &mut Vec<Problem>) -> RetryPolicy {
    let attempts = fields.whole("max_attempts", 1, u64::from(u32::MAX), problems);
    RetryPolicy {
        max_attempts: attempts
            .and_then(|n| u32::try_from(n).ok())
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
    let requests = fields.whole("requests", 0, u64::from(u32::MAX), problems);
    Limits {
        fuel: fields.whole("fuel", 1, u64::MAX, problems),
        memory_bytes: fields.size("memory", problems),
        payload_bytes: fields.size("payload", problems),
        log_bytes: fields.size("log", problems),
        response_bytes: fields.size("response", problems),
        requests: requests.and_then(|number| u32::try_from(number).ok()),
    }
}
