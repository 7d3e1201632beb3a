//! Lists of sagas: order, filters, pages and counts.
#![allow(missing_docs, reason = "the names say what the cases hold")]

use wasaga_core::{SagaId, Status};

use crate::PAGE_LIMIT;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::model::{Cursor, PageRequest, SagaFilter};

use super::Fixture;
use super::draft::{behind, first, id, made, name, start};

/// The ids that a list shows, in pages of two.
async fn listed(journal: &dyn Journal, filter: &SagaFilter) -> Vec<SagaId> {
    let mut request = first(2);
    let mut ids = Vec::new();
    loop {
        let page = journal
            .sagas(filter.clone(), request)
            .await
            .expect("the journal works");
        assert!(
            page.items.len() <= 2,
            "a page has no more rows than were asked for"
        );
        ids.extend(page.items.iter().map(|row| row.id));
        match page.next {
            Some(next) => request = behind(Some(next), 2),
            None => return ids,
        }
    }
}

pub async fn sagas_are_listed_the_latest_first(fixture: Fixture) {
    let journal = &*fixture.journal;
    let created = [(1, 500), (2, 100), (3, 500), (4, 300)];
    made(
        journal,
        created.map(|(number, ms)| start(number).created(ms)),
    )
    .await;
    let all = listed(journal, &SagaFilter::default()).await;
    assert_eq!(all, [id(3), id(1), id(4), id(2)]);
    let page = journal
        .sagas(SagaFilter::default(), first(4))
        .await
        .expect("the journal works");
    assert_eq!(
        (page.items.len(), page.next),
        (4, None),
        "no page follows the last row"
    );
}

pub async fn sagas_are_filtered_by_status_definition_and_tag(fixture: Fixture) {
    let journal = &*fixture.journal;
    let done = Status::Completed;
    let sagas = [
        start(1).created(100).tag("customer", "a"),
        start(2)
            .created(100)
            .tag("customer", "a")
            .tag("region", "a")
            .definition("other"),
        start(3).created(200).tag("customer", "b"),
        start(4).created(50).tag("customer", "a").status(done),
        start(5).created(300).definition("other").status(done),
    ];
    made(journal, sagas).await;
    made(journal, [start(1).next(1).status(Status::Stuck)]).await;
    let cases = [
        (None, None, None, &[5, 3, 2, 1, 4][..]),
        (Some(done), None, None, &[5, 4]),
        (Some(Status::Running), None, None, &[3, 2]),
        (Some(Status::Waiting), None, None, &[]),
        (None, Some("other"), None, &[5, 2]),
        (None, None, Some("a"), &[2, 1, 4]),
        (None, None, Some("c"), &[]),
        (Some(done), Some("other"), None, &[5]),
        (Some(done), None, Some("a"), &[4]),
        (None, Some("order"), Some("a"), &[1, 4]),
        (Some(Status::Stuck), Some("order"), Some("a"), &[1]),
    ];
    for (status, definition, customer, expected) in cases {
        let tag = customer.map(|value: &str| ("customer".to_owned(), value.to_owned()));
        let filter = SagaFilter {
            status,
            definition: definition.map(name),
            tag,
            bound_to: None,
        };
        let expected: Vec<_> = expected.iter().map(|number: &u64| id(*number)).collect();
        assert_eq!(listed(journal, &filter).await, expected, "{filter:?}");
    }
}

pub async fn a_saga_is_found_by_its_label_and_the_status_it_has_now(fixture: Fixture) {
    let journal = &*fixture.journal;
    let new = start(1).tag("customer", "a").tag("region", "eu");
    made(journal, [new.clone(), start(2).tag("customer", "b")]).await;
    let mut last = new;
    let labels = [("customer", "a"), ("region", "eu")];
    let seen = [Status::Waiting, Status::Completed, Status::Compensating];
    for status in [Status::Running].into_iter().chain(seen) {
        if status != Status::Running {
            // Labels come with the first append only.
            last = last.next(1).status(status);
            last.head.tags.clear();
            made(journal, [last.clone()]).await;
        }
        for (label, value) in labels {
            for definition in [None, Some(name("order")), Some(name("other"))] {
                for wanted in Status::ALL {
                    let fits = wanted == status && definition != Some(name("other"));
                    let filter = SagaFilter {
                        status: Some(wanted),
                        definition: definition.clone(),
                        tag: Some((label.to_owned(), value.to_owned())),
                        bound_to: None,
                    };
                    let expected = if fits { vec![id(1)] } else { vec![] };
                    assert_eq!(listed(journal, &filter).await, expected, "{filter:?}");
                }
            }
        }
    }
}

pub async fn a_saga_that_is_over_at_once_is_found_by_its_label(fixture: Fixture) {
    let journal = &*fixture.journal;
    let done = Status::Completed;
    let (one, two) = (start(1).tag("a", "b"), start(2).tag("a", "b").status(done));
    let mut end = one.next(2).status(done);
    end.head.tags.clear();
    let answers = journal.append(vec![one, end, two]).await;
    assert_eq!(answers.expect("the journal works"), vec![Ok(()); 3]);
    let filter = SagaFilter {
        status: Some(done),
        tag: Some(("a".to_owned(), "b".to_owned())),
        ..SagaFilter::default()
    };
    assert_eq!(listed(journal, &filter).await, [id(2), id(1)]);
}

pub async fn sagas_of_every_status_are_listed_in_one_order(fixture: Fixture) {
    let journal = &*fixture.journal;
    // Two of each status, and many of them created at the same time.
    let statuses = Status::ALL.into_iter().chain(Status::ALL);
    let mut keys = Vec::new();
    for ((number, status), created) in (1..).zip(statuses).zip([100, 300, 200].into_iter().cycle())
    {
        let new = start(number).tag("a", "b").status(status).created(created);
        made(journal, [new]).await;
        keys.push((created, id(number)));
    }
    keys.sort();
    let expected: Vec<_> = keys.into_iter().rev().map(|(_, saga)| saga).collect();
    for tag in [None, Some(("a".to_owned(), "b".to_owned()))] {
        for definition in [None, Some(name("order"))] {
            let filter = SagaFilter {
                status: None,
                definition,
                tag: tag.clone(),
                bound_to: None,
            };
            assert_eq!(listed(journal, &filter).await, expected, "{filter:?}");
        }
    }
}

/// Sagas of every status, definition and label, bound to every set of versions: every filter shows
/// those that it should, in the order of the list.
pub async fn sagas_are_found_by_the_version_that_they_are_bound_to(fixture: Fixture) {
    let journal = &*fixture.journal;
    let versions = [&[][..], &[1], &[2], &[1, 2]];
    let mut sagas = Vec::new();
    for status in Status::ALL {
        for definition in ["order", "refund"] {
            for region in [None, Some("eu"), Some("us")] {
                sagas.extend(versions.map(|bound| (status, definition, region, bound)));
            }
        }
    }
    let mut keys = Vec::new();
    for ((number, (status, definition, region, versions)), created) in (1..)
        .zip(&sagas)
        .zip([100, 300, 200, 100, 100].into_iter().cycle())
    {
        let mut new = start(number).definition(definition).created(created);
        if let Some(region) = region {
            new = new.tag("region", region);
        }
        let mut next = new.next(1).status(*status).bound("ship", 1);
        for version in *versions {
            next = next.bound("pay", *version);
        }
        made(journal, [new, next]).await;
        keys.push((created, id(number)));
    }
    let mut order: Vec<_> = keys.into_iter().zip(&sagas).collect();
    order.sort();
    order.reverse();

    let definitions = [None, Some("order"), Some("refund"), Some("other")];
    let regions = [None, Some("eu"), Some("mars")];
    for status in Status::ALL.map(Some).into_iter().chain([None]) {
        for definition in definitions {
            for region in regions {
                for version in [1, 2, 3] {
                    let filter = SagaFilter {
                        status,
                        definition: definition.map(name),
                        tag: region.map(|value| ("region".to_owned(), value.to_owned())),
                        bound_to: Some((name("pay"), version)),
                    };
                    let passing = order.iter().filter(|(_, saga)| {
                        status.is_none_or(|status| status == saga.0)
                            && definition.is_none_or(|definition| definition == saga.1)
                            && (region.is_none() || region == saga.2)
                            && saga.3.contains(&version)
                    });
                    let expected: Vec<_> = passing.map(|((_, id), _)| *id).collect();
                    assert_eq!(listed(journal, &filter).await, expected, "{filter:?}");
                }
            }
        }
    }
}

pub async fn pages_neither_repeat_nor_skip_while_sagas_are_added(fixture: Fixture) {
    let journal = &*fixture.journal;
    let tagged = |number| start(number).tag("a", "b");
    let tag = Some(("a".to_owned(), "b".to_owned()));
    made(journal, (1..=4).map(|number| tagged(number).created(100))).await;
    let filters = [
        SagaFilter::default(),
        SagaFilter {
            tag,
            ..SagaFilter::default()
        },
    ];
    let mut pages = Vec::new();
    for filter in &filters {
        let page = journal
            .sagas(filter.clone(), first(2))
            .await
            .expect("the journal works");
        assert_eq!(
            page.items.iter().map(|row| row.id).collect::<Vec<_>>(),
            [id(4), id(3)]
        );
        pages.push(page);
    }
    made(journal, [tagged(10).created(900), tagged(11).created(1)]).await;
    for (filter, page) in filters.into_iter().zip(pages) {
        let page = journal
            .sagas(filter, behind(page.next, 9))
            .await
            .expect("the journal works");
        assert_eq!(
            page.items.iter().map(|row| row.id).collect::<Vec<_>>(),
            [id(2), id(1), id(11)]
        );
    }
}

pub async fn a_page_is_bounded(fixture: Fixture) {
    let journal = &*fixture.journal;
    let batch = (0..=u64::from(PAGE_LIMIT)).map(start).collect();
    journal.append(batch).await.expect("the journal works");
    let page = journal.sagas(SagaFilter::default(), first(u32::MAX)).await;
    let page = page.expect("the journal works");
    assert_eq!(page.items.len(), PAGE_LIMIT as usize);
    let rest = journal
        .sagas(SagaFilter::default(), behind(page.next, 0))
        .await;
    let rest = rest.expect("the journal works");
    assert_eq!((rest.items.len(), rest.next), (1, None));
}

pub async fn a_cursor_of_another_list_is_refused(fixture: Fixture) {
    let journal = &*fixture.journal;
    made(journal, [start(1), start(2)]).await;
    let page = journal
        .sagas(SagaFilter::default(), first(1))
        .await
        .expect("the journal works");
    let of_sagas = page.next.expect("there is another page");
    let request = |cursor: &Cursor| PageRequest {
        after: Some(cursor.clone()),
        limit: 10,
    };
    let refused = |error: Option<JournalError>| {
        assert!(matches!(error, Some(JournalError::Cursor)), "{error:?}");
    };
    for text in [
        "",
        "0",
        "next",
        "' OR 1=1 --",
        "\u{1F980}",
        &"s".repeat(10_000),
    ] {
        let wrong = Cursor(text.to_owned());
        refused(
            journal
                .sagas(SagaFilter::default(), request(&wrong))
                .await
                .err(),
        );
    }
    refused(journal.logs(id(1), request(&of_sagas)).await.err());
    refused(journal.definitions(request(&of_sagas)).await.err());
    refused(journal.components(request(&of_sagas)).await.err());
    refused(
        journal
            .component_versions(&name("order"), request(&of_sagas))
            .await
            .err(),
    );
    refused(
        journal
            .switches(&name("order"), request(&of_sagas))
            .await
            .err(),
    );
}

pub async fn sagas_are_counted_by_status(fixture: Fixture) {
    let journal = &*fixture.journal;
    assert_eq!(
        journal.count_by_status().await.expect("the journal works"),
        []
    );
    made(journal, (1..=4).map(start)).await;
    made(
        journal,
        [start(1).next(1).status(Status::Completed), start(2).next(1)],
    )
    .await;
    made(journal, [start(3).next(1).status(Status::Completed)]).await;
    let batch = vec![start(5), start(5).next(1).status(Status::Stuck), start(1)];
    journal.append(batch).await.expect("the journal works");
    let mut counts = journal.count_by_status().await.expect("the journal works");
    counts.sort();
    let expected = [
        (Status::Running, 2),
        (Status::Completed, 2),
        (Status::Stuck, 1),
    ];
    assert_eq!(counts, expected);
    made(journal, [start(2).next(1).next(1).status(Status::Stuck)]).await;
    made(journal, [start(4).next(1).status(Status::Stuck)]).await;
    let mut counts = journal.count_by_status().await.expect("the journal works");
    counts.sort();
    assert_eq!(counts, [(Status::Completed, 2), (Status::Stuck, 3)]);
}
