//! Plays a saga: says what came of its calls and shows what followed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wasaga_core::{
    Call, Certainty, Completion, Components, Definition, Digest, Effect, Ended, Env, Event,
    Evidence, Failure, FailureKind, Input, Metering, Name, NewSaga, Record, Report, SagaId, Starts,
    State, StepPath, StepStatus, Timestamp, TransitionError, effects, start, transition,
};

/// Every component but `nobody` has this active version.
pub(crate) struct Active(pub(crate) u32);

impl Components for Active {
    fn active(&self, component: &Name, _saga: SagaId) -> Option<(u32, Digest)> {
        (component.as_str() != "nobody").then(|| (self.0, Digest::of(&self.0.to_be_bytes())))
    }
}

pub(crate) fn definition(document: &Value) -> Arc<Definition> {
    let name = Name::new("play").unwrap();
    Arc::new(Definition::parse(&name, document).unwrap())
}

pub(crate) fn path(step: &str) -> StepPath {
    StepPath::root(&Name::new(step).unwrap())
}

pub(crate) fn report(ended: Ended, evidence: Evidence) -> Report {
    Report {
        ended,
        metering: Metering::default(),
        requests: Vec::new(),
        evidence,
    }
}

pub(crate) fn failed(kind: FailureKind, certainty: Certainty) -> Ended {
    let failure = Failure {
        kind,
        code: "declined".into(),
        message: "no".into(),
        details: Some(json!(1)),
    };
    Ended::Failed { failure, certainty }
}

pub(crate) struct Play {
    pub(crate) state: State,
    pub(crate) journal: Vec<Record>,
    pub(crate) batches: usize,
    pub(crate) now: Timestamp,
    pub(crate) active_version: u32,
    pub(crate) held: bool,
    last: usize,
}

impl Play {
    pub(crate) fn of(document: Value) -> Self {
        let now = Timestamp::from_unix_ms(1_000_000);
        let active = Active(1);
        let env = Env {
            now,
            components: &active,
            starts: Starts::Allowed,
        };
        let saga = NewSaga {
            id: SagaId::from_parts(1, &[3; 10]),
            version: 1,
            input: Arc::new(json!({"order": 7})),
            tags: BTreeMap::new(),
        };
        let turn = start(&definition(&document), saga, &env).expect("a saga");
        let last = turn.records.len();
        Self {
            state: turn.state,
            journal: turn.records,
            batches: 1,
            now,
            active_version: 1,
            held: false,
            last,
        }
    }

    /// Types and steps of the events that the last input caused.
    pub(crate) fn last_batch(&self) -> Vec<String> {
        self.journal[self.journal.len() - self.last..]
            .iter()
            .map(|r| words(&r.event))
            .collect()
    }

    pub(crate) fn give(&mut self, input: Input) -> Result<(), TransitionError> {
        let active = Active(self.active_version);
        let starts = if self.held {
            Starts::Held
        } else {
            Starts::Allowed
        };
        let env = Env {
            now: self.now,
            components: &active,
            starts,
        };
        let turn = transition(&self.state, input, &env)?;
        self.last = turn.records.len();
        self.batches += usize::from(self.last > 0);
        self.journal.extend(turn.records);
        self.state = turn.state;
        let folded = State::fold(
            self.state.id,
            Arc::clone(&self.state.definition),
            &self.journal,
        )
        .expect("what a transition decides can be folded");
        assert_eq!(
            format!("{folded:?}"),
            format!("{:?}", self.state),
            "the fold is the state"
        );
        Ok(())
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        let call = |effect| match effect {
            Effect::Call(call) => Some(*call),
            Effect::WakeAt(_) => None,
        };
        effects(&self.state).into_iter().filter_map(call).collect()
    }

    /// The one call that runs.
    pub(crate) fn call(&self) -> Call {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    pub(crate) fn completes(&mut self, step: &str) {
        self.completes_with(step, json!({"by": step}), None);
    }

    pub(crate) fn completes_with(
        &mut self,
        step: &str,
        result: Value,
        context_patch: Option<Value>,
    ) {
        let ended = Ended::Completed(Completion {
            result,
            context_patch,
        });
        self.returns(step, report(ended, Evidence::Possible));
    }

    pub(crate) fn try_complete(&mut self, step: &str, attempt: u32) -> Result<(), TransitionError> {
        let report = report(Ended::Completed(Completion::default()), Evidence::Possible);
        self.give(Input::ActReturned {
            step: path(step),
            attempt,
            report,
        })
    }

    pub(crate) fn fails(&mut self, step: &str, kind: &str, evidence: Evidence) {
        self.returns(
            step,
            report(failed(kind_of(kind), Certainty::Definite), evidence),
        );
    }

    pub(crate) fn undone(&mut self, step: &str) {
        self.returns(
            step,
            report(Ended::Completed(Completion::default()), Evidence::Possible),
        );
    }

    pub(crate) fn undo_fails(&mut self, step: &str, kind: &str) {
        self.returns(
            step,
            report(
                failed(kind_of(kind), Certainty::Definite),
                Evidence::Possible,
            ),
        );
    }

    fn returns(&mut self, step: &str, report: Report) {
        let call = self
            .calls()
            .into_iter()
            .find(|call| call.step == path(step))
            .expect("it runs");
        self.give(returned(&call, report))
            .expect("what runs can return");
    }

    pub(crate) fn wake(&mut self) {
        self.now = self.state.wake_at().expect("it waits");
        self.give(Input::Tick).expect("time may go by");
    }

    pub(crate) fn recovers(&mut self) {
        self.now = self.now.after(Duration::from_secs(1));
        self.give(Input::Recover)
            .expect("every state can be recovered");
    }

    pub(crate) fn cancel(&mut self) -> Result<(), TransitionError> {
        self.give(Input::Cancel {
            by: "ops".into(),
            reason: None,
        })
    }

    pub(crate) fn step(&self, step: &str) -> StepStatus {
        self.state
            .step(&path(step))
            .expect("it was reached")
            .status()
    }
}

pub(crate) fn returned(call: &Call, report: Report) -> Input {
    let (step, attempt) = (call.step.clone(), call.attempt);
    match call.direction {
        wasaga_core::Direction::Act => Input::ActReturned {
            step,
            attempt,
            report,
        },
        wasaga_core::Direction::Compensate => Input::CompensationReturned {
            step,
            attempt,
            report,
        },
    }
}

fn kind_of(kind: &str) -> FailureKind {
    serde_json::from_value(json!(kind)).expect("a kind")
}

fn words(event: &Event) -> String {
    let json = serde_json::to_value(event).expect("JSON");
    match json["step"].as_str() {
        Some(step) => format!("{} {step}", event.kind()),
        None => event.kind().to_owned(),
    }
}
