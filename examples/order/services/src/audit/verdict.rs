//! What the books must satisfy, whatever was ordered.

use std::collections::BTreeMap;

use crate::books::accounts::BalanceLine;
use crate::books::amount::Amount;
use crate::books::command::Id;
use crate::books::inventory::StockLine;
use crate::books::ledger::{Effect, Entry};
use crate::books::orders::{OrderStatus, PartName};

/// The books as they were read.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) stock: Vec<StockLine>,
    pub(super) balances: Vec<BalanceLine>,
    pub(super) ledger: Vec<Entry>,
}

/// What the ledger says about each order, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) orders: BTreeMap<Id, History>,
    /// One sentence for each fault; none when the books are in order.
    pub(super) faults: Vec<String>,
}

/// The effects on one order.
#[derive(Debug, Default)]
pub(super) struct History {
    /// All of them, oldest first.
    pub(super) effects: Vec<Effect>,
    /// Those that were not taken back.
    standing: BTreeMap<PartName, Effect>,
    /// Whether the reservation that stands is final.
    is_confirmed: bool,
}

/// Judges the books by these rules:
///
/// - the ledger has no gaps;
/// - no effect happened twice to an order, and nothing was made final or taken back that was not there;
/// - each order is complete or undone;
/// - stock and balances are what the standing effects leave.
pub(super) fn judge(statement: &Statement) -> Verdict {
    let mut verdict = Verdict::default();
    for (entry, sequence) in statement.ledger.iter().zip(1..) {
        if entry.sequence != sequence {
            let found = entry.sequence;
            let fault = format!("ledger entry {sequence} is numbered {found}");
            verdict.faults.push(fault);
        }
        let history = verdict.orders.entry(entry.order_id.clone()).or_default();
        if let Err(fault) = history.append(&entry.effect) {
            let order = &entry.order_id;
            verdict.faults.push(format!("order {order}: {fault}"));
        }
    }
    for (order, history) in &verdict.orders {
        if history.status() == OrderStatus::Open {
            let standing: Vec<_> = history.standing.values().map(Effect::kind).collect();
            let standing = standing.join(" and ");
            let fault = format!("order {order} is neither complete nor undone, but {standing}");
            verdict.faults.push(fault);
        }
    }
    let balance_faults = unbalanced(statement, &verdict.orders);
    verdict.faults.extend(balance_faults);
    verdict
}

/// The numbers in the books, by name: each product's available stock, each user's balance, the
/// orders of each status, those whose reservation is final, and the shipments under way.
pub(super) fn figures(statement: &Statement, verdict: &Verdict) -> BTreeMap<String, f64> {
    let stock = statement.stock.iter().map(|line| {
        let product = line.product_id.to_string();
        (product, count(line.available))
    });
    let balances = statement.balances.iter().map(|line| {
        let user = line.user_id.to_string();
        (user, line.balance.as_units())
    });
    let orders = [
        OrderStatus::Complete,
        OrderStatus::Undone,
        OrderStatus::Open,
    ]
    .map(|status| (status.as_str().to_owned(), count(verdict.with(status))));
    let shipments = count(
        verdict
            .standing()
            .filter(|effect| effect.part() == PartName::Shipment)
            .count() as u64,
    );
    stock
        .chain(balances)
        .chain(orders)
        .chain([("shipments".to_owned(), shipments)])
        .chain([("confirmed".to_owned(), count(verdict.confirmed()))])
        .collect()
}

impl Verdict {
    /// How many orders have `status`.
    pub(super) fn with(&self, status: OrderStatus) -> u64 {
        let orders = self.orders.values();
        orders.filter(|order| order.status() == status).count() as u64
    }

    /// How many orders have a reservation that is final.
    fn confirmed(&self) -> u64 {
        let orders = self.orders.values();
        orders.filter(|order| order.is_confirmed).count() as u64
    }

    fn standing(&self) -> impl Iterator<Item = &Effect> {
        standing(&self.orders)
    }
}

impl History {
    /// How far the order is.
    pub(super) fn status(&self) -> OrderStatus {
        let parts = [PartName::Reservation, PartName::Payment, PartName::Shipment];
        OrderStatus::of(parts.map(|part| self.standing.contains_key(&part)))
    }

    fn append(&mut self, effect: &Effect) -> Result<(), String> {
        let kind = effect.kind();
        let twice = self.effects.iter().any(|earlier| earlier.kind() == kind);
        self.effects.push(effect.clone());
        if twice {
            return Err(format!("{kind} twice"));
        }
        if let Effect::Confirmed { reservation_id } = effect {
            self.is_confirmed = true;
            match self.standing.get(&PartName::Reservation) {
                Some(Effect::Reserved {
                    reservation_id: id, ..
                }) if id == reservation_id => Ok(()),
                Some(_) => Err(format!("{kind} something else than was reserved")),
                None => Err(format!("{kind}, but there was no reservation")),
            }
        } else if effect.is_undo() {
            self.is_confirmed &= effect.part() != PartName::Reservation;
            match self.standing.remove(&effect.part()) {
                Some(act) if takes_back(effect, &act) => Ok(()),
                Some(act) => Err(format!("{kind} something else than was {}", act.kind())),
                None => Err(format!("{kind}, but there was no {}", effect.part())),
            }
        } else {
            self.standing.insert(effect.part(), effect.clone());
            Ok(())
        }
    }
}

/// Whether `undo` took back just what `act` did.
fn takes_back(undo: &Effect, act: &Effect) -> bool {
    let undone = match act.clone() {
        Effect::Reserved {
            reservation_id,
            product_id,
            quantity,
        } => Effect::Released {
            reservation_id,
            product_id,
            quantity,
        },
        Effect::Charged {
            payment_id,
            user_id,
            amount,
        } => Effect::Refunded {
            payment_id,
            user_id,
            amount,
        },
        Effect::Shipped {
            shipment_id,
            tracking_number,
            user_id,
        } => Effect::Cancelled {
            shipment_id,
            tracking_number,
            user_id,
        },
        Effect::Confirmed { .. }
        | Effect::Released { .. }
        | Effect::Refunded { .. }
        | Effect::Cancelled { .. } => return false,
    };
    *undo == undone
}

/// Stock and balances that do not follow from the standing effects, in words.
fn unbalanced(statement: &Statement, orders: &BTreeMap<Id, History>) -> Vec<String> {
    let mut reserved: BTreeMap<&Id, u64> = BTreeMap::new();
    let mut charged: BTreeMap<&Id, Amount> = BTreeMap::new();
    for effect in standing(orders) {
        match effect {
            Effect::Reserved {
                product_id,
                quantity,
                ..
            } => *reserved.entry(product_id).or_default() += u64::from(quantity.get()),
            Effect::Charged {
                user_id, amount, ..
            } => *charged.entry(user_id).or_default() += *amount,
            _ => {}
        }
    }
    let mut faults = Vec::new();
    for line in &statement.stock {
        let product = &line.product_id;
        let expected = reserved.get(product).copied().unwrap_or_default();
        if line.reserved != expected || line.available + line.reserved != line.stock {
            faults.push(format!(
                "{product}: {} in stock, {} available and {} reserved, but the ledger reserves {expected}",
                line.stock, line.available, line.reserved
            ));
        }
    }
    for line in &statement.balances {
        let user = &line.user_id;
        let expected = charged.get(user).copied().unwrap_or_default();
        if line.initial - line.balance != expected {
            faults.push(format!(
                "{user}: the balance went from {} to {}, but the ledger charges {expected}",
                line.initial, line.balance
            ));
        }
    }
    faults
}

fn standing(orders: &BTreeMap<Id, History>) -> impl Iterator<Item = &Effect> {
    orders
        .values()
        .flat_map(|history| history.standing.values())
}

/// A count as a figure; exact far beyond the ledger's bound.
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Statement, figures, judge};
    use crate::books::tests::{acts, confirm, id, opening, reserve, undos};
    use crate::books::{Books, Opening, ledger::Entry};

    fn books() -> Books {
        let mut books = Books::open(&opening());
        for act in acts("done") {
            books.execute("k", &act).unwrap();
        }
        for act in acts("undone") {
            books.execute("k", &act).unwrap();
        }
        for (undo, _) in undos("undone", true) {
            books.execute("k", &undo).unwrap();
        }
        books
    }

    fn statement(books: &Books) -> Statement {
        Statement {
            stock: books.inventory.lines(),
            balances: books.accounts.lines(),
            ledger: books.ledger.after(0).to_vec(),
        }
    }

    /// Writes `entry` at the end of the ledger once more, as a shop with a fault would.
    fn append(statement: &mut Statement, mut entry: Entry) {
        entry.sequence = statement.ledger.len() as u64 + 1;
        statement.ledger.push(entry);
    }

    fn has_fault(statement: &Statement, part: &str) {
        let faults = judge(statement).faults;
        assert!(
            faults.iter().any(|fault| fault.contains(part)),
            "no {part:?} in {faults:?}"
        );
    }

    #[test]
    fn complete_and_undone_orders_are_in_order() {
        let statement = statement(&books());
        let verdict = judge(&statement);
        assert_eq!(verdict.faults, [""; 0]);
        let figures = figures(&statement, &verdict);
        for (name, figure) in [
            ("product_1", 98.0),
            ("user_1", 900.0),
            ("complete", 1.0),
            ("undone", 1.0),
            ("open", 0.0),
            ("shipments", 1.0),
            ("confirmed", 0.0),
        ] {
            assert_eq!(figures[name].to_bits(), f64::to_bits(figure), "{name}");
        }
    }

    #[test]
    fn fresh_books_are_in_order() {
        let books = Books::open(&opening());
        assert_eq!(judge(&statement(&books)).faults, [""; 0]);
    }

    #[test]
    fn an_order_that_is_half_done_is_a_fault() {
        let mut books = books();
        books
            .execute("k", &reserve("half", "product_2", 1))
            .unwrap();
        has_fault(
            &statement(&books),
            "order half is neither complete nor undone, but reserved",
        );
    }

    #[test]
    fn an_effect_that_happened_twice_is_a_fault() {
        let mut statement = statement(&books());
        let charged = statement.ledger[1].clone();
        append(&mut statement, charged);
        has_fault(&statement, "order done: charged twice");
    }

    #[test]
    fn an_undo_of_nothing_is_a_fault() {
        let mut statement = statement(&books());
        let mut released = statement.ledger[6].clone();
        released.order_id = id("other");
        append(&mut statement, released);
        has_fault(
            &statement,
            "order other: released, but there was no reservation",
        );
    }

    #[test]
    fn an_undo_of_something_else_is_a_fault() {
        let mut statement = statement(&books());
        let mut released = statement.ledger[6].clone();
        released.order_id = id("done");
        append(&mut statement, released);
        has_fault(
            &statement,
            "order done: released something else than was reserved",
        );
    }

    #[test]
    fn a_final_reservation_counts_until_it_is_released() {
        let mut books = books();
        books.execute("k", &confirm("done")).unwrap();
        let confirmed = |books: &Books| {
            let statement = statement(books);
            let verdict = judge(&statement);
            assert_eq!(verdict.faults, [""; 0]);
            figures(&statement, &verdict)["confirmed"]
        };
        assert_eq!(confirmed(&books).to_bits(), f64::to_bits(1.0));
        for (undo, _) in undos("done", true) {
            books.execute("k", &undo).unwrap();
        }
        assert_eq!(confirmed(&books).to_bits(), f64::to_bits(0.0));
    }

    #[test]
    fn a_confirmation_of_nothing_and_one_of_something_else_are_faults() {
        let mut books = books();
        books.execute("k", &confirm("done")).unwrap();
        let mut statement = statement(&books);
        let mut confirmed = statement.ledger.last().unwrap().clone();
        confirmed.order_id = id("undone");
        append(&mut statement, confirmed.clone());
        has_fault(
            &statement,
            "order undone: confirmed, but there was no reservation",
        );
        let mut reserved = statement.ledger[0].clone();
        reserved.order_id = id("other");
        append(&mut statement, reserved);
        confirmed.order_id = id("other");
        confirmed.effect = crate::books::ledger::Effect::Confirmed {
            reservation_id: "reservation_9".to_owned(),
        };
        append(&mut statement, confirmed);
        has_fault(
            &statement,
            "order other: confirmed something else than was reserved",
        );
    }

    #[test]
    fn a_gap_in_the_ledger_is_a_fault() {
        let mut statement = statement(&books());
        statement.ledger[2].sequence = 7;
        has_fault(&statement, "ledger entry 3 is numbered 7");
    }

    #[test]
    fn stock_and_balances_that_do_not_follow_from_the_ledger_are_faults() {
        let empty = Opening {
            max_ledger_entries: 0,
            ..opening()
        };
        let mut statement = statement(&books());
        statement.stock = Books::open(&empty).inventory.lines();
        statement.balances = Books::open(&empty).accounts.lines();
        has_fault(&statement, "product_1: 100 in stock");
        has_fault(&statement, "user_1: the balance went from 1000.00");
    }
}
