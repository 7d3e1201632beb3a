//! Bytes and definitions.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use serde_json::json;
use wasaga_core::Digest;

use crate::journal::{Journal, Made};
use crate::model::DefinitionVersion;

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
