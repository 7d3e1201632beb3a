//! The events of all sagas in one order.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use std::sync::Arc;

use crate::journal::Journal;
use crate::model::FeedEntry;
use crate::{PAGE_BYTES, PAGE_LIMIT};

use super::Fixture;
use super::draft::{answer, id, made, records, start};
use super::read::large;

/// All of the feed behind a position, in pages of so many.
async fn feed(journal: &dyn Journal, mut after: u64, limit: u32) -> Vec<FeedEntry> {
    let mut entries = Vec::new();
    loop {
        let page = journal.feed(after, limit).await.expect("the journal works");
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else {
            return entries;
        };
        after = last.position;
        entries.extend(page);
    }
}

/// Whose event, and which of its own, each entry is.
fn places(entries: &[FeedEntry]) -> Vec<(u64, u64)> {
    let number = |entry: &FeedEntry| (1..100).find(|number| id(*number) == entry.saga);
    entries
        .iter()
        .map(|entry| (number(entry).expect("a saga"), entry.record.seq))
        .collect()
}

pub async fn the_feed_has_all_events_in_the_order_in_which_they_were_written(fixture: Fixture) {
    let journal = &*fixture.journal;
    assert_eq!(journal.feed_end().await.expect("the journal works"), 0);
    assert_eq!(feed(journal, 0, 10).await, []);
    made(journal, [start(2), start(1), start(2).next(2)]).await;
    let late = start(2).next(2).next(1);
    let batch = vec![start(3), start(1).next(1), late.clone(), start(3).next(1)];
    journal.append(batch).await.expect("the journal works");
    assert_eq!(answer(journal, late.clone()).await, Err(late.fenced()));
    let expected = [
        (2, 1),
        (1, 1),
        (2, 2),
        (2, 3),
        (3, 1),
        (1, 2),
        (2, 4),
        (3, 2),
    ];
    for limit in [1, 2, 100] {
        let entries = feed(journal, 0, limit).await;
        assert_eq!(places(&entries), expected, "pages of {limit}");
        assert!(entries.is_sorted_by(|one, next| one.position < next.position));
        assert_eq!(entries[3].record, records(2, 1)[0]);
        let end = journal.feed_end().await.expect("the journal works");
        assert_eq!(entries.last().map(|entry| entry.position), Some(end));
        let rest = feed(journal, entries[4].position, limit).await;
        assert_eq!(rest, entries[5..]);
        assert_eq!(feed(journal, end, limit).await, []);
    }
    assert_eq!(feed(journal, u64::MAX, 1).await, []);
}

pub async fn a_page_of_the_feed_is_bounded(fixture: Fixture) {
    let journal = &*fixture.journal;
    let half = PAGE_BYTES / 2;
    made(journal, [large(1, &[half, half, PAGE_BYTES + 1])]).await;
    let mut after = 0;
    for expected in [2, 1, 1] {
        let page = journal.feed(after, 100).await.expect("the journal works");
        assert_eq!(page.len(), expected);
        after = page[expected - 1].position;
    }
    let mut many = start(2);
    many.records = records(0, u64::from(PAGE_LIMIT) + 1).into();
    made(journal, [many]).await;
    let page = journal.feed(after, u32::MAX).await;
    assert_eq!(page.expect("the journal works").len(), PAGE_LIMIT as usize);
}

/// Who follows the feed reads on behind what it read last, while others write.
pub async fn who_follows_the_feed_misses_nothing(fixture: Fixture) {
    const TASKS: u64 = 8;
    const APPENDS: u64 = 20;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=TASKS {
        let journal = Arc::clone(&fixture.journal);
        tasks.spawn(async move {
            let mut append = start(number);
            for _ in 0..APPENDS {
                made(&*journal, [append.clone()]).await;
                append = append.next(1);
            }
        });
    }
    let mut seen = Vec::new();
    let mut after = 0;
    while (seen.len() as u64) < TASKS * APPENDS {
        let written = tasks.is_empty();
        let page = fixture.journal.feed(after, 7).await;
        let page = page.expect("the journal works");
        assert!(
            !written || !page.is_empty(),
            "only {} were seen",
            seen.len()
        );
        after = page.last().map_or(after, |entry| entry.position);
        seen.extend(page);
        tokio::task::yield_now().await;
        while let Some(task) = tasks.try_join_next() {
            task.expect("a task's appends are made");
        }
    }
    let mut places = places(&seen);
    places.sort_unstable();
    let expected = (1..=TASKS).flat_map(|saga| (1..=APPENDS).map(move |seq| (saga, seq)));
    assert_eq!(places, expected.collect::<Vec<_>>());
}
