//! What callers ask for: the bodies of the mutating requests.

use std::borrow::Borrow;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::amount::Amount;

/// Bytes of an id. Ids are kept for as long as the process runs, so their size is bounded.
const MAX_ID_BYTES: usize = 200;

/// Bytes of a postal address.
const MAX_ADDRESS_BYTES: usize = 1_000;

/// The id of an order, a product or a user, as its owner chose it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Id(String);

impl Id {
    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A positive amount: what can be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Amount")]
pub(crate) struct Price(Amount);

impl Price {
    /// The amount to move.
    pub(crate) const fn amount(self) -> Amount {
        self.0
    }
}

/// Where a parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Address(String);

/// Takes `quantity` of a product out of stock for an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Reserve {
    pub(crate) order_id: Id,
    pub(crate) product_id: Id,
    pub(crate) quantity: NonZeroU32,
}

/// Takes `amount` from a user's balance for an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Charge {
    pub(crate) order_id: Id,
    pub(crate) user_id: Id,
    pub(crate) amount: Price,
}

/// Sends an order to its user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Ship {
    pub(crate) order_id: Id,
    pub(crate) user_id: Id,
    #[serde(default)]
    pub(crate) address: Option<Address>,
    /// Asks for a failure, to show what a saga does then.
    #[serde(default)]
    pub(crate) fail: Option<bool>,
}

/// Makes the reservation of an order final: nobody else is going to get the stock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Confirm {
    pub(crate) order_id: Id,
}

/// Undoes one part of an order, whichever the route says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Undo {
    pub(crate) order_id: Id,
}

/// One mutating request. Two are the same request when they are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Takes stock.
    Reserve(Reserve),
    /// Makes a reservation final.
    Confirm(Confirm),
    /// Puts an order's stock back.
    Release(Undo),
    /// Takes money.
    Charge(Charge),
    /// Gives an order's money back.
    Refund(Undo),
    /// Sends a parcel.
    Ship(Ship),
    /// Calls an order's parcel back.
    Cancel(Undo),
}

impl Command {
    /// Whether this takes an effect back instead of making one.
    pub(crate) const fn is_undo(&self) -> bool {
        matches!(self, Self::Release(_) | Self::Refund(_) | Self::Cancel(_))
    }
}

/// A text or number that a command cannot carry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FieldError {
    /// An id that names nothing.
    #[error("an id must not be empty")]
    EmptyId,
    /// A text past its bound.
    #[error("{what} has at most {max_bytes} bytes, got {bytes}")]
    TooLong {
        what: &'static str,
        bytes: usize,
        max_bytes: usize,
    },
    /// Nothing, or less than nothing, to charge.
    #[error("an amount to charge is greater than 0, got {0}")]
    NotPositive(Amount),
}

impl TryFrom<String> for Id {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        if text.is_empty() {
            return Err(FieldError::EmptyId);
        }
        Ok(Self(bounded(text, "an id", MAX_ID_BYTES)?))
    }
}

impl TryFrom<String> for Address {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        Ok(Self(bounded(text, "an address", MAX_ADDRESS_BYTES)?))
    }
}

impl TryFrom<Amount> for Price {
    type Error = FieldError;

    fn try_from(amount: Amount) -> Result<Self, FieldError> {
        if amount.is_positive() {
            Ok(Self(amount))
        } else {
            Err(FieldError::NotPositive(amount))
        }
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn bounded(text: String, what: &'static str, max_bytes: usize) -> Result<String, FieldError> {
    let bytes = text.len();
    if bytes > max_bytes {
        return Err(FieldError::TooLong {
            what,
            bytes,
            max_bytes,
        });
    }
    Ok(text)
}
