//! The rule by which an append is admitted, the same in every store.

use crate::error::Refusal;
use crate::model::{Append, Fence, OwnerId, Ownership};

/// What of a stored saga decides on an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Place of the last event.
    pub(crate) seq: u64,
    /// Who owns the saga.
    pub(crate) owner: Option<OwnerId>,
    /// How often it has changed hands.
    pub(crate) epoch: u64,
}

impl Standing {
    /// Whether whoever shows this fence owns the saga.
    pub(crate) fn is_held_by(self, fence: Fence) -> bool {
        self.owner == Some(fence.owner) && self.epoch == fence.epoch
    }
}

/// Decides on an append to a saga that stands like this, or that does not exist. Answers how the
/// saga stands after it.
pub(crate) fn admit(standing: Option<Standing>, append: &Append) -> Result<Standing, Refusal> {
    debug_assert!(
        append
            .records
            .iter()
            .zip(append.expected + 1..)
            .all(|(record, seq)| record.seq == seq),
        "records are numbered from the expected event on"
    );
    let saga = append.saga;
    match standing {
        Some(_) if append.expected == 0 => return Err(Refusal::Exists { saga }),
        // A saga without events would take no append ever after: each would expect event 0.
        None if append.expected == 0 && !append.records.is_empty() => {}
        Some(standing) if standing.seq == append.expected && standing.is_held_by(append.fence) => {}
        _ => {
            return Err(Refusal::Fenced {
                saga,
                expected: append.expected,
            });
        }
    }
    Ok(Standing {
        seq: append
            .records
            .last()
            .map_or(append.expected, |record| record.seq),
        owner: match append.head.ownership {
            Ownership::Keep => Some(append.fence.owner),
            Ownership::Release => None,
        },
        epoch: append.fence.epoch,
    })
}
