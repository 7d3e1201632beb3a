//! Reading records and log lines.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use wasaga_core::{Event, Metering, Record, StepPath};

use crate::error::JournalError;
use crate::model::Append;
use crate::{PAGE_BYTES, PAGE_LIMIT};

use super::Fixture;
use super::draft::{behind, first, id, line, made, name, records, start, time};

pub async fn records_are_read_in_pages(fixture: Fixture) {
    let journal = &*fixture.journal;
    let count = u64::from(PAGE_LIMIT) + 5;
    let mut new = start(1);
    new.records = records(0, count).into();
    made(journal, [new.clone(), start(2)]).await;
    let read = |after, limit| journal.records(new.saga, after, limit);
    assert_eq!(read(0, 2).await.expect("records"), records(0, 2));
    assert_eq!(read(2, 2).await.expect("records"), records(2, 2));
    assert_eq!(
        read(count - 1, 2).await.expect("records"),
        records(count - 1, 1)
    );
    assert_eq!(read(count, 2).await.expect("records"), []);
    assert_eq!(
        read(0, u32::MAX).await.expect("records").len(),
        PAGE_LIMIT as usize
    );
}

pub async fn what_an_event_holds_survives(fixture: Fixture) {
    let journal = &*fixture.journal;
    let mut new = start(1)
        .tag("käse \"x\" '", "line\nbreak, \u{1F980}")
        .created(-1);
    let mut record = records(0, 1).remove(0);
    record.at = time(-62_135_596_800_000);
    record.event = Event::SagaStarted {
        definition: name("order"),
        version: u32::MAX,
        input: Arc::new(json!({
            "text": "käse \u{1F980} \u{0} \\ \" '); DROP TABLE sagas; --",
            "numbers": [0.1, 1e300, -7, u64::MAX, i64::MIN, 33.333_333_333_333_336],
            "nothing": null,
            "deep": [[[[{ "a": [] }]]]],
        })),
        tags: new.head.tags.clone(),
        deadline: Some(time(253_402_207_200_000)),
        parent: None,
    };
    new.records = [record].into();
    new.logs = vec![line("käse \u{0} \n'")];
    made(journal, [new.clone()]).await;
    assert_eq!(
        journal.records(new.saga, 0, 1).await.expect("records"),
        new.records.to_vec()
    );
    assert_eq!(
        journal.logs(new.saga, first(1)).await.expect("logs").items,
        new.logs
    );
    let row = journal
        .saga(new.saga)
        .await
        .expect("the journal works")
        .expect("the saga");
    assert_eq!((row.tags, row.created_at), (new.head.tags, time(-1)));
}

pub async fn a_result_that_is_nested_deep_is_read_back_as_it_was_written(fixture: Fixture) {
    const DEPTH: usize = 100;
    let journal = &*fixture.journal;
    let new = start(1);
    let mut next = new.next(1);
    let mut record = next.records[0].clone();
    record.event = Event::ActCompleted {
        step: StepPath::root(&name("pay")),
        attempt: 1,
        result: Arc::new((1..DEPTH).fold(json!([]), |inner, _| json!([inner]))),
        context_patch: None,
        metering: Metering::default(),
        requests: Vec::new(),
    };
    next.records = [record].into();
    made(journal, [new.clone(), next.clone()]).await;
    assert_eq!(
        journal.records(new.saga, 1, 10).await.expect("records"),
        next.records.to_vec()
    );
}

pub async fn log_lines_are_read_in_the_order_in_which_they_were_written(fixture: Fixture) {
    let journal = &*fixture.journal;
    let [mut one, mut two] = [start(1), start(2)];
    one.logs = vec![line("a"), line("b")];
    two.logs = vec![line("elsewhere")];
    let mut next = one.next(1);
    next.logs = vec![line("c"), line("d"), line("e")];
    made(journal, [one, two, next]).await;
    let page = journal.logs(id(1), first(2)).await.expect("logs");
    assert_eq!(page.items, [line("a"), line("b")]);
    let page = journal
        .logs(id(1), behind(page.next, 2))
        .await
        .expect("logs");
    assert_eq!(page.items, [line("c"), line("d")]);
    let page = journal
        .logs(id(1), behind(page.next, 2))
        .await
        .expect("logs");
    assert_eq!((page.items, page.next), (vec![line("e")], None));
}

/// A saga with events of these sizes behind its first one.
pub(super) fn large(number: u64, sizes: &[usize]) -> Append {
    let mut new = start(number);
    let mut all = records(0, 1 + sizes.len() as u64);
    for (record, size) in all[1..].iter_mut().zip(sizes) {
        record.event = Event::SagaStarted {
            definition: name("order"),
            version: 1,
            input: Arc::new(json!("x".repeat(*size))),
            tags: BTreeMap::new(),
            deadline: None,
            parent: None,
        };
    }
    new.records = all.into();
    new
}

fn bytes(records: &[Record]) -> usize {
    let events = records
        .iter()
        .map(|record| serde_json::to_vec(&record.event).expect("JSON").len());
    events.sum()
}

pub async fn a_page_of_records_is_bounded_in_bytes_and_never_empty_before_the_end(
    fixture: Fixture,
) {
    let journal = &*fixture.journal;
    let [small, third, huge] = [10, PAGE_BYTES / 3, PAGE_BYTES + 1];
    let new = large(1, &[third, third, third, third, huge, small, small, huge]);
    made(journal, [new.clone()]).await;
    let mut pages = Vec::new();
    let mut after = 0;
    loop {
        let page = journal
            .records(new.saga, after, 100)
            .await
            .expect("the journal works");
        let Some(last) = page.last() else {
            break;
        };
        after = last.seq;
        assert!(page.len() == 1 || bytes(&page) <= PAGE_BYTES);
        pages.push(page);
    }
    let counts: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(counts, [3, 2, 1, 2, 1]);
    assert!(
        pages.concat() == *new.records,
        "a record is missing or changed"
    );
}

pub async fn a_page_of_log_lines_is_bounded_in_bytes(fixture: Fixture) {
    let journal = &*fixture.journal;
    let mut new = start(1);
    let sizes = [PAGE_BYTES / 2, PAGE_BYTES / 2, PAGE_BYTES + 1, 10];
    new.logs = sizes.map(|size| line(&"x".repeat(size))).to_vec();
    made(journal, [new.clone()]).await;
    let mut request = first(100);
    let mut lines = Vec::new();
    let mut counts = Vec::new();
    loop {
        let page = journal.logs(id(1), request).await.expect("logs");
        counts.push(page.items.len());
        lines.extend(page.items);
        if page.next.is_none() {
            break;
        }
        request = behind(page.next, 100);
    }
    assert_eq!(counts, [1, 1, 1, 1]);
    assert!(lines == new.logs, "a line is missing or changed");
}

pub async fn an_unknown_saga_has_nothing(fixture: Fixture) {
    let journal = &*fixture.journal;
    made(journal, [start(1)]).await;
    assert_eq!(journal.saga(id(2)).await.expect("the journal works"), None);
    assert_eq!(
        journal
            .records(id(2), 0, 10)
            .await
            .expect("the journal works"),
        []
    );
    let page = journal
        .logs(id(2), first(10))
        .await
        .expect("the journal works");
    assert_eq!((page.items, page.next), (vec![], None));
}

pub async fn a_closed_journal_says_so(fixture: Fixture) {
    let journal = &*fixture.journal;
    journal.ping().await.expect("the journal works");
    made(journal, [start(1)]).await;
    journal.close().await;
    journal.close().await;
    assert!(matches!(journal.ping().await, Err(JournalError::Closed)));
    assert!(matches!(
        journal.saga(id(1)).await,
        Err(JournalError::Closed)
    ));
    assert!(matches!(
        journal.append(vec![start(2)]).await,
        Err(JournalError::Closed)
    ));
}
