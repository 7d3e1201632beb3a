//! Actions that somebody else has to finish.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Call, Completed, StepError};

/// A step whose work somebody else finishes: a person, a bank, a batch that runs at night.
///
/// `act` asks, hands out [`Call::reply_token`] and answers [`Outcome::Pending`]. The saga then sleeps, for as long as the
/// definition says, and costs nothing meanwhile. Whoever replies does so at the engine's API, `POST
/// /v1/callbacks/{token}`, with `{"succeeded": …}` or `{"failed": {"kind": …, "code": …, "message": …}}`. Then the engine
/// calls [`on_reply`](Self::on_reply), which says what the reply means.
///
/// Like the functions of an [`Action`](crate::Action), which this trait stands for, all of them run *at least once*.
///
/// ```
/// use wasaga_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Order {
///     order_id: String,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Approval {
///     approved_by: String,
/// }
///
/// struct Review;
///
/// impl Callback for Review {
///     type Input = Order;
///     type Result = Approval;
///     type Reply = Approval;
///
///     fn act(call: Call<Order>) -> Result<Outcome<Approval>, StepError> {
///         let review = json!({ "order": call.input.order_id, "reply_to": call.reply_token() });
///         http::post("https://desk.example/reviews").json(&review).send()?.error_for_status()?;
///         Ok(Outcome::Pending(json!({ "review": call.input.order_id })))
///     }
///
///     fn on_reply(_: Call<Order>, reply: Result<Approval, StepError>) -> Result<Outcome<Approval>, StepError> {
///         Ok(reply?.into())
///     }
/// }
///
/// wasaga_sdk::export!(Review: Callback);
/// ```
pub trait Callback {
    /// The part of the saga's input that this action reads. [`Value`] takes any.
    type Input: DeserializeOwned;
    /// What the action leaves for `compensate` and for the next step. `()` when there is nothing to say.
    type Result: Serialize + DeserializeOwned;
    /// What a reply of success brings. [`Value`] takes any.
    type Reply: DeserializeOwned;

    /// Does the step's work, or asks somebody to.
    ///
    /// # Errors
    ///
    /// A *retryable* error is tried again as the definition's policy says, a *permanent* one rolls the saga back.
    fn act(call: Call<Self::Input>) -> Result<Outcome<Self::Result>, StepError>;

    /// Turns a reply into the outcome: the work is done, it failed, or another reply has to come.
    ///
    /// `reply` is an error when the reply says that the work failed: `reply?` passes that on, and anything else may
    /// repair it. The call has an idempotency key of its own, and with it another token.
    ///
    /// A reply of success that does not fit [`Reply`](Self::Reply) is a permanent failure, `invalid-reply`.
    ///
    /// # Errors
    ///
    /// As those of [`act`](Self::act). After a *retryable* one it is called again with the same reply.
    fn on_reply(
        call: Call<Self::Input>,
        reply: Result<Self::Reply, StepError>,
    ) -> Result<Outcome<Self::Result>, StepError>;

    /// Undoes the work, as [`Action::compensate`](crate::Action::compensate) does. The default does nothing.
    ///
    /// `result` is absent, too, when the saga was rolled back before the action completed: no reply came, or it was
    /// cancelled.
    ///
    /// # Errors
    ///
    /// A *retryable* error is tried again. After a *permanent* one, or when the attempts are used up, the saga is stuck
    /// and waits for an operator.
    fn compensate(call: Call<Self::Input>, result: Option<Self::Result>) -> Result<(), StepError> {
        let _ = (call, result);
        Ok(())
    }
}

/// How a [`Callback`] ended when it did not fail. `.into()` makes one of a result or of a [`Completed`].
///
/// ```
/// use wasaga_sdk::{Completed, Outcome, json};
///
/// let done: Outcome<u8> = 7.into();
/// let patched: Outcome<u8> = Completed::new(7).patch(json!({ "approved": true })).into();
/// let asked: Outcome<u8> = Outcome::Pending(json!({ "question": "may user_3 spend 500?" }));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<R> {
    /// The work is done.
    Completed(Completed<R>),
    /// A reply has to come. The payload is for whoever has to reply: the saga shows it while it waits.
    Pending(Value),
}

impl<R> From<Completed<R>> for Outcome<R> {
    fn from(completed: Completed<R>) -> Self {
        Self::Completed(completed)
    }
}

impl<R> From<R> for Outcome<R> {
    fn from(result: R) -> Self {
        Self::Completed(result.into())
    }
}
