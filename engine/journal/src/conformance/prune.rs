//! Retention: which sagas are removed, and what stays.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use wasaga_core::{SagaId, Status};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::model::{Append, PageRequest, Prune, SagaFilter};

use super::Fixture;
use super::draft::{answer, first, id, line, made, records, start, time};

const DONE: Status = Status::Completed;

/// A saga that is over, whose last event is of this time.
fn over(number: u64, updated_at: i64) -> Append {
    let mut new = start(number).status(DONE).released();
    new.head.updated_at = time(updated_at);
    new
}

fn prune(statuses: &[Status], updated_before: i64, limit: u32) -> Prune {
    Prune {
        statuses: statuses.to_vec(),
        updated_before: time(updated_before),
        limit,
    }
}

async fn removed(journal: &dyn Journal, what: &Prune) -> u64 {
    journal.prune(what).await.expect("the journal works")
}

/// The numbers of the sagas that are there, of up to 30.
async fn left(journal: &dyn Journal) -> Vec<u64> {
    let mut left = Vec::new();
    for number in 1..=30 {
        let row = journal.saga(id(number)).await.expect("the journal works");
        if row.is_some() {
            left.push(number);
        }
    }
    left
}

async fn listed(journal: &dyn Journal, filter: SagaFilter) -> Vec<SagaId> {
    let page = PageRequest { ..first(100) };
    let page = journal
        .sagas(filter, page)
        .await
        .expect("the journal works");
    page.items.iter().map(|row| row.id).collect()
}

pub async fn the_oldest_finished_sagas_are_removed_first(fixture: Fixture) {
    let journal = &*fixture.journal;
    let ages = [(1, 500), (2, 100), (3, 400), (4, 200), (5, 300)];
    made(journal, ages.map(|(number, at)| over(number, at))).await;
    made(journal, [start(6)]).await;
    assert_eq!(removed(journal, &prune(&[DONE], 500, 0)).await, 0);
    assert_eq!(removed(journal, &prune(&[DONE], 100, 10)).await, 0);
    assert_eq!(removed(journal, &prune(&[DONE], 500, 2)).await, 2);
    assert_eq!(left(journal).await, [1, 3, 5, 6]);
    assert_eq!(removed(journal, &prune(&[DONE], 400, u32::MAX)).await, 1);
    assert_eq!(left(journal).await, [1, 3, 6]);
    assert_eq!(removed(journal, &prune(&[DONE], 501, 2)).await, 2);
    assert_eq!(removed(journal, &prune(&[DONE], 501, 2)).await, 0);
    assert_eq!(left(journal).await, [6]);
}

pub async fn sagas_of_several_statuses_are_removed_by_age_alone(fixture: Fixture) {
    let journal = &*fixture.journal;
    let statuses: Vec<_> = Status::ALL.into_iter().filter(|s| s.is_over()).collect();
    let twice = [statuses.clone(), statuses].concat();
    let mut last = DONE;
    for ((number, at), status) in (1..).zip(101..).zip(twice.iter().copied()) {
        made(journal, [over(number, at).status(status)]).await;
        last = status;
    }
    made(journal, [start(30)]).await;
    assert_eq!(removed(journal, &prune(&twice, 1_000, 4)).await, 4);
    assert_eq!(left(journal).await, [5, 6, 30]);
    assert_eq!(removed(journal, &prune(&[last], 1_000, 4)).await, 1);
    assert_eq!(left(journal).await, [5, 30]);
    assert_eq!(removed(journal, &prune(&[], 1_000, 4)).await, 0);
}

pub async fn a_saga_with_something_to_do_is_not_removed(fixture: Fixture) {
    let journal = &*fixture.journal;
    let due = over(2, 100).due(9_000);
    let owned = {
        let mut owned = over(3, 100);
        owned.head.ownership = start(3).head.ownership;
        owned
    };
    made(journal, [over(1, 100), due, owned.clone(), over(4, 100)]).await;
    made(journal, [start(5)]).await;
    for (number, status) in (10..).zip(Status::ALL.into_iter().filter(|s| !s.is_over())) {
        made(journal, [over(number, 100).status(status)]).await;
    }
    let claimed = journal
        .claim_one(super::draft::BOB, id(4), time(100))
        .await
        .expect("the journal works");
    assert!(claimed.is_some());
    assert_eq!(removed(journal, &prune(&[DONE], 1_000, 100)).await, 1);
    let stay = [2, 3, 4, 5, 10, 11, 12, 13, 14, 15];
    assert_eq!(left(journal).await, stay);
    // Once it is let go, nothing keeps it.
    let mut end = owned.next(0).status(DONE).released();
    end.head.updated_at = time(100);
    made(journal, [end]).await;
    assert_eq!(removed(journal, &prune(&[DONE], 1_000, 100)).await, 1);
}

pub async fn a_nested_saga_is_kept_as_long_as_the_one_around_it(fixture: Fixture) {
    let journal = &*fixture.journal;
    let child = over(2, 100).inside(1);
    made(journal, [over(1, 500), child, start(3)]).await;
    assert_eq!(removed(journal, &prune(&[DONE], 400, 100)).await, 0);
    assert_eq!(left(journal).await, [1, 2, 3]);
    assert_eq!(removed(journal, &prune(&[DONE], 600, 100)).await, 1);
    assert_eq!(left(journal).await, [2, 3]);
    assert_eq!(removed(journal, &prune(&[DONE], 600, 100)).await, 1);
}

pub async fn only_sagas_that_are_over_can_be_removed(fixture: Fixture) {
    let journal = &*fixture.journal;
    made(journal, [over(1, 100), start(2)]).await;
    for status in Status::ALL.into_iter().filter(|status| !status.is_over()) {
        let error = journal
            .prune(&prune(&[DONE, status], 1_000, 10))
            .await
            .expect_err("the saga is not over");
        let JournalError::NotOver { status: refused } = error else {
            panic!("{error}");
        };
        assert_eq!(refused, status);
    }
    assert_eq!(left(journal).await, [1, 2]);
}

pub async fn nothing_of_a_removed_saga_is_left(fixture: Fixture) {
    let journal = &*fixture.journal;
    let mut gone = over(1, 100).tag("a", "b").tag("c", "d");
    gone.records = records(0, 3).into();
    gone.logs = vec![line("one"), line("two")];
    let mut kept = over(2, 2_000).tag("a", "b");
    kept.logs = vec![line("kept")];
    made(journal, [gone.clone(), kept.clone()]).await;
    assert_eq!(removed(journal, &prune(&[DONE], 1_000, 10)).await, 1);

    assert_eq!(left(journal).await, [2]);
    let stored = journal.records(id(1), 0, 10).await;
    assert_eq!(stored.expect("the journal works"), []);
    let logs = journal.logs(id(1), first(10)).await;
    assert_eq!(logs.expect("the journal works").items, []);
    let tag = Some(("a".to_owned(), "b".to_owned()));
    for status in [None, Some(DONE)] {
        let tag = tag.clone();
        let filter = SagaFilter {
            status,
            tag,
            ..SagaFilter::default()
        };
        assert_eq!(listed(journal, filter).await, [id(2)]);
    }
    let counts = journal.count_by_status().await.expect("the journal works");
    assert_eq!(counts, [(DONE, 1)]);
    let logs = journal.logs(id(2), first(10)).await;
    assert_eq!(logs.expect("the journal works").items, kept.logs);
    let late = gone.next(1);
    assert_eq!(answer(journal, late.clone()).await, Err(late.fenced()));
    made(journal, [over(1, 100).tag("a", "b")]).await;
    let logs = journal.logs(id(1), first(10)).await;
    assert_eq!(logs.expect("the journal works").items, []);
}

pub async fn the_pins_of_a_removed_saga_are_gone(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pins = |new: Append| {
        let new = new.bound("pay", 1).bound("ship", 1).bound("pay", 1);
        new.retried_on(&[("pay", 2), ("mail", 1)])
            .moved_to(&[("pay", 3)])
    };
    made(journal, [pins(over(1, 100)), pins(over(2, 2_000))]).await;
    made(journal, [pins(over(3, 100)), start(4)]).await;
    assert_eq!(removed(journal, &prune(&[DONE], 1_000, 10)).await, 2);
    // The same ids again, without a step: what was bound was bound before.
    made(journal, [start(1), start(3)]).await;
    for (component, version) in [("pay", 1), ("pay", 2), ("pay", 3), ("ship", 1), ("mail", 1)] {
        let component = super::draft::name(component);
        let live = journal.live_saga_on(&component, version).await;
        assert_eq!(live.expect("the journal works"), None, "{component}");
        let filter = SagaFilter {
            bound_to: Some((component, version)),
            ..SagaFilter::default()
        };
        assert_eq!(listed(journal, filter.clone()).await, [id(2)], "{filter:?}");
    }
}

pub async fn positions_are_not_used_again_after_sagas_were_removed(fixture: Fixture) {
    let journal = &*fixture.journal;
    let mut last = 0;
    for round in 0..3_u64 {
        let numbers = 1 + 5 * round..=5 + 5 * round;
        for number in numbers.clone() {
            made(journal, [over(number, 100)]).await;
        }
        let end = journal.feed_end().await.expect("the journal works");
        let behind = journal.feed(last, 100).await.expect("the journal works");
        let sagas: Vec<_> = behind.iter().map(|entry| entry.saga).collect();
        assert_eq!(sagas, numbers.map(id).collect::<Vec<_>>(), "round {round}");
        assert!(behind.iter().all(|entry| entry.position > last));
        // Who has read as far as `end` goes on there, whatever was removed.
        removed(journal, &prune(&[DONE], 1_000, 100)).await;
        assert_eq!(journal.feed_end().await.expect("the journal works"), end);
        let all = journal.feed(0, 100).await.expect("the journal works");
        assert_eq!(all.iter().map(|e| e.position).collect::<Vec<_>>(), [end]);
        last = end;
    }
    // The saga with the latest event goes when there is a later one.
    made(journal, [start(30)]).await;
    assert_eq!(removed(journal, &prune(&[DONE], 1_000, 100)).await, 1);
    assert_eq!(left(journal).await, [30]);
}
