//! The ledger: every effect there ever was, in order.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::amount::Amount;
use super::command::Id;
use super::orders::PartName;

/// An append-only list of effects with a bound.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    /// Acts that were not undone: each keeps room for its undo.
    undoable: usize,
    max_entries: usize,
}

/// One effect on one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// 1 for the first, without gaps.
    pub(crate) sequence: u64,
    /// When it happened (RFC 3339).
    pub(crate) time: String,
    pub(crate) order_id: Id,
    /// The idempotency key of the request that made it.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) effect: Effect,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Effect {
    /// Stock was set aside.
    Reserved {
        reservation_id: String,
        product_id: Id,
        quantity: NonZeroU32,
    },
    /// A reservation was made final.
    Confirmed { reservation_id: String },
    /// The stock of a reservation was put back.
    Released {
        reservation_id: String,
        product_id: Id,
        quantity: NonZeroU32,
    },
    /// Money was taken.
    Charged {
        payment_id: String,
        user_id: Id,
        amount: Amount,
    },
    /// The money of a payment was given back.
    Refunded {
        payment_id: String,
        user_id: Id,
        amount: Amount,
    },
    /// A parcel left.
    Shipped {
        shipment_id: String,
        tracking_number: String,
        user_id: Id,
    },
    /// A parcel was called back.
    Cancelled {
        shipment_id: String,
        tracking_number: String,
        user_id: Id,
    },
}

impl Effect {
    /// Whether this took an earlier effect back.
    pub(crate) const fn is_undo(&self) -> bool {
        matches!(
            self,
            Self::Released { .. } | Self::Refunded { .. } | Self::Cancelled { .. }
        )
    }

    /// Whether this is an effect of its own, which can be taken back.
    pub(crate) const fn is_act(&self) -> bool {
        matches!(
            self,
            Self::Reserved { .. } | Self::Charged { .. } | Self::Shipped { .. }
        )
    }

    /// Which part of its order it is about.
    pub(crate) const fn part(&self) -> PartName {
        match self {
            Self::Reserved { .. } | Self::Confirmed { .. } | Self::Released { .. } => {
                PartName::Reservation
            }
            Self::Charged { .. } | Self::Refunded { .. } => PartName::Payment,
            Self::Shipped { .. } | Self::Cancelled { .. } => PartName::Shipment,
        }
    }

    /// The word for it, as in JSON.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Reserved { .. } => "reserved",
            Self::Confirmed { .. } => "confirmed",
            Self::Released { .. } => "released",
            Self::Charged { .. } => "charged",
            Self::Refunded { .. } => "refunded",
            Self::Shipped { .. } => "shipped",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

impl Ledger {
    /// An empty ledger that takes `max_entries`.
    pub(crate) const fn new(max_entries: usize) -> Self {
        Self {
            entries: Vec::new(),
            undoable: 0,
            max_entries,
        }
    }

    /// Refuses an act for which, or for whose undo, there would be no room. So whatever was done
    /// can be undone, even in a full ledger.
    ///
    /// # Errors
    ///
    /// [`Refusal::LedgerFull`].
    pub(crate) fn room_for_act(&self) -> Result<(), Refusal> {
        self.room_for(2)
    }

    /// Refuses a confirmation for which there would be no room: it must not take the room of an undo.
    ///
    /// # Errors
    ///
    /// [`Refusal::LedgerFull`].
    pub(crate) fn room_for_confirmation(&self) -> Result<(), Refusal> {
        self.room_for(1)
    }

    fn room_for(&self, more: usize) -> Result<(), Refusal> {
        if self.entries.len() + self.undoable + more > self.max_entries {
            return Err(Refusal::LedgerFull {
                max_entries: self.max_entries,
            });
        }
        Ok(())
    }

    /// The sequence number that the next entry gets.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.entries.len() as u64 + 1
    }

    /// Writes `effect` down.
    pub(crate) fn append(&mut self, order_id: Id, key: &str, effect: Effect) {
        if effect.is_undo() {
            self.undoable -= 1;
        } else if effect.is_act() {
            self.undoable += 1;
        }
        self.entries.push(Entry {
            sequence: self.next_sequence(),
            time: jiff::Timestamp::now().to_string(),
            order_id,
            key: key.to_owned(),
            effect,
        });
    }

    /// The entries after the sequence number `after`, oldest first; all from the start with 0.
    pub(crate) fn after(&self, after: u64) -> &[Entry] {
        let start = usize::try_from(after).unwrap_or(usize::MAX);
        self.entries.get(start..).unwrap_or_default()
    }
}
