//! A saga's state as clients see it.

use std::collections::HashMap;
use std::sync::Arc;

use wasaga_core::definition;
use wasaga_core::state::{self, Act, CompensationProgress};
use wasaga_core::{State, StepState, StepStatus};

use crate::wire::{Compensation, CompensationStatus, Progress, Saga, Step, Waiting};

impl From<&State> for Saga {
    fn from(state: &State) -> Self {
        let reached: HashMap<&str, &StepState> = state
            .steps
            .iter()
            .map(|step| (step.path.as_str(), step))
            .collect();
        let steps: Vec<Step> = state
            .definition
            .steps()
            .map(|definition| step(definition, reached.get(definition.name.as_str()).copied()))
            .collect();
        let done = state
            .steps
            .iter()
            .filter(|step| matches!(step.act, Act::Completed { .. }))
            .count();
        Self {
            id: state.id,
            definition: state.definition.name.clone(),
            version: state.version,
            status: state.status(),
            tags: Arc::clone(&state.tags),
            input: Arc::clone(&state.input),
            context: Arc::clone(&state.context),
            error: state.error.clone(),
            waiting: waiting(state),
            progress: Progress {
                done: count(done),
                total: count(steps.len()),
            },
            steps,
            parent: None,
            created_at: state.created_at,
            updated_at: state.updated_at,
        }
    }
}

/// A definition bounds its steps far below this.
fn count(steps: usize) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// The attempt that comes next, when none runs.
fn waiting(state: &State) -> Option<Waiting> {
    if state.steps.iter().any(StepState::is_running) {
        return None;
    }
    let backoff = |step: &StepState| Some((step.backoff_until()?, step.path.clone()));
    let (until, step) = state.steps.iter().filter_map(backoff).min()?;
    Some(Waiting::Backoff { step, until })
}

fn step(definition: &definition::Step, state: Option<&StepState>) -> Step {
    let Some(state) = state else {
        return Step {
            step: wasaga_core::StepPath::root(&definition.name),
            status: StepStatus::Pending,
            attempts: 0,
            component: definition.component.clone(),
            version: None,
            digest: None,
            result: None,
            error: None,
            started_at: None,
            finished_at: None,
            metering: None,
            compensation: None,
        };
    };
    let pin = state.pin.as_ref();
    Step {
        step: state.path.clone(),
        status: state.status(),
        attempts: state.attempts,
        component: pin.map_or_else(|| definition.component.clone(), |pin| pin.component.clone()),
        version: pin.map(|pin| pin.version),
        digest: pin.map(|pin| pin.digest),
        result: state.result().cloned(),
        error: state.error.clone(),
        started_at: Some(state.started_at),
        finished_at: state.finished_at,
        metering: (state.attempts > 0).then_some(state.metering),
        compensation: compensation(&state.compensation),
    }
}

fn compensation(state: &state::Compensation) -> Option<Compensation> {
    let (status, reason) = match state.progress {
        CompensationProgress::None => return None,
        CompensationProgress::Running => (CompensationStatus::Running, None),
        CompensationProgress::Backoff { .. } => (CompensationStatus::Waiting, None),
        CompensationProgress::Completed => (CompensationStatus::Completed, None),
        CompensationProgress::Failed => (CompensationStatus::Failed, None),
        CompensationProgress::Skipped(reason) => (CompensationStatus::Skipped, Some(reason)),
    };
    Some(Compensation {
        status,
        attempts: state.attempts,
        reason,
        error: state.error.clone(),
        finished_at: state.finished_at,
        metering: state.metering,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wasaga_core::{Definition, Name, Record, SagaId};

    use super::*;

    /// A saga of the steps `reserve` and `pay` after some events.
    fn saga(events: &[Value]) -> Value {
        let name = Name::new("order").expect("a name");
        let document = json!({ "steps": [
            { "step": "reserve", "component": "inventory" },
            { "step": "pay", "component": "payment" },
        ] });
        let definition = Arc::new(Definition::parse(&name, &document).expect("a definition"));
        let started = json!({ "type": "saga_started", "definition": "order", "version": 3, "input": { "n": 1 } });
        let records: Vec<Record> = std::iter::once(&started)
            .chain(events)
            .zip(1u64..)
            .map(|(event, seq)| {
                let mut record = event.clone();
                record["seq"] = seq.into();
                record["at"] = format!("2026-11-21T08:00:0{seq}.000Z").into();
                serde_json::from_value(record).expect("a record")
            })
            .collect();
        let id = SagaId::from_parts(1, &[7; 10]);
        let state = State::fold(id, definition, &records).expect("a journal");
        serde_json::to_value(Saga::from(&state)).expect("JSON")
    }

    fn digest() -> String {
        wasaga_core::Digest::of(b"wasm").to_string()
    }

    fn act_started(step: &str, component: &str, attempt: u32) -> Value {
        json!({ "type": "act_started", "step": step, "attempt": attempt, "component": component,
                "version": 7, "digest": digest() })
    }

    fn metering() -> Value {
        json!({ "fuel": 10, "memory_bytes": 65536, "duration_ms": 1.5, "requests": 1 })
    }

    #[test]
    fn steps_that_were_not_reached_are_pending() {
        let saga = saga(&[act_started("reserve", "inventory", 1)]);
        assert_eq!(saga["status"], "running");
        assert_eq!(saga["progress"], json!({ "done": 0, "total": 2 }));
        assert_eq!(saga["steps"][0]["status"], "running");
        let pending = json!({
            "step": "pay", "status": "pending", "attempts": 0, "component": "payment", "version": null,
            "digest": null, "result": null, "error": null, "started_at": null, "finished_at": null,
            "metering": null, "compensation": null,
        });
        assert_eq!(saga["steps"][1], pending);
    }

    #[test]
    fn a_saga_between_attempts_says_until_when() {
        let saga = saga(&[
            act_started("reserve", "inventory", 1),
            json!({ "type": "act_failed", "step": "reserve", "attempt": 1, "certainty": "definite",
                    "evidence": "unchanged", "retry_at": "2026-11-21T08:01:00.000Z", "metering": metering(),
                    "failure": { "kind": "retryable", "code": "busy", "message": "later" } }),
        ]);
        assert_eq!(saga["status"], "waiting");
        let waiting =
            json!({ "for": "backoff", "step": "reserve", "until": "2026-11-21T08:01:00.000Z" });
        assert_eq!(saga["waiting"], waiting);
        assert_eq!(saga["steps"][0]["error"]["code"], "busy");
    }

    #[test]
    fn a_saga_that_was_undone_shows_what_was_done_and_undone() {
        let saga = saga(&[
            act_started("reserve", "inventory", 1),
            json!({ "type": "act_completed", "step": "reserve", "attempt": 1, "result": { "id": 5 },
                    "context_patch": { "total": 9 }, "metering": metering() }),
            act_started("pay", "payment", 1),
            json!({ "type": "act_failed", "step": "pay", "attempt": 1, "certainty": "definite",
                    "evidence": "unchanged", "metering": metering(),
                    "failure": { "kind": "permanent", "code": "declined", "message": "no" } }),
            json!({ "type": "saga_failed",
                    "error": { "step": "pay", "code": "declined", "message": "no", "details": null } }),
            json!({ "type": "compensation_skipped", "step": "pay", "reason": "no-effect" }),
            json!({ "type": "compensation_started", "step": "reserve", "attempt": 1 }),
            json!({ "type": "compensation_completed", "step": "reserve", "attempt": 1, "metering": metering() }),
        ]);
        assert_eq!(saga["status"], "compensating");
        assert_eq!(saga["context"], json!({ "total": 9 }));
        assert_eq!(
            saga["error"],
            json!({ "step": "pay", "code": "declined", "message": "no", "details": null })
        );
        assert_eq!(saga["progress"], json!({ "done": 1, "total": 2 }));
        assert_eq!(saga["steps"][0]["result"], json!({ "id": 5 }));
        assert_eq!(saga["steps"][0]["status"], "compensated");
        assert_eq!(saga["steps"][0]["compensation"]["metering"], metering());
        assert_eq!(saga["steps"][1]["compensation"]["status"], "skipped");
        assert_eq!(saga["steps"][1]["compensation"]["reason"], "no-effect");
    }

    #[test]
    fn a_client_reads_what_the_server_writes() {
        let json = saga(&[act_started("reserve", "inventory", 1)]);
        let read: Saga = serde_json::from_value(json.clone()).expect("a saga");
        assert_eq!(serde_json::to_value(read).expect("JSON"), json);
    }
}
