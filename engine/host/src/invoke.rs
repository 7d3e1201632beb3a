//! One call, from its admission to its report.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use wasaga_core::{Call, Direction, Ended, Evidence, LogLine, Metering, Policy, Reply, Report};
use wasmtime::Store;

use crate::bindings::wasaga::saga::types::{self as wit, Outcome};
use crate::config::{CallLimits, HostConfig};
use crate::egress::{Granted, Outbound, Way};
use crate::exports::{CALLBACK, CONFIRMATION};
use crate::failure::{self, Circumstances, Stage};
use crate::limits::{Limiter, MAX_COMPONENT_HANDLES};
use crate::logs::Log;
use crate::registry::Loaded;
use crate::repeatable::Repeatable;
use crate::store::CallState;
use crate::turns::Turns;

/// What a call left behind.
#[derive(Clone, Debug)]
pub struct Called {
    /// How it ended, what it used and sent.
    pub report: Report,
    /// What it wrote to the saga's log.
    pub logs: Vec<LogLine>,
}

impl Called {
    /// A call of which nothing ran.
    pub(crate) fn never_ran(ended: Ended) -> Self {
        let report = Report {
            ended,
            metering: Metering::default(),
            requests: Vec::new(),
            evidence: Evidence::Unchanged,
        };
        Self {
            report,
            logs: Vec::new(),
        }
    }
}

/// What a call that was run on a recording left behind.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// As of a call. Its requests are recorded in full.
    pub called: Called,
    /// For each of its requests the place of the recorded one that it was taken for. `None` where
    /// there was none, or none that could be answered from.
    pub answered_from: Vec<Option<usize>>,
}

/// What a call finds outside its component.
pub(crate) struct Surroundings {
    pub(crate) way: Way,
    pub(crate) granted: Arc<Granted>,
    pub(crate) repeatable: Repeatable,
}

/// Runs a call in a store of its own, within its limits and its timeout.
pub(crate) async fn invoke(
    config: &HostConfig,
    loaded: &Loaded,
    call: &Call,
    policy: &Arc<Policy>,
    surroundings: Surroundings,
) -> Replayed {
    let Surroundings {
        way,
        granted,
        repeatable,
    } = surroundings;
    let started = Instant::now();
    let limits = config.limits.effective(call.limits.or(policy.limits));
    let log = Log::new(call, limits.log_bytes);
    let outbound = Arc::new(Outbound::new(
        way,
        Arc::clone(policy),
        Arc::clone(&granted),
        call.idempotency_key,
        config,
        &limits,
    ));
    let state = CallState::new(
        Limiter::new(limits.memory_bytes),
        log.clone(),
        Arc::clone(policy),
        granted,
        repeatable,
        Arc::clone(&outbound),
    );
    let mut store = Store::new(loaded.pre.engine(), state);
    let mut stage = Stage::Instantiation;
    let outcome = match set_up(&mut store, config, &limits) {
        Ok(()) => {
            let running = run(&mut store, loaded, call, &limits, &mut stage);
            tokio::time::timeout(call.timeout, running).await
        }
        Err(error) => Ok(Err(error)),
    };

    let fuel = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let limiter = &store.data().limiter;
    let (memory_bytes, memory_refused) = (limiter.memory_bytes as u64, limiter.memory_refused);
    // Its instance, its streams and the requests that nobody waits for any more.
    drop(store);
    let closed = outbound.close();
    let (logs, last_words) = log.finish();
    let ended = match outcome {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => {
            let last_words = last_words.as_deref();
            failure::cut_off(
                &error,
                &Circumstances {
                    stage,
                    limits: &limits,
                    memory_refused,
                    last_words,
                },
            )
        }
        Err(_) => failure::timed_out(call.timeout),
    };
    let metering = Metering {
        fuel,
        memory_bytes,
        duration_ms: crate::millis(started.elapsed()),
        requests: closed.requests,
    };
    Replayed {
        answered_from: outbound.answered_from(closed.requests),
        called: Called {
            report: Report {
                ended,
                metering,
                requests: closed.records,
                evidence: closed.evidence,
            },
            logs,
        },
    }
}

fn set_up(
    store: &mut Store<CallState>,
    config: &HostConfig,
    limits: &CallLimits,
) -> wasmtime::Result<()> {
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(limits.fuel)?;
    store.fuel_async_yield_interval(Some(config.fuel_yield_interval.max(1)))?;
    store.call_hook_async(Turns);
    store.set_max_component_handles(MAX_COMPONENT_HANDLES);
    // What a component can hand over in one go: a result with its patch, or a request's body.
    let most = limits
        .payload_bytes
        .saturating_mul(3)
        .max(config.max_request_bytes);
    let most = most.saturating_add(256 * 1024);
    store.set_hostcall_fuel(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(())
}

async fn run(
    store: &mut Store<CallState>,
    loaded: &Loaded,
    call: &Call,
    limits: &CallLimits,
    stage: &mut Stage,
) -> wasmtime::Result<Ended> {
    let instance = &loaded.pre.instantiate_async(&mut *store).await?;
    *stage = Stage::Call;
    let exports = &loaded.exports;
    let argument = argument(call);
    Ok(match call.id.direction {
        Direction::Act => {
            let acted = exports.act.call(store, instance, (argument,)).await?;
            match acted {
                Ok(Outcome::Pending(_)) if exports.on_reply.is_none() => {
                    failure::pending_unsupported()
                }
                acted => failure::acted(acted, limits),
            }
        }
        Direction::OnReply => {
            let Some(on_reply) = &exports.on_reply else {
                return Ok(failure::missing_export(CALLBACK, call.id.direction));
            };
            let Some(reply) = call.reply.as_deref() else {
                return Ok(failure::incomplete_call(call.id.direction, "a reply"));
            };
            let parameters = (argument, self::reply(reply));
            let replied = on_reply.call(store, instance, parameters).await?;
            failure::acted(replied, limits)
        }
        Direction::Confirm => {
            let Some(confirm) = &exports.confirm else {
                return Ok(failure::missing_export(CONFIRMATION, call.id.direction));
            };
            let Some(result) = call.result.as_deref() else {
                return Ok(failure::incomplete_call(call.id.direction, "a result"));
            };
            let parameters = (argument, result.to_string());
            let confirmed = confirm.call(store, instance, parameters).await?;
            failure::undone_or_confirmed(confirmed, limits)
        }
        Direction::Compensate => {
            let parameters = (argument, call.result.as_deref().map(Value::to_string));
            let undone = exports.compensate.call(store, instance, parameters).await?;
            failure::undone_or_confirmed(undone, limits)
        }
    })
}

fn argument(call: &Call) -> wit::Call {
    wit::Call {
        saga_id: call.saga.to_string(),
        saga: call.definition.to_string(),
        step: call.step_name().to_owned(),
        action: call.action.to_string(),
        attempt: call.attempt,
        idempotency_key: call.idempotency_key.to_string(),
        input: call.input.to_string(),
        context: call.context.to_string(),
        arguments: call.arguments.to_string(),
        previous: call.previous.as_deref().map(Value::to_string),
    }
}

fn reply(reply: &Reply) -> wit::Reply {
    match reply {
        Reply::Succeeded(value) => wit::Reply::Succeeded(value.to_string()),
        Reply::Failed(failure) => wit::Reply::Failed(failure::told(failure)),
    }
}
