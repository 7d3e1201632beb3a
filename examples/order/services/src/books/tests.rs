//! The shop's rules.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::num::NonZeroU32;

use super::amount::Amount;
use super::command::{Charge, Command, Confirm, Id, Reserve, Ship, Undo};
use super::orders::OrderStatus;
use super::{Books, Opening, Receipt, Refusal};

pub(crate) fn id(text: &str) -> Id {
    Id::try_from(text.to_owned()).unwrap()
}

pub(crate) fn opening() -> Opening {
    Opening {
        stock: vec![(id("product_1"), 100), (id("product_2"), 50)],
        balances: vec![
            (id("user_1"), Amount::units(1000)),
            (id("user_3"), Amount::units(200)),
        ],
        max_ledger_entries: 1_000,
    }
}

pub(crate) fn reserve(order: &str, product: &str, quantity: u32) -> Command {
    Command::Reserve(Reserve {
        order_id: id(order),
        product_id: id(product),
        quantity: NonZeroU32::new(quantity).unwrap(),
    })
}

pub(crate) fn charge(order: &str, user: &str, amount: &str) -> Command {
    Command::Charge(Charge {
        order_id: id(order),
        user_id: id(user),
        amount: serde_json::from_str(amount).unwrap(),
    })
}

pub(crate) fn confirm(order: &str) -> Command {
    Command::Confirm(Confirm {
        order_id: id(order),
    })
}

pub(crate) fn refund(order: &str) -> Command {
    Command::Refund(undo(order))
}

fn ship(order: &str, user: &str, fail: bool) -> Command {
    Command::Ship(Ship {
        order_id: id(order),
        user_id: id(user),
        address: None,
        fail: Some(fail),
    })
}

fn undo(order: &str) -> Undo {
    Undo {
        order_id: id(order),
    }
}

/// The three acts of one order.
pub(crate) fn acts(order: &str) -> [Command; 3] {
    [
        reserve(order, "product_1", 2),
        charge(order, "user_1", "100"),
        ship(order, "user_1", false),
    ]
}

/// Their undos, in the order of the acts, and what each answers.
pub(crate) fn undos(order: &str, had_effect: bool) -> [(Command, Receipt); 3] {
    [
        (Command::Release(undo(order)), Receipt::Released(had_effect)),
        (Command::Refund(undo(order)), Receipt::Refunded(had_effect)),
        (Command::Cancel(undo(order)), Receipt::Cancelled(had_effect)),
    ]
}

fn available(books: &Books, product: &str) -> u64 {
    let lines = books.inventory.lines();
    let line = lines.iter().find(|line| line.product_id == id(product));
    line.unwrap().available
}

fn balance(books: &Books, user: &str) -> Amount {
    let lines = books.accounts.lines();
    let line = lines.iter().find(|line| line.user_id == id(user));
    line.unwrap().balance
}

fn kinds(books: &Books) -> Vec<&'static str> {
    let entries = books.ledger.after(0).iter();
    entries.map(|entry| entry.effect.kind()).collect()
}

#[test]
fn an_order_with_every_effect_is_complete() {
    let mut books = Books::open(&opening());
    for act in acts("o") {
        assert_ne!(
            books.order("o").map(|order| order.status),
            Some(OrderStatus::Complete)
        );
        books.execute("k", &act).unwrap();
    }
    assert_eq!(books.order("o").unwrap().status, OrderStatus::Complete);
    assert_eq!(available(&books, "product_1"), 98);
    assert_eq!(balance(&books, "user_1"), Amount::units(900));
    assert_eq!(kinds(&books), ["reserved", "charged", "shipped"]);
}

#[test]
fn undoing_every_effect_leaves_the_books_as_they_were() {
    let mut books = Books::open(&opening());
    for act in acts("o") {
        books.execute("k", &act).unwrap();
    }
    for (undo, receipt) in undos("o", true) {
        assert_eq!(books.execute("k", &undo), Ok(receipt));
    }
    assert_eq!(books.order("o").unwrap().status, OrderStatus::Undone);
    assert_eq!(available(&books, "product_1"), 100);
    assert_eq!(balance(&books, "user_1"), Amount::units(1000));
    assert_eq!(kinds(&books)[3..], ["released", "refunded", "cancelled"]);
}

#[test]
fn a_second_undo_finds_nothing_to_undo() {
    let mut books = Books::open(&opening());
    for act in acts("o") {
        books.execute("k", &act).unwrap();
    }
    for (undo, _) in undos("o", true) {
        books.execute("k", &undo).unwrap();
    }
    for (undo, receipt) in undos("o", false) {
        assert_eq!(books.execute("k", &undo), Ok(receipt));
    }
    assert_eq!(books.ledger.after(0).len(), 6);
}

#[test]
fn an_undo_that_comes_first_has_no_effect_and_refuses_the_late_act() {
    let mut books = Books::open(&opening());
    for ((undo, receipt), act) in undos("o", false).into_iter().zip(acts("o")) {
        assert_eq!(books.execute("k", &undo), Ok(receipt));
        let late = books.execute("k", &act);
        assert!(
            matches!(late, Err(Refusal::AlreadyUndone { .. })),
            "{late:?}"
        );
    }
    assert_eq!(books.order("o").unwrap().status, OrderStatus::Undone);
    assert!(books.ledger.after(0).is_empty());
}

#[test]
fn an_act_is_refused_when_the_order_has_its_effect_already() {
    let mut books = Books::open(&opening());
    for act in acts("o") {
        books.execute("k", &act).unwrap();
        let again = books.execute("other key", &act);
        assert!(
            matches!(again, Err(Refusal::AlreadyExists { .. })),
            "{again:?}"
        );
    }
    assert_eq!(books.ledger.after(0).len(), 3);
}

#[test]
fn a_reservation_is_made_final_once_and_can_be_released_all_the_same() {
    let mut books = Books::open(&opening());
    let refused = Err(Refusal::NotReserved { order_id: id("o") });
    assert_eq!(books.execute("k", &confirm("o")), refused);
    books.execute("k", &reserve("o", "product_1", 2)).unwrap();
    for receipt in [Receipt::Confirmed(true), Receipt::Confirmed(false)] {
        assert_eq!(books.execute("k", &confirm("o")), Ok(receipt));
    }
    let (release, receipt) = undos("o", true)[0].clone();
    assert_eq!(books.execute("k", &release), Ok(receipt));
    assert_eq!(available(&books, "product_1"), 100);
    assert_eq!(books.execute("k", &confirm("o")), refused);
    assert_eq!(kinds(&books), ["reserved", "confirmed", "released"]);
}

#[test]
fn a_confirmation_takes_no_room_of_an_undo() {
    let mut opening = opening();
    opening.max_ledger_entries = 2;
    let mut books = Books::open(&opening);
    books.execute("k", &reserve("a", "product_1", 1)).unwrap();
    let refused = books.execute("k", &confirm("a"));
    assert_eq!(refused, Err(Refusal::LedgerFull { max_entries: 2 }));
    let (release, receipt) = undos("a", true)[0].clone();
    assert_eq!(books.execute("k", &release), Ok(receipt));
}

#[test]
fn stock_runs_out_exactly() {
    let mut books = Books::open(&opening());
    books.execute("k", &reserve("a", "product_2", 50)).unwrap();
    let refused = books.execute("k", &reserve("b", "product_2", 1));
    assert_eq!(
        refused,
        Err(Refusal::OutOfStock {
            product_id: id("product_2"),
            quantity: 1,
            available: 0
        })
    );
    assert!(books.order("b").is_none(), "a refused act leaves no trace");
}

#[test]
fn money_runs_out_exactly() {
    let mut books = Books::open(&opening());
    books
        .execute("k", &charge("a", "user_3", "199.99"))
        .unwrap();
    let refused = books.execute("k", &charge("b", "user_3", "0.02"));
    assert!(matches!(refused, Err(Refusal::InsufficientFunds { .. })));
    books.execute("k", &charge("c", "user_3", "0.01")).unwrap();
    assert_eq!(balance(&books, "user_3"), Amount::default());
}

#[test]
fn what_is_not_known_is_refused() {
    let mut books = Books::open(&opening());
    let product = books.execute("k", &reserve("o", "product_9", 1));
    assert!(matches!(product, Err(Refusal::UnknownProduct { .. })));
    let user = books.execute("k", &charge("o", "user_9", "1"));
    assert!(matches!(user, Err(Refusal::UnknownUser { .. })));
}

#[test]
fn a_shipment_fails_on_request_and_for_user_3() {
    let mut books = Books::open(&opening());
    for command in [ship("o", "user_1", true), ship("o", "user_3", false)] {
        let failed = books.execute("k", &command);
        assert!(matches!(failed, Err(Refusal::ShippingFailed { .. })));
    }
    assert!(books.ledger.after(0).is_empty());
}

#[test]
fn a_full_ledger_refuses_acts_and_keeps_room_for_their_undos() {
    let mut opening = opening();
    opening.max_ledger_entries = 6;
    let mut books = Books::open(&opening);
    for act in acts("a") {
        books.execute("k", &act).unwrap();
    }
    let refused = books.execute("k", &reserve("b", "product_1", 1));
    assert_eq!(refused, Err(Refusal::LedgerFull { max_entries: 6 }));
    for (undo, receipt) in undos("a", true) {
        assert_eq!(books.execute("k", &undo), Ok(receipt));
    }
}

#[test]
fn ledger_entries_are_numbered_without_gaps_and_carry_the_key() {
    let mut books = Books::open(&opening());
    for (act, key) in acts("o").iter().zip(["x", "y", "z"]) {
        books.execute(key, act).unwrap();
    }
    let entries = books.ledger.after(1);
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.sequence, entry.key.as_str()))
        .collect();
    assert_eq!(seen, [(2, "y"), (3, "z")]);
    assert!(books.ledger.after(3).is_empty());
    assert!(books.ledger.after(u64::MAX).is_empty());
}
