//! The calls of a saga, as clients see them.

use std::sync::Arc;

use serde_json::Value;
use wasaga_coordinator as coordinator;
use wasaga_core::{
    Completion, Direction, Ended, Metering, RecordedCall, RecordedEnd, RecordedOutcome,
};

use crate::wire::{Call, CallInput, CallOutcome, CallOutput, CallSummary, Rerun};

pub(crate) fn call_summary(recorded: &RecordedCall) -> CallSummary {
    let call = &recorded.call;
    let end = recorded.end.as_ref();
    CallSummary {
        seq: recorded.seq,
        step: call.id.step.clone(),
        direction: call.id.direction,
        attempt: call.id.attempt,
        component: call.pin.component.clone(),
        version: call.pin.version,
        digest: call.pin.digest,
        action: call.action.clone(),
        started_at: call.started_at,
        ended_at: end.map(|end| end.at),
        outcome: end.map_or(CallOutcome::Running, recorded_outcome),
        metering: end.map_or_else(Metering::default, |end| end.metering),
    }
}

pub(crate) fn call(recorded: RecordedCall) -> Call {
    let summary = call_summary(&recorded);
    let RecordedCall { call, end, .. } = recorded;
    let direction = summary.direction;
    let owned = |value: Arc<Value>| Arc::unwrap_or_clone(value);
    let input = CallInput {
        saga: call.saga,
        definition: call.definition,
        attempt: call.attempt,
        idempotency_key: call.idempotency_key,
        input: owned(call.input),
        context: owned(call.context),
        arguments: owned(call.arguments),
        previous: call.previous.map(owned),
        result: call.result.map(owned),
        reply: call.reply.map(Arc::unwrap_or_clone),
    };
    let output = end.map(|end| {
        let output = match end.outcome {
            RecordedOutcome::Ended(ended) => output(direction, ended),
            RecordedOutcome::Interrupted(_) | RecordedOutcome::Abandoned => CallOutput::default(),
        };
        CallOutput {
            requests: end.requests,
            ..output
        }
    });
    Call {
        summary,
        input,
        output,
    }
}

pub(crate) fn rerun(rerun: coordinator::Rerun) -> Rerun {
    let direction = rerun.recorded.call.id.direction;
    let called = rerun.replayed.called;
    let report = called.report;
    let (comparison, incomparable) = match rerun.comparison {
        Ok(comparison) => (Some(comparison), None),
        Err(why) => (None, Some(why.to_string())),
    };
    Rerun {
        version: rerun.on.version,
        digest: rerun.on.digest,
        outcome: outcome(&report.ended),
        output: CallOutput {
            requests: report.requests,
            ..output(direction, report.ended)
        },
        metering: report.metering,
        logs: called.logs,
        comparison,
        incomparable,
    }
}

fn recorded_outcome(end: &RecordedEnd) -> CallOutcome {
    match &end.outcome {
        RecordedOutcome::Ended(ended) => outcome(ended),
        RecordedOutcome::Interrupted(_) => CallOutcome::Interrupted,
        RecordedOutcome::Abandoned => CallOutcome::Abandoned,
    }
}

const fn outcome(ended: &Ended) -> CallOutcome {
    match ended {
        Ended::Completed(_) => CallOutcome::Completed,
        Ended::Pending(_) => CallOutcome::Pending,
        Ended::Failed { .. } => CallOutcome::Failed,
    }
}

/// What came out, but for the requests. Whoever confirms or undoes leaves no result.
fn output(direction: Direction, ended: Ended) -> CallOutput {
    match ended {
        Ended::Completed(Completion {
            result,
            context_patch,
        }) => CallOutput {
            result: matches!(direction, Direction::Act | Direction::OnReply).then_some(result),
            context_patch,
            ..CallOutput::default()
        },
        Ended::Pending(payload) => CallOutput {
            pending: Some(payload),
            ..CallOutput::default()
        },
        Ended::Failed { failure, certainty } => CallOutput {
            failure: Some(failure),
            certainty: Some(certainty),
            ..CallOutput::default()
        },
    }
}
