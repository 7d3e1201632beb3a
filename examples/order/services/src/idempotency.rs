//! Each key has one effect.
//!
//! A caller that does not know what became of its request sends it again under the same key, and
//! gets the answer of the first time.

use std::collections::HashMap;

use crate::books::command::Command;
use crate::books::{Books, Opening, Receipt, Refusal};

/// The books, and the answer that each key got.
#[derive(Debug)]
pub(crate) struct Desk {
    books: Books,
    answers: HashMap<Key, Recorded>,
    opening: Opening,
}

/// The value of an `Idempotency-Key` header, which the caller makes up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) String);

/// What became of a command: either is an answer to keep.
pub(crate) type Outcome = Result<Receipt, Refusal>;

/// Whether an answer is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The command was carried out, or refused, just now.
    First,
    /// It was before; this is the answer of then.
    Replayed,
}

/// Why a request got no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// One key for two requests.
    #[error("this Idempotency-Key was used for another request; take a new key for a new request")]
    Reused,
    /// The bound on kept answers.
    #[error(
        "{kept} answers are kept, which is the bound; POST /reset, or start with a larger --max-entries"
    )]
    Full { kept: usize },
}

#[derive(Debug)]
struct Recorded {
    command: Command,
    outcome: Outcome,
}

impl Desk {
    /// A desk with fresh books and no answers.
    pub(crate) fn open(opening: Opening) -> Self {
        Self {
            books: Books::open(&opening),
            answers: HashMap::new(),
            opening,
        }
    }

    /// Forgets everything that happened.
    pub(crate) fn reset(&mut self) {
        *self = Self::open(self.opening.clone());
    }

    /// The books, to read.
    pub(crate) const fn books(&self) -> &Books {
        &self.books
    }

    /// Carries `command` out, once for each `key`.
    ///
    /// # Errors
    ///
    /// The key belongs to another command, or there is no room for another answer.
    pub(crate) fn execute(
        &mut self,
        key: Key,
        command: Command,
    ) -> Result<(Outcome, Delivery), KeyError> {
        if let Some(recorded) = self.answers.get(&key) {
            if recorded.command != command {
                return Err(KeyError::Reused);
            }
            return Ok((recorded.outcome.clone(), Delivery::Replayed));
        }
        self.room_for_answer(&command)?;
        let outcome = self.books.execute(&key.0, &command);
        if is_final(&outcome) {
            let outcome = outcome.clone();
            self.answers.insert(key, Recorded { command, outcome });
        }
        Ok((outcome, Delivery::First))
    }

    /// Acts stop at half of the answers that undos may fill, so that each of them can be undone.
    fn room_for_answer(&self, command: &Command) -> Result<(), KeyError> {
        let acts = self.opening.max_ledger_entries;
        let bound = if command.is_undo() {
            acts.saturating_mul(2)
        } else {
            acts
        };
        let kept = self.answers.len();
        if kept < bound {
            Ok(())
        } else {
            Err(KeyError::Full { kept })
        }
    }
}

/// A full ledger says nothing about the command: the same request may succeed after a reset.
const fn is_final(outcome: &Outcome) -> bool {
    !matches!(outcome, Err(Refusal::LedgerFull { .. }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Delivery, Desk, Key, KeyError};
    use crate::books::tests::{charge, opening, refund, reserve};
    use crate::books::{Receipt, Refusal};

    fn key(text: &str) -> Key {
        Key(text.to_owned())
    }

    #[test]
    fn the_same_key_again_gets_the_recorded_answer_and_has_no_second_effect() {
        let mut desk = Desk::open(opening());
        let (first, delivery) = desk
            .execute(key("k"), reserve("o", "product_1", 2))
            .unwrap();
        assert_eq!(delivery, Delivery::First);

        let (second, delivery) = desk
            .execute(key("k"), reserve("o", "product_1", 2))
            .unwrap();
        assert_eq!(delivery, Delivery::Replayed);
        assert_eq!(first, second);
        assert_eq!(desk.books().ledger.after(0).len(), 1);
    }

    #[test]
    fn a_refusal_is_recorded_too() {
        let mut desk = Desk::open(opening());
        let too_much = || charge("o", "user_3", "500");
        let (first, _) = desk.execute(key("k"), too_much()).unwrap();
        assert!(matches!(first, Err(Refusal::InsufficientFunds { .. })));
        let (second, delivery) = desk.execute(key("k"), too_much()).unwrap();
        assert_eq!((second, delivery), (first, Delivery::Replayed));
    }

    #[test]
    fn a_key_for_another_request_is_refused() {
        let mut desk = Desk::open(opening());
        let _ = desk
            .execute(key("k"), reserve("o", "product_1", 2))
            .unwrap();
        for other in [reserve("o", "product_1", 3), refund("o")] {
            assert_eq!(desk.execute(key("k"), other), Err(KeyError::Reused));
        }
    }

    #[test]
    fn a_full_desk_refuses_acts_and_still_undoes() {
        let mut opening = opening();
        opening.max_ledger_entries = 2;
        let mut desk = Desk::open(opening);
        desk.execute(key("1"), charge("o", "user_1", "1"))
            .unwrap()
            .0
            .unwrap();

        let (full, _) = desk.execute(key("2"), charge("p", "user_1", "1")).unwrap();
        assert_eq!(full, Err(Refusal::LedgerFull { max_entries: 2 }));

        let (refunded, _) = desk.execute(key("3"), refund("o")).unwrap();
        assert_eq!(refunded, Ok(Receipt::Refunded(true)));
        let act = desk.execute(key("4"), charge("q", "user_1", "1"));
        assert_eq!(act, Err(KeyError::Full { kept: 2 }));
    }

    #[test]
    fn a_reset_forgets_answers_and_effects() {
        let mut desk = Desk::open(opening());
        desk.execute(key("k"), reserve("o", "product_1", 2))
            .unwrap()
            .0
            .unwrap();
        desk.reset();
        assert!(desk.books().ledger.after(0).is_empty());
        assert!(desk.books().order("o").is_none());
        let (_, delivery) = desk
            .execute(key("k"), reserve("o", "product_1", 9))
            .unwrap();
        assert_eq!(delivery, Delivery::First);
    }
}
