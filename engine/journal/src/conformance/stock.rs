//! What sagas are made of: definitions, components and their bytes.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use serde_json::json;
use wasaga_core::{ComponentInfo, Digest, Policy};

use crate::journal::{Activation, Journal, Made};
use crate::model::{ComponentRow, ComponentVersion, DefinitionVersion, NewComponentVersion};

use super::Fixture;
use super::draft::{behind, first, name, time};

pub async fn bytes_are_found_by_their_digest(fixture: Fixture) {
    let journal = &*fixture.journal;
    let large: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    for bytes in [&b""[..], b"\0asm", &large] {
        let digest = Digest::of(bytes);
        assert_eq!(journal.blob(digest).await.expect("the journal works"), None);
        for _ in 0..2 {
            journal
                .put_blob(digest, bytes)
                .await
                .expect("the journal works");
            let stored = journal.blob(digest).await.expect("the journal works");
            assert!(
                stored.as_deref() == Some(bytes),
                "{} bytes differ",
                bytes.len()
            );
        }
    }
}

async fn define(journal: &dyn Journal, of: &str, note: &str) -> (DefinitionVersion, Made) {
    let document = json!({ "name": of, "note": note });
    let digest = Digest::of(note.as_bytes());
    journal
        .put_definition(&name(of), digest, &document, time(7))
        .await
        .expect("the journal works")
}

pub async fn a_definition_gets_a_version_when_it_changes(fixture: Fixture) {
    let journal = &*fixture.journal;
    let order = name("order");
    assert_eq!(
        journal
            .definition(&order, None)
            .await
            .expect("the journal works"),
        None
    );
    let (one, made) = define(journal, "order", "one").await;
    assert_eq!((one.version, made, one.created_at), (1, Made::New, time(7)));
    assert_eq!(
        define(journal, "order", "one").await,
        (one.clone(), Made::Existing)
    );
    let (two, made) = define(journal, "order", "two").await;
    assert_eq!((two.version, made), (2, Made::New));
    let (three, made) = define(journal, "order", "one").await;
    assert_eq!(
        (three.version, made),
        (3, Made::New),
        "only the latest version counts"
    );
    let (other, _) = define(journal, "other", "one").await;
    assert_eq!(other.version, 1);
    for (version, expected) in [
        (Some(1), Some(one)),
        (Some(2), Some(two)),
        (None, Some(three)),
        (Some(4), None),
    ] {
        let found = journal
            .definition(&order, version)
            .await
            .expect("the journal works");
        assert_eq!(found, expected, "version {version:?}");
    }
}

pub async fn definitions_are_listed_by_name(fixture: Fixture) {
    let journal = &*fixture.journal;
    for (of, note) in [
        ("b", "1"),
        ("a", "1"),
        ("c", "1"),
        ("a", "2"),
        ("B", "1"),
        ("a", "3"),
    ] {
        define(journal, of, note).await;
    }
    let page = journal
        .definitions(first(3))
        .await
        .expect("the journal works");
    let shown = |items: &[DefinitionVersion]| -> Vec<(String, u32)> {
        items
            .iter()
            .map(|item| (item.name.to_string(), item.version))
            .collect()
    };
    assert_eq!(
        shown(&page.items),
        [("B".into(), 1), ("a".into(), 3), ("b".into(), 1)]
    );
    assert_eq!(page.items[1].document, json!({ "name": "a", "note": "3" }));
    let page = journal
        .definitions(behind(page.next, 3))
        .await
        .expect("the journal works");
    assert_eq!(
        (shown(&page.items), page.next),
        (vec![("c".into(), 1)], None)
    );
}

async fn upload(journal: &dyn Journal, of: &str, bytes: &[u8]) -> (ComponentVersion, Made) {
    let digest = Digest::of(bytes);
    journal
        .put_blob(digest, bytes)
        .await
        .expect("the journal works");
    let info = ComponentInfo {
        imports: vec!["log".into()],
        exports: vec!["action".into()],
    };
    let size_bytes = bytes.len() as u64;
    let new = NewComponentVersion {
        name: name(of),
        digest,
        size_bytes,
        info,
        at: time(7),
    };
    journal
        .put_component_version(new)
        .await
        .expect("the journal works")
}

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

pub async fn an_activation_counts_the_generation_up(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pay = name("pay");
    upload(journal, "pay", b"one").await;
    upload(journal, "pay", b"two").await;
    for (generation, version) in (1..).zip([1, 2, 1, 1]) {
        let done = journal
            .activate(&pay, version, None)
            .await
            .expect("the journal works");
        let stored = journal
            .component(&pay)
            .await
            .expect("the journal works")
            .expect("a component");
        assert_eq!(
            (stored.active, stored.generation),
            (Some(version), generation)
        );
        assert_eq!(done, Activation::Done(stored));
    }
}

pub async fn an_activation_that_saw_another_generation_is_refused(fixture: Fixture) {
    let journal = &*fixture.journal;
    let pay = name("pay");
    upload(journal, "pay", b"one").await;
    upload(journal, "pay", b"two").await;
    let done = journal
        .activate(&pay, 1, Some(0))
        .await
        .expect("the journal works");
    assert!(matches!(done, Activation::Done(_)), "{done:?}");
    let late = journal
        .activate(&pay, 2, Some(0))
        .await
        .expect("the journal works");
    assert_eq!(late, Activation::Outdated { generation: 1 });
    let stored = journal
        .component(&pay)
        .await
        .expect("the journal works")
        .expect("a component");
    assert_eq!((stored.active, stored.generation), (Some(1), 1));
}

pub async fn an_unknown_version_is_not_activated(fixture: Fixture) {
    let journal = &*fixture.journal;
    upload(journal, "pay", b"one").await;
    for (of, version) in [("pay", 2), ("pay", 0), ("ship", 1)] {
        let answer = journal
            .activate(&name(of), version, None)
            .await
            .expect("the journal works");
        assert_eq!(answer, Activation::NotFound, "{of} {version}");
    }
    let stored = journal
        .component(&name("pay"))
        .await
        .expect("the journal works");
    assert_eq!(stored.expect("a component").active, None);
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
    journal
        .activate(&pay, 1, Some(0))
        .await
        .expect("the journal works");
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
    assert_eq!((stored.generation, stored.policy), (1, Policy::default()));
}
