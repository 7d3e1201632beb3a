//! What a tree commits, and the crash that leaves nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::Value;
use wasaga_core::{
    Bounds, Call, CutOff, Effect, Env, Input, NewSaga, Parent, SagaId, Starts, State,
    TransitionError, effects, start, transition,
};

use super::plan::{CallKey, Moment, Route};
use super::stage::View;
use super::tree::{Saga, Tree};

/// Whether the engine lived on after a commit.
#[derive(PartialEq, Eq)]
pub(super) enum Engine {
    GoesOn,
    Crashed,
}

impl<'a> Tree<'a> {
    pub(super) async fn start(
        &mut self,
        id: SagaId,
        definition: &str,
        input: Arc<Value>,
        parent: Option<Parent>,
        label: String,
    ) -> Result<(), String> {
        let view = self.view();
        let new = NewSaga {
            id,
            version: 1,
            input,
            tags: BTreeMap::new(),
            parent,
        };
        let definition = self.stage.definition(definition);
        let turn = start(definition, new, &self.env(&view)).map_err(|error| error.to_string())?;
        self.sagas.push(Saga {
            label,
            journal: turn.records,
            state: turn.state,
        });
        self.committed().await?;
        Ok(())
    }

    /// Something happens to a saga, and what follows is committed.
    pub(super) async fn give(&mut self, saga: usize, input: Input) -> Result<Engine, String> {
        let said = format!("{input:?}");
        let is_news = self.take(saga, input).map_err(|error| {
            let said: String = said.chars().take(300).collect();
            format!("{error}, when it got {said}")
        })?;
        if is_news {
            self.committed().await
        } else {
            Ok(Engine::GoesOn)
        }
    }

    fn take(&mut self, saga: usize, input: Input) -> Result<bool, TransitionError> {
        let view = self.view();
        let turn = transition(&self.sagas[saga].state, input, &self.env(&view))?;
        let is_news = !turn.records.is_empty();
        let saga = &mut self.sagas[saga];
        saga.journal.extend(turn.records);
        saga.state = turn.state;
        Ok(is_news)
    }

    async fn committed(&mut self) -> Result<Engine, String> {
        self.commits += 1;
        if self.plan.crash_after != Some(self.commits) {
            return Ok(Engine::GoesOn);
        }
        self.crash().await?;
        Ok(Engine::Crashed)
    }

    /// The engine is gone, and comes back: calls that were on their way were made and their answers are
    /// lost, and of each saga there is its journal. In a tree that is shuffled some were not made.
    async fn crash(&mut self) -> Result<(), String> {
        let lost = self.running();
        for (saga, call) in &lost {
            let key = CallKey::of(&self.sagas[*saga].label, call);
            let fault = self.fault(&key).map(|index| self.plan.faults[index].moment);
            let detour = self.detour(*saga, call);
            let was_made = self.random.as_mut().is_none_or(|random| random.random());
            if was_made && detour.is_none() && fault != Some(Moment::BeforeEffect) {
                self.make(call).await;
            }
        }
        for saga in &mut self.sagas {
            let definition = Arc::clone(&saga.state.definition);
            saga.state = State::fold(saga.state.id, definition, &saga.journal)
                .map_err(|error| format!("a journal that cannot be folded: {error}"))?;
        }
        self.now = self.now.after(Duration::from_secs(1));
        for saga in 0..self.sagas.len() {
            let by = CutOff::Crash;
            let is_news = self.take(saga, Input::Recover { by });
            self.commits += u64::from(is_news.map_err(|error| error.to_string())?);
        }
        // Otherwise nobody could tell how often it was on its way when the engine went down.
        let running = self.running();
        let known = |(saga, call): &&(usize, Box<Call>)| {
            let mut others = running.iter();
            others.any(|(other, again)| saga == other && call.id == again.id)
        };
        match lost.iter().find(known) {
            Some((_, call)) => Err(format!("{:?} is not known to be cut off", call.id)),
            None => Ok(()),
        }
    }

    /// The calls that are on their way, by saga.
    fn running(&self) -> Vec<(usize, Box<Call>)> {
        let sagas = self.sagas.iter().enumerate();
        let calls = sagas.flat_map(|(index, saga)| {
            let effects = effects(&saga.state).into_iter();
            effects.filter_map(move |effect| match effect {
                Effect::Call(call) => Some((index, call)),
                Effect::Child(_) | Effect::TellParent(_) | Effect::WakeAt(_) => None,
            })
        });
        calls.collect()
    }

    fn view(&self) -> View<'a> {
        View {
            stage: self.stage,
            breakers_open: self.plan.route == Route::BreakersOpen,
        }
    }

    fn env<'v>(&self, view: &'v View<'a>) -> Env<'v> {
        Env {
            now: self.now,
            world: view,
            starts: Starts::Allowed,
            bounds: Bounds::default(),
        }
    }
}
