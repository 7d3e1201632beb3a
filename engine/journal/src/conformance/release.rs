//! Letting go of a saga without an append.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use wasaga_core::Status;

use crate::model::{Claimed, Fence};

use super::Fixture;
use super::draft::{ALICE, BOB, answer, id, ids, made, start, time};

pub async fn a_released_saga_is_claimed_when_it_is_due_and_not_before(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(1_000))
        .await
        .expect("the journal works");
    let new = start(1).due(10);
    made(journal, [new.clone()]).await;
    let before = journal.saga(new.saga).await.expect("the journal works");
    journal
        .release(new.saga, new.fence, time(200))
        .await
        .expect("the journal works");
    assert_eq!(
        journal.next_due().await.expect("the journal works"),
        Some(time(200))
    );
    assert_eq!(
        journal.saga(new.saga).await.expect("the journal works"),
        before
    );
    let late = new.next(1);
    assert_eq!(answer(journal, late.clone()).await, Err(late.fenced()));
    assert_eq!(
        journal
            .claim(ALICE, time(199), 10)
            .await
            .expect("the journal works"),
        []
    );
    let claimed = journal
        .claim(ALICE, time(200), 10)
        .await
        .expect("the journal works");
    let fence = Fence {
        owner: ALICE,
        epoch: 2,
    };
    assert_eq!(
        claimed,
        [Claimed {
            saga: new.saga,
            fence
        }]
    );
    assert_eq!(answer(journal, late.clone()).await, Err(late.fenced()));
    made(journal, [late.under(claimed[0])]).await;
}

pub async fn a_release_by_another_owner_or_epoch_changes_nothing(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(1_000))
        .await
        .expect("the journal works");
    let new = start(1).due(10).released();
    made(journal, [new.clone(), start(2)]).await;
    let claimed = journal
        .claim(ALICE, time(10), 10)
        .await
        .expect("the journal works");
    assert_eq!(claimed.len(), 1);
    let fences = [(ALICE, 1), (ALICE, 3), (BOB, 2)];
    for (owner, epoch) in fences {
        let fence = Fence { owner, epoch };
        for saga in [new.saga, id(3)] {
            journal
                .release(saga, fence, time(100))
                .await
                .expect("the journal works");
        }
        let next_due = journal.next_due().await.expect("the journal works");
        assert_eq!(next_due, None, "{fence:?}");
    }
    assert_eq!(
        journal
            .claim(BOB, time(100), 10)
            .await
            .expect("the journal works"),
        []
    );
    assert_eq!(journal.saga(id(3)).await.expect("the journal works"), None);
    made(journal, [new.next(1).under(claimed[0]), start(2).next(1)]).await;
}

pub async fn a_saga_that_nobody_owns_is_not_released_again(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1).due(300).released();
    made(journal, [new.clone()]).await;
    journal
        .release(new.saga, new.fence, time(100))
        .await
        .expect("the journal works");
    assert_eq!(
        journal.next_due().await.expect("the journal works"),
        Some(time(300))
    );
}

pub async fn a_saga_is_released_whatever_its_status(fixture: Fixture) {
    let journal = &*fixture.journal;
    for (number, status) in (1..).zip(Status::ALL) {
        let last = start(number).next(1).status(status);
        made(journal, [start(number), last.clone()]).await;
        let before = journal.saga(last.saga).await.expect("the journal works");
        journal
            .release(last.saga, last.fence, time(100))
            .await
            .expect("the journal works");
        let after = journal.saga(last.saga).await.expect("the journal works");
        assert_eq!(after, before, "{status}");
        assert_eq!(after.map(|row| row.status), Some(status));
        let claimed = journal
            .claim(BOB, time(100), 10)
            .await
            .expect("the journal works");
        assert_eq!(ids(&claimed), [last.saga], "{status}");
    }
}
