//! What was done for each order.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::amount::Amount;
use super::command::{Address, Id};

/// Stock that was set aside for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reservation {
    pub(crate) reservation_id: String,
    pub(crate) order_id: Id,
    pub(crate) product_id: Id,
    pub(crate) quantity: NonZeroU32,
    /// Whether it was made final.
    pub(crate) confirmed: bool,
}

/// Money that was taken for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Payment {
    pub(crate) payment_id: String,
    pub(crate) order_id: Id,
    pub(crate) user_id: Id,
    pub(crate) amount: Amount,
}

/// A parcel that was sent for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Shipment {
    pub(crate) shipment_id: String,
    pub(crate) order_id: Id,
    pub(crate) user_id: Id,
    pub(crate) address: Option<Address>,
    pub(crate) tracking_number: String,
}

/// The parts that an order has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PartName {
    /// Stock set aside.
    Reservation,
    /// Money taken.
    Payment,
    /// A parcel sent.
    Shipment,
}

/// One part of an order, over its life: nothing, then done at most once, then undone for good.
///
/// An undo that comes before its act closes the part as well: a request that was under way while
/// its caller went down may arrive after the undo, and must not have an effect then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum Part<T> {
    /// Nobody asked for it.
    #[default]
    None,
    /// The effect is there.
    Done(T),
    /// The effect was taken back, or is refused from now on.
    Undone(Undone<T>),
}

/// What is left of an undone part: what it was, when there was something to undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Undone<T> {
    #[serde(flatten)]
    pub(crate) was: Option<T>,
}

impl<T: Clone> Part<T> {
    /// Refuses an act that was done already, or that comes after its undo.
    ///
    /// # Errors
    ///
    /// [`Refusal::AlreadyExists`] and [`Refusal::AlreadyUndone`], which name `part`.
    pub(crate) fn vacant(&self, order_id: &Id, part: PartName) -> Result<(), Refusal> {
        let order_id = order_id.clone();
        match self {
            Self::None => Ok(()),
            Self::Done(_) => Err(Refusal::AlreadyExists { order_id, part }),
            Self::Undone(_) => Err(Refusal::AlreadyUndone { order_id, part }),
        }
    }

    /// Closes the part for good. Answers what has to be taken back, if anything.
    pub(crate) fn undo(&mut self) -> Option<T> {
        match self {
            Self::None => {
                *self = Self::Undone(Undone { was: None });
                None
            }
            Self::Done(done) => {
                let was = done.clone();
                *self = Self::Undone(Undone {
                    was: Some(was.clone()),
                });
                Some(was)
            }
            Self::Undone(_) => None,
        }
    }

    /// The effect, when it is there.
    pub(crate) const fn done_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Done(done) => Some(done),
            Self::None | Self::Undone(_) => None,
        }
    }

    const fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// The three parts of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Order {
    pub(crate) reservation: Part<Reservation>,
    pub(crate) payment: Part<Payment>,
    pub(crate) shipment: Part<Shipment>,
}

/// How far an order is, as its parts tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderStatus {
    /// Some of its effects are there, others are not.
    Open,
    /// Every effect is there.
    Complete,
    /// No effect is there.
    Undone,
}

/// An order as its readers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OrderView {
    pub(crate) order_id: Id,
    pub(crate) status: OrderStatus,
    #[serde(flatten)]
    pub(crate) order: Order,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reservation => "reservation",
            Self::Payment => "payment",
            Self::Shipment => "shipment",
        })
    }
}

impl OrderStatus {
    /// The status of an order of which `done` says which of its three effects are there.
    pub(crate) fn of(done: [bool; 3]) -> Self {
        match done {
            [true, true, true] => Self::Complete,
            [false, false, false] => Self::Undone,
            _ => Self::Open,
        }
    }

    /// The word for it, as in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Undone => "undone",
        }
    }
}

impl OrderView {
    /// The view of `order`.
    pub(crate) fn new(order_id: &Id, order: &Order) -> Self {
        Self {
            order_id: order_id.clone(),
            status: OrderStatus::of([
                order.reservation.is_done(),
                order.payment.is_done(),
                order.shipment.is_done(),
            ]),
            order: order.clone(),
        }
    }
}
