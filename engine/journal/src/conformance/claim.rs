//! Claiming: who drives which saga, and since when.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use wasaga_core::Status;

use crate::model::{Claimed, Fence};

use super::draft::{ALICE, BOB, answer, id, ids, made, start, time};
use super::{Fixture, Sharing};

pub async fn due_sagas_are_claimed_in_the_order_in_which_they_became_due(fixture: Fixture) {
    let journal = &*fixture.journal;
    let due = [(1, 300), (2, 100), (3, 200), (4, 100)];
    made(
        journal,
        due.map(|(number, ms)| start(number).due(ms).released()),
    )
    .await;
    let claimed = journal
        .claim(BOB, time(300), 10)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(2), id(4), id(3), id(1)]);
    assert_eq!(
        journal
            .claim(BOB, time(300), 10)
            .await
            .expect("the journal works"),
        []
    );
}

pub async fn a_claim_takes_no_more_than_its_limit(fixture: Fixture) {
    let journal = &*fixture.journal;
    made(
        journal,
        [3, 1, 2].map(|number| start(number).due(100).released()),
    )
    .await;
    let claimed = journal
        .claim(BOB, time(100), 2)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(1), id(2)]);
    let claimed = journal
        .claim(BOB, time(100), 2)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(3)]);
}

pub async fn a_claim_raises_the_epoch_and_shuts_out_the_owner_before(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1).due(100).released();
    made(journal, [new.clone()]).await;
    let claimed = journal
        .claim(BOB, time(100), 10)
        .await
        .expect("the journal works");
    let fence = Fence {
        owner: BOB,
        epoch: 2,
    };
    assert_eq!(
        claimed,
        [Claimed {
            saga: new.saga,
            fence
        }]
    );
    let late = new.next(1);
    assert_eq!(answer(journal, late.clone()).await, Err(late.fenced()));
    made(journal, [late.under(claimed[0])]).await;
}

pub async fn a_saga_that_is_not_due_is_not_claimed(fixture: Fixture) {
    let journal = &*fixture.journal;
    made(journal, [start(1).due(101).released(), start(2).released()]).await;
    assert_eq!(
        journal
            .claim(BOB, time(100), 10)
            .await
            .expect("the journal works"),
        []
    );
    let claimed = journal
        .claim(BOB, time(101), 10)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(1)]);
}

pub async fn a_saga_that_somebody_owns_is_not_claimed(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(1_000))
        .await
        .expect("the journal works");
    made(journal, [start(1).due(100)]).await;
    for owner in [ALICE, BOB] {
        assert_eq!(
            journal
                .claim(owner, time(100), 10)
                .await
                .expect("the journal works"),
            []
        );
    }
    made(journal, [start(1).next(1).due(100).released()]).await;
    let claimed = journal
        .claim(ALICE, time(100), 10)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(1)]);
}

pub async fn a_settled_saga_is_never_claimed(fixture: Fixture) {
    let journal = &*fixture.journal;
    let settled = Status::ALL.into_iter().filter(|status| status.is_settled());
    for (number, status) in (1..).zip(settled) {
        made(
            journal,
            [
                start(number).due(100),
                start(number).next(1).status(status).released(),
            ],
        )
        .await;
        let claimed = journal.claim_one(BOB, id(number), time(200)).await;
        assert_eq!(claimed.expect("the journal works"), None, "{status}");
    }
    assert_eq!(
        journal
            .claim(BOB, time(200), 10)
            .await
            .expect("the journal works"),
        []
    );
    assert_eq!(journal.next_due().await.expect("the journal works"), None);
}

pub async fn one_saga_is_claimed_before_it_is_due(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1).due(9_000).status(Status::Waiting).released();
    made(journal, [new.clone(), start(2).due(50).released()]).await;
    let claimed = journal
        .claim_one(BOB, new.saga, time(100))
        .await
        .expect("the journal works");
    let fence = Fence {
        owner: BOB,
        epoch: 2,
    };
    assert_eq!(
        claimed,
        Some(Claimed {
            saga: new.saga,
            fence
        })
    );
    let claimed = journal
        .claim(BOB, time(9_000), 10)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(2)]);
}

pub async fn one_saga_that_somebody_owns_is_not_claimed(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(1_000))
        .await
        .expect("the journal works");
    made(journal, [start(1).due(100)]).await;
    for (owner, saga) in [(BOB, id(1)), (ALICE, id(1)), (BOB, id(2))] {
        let claimed = journal.claim_one(owner, saga, time(100)).await;
        assert_eq!(claimed.expect("the journal works"), None);
    }
}

pub async fn sagas_of_an_owner_that_is_gone_are_taken_over(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(100))
        .await
        .expect("the journal works");
    made(
        journal,
        [start(1).due(50), start(2).due(60), start(3).due(10_000)],
    )
    .await;
    journal
        .register(BOB, time(1_000))
        .await
        .expect("the journal works");
    let claimed = journal
        .claim(BOB, time(200), 10)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(1), id(2)]);
    let late = start(1).next(1);
    assert_eq!(answer(journal, late.clone()).await, Err(late.fenced()));
    made(journal, [late.under(claimed[0])]).await;
    let claimed = journal
        .claim_one(BOB, id(3), time(200))
        .await
        .expect("the journal works");
    assert_eq!(claimed.map(|claimed| claimed.fence.epoch), Some(2));
}

pub async fn a_lease_that_runs_keeps_an_owners_sagas(fixture: Fixture) {
    if fixture.sharing == Sharing::OneEngine {
        return;
    }
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(100))
        .await
        .expect("the journal works");
    made(journal, [start(1).due(50)]).await;
    journal
        .register(BOB, time(1_000))
        .await
        .expect("the journal works");
    assert_eq!(
        journal
            .claim(BOB, time(99), 10)
            .await
            .expect("the journal works"),
        []
    );
    assert_eq!(
        journal
            .claim_one(BOB, id(1), time(99))
            .await
            .expect("the journal works"),
        None
    );
    journal
        .register(ALICE, time(300))
        .await
        .expect("the journal works");
    assert_eq!(
        journal
            .claim(BOB, time(299), 10)
            .await
            .expect("the journal works"),
        []
    );
    let claimed = journal
        .claim(BOB, time(300), 10)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(1)]);
}

pub async fn a_new_engine_takes_over_at_once_where_there_can_be_only_one(fixture: Fixture) {
    if fixture.sharing == Sharing::ManyEngines {
        return;
    }
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(100_000))
        .await
        .expect("the journal works");
    made(journal, [start(1).due(50)]).await;
    journal
        .register(ALICE, time(200_000))
        .await
        .expect("the journal works");
    assert_eq!(
        journal
            .claim(BOB, time(60), 10)
            .await
            .expect("the journal works"),
        []
    );
    journal
        .register(BOB, time(100_000))
        .await
        .expect("the journal works");
    assert_eq!(
        journal.next_due().await.expect("the journal works"),
        Some(time(50))
    );
    let claimed = journal
        .claim(BOB, time(60), 10)
        .await
        .expect("the journal works");
    assert_eq!(ids(&claimed), [id(1)]);
}

pub async fn the_next_due_time_is_that_of_sagas_without_owner(fixture: Fixture) {
    let journal = &*fixture.journal;
    assert_eq!(journal.next_due().await.expect("the journal works"), None);
    made(
        journal,
        [
            start(1).due(50),
            start(2).due(300).released(),
            start(3).due(200).released(),
        ],
    )
    .await;
    assert_eq!(
        journal.next_due().await.expect("the journal works"),
        Some(time(200))
    );
    journal
        .claim(BOB, time(200), 10)
        .await
        .expect("the journal works");
    assert_eq!(
        journal.next_due().await.expect("the journal works"),
        Some(time(300))
    );
}
