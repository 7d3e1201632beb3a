//! Money by user.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::amount::Amount;
use super::command::{Id, Price};

/// Every user's balance.
#[derive(Debug)]
pub(crate) struct Accounts {
    users: BTreeMap<Id, Account>,
}

#[derive(Debug)]
struct Account {
    initial: Amount,
    balance: Amount,
}

/// One user's line in the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BalanceLine {
    pub(crate) user_id: Id,
    /// What the books were opened with.
    pub(crate) initial: Amount,
    pub(crate) balance: Amount,
}

impl Accounts {
    /// Accounts that nothing was taken from.
    pub(crate) fn open(balances: impl IntoIterator<Item = (Id, Amount)>) -> Self {
        let users = balances
            .into_iter()
            .map(|(user, initial)| {
                let balance = initial;
                (user, Account { initial, balance })
            })
            .collect();
        Self { users }
    }

    /// Takes `price` from the balance of `user`.
    ///
    /// # Errors
    ///
    /// The user is not known, or has less than that.
    pub(crate) fn charge(&mut self, user: &Id, price: Price) -> Result<(), Refusal> {
        let account = self
            .users
            .get_mut(user)
            .ok_or_else(|| Refusal::UnknownUser {
                user_id: user.clone(),
            })?;
        if price.amount() > account.balance {
            return Err(Refusal::InsufficientFunds {
                user_id: user.clone(),
                amount: price.amount(),
                balance: account.balance,
            });
        }
        account.balance -= price.amount();
        Ok(())
    }

    /// Gives back what an earlier [`charge`](Self::charge) took.
    pub(crate) fn refund(&mut self, user: &Id, amount: Amount) {
        if let Some(account) = self.users.get_mut(user) {
            account.balance += amount;
        }
    }

    /// Every user, by id.
    pub(crate) fn lines(&self) -> Vec<BalanceLine> {
        self.users
            .iter()
            .map(|(user, account)| BalanceLine {
                user_id: user.clone(),
                initial: account.initial,
                balance: account.balance,
            })
            .collect()
    }
}
