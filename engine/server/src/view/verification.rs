//! What came of trying a version, as clients see it.

use std::time::Duration;

use wasaga_coordinator as coordinator;

use crate::wire::{DifferentCall, Verification};

pub(crate) fn verification(report: coordinator::Verification) -> Verification {
    let clean = report.is_clean();
    let incomparable = report.incomparable.into_iter();
    Verification {
        component: report.candidate.component,
        version: report.candidate.version,
        against: report.against.version,
        clean,
        sagas: report.sagas,
        calls: report.calls,
        more: report.more,
        compared: report.compared,
        same: report.same,
        same_outcome: report.same_outcome,
        same_context_patch: report.same_patch,
        same_requests: report.same_requests,
        incomparable: incomparable
            .map(|(reason, calls)| (reason.to_owned(), calls))
            .collect(),
        fuel: report.fuel,
        memory_bytes: report.memory_bytes,
        different: report.different.into_iter().map(different).collect(),
        duration_ms: whole_ms(report.took),
    }
}

fn different(call: coordinator::Different) -> DifferentCall {
    DifferentCall {
        saga: call.saga,
        seq: call.seq,
        step: call.step,
        direction: call.direction,
        attempt: call.attempt,
        comparison: call.comparison,
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
