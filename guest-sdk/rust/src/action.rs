//! What a step's author implements.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Call, StepError};

/// The work of a step and its undoing.
///
/// The engine runs both *at least once*: an attempt whose outcome it does not know is run again with the same
/// [`Call::idempotency_key`]. So both must do no harm when they are repeated.
///
/// ```
/// use wasaga_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Order {
///     order_id: String,
///     quantity: u32,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Reservation {
///     id: String,
/// }
///
/// struct Reserve;
///
/// impl Action for Reserve {
///     type Input = Order;
///     type Result = Reservation;
///
///     fn act(call: Call<Order>) -> Result<Completed<Reservation>, StepError> {
///         let order = &call.input;
///         let reservation: Reservation = http::post("https://stock.example/reservations")
///             .json(&json!({ "order": order.order_id, "quantity": order.quantity }))
///             .send()?
///             .error_for_status()?
///             .json()?;
///         let patch = json!({ "reservation_id": reservation.id });
///         Ok(Completed::new(reservation).patch(patch))
///     }
///
///     fn compensate(call: Call<Order>, _reservation: Option<Reservation>) -> Result<(), StepError> {
///         http::delete(format!("https://stock.example/orders/{}", call.input.order_id)).send()?.error_for_status()?;
///         Ok(())
///     }
/// }
///
/// wasaga_sdk::export!(Reserve);
/// ```
pub trait Action {
    /// The part of the saga's input that this action reads. [`Value`] takes any.
    type Input: DeserializeOwned;
    /// What `act` leaves for `compensate` and for the next step. `()` when there is nothing to say.
    type Result: Serialize + DeserializeOwned;

    /// Does the step's work.
    ///
    /// # Errors
    ///
    /// A *retryable* error is tried again as the definition's policy says, a *permanent* one rolls the saga back.
    fn act(call: Call<Self::Input>) -> Result<Completed<Self::Result>, StepError>;

    /// Undoes [`act`](Self::act). The default does nothing: leave it out when there is nothing to undo.
    ///
    /// `result` is what `act` returned. It is absent when `act` was started but its result is not known: it may have
    /// done all of its work, some or none. So look for what to undo by something that is known beforehand, such as an
    /// order's id, and succeed when there is nothing.
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

/// What an action leaves behind when it has done its work.
///
/// ```
/// use wasaga_sdk::{Completed, json};
///
/// let completed = Completed::new(json!({ "payment_id": "p-17" })).patch(json!({ "paid": true }));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Completed<R> {
    pub(crate) result: R,
    pub(crate) patch: Option<Value>,
}

impl<R> Completed<R> {
    /// The action's result, and no change to the saga's context.
    pub fn new(result: R) -> Self {
        Self {
            result,
            patch: None,
        }
    }

    /// Changes the saga's context by an RFC 7396 merge patch: an object whose fields are set, or removed where they
    /// are `null`. A second patch replaces the first.
    #[must_use]
    pub fn patch(mut self, patch: Value) -> Self {
        self.patch = Some(patch);
        self
    }
}

impl<R> From<R> for Completed<R> {
    fn from(result: R) -> Self {
        Self::new(result)
    }
}
