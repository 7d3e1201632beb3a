//! One saga walked through by hand, with the state machine and the sandbox and nothing else: it gives the
//! calls that such a saga makes and the events that it leaves, as the engine has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use uuid::Uuid;
use wasaga_core::{
    Call, Components, Definition, Digest, Direction, Effect, Env, Input, Name, NewSaga, Policy,
    SagaId, Starts, State, Status, Timestamp, Turn, effects, start, transition,
};
use wasaga_host::Host;

use super::scenario::{SagaPath, Scenario};

/// What a saga was made of.
pub(super) struct Walked {
    /// Its calls, in order.
    pub(super) calls: Vec<Call>,
    /// Its turns, each of which is one commit.
    pub(super) turns: Vec<Turn>,
}

/// A component of which there is one version.
struct OneVersion(Digest);

impl Components for OneVersion {
    fn active(&self, _: &Name, _: SagaId) -> Option<(u32, Digest)> {
        Some((1, self.0))
    }
}

/// Walks a completing saga to its end.
pub(super) async fn walk(scenario: &Scenario, host: &Host) -> anyhow::Result<Walked> {
    let path = SagaPath::Complete;
    let name = Name::new(path.as_str())?;
    let definition = Arc::new(Definition::parse(&name, &scenario.definition(path))?);
    let components = OneVersion(Digest::of(&scenario.wasm));
    let env = || Env {
        now: now(),
        components: &components,
        starts: Starts::Allowed,
    };
    let new = NewSaga {
        id: SagaId::from_uuid(Uuid::now_v7()),
        version: 1,
        input: Arc::new(Scenario::input()),
        tags: BTreeMap::new(),
    };
    let mut turns = vec![start(&definition, new, &env())?];
    let policy = Arc::new(Policy::default());
    let mut calls = Vec::new();
    loop {
        let state = &turns.last().context("a saga begins with a turn")?.state;
        let Some(call) = next_call(state) else {
            if state.status() != Status::Completed {
                bail!(
                    "a saga that must be completed is {}: {:?}",
                    state.status(),
                    state.error
                );
            }
            return Ok(Walked { calls, turns });
        };
        let called = host.call(&call, &policy).await;
        let (step, attempt, report) = (call.step.clone(), call.attempt, called.report);
        let input = match call.direction {
            Direction::Act => Input::ActReturned {
                step,
                attempt,
                report,
            },
            Direction::Compensate => Input::CompensationReturned {
                step,
                attempt,
                report,
            },
        };
        let turn = transition(state, input, &env())?;
        calls.push(call);
        turns.push(turn);
    }
}

fn next_call(state: &State) -> Option<Call> {
    effects(state).into_iter().find_map(|effect| match effect {
        Effect::Call(call) => Some(*call),
        Effect::WakeAt(_) => None,
    })
}

/// The time.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
