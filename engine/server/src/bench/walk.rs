//! One saga walked through by hand, with the state machine and the sandbox and nothing else: it gives the
//! calls that such a saga makes and the events that it leaves, as the engine has them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use uuid::Uuid;
use wasaga_core::{
    Active, Bounds, Call, Definition, Digest, Effect, Env, Input, Name, NewSaga, Pin, Policy,
    SagaId, Starts, State, Status, StepPath, Timestamp, Turn, World, effects, start, transition,
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

impl World for OneVersion {
    fn active(&self, _: &Name, _: SagaId) -> Option<Active> {
        Some(Active {
            version: 1,
            digest: self.0,
        })
    }

    fn confirms(&self, _: &Pin) -> bool {
        false
    }

    fn admits(&self, _: &Name, _: &Name, _: SagaId, _: &StepPath, _: Timestamp) -> bool {
        true
    }
}

/// Walks a completing saga to its end.
pub(super) async fn walk(scenario: &Scenario, host: &Host) -> anyhow::Result<Walked> {
    let path = SagaPath::Complete;
    let name = Name::new(path.as_str())?;
    let definition = Arc::new(Definition::parse(&name, &scenario.definition(path))?);
    let version = OneVersion(Digest::of(&scenario.wasm));
    let env = || Env {
        now: now(),
        world: &version,
        starts: Starts::Allowed,
        bounds: Bounds::default(),
    };
    let new = NewSaga {
        id: SagaId::from_uuid(Uuid::now_v7()),
        version: 1,
        input: Arc::new(Scenario::input()),
        tags: BTreeMap::new(),
        parent: None,
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
        let input = Input::Returned {
            call: call.id.clone(),
            report: called.report,
        };
        let turn = transition(state, input, &env())?;
        calls.push(call);
        turns.push(turn);
    }
}

fn next_call(state: &State) -> Option<Call> {
    effects(state).into_iter().find_map(|effect| match effect {
        Effect::Call(call) => Some(*call),
        Effect::Child(_) | Effect::TellParent(_) | Effect::WakeAt(_) => None,
    })
}

/// The time.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
