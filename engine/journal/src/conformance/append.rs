//! Appending: what is admitted, what is refused, and that nothing else happens.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use std::sync::Arc;

use wasaga_core::Status;

use crate::error::Refusal;
use crate::model::{Fence, SagaRow};

use super::Fixture;
use super::draft::{ALICE, BOB, answer, made, name, records, start, time};

pub async fn a_new_saga_is_read_back_as_it_was_written(fixture: Fixture) {
    let journal = &*fixture.journal;
    let mut new = start(1)
        .tag("customer", "user_1")
        .status(Status::Waiting)
        .created(900);
    new.records = records(0, 3).into();
    made(journal, [new.clone()]).await;
    let row = journal
        .saga(new.saga)
        .await
        .expect("the journal works")
        .expect("the saga");
    let expected = SagaRow {
        id: new.saga,
        seq: 3,
        definition: name("order"),
        version: 1,
        status: Status::Waiting,
        tags: new.head.tags.clone(),
        created_at: time(900),
        updated_at: time(1_000),
    };
    assert_eq!(row, expected);
    assert_eq!(
        journal.records(new.saga, 0, 10).await.expect("records"),
        new.records.to_vec()
    );
}

pub async fn an_append_goes_on_after_the_expected_event(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1);
    let mut next = new.next(2).status(Status::Compensating);
    next.head.updated_at = time(2_000);
    made(journal, [new.clone(), next.clone()]).await;
    let row = journal
        .saga(new.saga)
        .await
        .expect("the journal works")
        .expect("the saga");
    assert_eq!((row.seq, row.status), (3, Status::Compensating));
    assert_eq!((row.created_at, row.updated_at), (time(1_000), time(2_000)));
    assert_eq!(
        journal.records(new.saga, 0, 10).await.expect("records"),
        records(0, 3)
    );
}

pub async fn a_saga_that_exists_is_not_made_again(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1);
    made(journal, [new.clone()]).await;
    let again = start(1).definition("other");
    assert_eq!(
        answer(journal, again).await,
        Err(Refusal::Exists { saga: new.saga })
    );
    let row = journal
        .saga(new.saga)
        .await
        .expect("the journal works")
        .expect("the saga");
    assert_eq!(row.definition, name("order"));
}

pub async fn an_append_that_expects_another_event_is_refused(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1);
    let next = new.next(1);
    made(journal, [new.clone(), next.clone()]).await;
    assert_eq!(answer(journal, next.clone()).await, Err(next.fenced()));
    let far = next.next(1).next(1);
    assert_eq!(answer(journal, far.clone()).await, Err(far.fenced()));
    assert_eq!(
        journal.records(new.saga, 0, 10).await.expect("records"),
        records(0, 2)
    );
}

pub async fn an_append_by_another_owner_or_epoch_is_refused(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1);
    made(journal, [new.clone()]).await;
    for fence in [
        Fence {
            owner: BOB,
            epoch: 1,
        },
        Fence {
            owner: ALICE,
            epoch: 2,
        },
        Fence {
            owner: ALICE,
            epoch: 0,
        },
    ] {
        let mut next = new.next(1).status(Status::Completed);
        next.fence = fence;
        assert_eq!(
            answer(journal, next.clone()).await,
            Err(next.fenced()),
            "{fence:?}"
        );
    }
    let row = journal
        .saga(new.saga)
        .await
        .expect("the journal works")
        .expect("the saga");
    assert_eq!((row.seq, row.status), (1, Status::Running));
    made(journal, [new.next(1)]).await;
}

pub async fn an_append_to_an_unknown_saga_is_refused(fixture: Fixture) {
    let next = start(1).next(1);
    assert_eq!(
        answer(&*fixture.journal, next.clone()).await,
        Err(next.fenced())
    );
    assert_eq!(
        fixture
            .journal
            .saga(next.saga)
            .await
            .expect("the journal works"),
        None
    );
}

pub async fn a_saga_that_was_let_go_takes_no_append_before_it_is_claimed(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1).released().due(5_000);
    made(journal, [new.clone()]).await;
    let next = new.next(1);
    assert_eq!(answer(journal, next.clone()).await, Err(next.fenced()));
    let claimed = journal
        .claim(ALICE, time(5_000), 10)
        .await
        .expect("the journal works");
    made(journal, [next.under(claimed[0])]).await;
}

pub async fn an_append_without_records_changes_the_head_and_the_owner_only(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal
        .register(ALICE, time(1_000))
        .await
        .expect("the journal works");
    let new = start(1).tag("a", "b");
    let mut kept = new.next(0).status(Status::Waiting).due(5_000);
    kept.head.updated_at = time(2_000);
    made(journal, [new.clone(), kept.clone()]).await;
    let expected = SagaRow {
        id: new.saga,
        seq: 1,
        definition: name("order"),
        version: 1,
        status: Status::Waiting,
        tags: new.head.tags.clone(),
        created_at: time(1_000),
        updated_at: time(2_000),
    };
    let row = journal.saga(new.saga).await.expect("the journal works");
    assert_eq!(row.as_ref(), Some(&expected));
    assert_eq!(journal.next_due().await.expect("the journal works"), None);

    made(journal, [kept.released()]).await;
    let row = journal.saga(new.saga).await.expect("the journal works");
    assert_eq!(row, Some(expected));
    assert_eq!(
        journal.next_due().await.expect("the journal works"),
        Some(time(5_000))
    );
    let claimed = journal
        .claim(ALICE, time(5_000), 10)
        .await
        .expect("the journal works");
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].fence.epoch, 2);
    assert_eq!(
        journal.records(new.saga, 0, 10).await.expect("records"),
        records(0, 1)
    );
    made(journal, [new.next(1).under(claimed[0])]).await;
    assert_eq!(
        journal.records(new.saga, 0, 10).await.expect("records"),
        records(0, 2)
    );
}

pub async fn an_append_without_records_is_fenced_like_any_other(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1);
    let next = new.next(1);
    made(journal, [new.clone(), next.clone()]).await;
    let right = next.next(0).status(Status::Completed);
    let mut late = new.next(0).status(Status::Completed);
    late.head.updated_at = time(2_000);
    let far = next.next(1).next(0);
    let [mut others, mut older, mut unknown] = [right.clone(), right.clone(), right.clone()];
    others.fence.owner = BOB;
    older.fence.epoch = 0;
    unknown.saga = start(2).saga;
    let before = journal.saga(new.saga).await.expect("the journal works");
    for refused in [late, far, others, older, unknown.clone()] {
        assert_eq!(
            answer(journal, refused.clone()).await,
            Err(refused.fenced()),
            "{refused:?}"
        );
    }
    assert_eq!(
        journal.saga(new.saga).await.expect("the journal works"),
        before
    );
    assert_eq!(
        journal.saga(unknown.saga).await.expect("the journal works"),
        None
    );
    made(journal, [right]).await;
}

pub async fn an_append_without_records_makes_no_saga(fixture: Fixture) {
    let journal = &*fixture.journal;
    let mut new = start(1);
    new.records = [].into();
    assert_eq!(answer(journal, new.clone()).await, Err(new.fenced()));
    assert_eq!(
        journal.saga(new.saga).await.expect("the journal works"),
        None
    );
    made(journal, [start(1)]).await;
    let exists = Refusal::Exists { saga: new.saga };
    assert_eq!(answer(journal, new).await, Err(exists));
}

pub async fn a_refusal_keeps_no_other_append_from_being_made(fixture: Fixture) {
    let journal = &*fixture.journal;
    let [old, new, unknown] = [start(1), start(2).tag("a", "b"), start(3).next(1)];
    made(journal, [old.clone()]).await;
    let mut stolen = old.next(1);
    stolen.fence.owner = BOB;
    let batch = vec![
        stolen.clone(),
        new.clone(),
        unknown.clone(),
        start(1),
        old.next(2),
    ];
    let answers = journal.append(batch).await.expect("the journal works");
    let exists = Refusal::Exists { saga: old.saga };
    let expected = [
        Err(stolen.fenced()),
        Ok(()),
        Err(unknown.fenced()),
        Err(exists),
        Ok(()),
    ];
    assert_eq!(answers, expected);
    assert_eq!(
        journal.records(old.saga, 0, 10).await.expect("records"),
        records(0, 3)
    );
    assert_eq!(
        journal.records(new.saga, 0, 10).await.expect("records"),
        records(0, 1)
    );
    assert_eq!(
        journal.records(unknown.saga, 0, 10).await.expect("records"),
        []
    );
}

pub async fn appends_to_one_saga_in_one_batch_follow_each_other(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1);
    let second = new.next(2);
    let third = second.next(1).status(Status::Completed);
    let batch = vec![new.clone(), second.clone(), second.clone(), third];
    let answers = journal.append(batch).await.expect("the journal works");
    assert_eq!(answers, [Ok(()), Ok(()), Err(second.fenced()), Ok(())]);
    let row = journal
        .saga(new.saga)
        .await
        .expect("the journal works")
        .expect("the saga");
    assert_eq!((row.seq, row.status), (4, Status::Completed));
    assert_eq!(
        journal.records(new.saga, 0, 10).await.expect("records"),
        records(0, 4)
    );
}

pub async fn a_saga_made_twice_in_one_batch_is_made_once(fixture: Fixture) {
    let journal = &*fixture.journal;
    let batch = vec![start(1), start(1).definition("other")];
    let answers = journal.append(batch).await.expect("the journal works");
    assert_eq!(
        answers,
        [
            Ok(()),
            Err(Refusal::Exists {
                saga: start(1).saga
            })
        ]
    );
    let row = journal
        .saga(start(1).saga)
        .await
        .expect("the journal works")
        .expect("the saga");
    assert_eq!(row.definition, name("order"));
}

pub async fn a_batch_of_a_thousand_is_made_whole(fixture: Fixture) {
    const COUNT: u64 = 1_000;
    let journal = &*fixture.journal;
    let new: Vec<_> = (0..COUNT).map(start).collect();
    let next: Vec<_> = new.iter().map(|append| append.next(3)).collect();
    for batch in [new.clone(), next] {
        let answers = journal.append(batch).await.expect("the journal works");
        assert_eq!(answers, vec![Ok(()); new.len()]);
    }
    for append in &new {
        assert_eq!(
            journal.records(append.saga, 0, 10).await.expect("records"),
            records(0, 4)
        );
    }
}

pub async fn an_empty_batch_is_answered(fixture: Fixture) {
    assert_eq!(
        fixture
            .journal
            .append(Vec::new())
            .await
            .expect("the journal works"),
        []
    );
}

pub async fn appends_from_many_tasks_are_all_made(fixture: Fixture) {
    const TASKS: u64 = 16;
    const APPENDS: u64 = 10;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..TASKS {
        let journal = Arc::clone(&fixture.journal);
        tasks.spawn(async move {
            let mut append = start(number);
            for _ in 0..APPENDS {
                made(&*journal, [append.clone()]).await;
                append = append.next(1);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("a task's appends are made");
    }
    for number in 0..TASKS {
        let stored = fixture
            .journal
            .records(start(number).saga, 0, 100)
            .await
            .expect("records");
        assert_eq!(stored, records(0, APPENDS));
    }
}
