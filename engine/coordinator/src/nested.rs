//! What sagas that nest one another say to each other.
//!
//! Both sides may be in memory, on disk, or just moving: what is said goes the way that every
//! command goes. It is said again until it is heard, and hearing it twice changes nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wasaga_core::transition::Pivot;
use wasaga_core::{ChildEnd, ChildOrder, Failure, Input, NewSaga, Told, TransitionError, Want};

use crate::engine::Engine;
use crate::error::{CommandError, ReadError, StartError};
use crate::sagas::Sagas;

/// How long to wait before saying something again that was not heard.
const AGAIN: Duration = Duration::from_millis(500);

/// How often a child whose pivot runs is asked again to undo itself: as long as calls usually take.
/// The parent stays in memory for it, and a pivot that is a nested saga may take days.
const PIVOT_TRIES: u32 = 120;

/// Sees to it that a child runs, or undoes itself. Answers with what its parent has to take in.
pub(crate) async fn ask(engine: &Arc<Engine>, order: &ChildOrder) -> Option<Input> {
    let end = match order.want {
        Want::Run => run(engine, order).await,
        Want::Undo => undo(engine, order).await,
    };
    end.map(|end| Input::ChildEnded {
        step: order.parent.step.clone(),
        child: order.child.id,
        end,
    })
}

async fn run(engine: &Arc<Engine>, order: &ChildOrder) -> Option<ChildEnd> {
    loop {
        match start(engine, order).await {
            Ok(None) => return None,
            Ok(Some(failure)) => return Some(ChildEnd::Refused { failure }),
            Err(error) => match refusal(&error) {
                Some(failure) => return Some(ChildEnd::Refused { failure }),
                None => {
                    tracing::warn!(%error, child = %order.child.id, "a nested saga could not be started yet");
                    tokio::time::sleep(AGAIN).await;
                }
            },
        }
    }
}

/// Starts a child, or says why its parent cannot have it.
async fn start(engine: &Arc<Engine>, order: &ChildOrder) -> Result<Option<Failure>, StartError> {
    let child = &order.child;
    let sagas = Sagas::new(Arc::clone(engine));
    if engine.journal.saga(child.id).await?.is_some() {
        return Ok(None);
    }
    let (version, definition) = sagas.definition(&child.definition, child.version).await?;
    // Checked when the parent's definition was applied, but this may be a later version.
    if definition.has_pivot() && !order.is_pivot {
        let message = format!(
            "version {version} of `{}` has a pivot, so it could not be undone: say `\"pivot\": true` \
             where it is nested, or name another version there",
            child.definition
        );
        return Ok(Some(Failure::permanent("child-has-pivot", message)));
    }
    let new = NewSaga {
        id: child.id,
        version,
        input: Arc::clone(&child.input),
        tags: std::collections::BTreeMap::new(),
        parent: Some(order.parent.clone()),
    };
    match sagas.open(&definition, new).await {
        // Somebody was faster, and it was the same parent: nobody else knows the id.
        Ok(_) | Err(StartError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why a child will never start; `None` when trying again may help.
fn refusal(error: &StartError) -> Option<Failure> {
    match error {
        StartError::UnknownDefinition { .. } => {
            Some(Failure::permanent("unknown-definition", error.to_string()))
        }
        StartError::Input { problems } => Some(Failure {
            details: Some(json!({ "problems": problems })),
            ..Failure::permanent("invalid-input", error.to_string())
        }),
        StartError::Tags { .. } | StartError::Conflict { .. } | StartError::Fold(_) => {
            Some(Failure::permanent("child-not-started", error.to_string()))
        }
        StartError::Read(ReadError::Definition { .. }) => Some(Failure::permanent(
            "unreadable-definition",
            error.to_string(),
        )),
        StartError::ShuttingDown | StartError::Read(_) | StartError::Commit(_) => None,
    }
}

async fn undo(engine: &Arc<Engine>, order: &ChildOrder) -> Option<ChildEnd> {
    let sagas = Sagas::new(Arc::clone(engine));
    let mut pivot_tries = PIVOT_TRIES;
    loop {
        match sagas.command(order.child.id, Input::Undo).await {
            // It says by itself when it is undone.
            Ok(_) => return None,
            // It was never started: there is nothing to undo.
            Err(CommandError::NotFound(_)) if order.attempt == 0 => {
                return Some(ChildEnd::Compensated { error: None });
            }
            Err(CommandError::NotFound(_)) => {
                let message = "the nested saga had completed, and was deleted since";
                let failure = Failure::permanent("child-deleted", message);
                return Some(ChildEnd::Irreversible { failure });
            }
            // What comes of the pivot decides: if it fails, the child can be undone.
            Err(CommandError::Transition(TransitionError::Bound {
                done: Pivot::Running,
                ..
            })) if pivot_tries > 0 => {
                pivot_tries -= 1;
                tokio::time::sleep(AGAIN).await;
            }
            Err(CommandError::Transition(error)) => {
                let code = match &error {
                    TransitionError::Bound { .. } => "child-only-goes-forward",
                    _ => "child-not-undone",
                };
                let failure = Failure::permanent(code, error.to_string());
                return Some(ChildEnd::Irreversible { failure });
            }
            Err(error) => {
                tracing::warn!(%error, child = %order.child.id, "a nested saga could not be told yet to undo itself");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Tells a parent how its child ended.
pub(crate) async fn tell(engine: &Arc<Engine>, told: &Told) {
    let sagas = Sagas::new(Arc::clone(engine));
    let input = Input::ChildEnded {
        step: told.parent.step.clone(),
        child: told.child,
        end: told.end.clone(),
    };
    loop {
        match sagas.command(told.parent.saga, input.clone()).await {
            // A parent that is gone was deleted: nobody needs to know.
            Ok(_) | Err(CommandError::NotFound(_)) => return,
            Err(error) => {
                tracing::warn!(%error, parent = %told.parent.saga, child = %told.child, "the saga around a nested one could not be told yet how it ended");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
