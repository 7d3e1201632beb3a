//! Which version of a component sagas take: changes, conditions and history.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use wasaga_core::{Candidate, Order};

use crate::SWITCH_LIMIT;
use crate::journal::{Activation, Journal};
use crate::model::{ComponentRow, PageRequest, Switch, SwitchTo, Switched};

use super::Fixture;
use super::draft::{active, behind, first, name, shared, switched, time, unshared, upload};

async fn stored(journal: &dyn Journal, of: &str) -> ComponentRow {
    let row = journal.component(&name(of)).await;
    row.expect("the journal works").expect("a component")
}

async fn history(journal: &dyn Journal, of: &str, page: PageRequest) -> Vec<Switched> {
    let page = journal.switches(&name(of), page).await;
    page.expect("the journal works").items
}

/// Two versions of `pay`, of which the first is active.
async fn two_versions(journal: &dyn Journal) {
    upload(journal, "pay", b"one").await;
    upload(journal, "pay", b"two").await;
    switched(journal, &active("pay", 1)).await;
}

pub async fn an_activation_counts_the_generation_up(fixture: Fixture) {
    let journal = &*fixture.journal;
    upload(journal, "pay", b"one").await;
    upload(journal, "pay", b"two").await;
    for (generation, version) in (1..).zip([1, 2, 1, 1]) {
        let done = switched(journal, &active("pay", version)).await;
        let stored = stored(journal, "pay").await;
        let expected = (Some(version), None, generation);
        let found = (stored.active, stored.candidate, stored.generation);
        assert_eq!(found, expected);
        assert_eq!(done, Activation::Done(stored));
    }
}

pub async fn a_change_that_saw_another_generation_is_refused(fixture: Fixture) {
    let journal = &*fixture.journal;
    two_versions(journal).await;
    let before = stored(journal, "pay").await;
    let changes = [active("pay", 2), shared("pay", 2, 5), unshared("pay")];
    for mut change in changes.clone() {
        for seen in [0, 2] {
            change.if_generation = Some(seen);
            let late = switched(journal, &change).await;
            assert_eq!(late, Activation::Outdated { generation: 1 }, "{change:?}");
        }
    }
    assert_eq!(stored(journal, "pay").await, before);
    assert_eq!(history(journal, "pay", first(9)).await.len(), 1);
    for (generation, mut change) in (2..).zip([shared("pay", 2, 5), unshared("pay")]) {
        change.if_generation = Some(generation - 1);
        let done = switched(journal, &change).await;
        assert_eq!(done, Activation::Done(stored(journal, "pay").await));
        assert_eq!(stored(journal, "pay").await.generation, generation);
    }
}

pub async fn a_version_that_does_not_exist_is_not_taken(fixture: Fixture) {
    let journal = &*fixture.journal;
    two_versions(journal).await;
    let before = stored(journal, "pay").await;
    let changes = [
        active("pay", 3),
        active("pay", 0),
        active("ship", 1),
        shared("pay", 3, 5),
        shared("ship", 1, 5),
        unshared("ship"),
    ];
    for change in changes {
        let answer = switched(journal, &change).await;
        assert_eq!(answer, Activation::NotFound, "{change:?}");
    }
    let removed = journal.remove_component_version(&name("pay"), 2).await;
    removed.expect("the journal works");
    let answer = switched(journal, &active("pay", 2)).await;
    assert_eq!(answer, Activation::NotFound, "it was removed");
    assert_eq!(stored(journal, "pay").await, before);
}

pub async fn a_candidate_shares_until_it_is_promoted_or_dropped(fixture: Fixture) {
    let journal = &*fixture.journal;
    two_versions(journal).await;
    let cases = [
        (shared("pay", 2, 5), 1, Some((2, 5))),
        (shared("pay", 2, 100), 1, Some((2, 100))),
        (unshared("pay"), 1, None),
        (shared("pay", 2, 0), 1, Some((2, 0))),
        (active("pay", 2), 2, None),
        (shared("pay", 1, 50), 2, Some((1, 50))),
        // Whoever activates what is active already drops the candidate as well.
        (active("pay", 2), 2, None),
    ];
    for (generation, (change, version, candidate)) in (2..).zip(cases) {
        let done = switched(journal, &change).await;
        let stored = stored(journal, "pay").await;
        assert_eq!(stored.active, Some(version), "{change:?}");
        let candidate = candidate.map(|(version, percent)| Candidate { version, percent });
        assert_eq!(stored.candidate, candidate, "{change:?}");
        assert_eq!(stored.generation, generation, "{change:?}");
        assert_eq!(done, Activation::Done(stored.clone()));
        let page = journal.components(first(9)).await;
        assert_eq!(page.expect("the journal works").items, [stored]);
    }
}

pub async fn only_a_version_beside_the_active_one_can_share(fixture: Fixture) {
    let journal = &*fixture.journal;
    upload(journal, "pay", b"one").await;
    let answer = switched(journal, &shared("pay", 1, 5)).await;
    assert_eq!(answer, Activation::Unshareable, "none is active");
    switched(journal, &active("pay", 1)).await;
    let answer = switched(journal, &shared("pay", 1, 5)).await;
    assert_eq!(answer, Activation::Unshareable, "it is the active one");
    let row = stored(journal, "pay").await;
    assert_eq!((row.candidate, row.generation), (None, 1));
}

pub async fn nothing_is_counted_when_nothing_was_shared(fixture: Fixture) {
    let journal = &*fixture.journal;
    two_versions(journal).await;
    let before = stored(journal, "pay").await;
    for _ in 0..2 {
        let answer = switched(journal, &unshared("pay")).await;
        assert_eq!(answer, Activation::Done(before.clone()));
    }
    assert_eq!(stored(journal, "pay").await, before);
    assert_eq!(history(journal, "pay", first(9)).await.len(), 1);
}

pub async fn changes_are_remembered_with_who_and_why(fixture: Fixture) {
    let journal = &*fixture.journal;
    for of in ["pay", "ship"] {
        upload(journal, of, b"one").await;
        upload(journal, of, b"two").await;
    }
    assert_eq!(history(journal, "pay", first(9)).await, []);
    assert_eq!(history(journal, "mail", first(9)).await, []);
    let order = |by: &str, reason: Option<&str>| Order {
        by: by.to_owned(),
        reason: reason.map(str::to_owned),
    };
    let changes = [
        (active("pay", 1), order("alice", None)),
        (shared("pay", 2, 5), order("bob", Some("a \"try\""))),
        (unshared("pay"), order("", Some(""))),
        (active("pay", 2), order("carol", Some("it is better"))),
    ];
    let mut expected = Vec::new();
    for (generation, (change, order)) in (1..).zip(changes) {
        let at = time(100 + i64::try_from(generation).expect("a small number"));
        let change = Switch {
            order,
            at,
            ..change
        };
        switched(journal, &change).await;
        switched(journal, &active("ship", 2)).await;
        let Switch { to, order, at, .. } = change;
        expected.insert(
            0,
            Switched {
                generation,
                to,
                order,
                at,
            },
        );
    }
    assert_eq!(history(journal, "pay", first(4)).await, expected);
    let pay = name("pay");
    let page = journal.switches(&pay, first(3)).await;
    let page = page.expect("the journal works");
    assert_eq!(page.items, expected[..3]);
    let rest = journal.switches(&pay, behind(page.next, 3)).await;
    let rest = rest.expect("the journal works");
    assert_eq!((&rest.items[..], rest.next), (&expected[3..], None));
}

pub async fn the_latest_changes_are_remembered(fixture: Fixture) {
    let journal = &*fixture.journal;
    for of in ["pay", "ship"] {
        upload(journal, of, b"one").await;
        switched(journal, &active(of, 1)).await;
    }
    let last = u64::from(SWITCH_LIMIT) + 3;
    for _ in 1..last {
        switched(journal, &active("pay", 1)).await;
    }
    let page = journal.switches(&name("pay"), first(u32::MAX)).await;
    let page = page.expect("the journal works");
    let generations: Vec<_> = page.items.iter().map(|item| item.generation).collect();
    assert_eq!(generations, (4..=last).rev().collect::<Vec<_>>());
    assert_eq!(page.next, None);
    assert_eq!(page.items[0].to, SwitchTo::Active { version: 1 });
    let other = history(journal, "ship", first(9)).await;
    assert_eq!(other.len(), 1, "each component has its own");
}
