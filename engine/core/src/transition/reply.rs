//! Replies to pending steps.
//!
//! Whoever replies names the idempotency key of the call that asked. A key is derived, so it is
//! known while the call still runs: a reply that comes before the call has answered `pending` is
//! journaled, and taken up once it has.

use std::sync::Arc;

use uuid::Uuid;

use super::{Awaited, TransitionError, Turn};
use crate::call::{Direction, Reply};
use crate::event::Event;
use crate::id::{SagaId, idempotency_key};
use crate::path::StepPath;
use crate::state::{Act, Phase, State, StepState};

/// The key of the call that asked for a step's reply number `round`, from 1.
fn key_of(saga: SagaId, step: &StepPath, round: u32) -> Uuid {
    match round {
        0 | 1 => idempotency_key(saga, step, Direction::Act, 0),
        _ => idempotency_key(saga, step, Direction::OnReply, round - 1),
    }
}

impl State {
    /// The key that a reply to a pending step has to name. `None` when it waits for none.
    #[must_use]
    pub fn reply_key(&self, step: &StepState) -> Option<Uuid> {
        matches!(step.act, Act::Pending { .. }).then(|| key_of(self.id, &step.path, step.rounds))
    }
}

impl Turn {
    pub(super) fn reply(&mut self, key: Uuid, reply: Reply) -> Result<(), TransitionError> {
        let saga = self.state.id;
        let asked = self
            .state
            .steps
            .iter()
            .filter(|step| step.child.is_none())
            .find_map(|step| {
                let round = (1..=step.rounds + 1)
                    .rev()
                    .find(|round| key_of(saga, &step.path, *round) == key)?;
                Some((step, round))
            });
        let Some((step, round)) = asked else {
            return Err(TransitionError::NotAsked { saga });
        };
        let awaited = match step.act {
            Act::Pending { .. } => round == step.rounds,
            Act::Running | Act::Backoff { .. } => {
                round == step.rounds + 1 && step.early_reply.is_none()
            }
            Act::Completed { .. } | Act::Failed | Act::Bypassed => false,
        };
        if awaited && self.state.phase == Phase::Forward {
            let step = step.path.clone();
            let reply = Arc::new(reply);
            return Ok(self.emit(Event::ReplyReceived { step, reply })?);
        }
        let replied = round < step.rounds
            || (round == step.rounds && step.reply.is_some())
            || step.early_reply.is_some();
        Err(TransitionError::NotAwaited {
            saga,
            step: step.path.clone(),
            over: if replied {
                Awaited::Replied
            } else {
                Awaited::Ended
            },
        })
    }
}
