//! Actions of two phases.

use serde::de::DeserializeOwned;

use crate::{Call, StepError};

/// The second phase of an [`Action`](crate::Action) or a [`Callback`](crate::Callback): try, confirm, cancel.
///
/// `act` only tries: it holds what the saga needs, a seat, a part of an account. When every step of the saga has
/// succeeded, `confirm` makes that final; when one has not, `compensate` lets it go.
///
/// ```
/// use wasaga_sdk::prelude::*;
///
/// struct Seat;
///
/// impl Action for Seat {
///     type Input = Value;
///     type Result = u32;
///
///     fn act(call: Call<Value>) -> Result<Completed<u32>, StepError> {
///         let seat: u32 = http::post("https://seats.example/holds").json(&call.input).send()?.error_for_status()?.json()?;
///         Ok(seat.into())
///     }
///
///     fn compensate(call: Call<Value>, _: Option<u32>) -> Result<(), StepError> {
///         http::delete(format!("https://seats.example/sagas/{}", call.saga_id())).send()?.error_for_status()?;
///         Ok(())
///     }
/// }
///
/// impl Confirmation for Seat {
///     type Input = Value;
///     type Result = u32;
///
///     fn confirm(_: Call<Value>, seat: u32) -> Result<(), StepError> {
///         http::put(format!("https://seats.example/seats/{seat}/sold")).send()?.error_for_status()?;
///         Ok(())
///     }
/// }
///
/// wasaga_sdk::export!(Seat: Confirmation);
/// ```
pub trait Confirmation {
    /// The part of the saga's input that this phase reads.
    type Input: DeserializeOwned;
    /// What the first phase left: the same type as there.
    type Result: DeserializeOwned;

    /// Makes the work final. Runs *at least once*, after every step of the saga has succeeded, with what `act` or
    /// `on_reply` completed with.
    ///
    /// # Errors
    ///
    /// There is no way back any more: a *retryable* error is tried again until it succeeds. After a *permanent* one, or
    /// when the definition's attempts are used up, the saga is stuck and waits for an operator.
    fn confirm(call: Call<Self::Input>, result: Self::Result) -> Result<(), StepError>;
}
