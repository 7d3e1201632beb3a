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

pub async fn a_saga_that_is_due_is_claimed_whatever_its_status(fixture: Fixture) {
    let journal = &*fixture.journal;
    for (number, status) in (1..).zip(Status::ALL) {
        let ended = start(number).next(1).status(status);
        made(journal, [start(number), ended.due(100).released()]).await;
        assert_eq!(
            journal.next_due().await.expect("the journal works"),
            Some(time(100)),
            "{status}"
        );
        let claimed = journal
            .claim(BOB, time(100), 10)
            .await
            .expect("the journal works");
        assert_eq!(ids(&claimed), [id(number)], "{status}");
    }
}

pub async fn a_saga_that_is_not_due_is_not_claimed_whatever_its_status(fixture: Fixture) {
    let journal = &*fixture.journal;
    for (number, status) in (1..).zip(Status::ALL) {
        let mut ended = start(number).next(1).status(status).released();
        ended.head.due_at = None;
        made(journal, [start(number).due(100), ended]).await;
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

pub async fn one_saga_is_claimed_whatever_its_status(fixture: Fixture) {
    let journal = &*fixture.journal;
    for (number, status) in (1..).zip(Status::ALL) {
        let ended = start(number).next(1).status(status).released();
        made(journal, [start(number), ended.clone()]).await;
        let claimed = journal
            .claim_one(BOB, id(number), time(200))
            .await
            .expect("the journal works");
        let claimed = claimed.unwrap_or_else(|| panic!("{status} is in the way"));
        assert_eq!(claimed.fence.epoch, 2, "{status}");
        made(journal, [ended.next(1).under(claimed)]).await;
    }
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

pub async fn what_an_owner_that_is_gone_had_is_free_whatever_its_status(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(100))
        .await
        .expect("the journal works");
    let dues = [Some(time(50)), None];
    let sagas: Vec<_> = (1..)
        .zip(Status::ALL.into_iter().flat_map(|status| {
            // One that is due, and one in hand for something else, such as being undone.
            dues.map(|due_at| (status, due_at))
        }))
        .collect();
    for (number, (status, due_at)) in &sagas {
        let mut next = start(*number).next(1).status(*status);
        next.head.due_at = *due_at;
        made(journal, [start(*number), next]).await;
    }
    journal
        .register(BOB, time(1_000))
        .await
        .expect("the journal works");
    let claimed = journal
        .claim(BOB, time(200), 100)
        .await
        .expect("the journal works");
    let due = sagas.iter().filter(|(_, (_, due_at))| due_at.is_some());
    assert_eq!(
        ids(&claimed),
        due.map(|(number, _)| id(*number)).collect::<Vec<_>>()
    );
    for (number, (status, _)) in sagas.iter().filter(|(_, (_, due_at))| due_at.is_none()) {
        let claimed = journal
            .claim_one(BOB, id(*number), time(200))
            .await
            .expect("the journal works");
        assert_eq!(
            claimed.map(|claimed| claimed.fence.epoch),
            Some(2),
            "{status}"
        );
    }
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
