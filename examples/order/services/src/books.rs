//! The books of the shop: stock, money, parcels, and the ledger of what was done to them.
//!
//! Every command either has its whole effect, ledger entry included, or none. Whoever calls holds
//! the books alone (`&mut self`).

pub(crate) mod accounts;
pub(crate) mod amount;
pub(crate) mod command;
pub(crate) mod inventory;
pub(crate) mod ledger;
pub(crate) mod orders;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::Serialize;

use accounts::Accounts;
use amount::Amount;
use command::{Charge, Command, Confirm, Id, Reserve, Ship, Undo};
use inventory::Inventory;
use ledger::{Effect, Ledger};
use orders::{Order, OrderView, Part, PartName, Payment, Reservation, Shipment};

/// This user's parcels never arrive: the demonstration's second way to fail a shipment.
const UNREACHABLE_USER: &str = "user_3";

/// What the books are opened with.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// Stock by product.
    pub(crate) stock: Vec<(Id, u64)>,
    /// Balance by user.
    pub(crate) balances: Vec<(Id, Amount)>,
    /// The bound on the ledger.
    pub(crate) max_ledger_entries: usize,
}

/// The state of the shop.
#[derive(Debug)]
pub(crate) struct Books {
    /// What is on the shelves.
    pub(crate) inventory: Inventory,
    /// What users have.
    pub(crate) accounts: Accounts,
    /// What was done.
    pub(crate) ledger: Ledger,
    orders: BTreeMap<Id, Order>,
}

/// What a command that was carried out is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Receipt {
    /// Whether there was something to make final: `false` when it was final already.
    Confirmed(bool),
    /// Whether there was stock to put back.
    Released(bool),
    /// Whether there was money to give back.
    Refunded(bool),
    /// Whether there was a parcel to call back.
    Cancelled(bool),
    /// What was set aside.
    #[serde(untagged)]
    Reserved(Reservation),
    /// What was paid.
    #[serde(untagged)]
    Charged(Payment),
    /// What was sent.
    #[serde(untagged)]
    Shipped(Shipment),
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such product.
    #[error("there is no product {product_id}; GET /inventory lists them")]
    UnknownProduct { product_id: Id },
    /// Less available than asked for.
    #[error("{quantity} of {product_id} asked for, {available} available")]
    OutOfStock {
        product_id: Id,
        quantity: u64,
        available: u64,
    },
    /// No such user.
    #[error("there is no user {user_id}; GET /balances lists them")]
    UnknownUser { user_id: Id },
    /// Less money than asked for.
    #[error("{user_id} has {balance}, {amount} is needed")]
    InsufficientFunds {
        user_id: Id,
        amount: Amount,
        balance: Amount,
    },
    /// The parcel cannot be sent.
    #[error("the shipment of order {order_id} failed: {reason}")]
    ShippingFailed { order_id: Id, reason: String },
    /// The same act under another key.
    #[error(
        "order {order_id} already has a {part}; to repeat the request, send it with its own Idempotency-Key"
    )]
    AlreadyExists { order_id: Id, part: PartName },
    /// An act after its undo.
    #[error("the {part} of order {order_id} was undone and cannot be made any more")]
    AlreadyUndone { order_id: Id, part: PartName },
    /// A confirmation of nothing.
    #[error("order {order_id} has no reservation that could be confirmed")]
    NotReserved { order_id: Id },
    /// The ledger's bound.
    #[error(
        "the ledger is full at {max_entries} entries; POST /reset, or start with a larger --max-entries"
    )]
    LedgerFull { max_entries: usize },
}

impl Books {
    /// Fresh books.
    pub(crate) fn open(opening: &Opening) -> Self {
        Self {
            inventory: Inventory::open(opening.stock.iter().cloned()),
            accounts: Accounts::open(opening.balances.iter().cloned()),
            ledger: Ledger::new(opening.max_ledger_entries),
            orders: BTreeMap::new(),
        }
    }

    /// Carries `command` out; `key` goes into the ledger.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that applies; the books are then as they were.
    pub(crate) fn execute(&mut self, key: &str, command: &Command) -> Result<Receipt, Refusal> {
        match command {
            Command::Reserve(reserve) => self.reserve(key, reserve).map(Receipt::Reserved),
            Command::Charge(charge) => self.charge(key, charge).map(Receipt::Charged),
            Command::Ship(ship) => self.ship(key, ship).map(Receipt::Shipped),
            Command::Confirm(confirm) => self.confirm(key, confirm).map(Receipt::Confirmed),
            Command::Release(undo) => Ok(Receipt::Released(self.release(key, undo))),
            Command::Refund(undo) => Ok(Receipt::Refunded(self.refund(key, undo))),
            Command::Cancel(undo) => Ok(Receipt::Cancelled(self.cancel(key, undo))),
        }
    }

    /// One order.
    pub(crate) fn order(&self, order_id: &str) -> Option<OrderView> {
        let (id, order) = self.orders.get_key_value(order_id)?;
        Some(OrderView::new(id, order))
    }

    /// Every order after the one named `after`, by id; all with `None`.
    pub(crate) fn orders(&self, after: Option<&str>) -> impl Iterator<Item = (&Id, &Order)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.orders.range::<str, _>((start, Bound::Unbounded))
    }

    fn reserve(&mut self, key: &str, reserve: &Reserve) -> Result<Reservation, Refusal> {
        self.vacant(&reserve.order_id, PartName::Reservation, |order| {
            &order.reservation
        })?;
        self.inventory
            .reserve(&reserve.product_id, reserve.quantity)?;
        let done = Reservation {
            reservation_id: format!("reservation_{}", self.ledger.next_sequence()),
            order_id: reserve.order_id.clone(),
            product_id: reserve.product_id.clone(),
            quantity: reserve.quantity,
            confirmed: false,
        };
        let effect = Effect::Reserved {
            reservation_id: done.reservation_id.clone(),
            product_id: done.product_id.clone(),
            quantity: done.quantity,
        };
        self.ledger.append(done.order_id.clone(), key, effect);
        self.order_mut(&done.order_id).reservation = Part::Done(done.clone());
        Ok(done)
    }

    fn charge(&mut self, key: &str, charge: &Charge) -> Result<Payment, Refusal> {
        self.vacant(&charge.order_id, PartName::Payment, |order| &order.payment)?;
        self.accounts.charge(&charge.user_id, charge.amount)?;
        let done = Payment {
            payment_id: format!("payment_{}", self.ledger.next_sequence()),
            order_id: charge.order_id.clone(),
            user_id: charge.user_id.clone(),
            amount: charge.amount.amount(),
        };
        let effect = Effect::Charged {
            payment_id: done.payment_id.clone(),
            user_id: done.user_id.clone(),
            amount: done.amount,
        };
        self.ledger.append(done.order_id.clone(), key, effect);
        self.order_mut(&done.order_id).payment = Part::Done(done.clone());
        Ok(done)
    }

    fn ship(&mut self, key: &str, ship: &Ship) -> Result<Shipment, Refusal> {
        self.vacant(&ship.order_id, PartName::Shipment, |order| &order.shipment)?;
        deliverable(ship)?;
        let sequence = self.ledger.next_sequence();
        let done = Shipment {
            shipment_id: format!("shipment_{sequence}"),
            order_id: ship.order_id.clone(),
            user_id: ship.user_id.clone(),
            address: ship.address.clone(),
            tracking_number: format!("TRACK-{sequence:06}"),
        };
        let effect = Effect::Shipped {
            shipment_id: done.shipment_id.clone(),
            tracking_number: done.tracking_number.clone(),
            user_id: done.user_id.clone(),
        };
        self.ledger.append(done.order_id.clone(), key, effect);
        self.order_mut(&done.order_id).shipment = Part::Done(done.clone());
        Ok(done)
    }

    fn confirm(&mut self, key: &str, confirm: &Confirm) -> Result<bool, Refusal> {
        let order = self.orders.get_mut(&confirm.order_id);
        let Some(done) = order.and_then(|order| order.reservation.done_mut()) else {
            return Err(Refusal::NotReserved {
                order_id: confirm.order_id.clone(),
            });
        };
        if done.confirmed {
            return Ok(false);
        }
        self.ledger.room_for_confirmation()?;
        done.confirmed = true;
        let effect = Effect::Confirmed {
            reservation_id: done.reservation_id.clone(),
        };
        self.ledger.append(confirm.order_id.clone(), key, effect);
        Ok(true)
    }

    fn release(&mut self, key: &str, undo: &Undo) -> bool {
        let Some(was) = self.order_mut(&undo.order_id).reservation.undo() else {
            return false;
        };
        self.inventory.release(&was.product_id, was.quantity);
        let effect = Effect::Released {
            reservation_id: was.reservation_id,
            product_id: was.product_id,
            quantity: was.quantity,
        };
        self.ledger.append(was.order_id, key, effect);
        true
    }

    fn refund(&mut self, key: &str, undo: &Undo) -> bool {
        let Some(was) = self.order_mut(&undo.order_id).payment.undo() else {
            return false;
        };
        self.accounts.refund(&was.user_id, was.amount);
        let effect = Effect::Refunded {
            payment_id: was.payment_id,
            user_id: was.user_id,
            amount: was.amount,
        };
        self.ledger.append(was.order_id, key, effect);
        true
    }

    fn cancel(&mut self, key: &str, undo: &Undo) -> bool {
        let Some(was) = self.order_mut(&undo.order_id).shipment.undo() else {
            return false;
        };
        let effect = Effect::Cancelled {
            shipment_id: was.shipment_id,
            tracking_number: was.tracking_number,
            user_id: was.user_id,
        };
        self.ledger.append(was.order_id, key, effect);
        true
    }

    /// What every act needs: its part of the order untouched, and room in the ledger.
    fn vacant<T: Clone>(
        &self,
        order_id: &Id,
        name: PartName,
        part: impl Fn(&Order) -> &Part<T>,
    ) -> Result<(), Refusal> {
        if let Some(order) = self.orders.get(order_id) {
            part(order).vacant(order_id, name)?;
        }
        self.ledger.room_for_act()
    }

    fn order_mut(&mut self, order_id: &Id) -> &mut Order {
        self.orders.entry(order_id.clone()).or_default()
    }
}

fn deliverable(ship: &Ship) -> Result<(), Refusal> {
    let reason = if ship.fail == Some(true) {
        "the request asked for it".to_owned()
    } else if ship.user_id.as_str() == UNREACHABLE_USER {
        format!("{UNREACHABLE_USER} cannot be reached")
    } else {
        return Ok(());
    };
    Err(Refusal::ShippingFailed {
        order_id: ship.order_id.clone(),
        reason,
    })
}
