//! Circuit breakers.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use crate::journal::Journal;
use crate::model::BreakerRow;

use super::Fixture;
use super::draft::{name, time};

fn breaker(component: &str, action: &str, failures: u32) -> BreakerRow {
    BreakerRow {
        component: name(component),
        action: name(action),
        failures,
        opened_at: None,
        reset_at: None,
        updated_at: time(100),
    }
}

async fn put(journal: &dyn Journal, row: &BreakerRow) {
    journal.put_breaker(row).await.expect("the journal works");
}

pub async fn a_circuit_breaker_is_read_back_as_it_was_stored_last(fixture: Fixture) {
    let journal = &*fixture.journal;
    assert_eq!(journal.breakers().await.expect("the journal works"), []);
    let closed = breaker("pay", "act", 1);
    let open = BreakerRow {
        failures: u32::MAX,
        opened_at: Some(time(200)),
        reset_at: Some(time(-1)),
        updated_at: time(300),
        ..closed.clone()
    };
    for row in [closed.clone(), open, closed] {
        put(journal, &row).await;
        assert_eq!(journal.breakers().await.expect("the journal works"), [row]);
    }
}

pub async fn circuit_breakers_come_by_component_and_action(fixture: Fixture) {
    let journal = &*fixture.journal;
    let rows = [
        breaker("pay", "b", 1),
        breaker("pay", "a", 2),
        breaker("mail", "b", 3),
        breaker("Pay", "c", 4),
    ];
    for row in &rows {
        put(journal, row).await;
    }
    let [pay_b, pay_a, mail, upper] = rows;
    let stored = journal.breakers().await.expect("the journal works");
    assert_eq!(stored, [upper, mail.clone(), pay_a, pay_b]);
    for _ in 0..2 {
        for (component, action) in [("pay", "a"), ("Pay", "c"), ("pay", "c"), ("none", "a")] {
            journal
                .remove_breaker(&name(component), &name(action))
                .await
                .expect("the journal works");
        }
        let stored = journal.breakers().await.expect("the journal works");
        assert_eq!(stored, [mail.clone(), breaker("pay", "b", 1)]);
    }
}
