//! The books in words.

use std::fmt::{self, Write};

use super::verdict::{History, Statement, Verdict};
use crate::books::ledger::Effect;
use crate::books::orders::OrderStatus;

/// Orders that are listed one by one; the rest is counted.
const MAX_LISTED_ORDERS: usize = 20;

/// Stock, balances and orders as text.
pub(super) fn books(statement: &Statement, verdict: &Verdict) -> String {
    let mut text = String::new();
    write(&mut text, statement, verdict).expect("a String takes whatever is written to it");
    text
}

fn write(text: &mut String, statement: &Statement, verdict: &Verdict) -> fmt::Result {
    writeln!(text, "  stock        available   reserved")?;
    for line in &statement.stock {
        let product = &line.product_id;
        writeln!(
            text,
            "  {product:<12} {:>9}  {:>9}",
            line.available, line.reserved
        )?;
    }
    writeln!(text, "\n  balances         now     before")?;
    for line in &statement.balances {
        let user = &line.user_id;
        writeln!(
            text,
            "  {user:<12} {:>7}  {:>9}",
            line.balance, line.initial
        )?;
    }
    writeln!(
        text,
        "\n  orders       {} complete, {} undone, {} open",
        verdict.with(OrderStatus::Complete),
        verdict.with(OrderStatus::Undone),
        verdict.with(OrderStatus::Open),
    )?;
    for (order, history) in verdict.orders.iter().take(MAX_LISTED_ORDERS) {
        let status = history.status().as_str();
        writeln!(text, "  {order:<12} {status:<9} {}", effects(history))?;
    }
    if let Some(more) = verdict.orders.len().checked_sub(MAX_LISTED_ORDERS + 1) {
        writeln!(text, "  and {} more", more + 1)?;
    }
    Ok(())
}

fn effects(history: &History) -> String {
    let effects: Vec<_> = history.effects.iter().map(effect).collect();
    effects.join(", ")
}

fn effect(effect: &Effect) -> String {
    let kind = effect.kind();
    match effect {
        Effect::Reserved {
            product_id,
            quantity,
            ..
        } => format!("{kind} {quantity} {product_id}"),
        Effect::Charged { amount, .. } | Effect::Refunded { amount, .. } => {
            format!("{kind} {amount}")
        }
        Effect::Shipped {
            tracking_number, ..
        } => format!("{kind} {tracking_number}"),
        Effect::Confirmed { .. } | Effect::Released { .. } | Effect::Cancelled { .. } => {
            kind.to_owned()
        }
    }
}
