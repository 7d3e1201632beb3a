//! Components: their versions, what people say about these, what the operator grants, and which
//! versions may go.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use std::collections::BTreeMap;

use wasaga_core::{Digest, Policy, Status};

use crate::journal::{Journal, Made, Removal};
use crate::model::{ComponentRow, ComponentVersion, Description};

use super::Fixture;
use super::draft::{
    active, behind, described, first, id, made, name, shared, start, switched, time, unshared,
    upload,
};

pub async fn a_component_gets_a_version_for_new_bytes(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pay = name("pay");
    assert_eq!(
        journal.component(&pay).await.expect("the journal works"),
        None
    );
    let (one, made) = upload(journal, "pay", b"one").await;
    assert_eq!((one.version, made), (1, Made::New));
    assert_eq!((one.size_bytes, one.created_at), (3, time(7)));
    assert_eq!((&one.name, one.digest), (&pay, Digest::of(b"one")));
    assert_eq!(one.info.exports, ["action"]);
    let (two, made) = upload(journal, "pay", b"two").await;
    assert_eq!((two.version, made), (2, Made::New));
    assert_eq!(
        upload(journal, "pay", b"one").await,
        (one.clone(), Made::Existing)
    );
    assert_eq!(upload(journal, "ship", b"one").await.0.version, 1);
    for (number, expected) in [(1, Some(one)), (2, Some(two)), (3, None)] {
        let found = journal
            .component_version(&pay, number)
            .await
            .expect("the journal works");
        assert_eq!(found, expected);
    }
    let row = journal.component(&pay).await.expect("the journal works");
    let policy = Policy::default();
    assert_eq!(
        row,
        Some(ComponentRow {
            name: pay,
            active: None,
            candidate: None,
            generation: 0,
            policy,
            latest: 2
        })
    );
}

pub async fn component_versions_are_listed_the_latest_first(fixture: Fixture) {
    let journal = &*fixture.journal;
    for bytes in [b"1", b"2", b"3"] {
        upload(journal, "pay", bytes).await;
    }
    upload(journal, "ship", b"1").await;
    let pay = name("pay");
    let shown = |items: &[ComponentVersion]| -> Vec<u32> {
        items.iter().map(|item| item.version).collect()
    };
    let page = journal
        .component_versions(&pay, first(2))
        .await
        .expect("the journal works");
    assert_eq!(shown(&page.items), [3, 2]);
    let page = journal.component_versions(&pay, behind(page.next, 2)).await;
    let page = page.expect("the journal works");
    assert_eq!((shown(&page.items), page.next), (vec![1], None));
}

pub async fn components_are_listed_by_name(fixture: Fixture) {
    let journal = &*fixture.journal;
    for of in ["ship", "pay", "mail"] {
        upload(journal, of, of.as_bytes()).await;
    }
    upload(journal, "pay", b"again").await;
    let shown = |items: &[ComponentRow]| -> Vec<(String, u32)> {
        items
            .iter()
            .map(|item| (item.name.to_string(), item.latest))
            .collect()
    };
    let page = journal
        .components(first(2))
        .await
        .expect("the journal works");
    assert_eq!(shown(&page.items), [("mail".into(), 1), ("pay".into(), 2)]);
    let page = journal
        .components(behind(page.next, 2))
        .await
        .expect("the journal works");
    assert_eq!(
        (shown(&page.items), page.next),
        (vec![("ship".into(), 1)], None)
    );
}

pub async fn a_policy_may_come_before_the_component(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pay = name("pay");
    let mut policy = Policy {
        allowed_hosts: vec!["pay.example.com".into()],
        ..Policy::default()
    };
    policy.limits.fuel = Some(1_000_000);
    policy.config.insert("currency".into(), "EUR".into());
    journal
        .put_policy(&pay, &policy)
        .await
        .expect("the journal works");
    let stored = journal
        .component(&pay)
        .await
        .expect("the journal works")
        .expect("a component");
    assert_eq!(
        (stored.latest, stored.active, &stored.policy),
        (0, None, &policy)
    );
    upload(journal, "pay", b"one").await;
    switched(journal, &active("pay", 1)).await;
    let stored = journal
        .component(&pay)
        .await
        .expect("the journal works")
        .expect("a component");
    assert_eq!(
        (stored.latest, stored.active, &stored.policy),
        (1, Some(1), &policy)
    );
    journal
        .put_policy(&pay, &Policy::default())
        .await
        .expect("the journal works");
    let stored = journal
        .component(&pay)
        .await
        .expect("the journal works")
        .expect("a component");
    // Two policies and an activation.
    assert_eq!((stored.generation, stored.policy), (3, Policy::default()));
}

fn said(note: &str) -> Description {
    Description {
        note: note.to_owned(),
        labels: BTreeMap::from([("commit".to_owned(), note.to_uppercase())]),
    }
}

pub async fn what_is_said_of_a_version_can_change(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pay = name("pay");
    let (one, _) = described(journal, "pay", b"one", said("first")).await;
    assert_eq!(one.description, said("first"));
    let (two, _) = upload(journal, "pay", b"two").await;
    assert_eq!(two.description, Description::default());
    // The same bytes say nothing new of the version that has them.
    let again = described(journal, "pay", b"one", said("again")).await;
    assert_eq!(again, (one.clone(), Made::Existing));

    for description in [said("better"), Description::default()] {
        let changed = ComponentVersion {
            description: description.clone(),
            ..one.clone()
        };
        let answer = journal
            .describe_component_version(&pay, 1, &description)
            .await;
        let answer = answer.expect("the journal works");
        assert_eq!(answer.as_ref(), Some(&changed));
        let page = journal.component_versions(&pay, first(9)).await;
        let page = page.expect("the journal works");
        assert_eq!(page.items, [two.clone(), changed]);
    }
    for (of, version) in [("pay", 3), ("pay", 0), ("ship", 1)] {
        let answer = journal
            .describe_component_version(&name(of), version, &said("x"))
            .await;
        assert_eq!(answer.expect("the journal works"), None, "{of} {version}");
    }
}

async fn removed(journal: &dyn Journal, of: &str, version: u32) -> Removal {
    let answer = journal.remove_component_version(&name(of), version).await;
    answer.expect("the journal works")
}

pub async fn a_removed_version_is_gone_and_its_number_is_not_used_again(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pay = name("pay");
    for bytes in [b"1", b"2", b"3"] {
        upload(journal, "pay", bytes).await;
    }
    assert_eq!(removed(journal, "pay", 3).await, Removal::Done);
    assert_eq!(removed(journal, "pay", 1).await, Removal::Done);
    for (of, version) in [("pay", 3), ("pay", 4), ("pay", 0), ("ship", 1)] {
        let answer = removed(journal, of, version).await;
        assert_eq!(answer, Removal::NotFound, "{of} {version}");
    }
    let gone = journal.component_version(&pay, 3).await;
    assert_eq!(gone.expect("the journal works"), None);
    let row = journal.component(&pay).await.expect("the journal works");
    assert_eq!(row.expect("a component").latest, 3);
    let (new, made) = upload(journal, "pay", b"3").await;
    assert_eq!((new.version, made), (4, Made::New));
    for version in [2, 4] {
        assert_eq!(removed(journal, "pay", version).await, Removal::Done);
    }
    let row = journal.component(&pay).await.expect("the journal works");
    assert_eq!(row.expect("a component without versions").latest, 4);
    assert_eq!(upload(journal, "pay", b"1").await.0.version, 5);
    let page = journal.component_versions(&pay, first(9)).await;
    let left = page.expect("the journal works").items;
    assert_eq!(left.iter().map(|v| v.version).collect::<Vec<_>>(), [5]);
}

pub async fn bytes_go_with_the_last_version_that_has_them(fixture: Fixture) {
    let journal = &*fixture.journal;
    for of in ["pay", "ship"] {
        upload(journal, of, b"both").await;
    }
    upload(journal, "pay", b"other").await;
    let stored = async |bytes: &[u8]| {
        let blob = journal.blob(Digest::of(bytes)).await;
        blob.expect("the journal works").is_some()
    };
    assert_eq!(removed(journal, "pay", 1).await, Removal::Done);
    assert!(stored(b"both").await, "another component has them");
    assert_eq!(removed(journal, "ship", 1).await, Removal::Done);
    assert!(!stored(b"both").await && stored(b"other").await);
}

pub async fn a_version_that_sagas_take_is_not_removed(fixture: Fixture) {
    let journal = &*fixture.journal;
    for bytes in [b"1", b"2", b"3"] {
        upload(journal, "pay", bytes).await;
    }
    switched(journal, &active("pay", 1)).await;
    switched(journal, &shared("pay", 2, 10)).await;
    for version in [1, 2] {
        let answer = removed(journal, "pay", version).await;
        assert_eq!(answer, Removal::Taken, "{version}");
    }
    assert_eq!(removed(journal, "pay", 3).await, Removal::Done);
    switched(journal, &unshared("pay")).await;
    assert_eq!(removed(journal, "pay", 2).await, Removal::Done);
    assert_eq!(removed(journal, "pay", 1).await, Removal::Taken);
}

pub async fn a_version_stays_while_a_saga_that_is_not_over_is_bound_to_it(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pay = name("pay");
    let live_on = async |version| {
        let live = journal.live_saga_on(&pay, version).await;
        live.expect("the journal works")
    };
    for bytes in [b"1", b"2"] {
        upload(journal, "pay", bytes).await;
    }
    // Sagas on other versions, of other components, and over do not matter.
    let others = [
        start(10).bound("pay", 2),
        start(11).bound("ship", 1),
        start(12).bound("pay", 1).status(Status::Completed),
    ];
    made(journal, others).await;
    assert_eq!((live_on(1).await, live_on(2).await), (None, Some(id(10))));

    let mut saga = start(1);
    made(journal, [saga.clone()]).await;
    saga = saga.next(0).bound("pay", 1);
    for status in Status::ALL {
        made(journal, [saga.clone().status(status)]).await;
        let live = Some(id(1)).filter(|_| !status.is_over());
        assert_eq!(live_on(1).await, live, "{status}");
        if let Some(saga) = live {
            let answer = removed(journal, "pay", 1).await;
            assert_eq!(answer, Removal::Bound(saga), "{status}");
        }
        saga = saga.next(1);
    }
    made(journal, [saga.status(Status::Compensated)]).await;
    assert_eq!(live_on(1).await, None);
    assert_eq!(removed(journal, "pay", 1).await, Removal::Done);
    let bound = removed(journal, "pay", 2).await;
    assert_eq!(bound, Removal::Bound(id(10)));
}

pub async fn a_version_stays_while_a_completed_saga_on_it_may_be_undone(fixture: Fixture) {
    let journal = &*fixture.journal;
    let live = async || {
        let live = journal.live_saga_on(&name("pay"), 1).await;
        live.expect("the journal works")
    };
    for bytes in [b"1", b"2"] {
        upload(journal, "pay", bytes).await;
    }
    // 3 is bound, completed, and nested in 2, which completed inside 1.
    let outer = start(1).status(Status::Waiting);
    let between = start(2).inside(1).status(Status::Completed);
    let inner = start(3).inside(2).bound("pay", 1);
    made(journal, [outer.clone(), between.clone(), inner.clone()]).await;
    assert_eq!(live().await, Some(id(3)), "it is not over");
    let inner = inner.next(1).status(Status::Completed);
    made(journal, [inner.clone()]).await;
    assert_eq!(live().await, Some(id(3)), "1 may want it undone");
    let answer = removed(journal, "pay", 1).await;
    assert_eq!(answer, Removal::Bound(id(3)));
    let between = between.next(1).status(Status::Compensating);
    made(journal, [between.clone()]).await;
    assert_eq!(live().await, Some(id(3)), "2 wants it undone");
    let inner = inner.next(1).status(Status::Compensated);
    made(journal, [inner]).await;
    assert_eq!(live().await, None, "it was undone");

    let late = start(4).inside(1).bound("pay", 1).status(Status::Completed);
    made(journal, [late]).await;
    assert_eq!(live().await, Some(id(4)));
    made(journal, [outer.next(1).status(Status::Completed)]).await;
    assert_eq!(live().await, None, "1 is over");
    assert_eq!(removed(journal, "pay", 1).await, Removal::Done);
}

pub async fn every_event_that_binds_a_step_counts(fixture: Fixture) {
    let journal = &*fixture.journal;
    let on = async |component: &str, version| {
        let live = journal.live_saga_on(&name(component), version).await;
        live.expect("the journal works")
    };
    // Twice the same in one batch, and once more later.
    let saga = start(1).bound("pay", 1).bound("pay", 1).bound("ship", 7);
    made(journal, [saga.clone()]).await;
    let retried = saga.next(0).retried_on(&[("pay", 2), ("ship", 8)]);
    let moved = retried.next(0).moved_to(&[("pay", 3)]).bound("pay", 1);
    let batch = vec![retried, moved];
    let answers = journal.append(batch).await.expect("the journal works");
    assert_eq!(answers, [Ok(()), Ok(())]);
    let bound = [("pay", 1), ("pay", 2), ("pay", 3), ("ship", 7), ("ship", 8)];
    for (component, version) in bound {
        let found = on(component, version).await;
        assert_eq!(found, Some(id(1)), "{component} {version}");
    }
    for (component, version) in [("pay", 7), ("ship", 1), ("ship", 9), ("mail", 1)] {
        let found = on(component, version).await;
        assert_eq!(found, None, "{component} {version}");
    }
    // What was refused binds nothing.
    let refused = start(2).bound("mail", 1).next(0).bound("mail", 1);
    let answers = journal.append(vec![refused]).await;
    assert!(answers.expect("the journal works")[0].is_err());
    assert_eq!(on("mail", 1).await, None);
}
