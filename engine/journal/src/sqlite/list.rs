//! Lists of sagas.
//!
//! A list of one status is a range of an index, with or without a definition, with or without a
//! label. A list of any status merges the lists of each while it is read. So a page costs what it
//! shows, however many sagas there are and however few of them pass.
//!
//! Only a list of the sagas that are bound to a version looks at some that do not pass: it goes
//! along the sagas of a status and a label, or along those that are bound, whichever are fewer as a
//! rule. It looks the others up by key, and no table is searched.

use sqlx::{QueryBuilder, Sqlite};
use wasaga_core::{Name, SagaId, Status, Timestamp};

use crate::cursor::{self, List};
use crate::error::JournalError;
use crate::model::{Page, PageRequest, SagaFilter, SagaRow};

use super::SqliteJournal;
use super::row::{Doing, blob, integer};
use super::sagas::saga_row;

impl SqliteJournal {
    pub(super) async fn list_sagas(
        &self,
        filter: SagaFilter,
        page: PageRequest,
    ) -> Result<Page<SagaRow>, JournalError> {
        let after: Option<(Timestamp, SagaId)> = cursor::after(List::Sagas, &page)?;
        let limit = cursor::limit(page.limit);
        let rows = list(&filter, after, limit + 1)
            .build()
            .fetch_all(&self.readers)
            .await
            .doing("listing sagas")?;
        let sagas = rows.iter().map(saga_row).collect::<Result<Vec<_>, _>>()?;
        Ok(cursor::page(List::Sagas, sagas, limit, |saga| {
            (saga.created_at, saga.id)
        }))
    }
}

/// The sagas that pass, the latest first, behind the one with this key.
fn list(
    filter: &SagaFilter,
    after: Option<(Timestamp, SagaId)>,
    limit: usize,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("");
    for (place, range) in Range::all(filter).iter().enumerate() {
        if place > 0 {
            query.push(" UNION ALL ");
        }
        range.select(&mut query, filter, after);
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ");
    query.push_bind(integer(limit as u64));
    query
}

/// A part of a list that is one range of an index, in the order of the list.
enum Range<'a> {
    /// The sagas of a status; only those with a pin, when a version is asked for. This is the way
    /// where few sagas are of the status, or have the label.
    Status(Status),
    /// The sagas with a pin; only those of these statuses. This is the way for statuses that a
    /// million other sagas may be of.
    Pins(&'a Name, u32, Vec<Status>),
}

impl<'a> Range<'a> {
    fn all(filter: &'a SagaFilter) -> Vec<Self> {
        let statuses = Status::ALL.into_iter();
        let statuses = statuses.filter(|status| filter.status.is_none_or(|only| only == *status));
        let pins = filter.bound_to.as_ref().filter(|_| filter.tag.is_none());
        let (many, few): (Vec<_>, Vec<_>) = statuses.partition(|status| {
            pins.is_some() && matches!(status, Status::Completed | Status::Compensated)
        });
        let pins = pins.filter(|_| !many.is_empty());
        let pins = pins.map(|(component, version)| Self::Pins(component, *version, many));
        few.into_iter().map(Self::Status).chain(pins).collect()
    }

    fn select(
        &self,
        query: &mut QueryBuilder<Sqlite>,
        filter: &SagaFilter,
        after: Option<(Timestamp, SagaId)>,
    ) {
        // The table whose index has the order of the list, its saga, and the table whose status and
        // definition are looked at. CROSS JOIN keeps SQLite from starting at the other end.
        let (table, key, id, head) = match (self, &filter.tag) {
            (Self::Pins(..), _) => ("pins p", "p", "p.saga", "s"),
            (Self::Status(_), Some(_)) => ("tags t", "t", "t.saga", "t"),
            (Self::Status(_), None) => ("sagas s", "s", "s.id", "s"),
        };
        query.push(format_args!(
            "SELECT {id} AS id, {key}.created_at AS created_at, s.seq, s.definition, s.version,
             s.status, s.tags, s.updated_at FROM {table}"
        ));
        if let (Self::Status(_), Some((component, version))) = (self, &filter.bound_to) {
            query.push(format_args!(
                " CROSS JOIN pins p ON p.created_at = {key}.created_at AND p.saga = {id} AND "
            ));
            is_on(query, component, *version);
        }
        if key != "s" {
            query.push(format_args!(" CROSS JOIN sagas s ON s.id = {id}"));
        }
        query.push(" WHERE ");
        match self {
            Self::Status(status) => {
                query.push(format_args!("{head}.status = "));
                query.push_bind(status.as_str());
            }
            Self::Pins(component, version, statuses) => {
                is_on(query, component, *version);
                query.push(" AND s.status IN (");
                let mut listed = query.separated(", ");
                for status in statuses {
                    listed.push_bind(status.as_str());
                }
                query.push(")");
            }
        }
        if let Some((name, value)) = &filter.tag {
            query.push(" AND t.name = ").push_bind(name.clone());
            query.push(" AND t.value = ").push_bind(value.clone());
        }
        if let Some(definition) = &filter.definition {
            query.push(format_args!(" AND {head}.definition = "));
            query.push_bind(definition.to_string());
        }
        if let Some((last_created_at, last_id)) = after {
            query.push(format_args!(" AND ({key}.created_at, {id}) < ("));
            query.push_bind(last_created_at.unix_ms()).push(", ");
            query.push_bind(blob(last_id.as_uuid())).push(")");
        }
    }
}

/// Says which version a pin is of.
fn is_on(query: &mut QueryBuilder<Sqlite>, component: &Name, version: u32) {
    query.push("p.component = ");
    query.push_bind(component.to_string());
    query
        .push(" AND p.version = ")
        .push_bind(i64::from(version));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::sqlite::plan::{Plans, is_by_index};

    use super::*;

    fn filters() -> Vec<SagaFilter> {
        let statuses = [None, Some(Status::Completed), Some(Status::Running)];
        let definitions = [None, Some("order".parse().expect("a name"))];
        let tags = [None, Some(("customer".to_owned(), "user_1".to_owned()))];
        let versions = [None, Some(("pay".parse().expect("a name"), 2))];
        let mut filters = Vec::new();
        for status in statuses {
            for definition in &definitions {
                for tag in &tags {
                    for bound_to in &versions {
                        filters.push(SagaFilter {
                            status,
                            definition: definition.clone(),
                            tag: tag.clone(),
                            bound_to: bound_to.clone(),
                        });
                    }
                }
            }
        }
        filters
    }

    /// The index that a list of one status goes along, its columns that are given, and what its saga
    /// is called in it.
    fn expected(filter: &SagaFilter) -> (&'static str, &'static str, &'static str) {
        match (&filter.tag, &filter.definition) {
            (None, None) => ("sagas_by_status", "status=?", "id"),
            (None, Some(_)) => (
                "sagas_by_definition_and_status",
                "definition=? AND status=?",
                "id",
            ),
            (Some(_), None) => ("tags_by_status", "name=? AND value=? AND status=?", "saga"),
            (Some(_), Some(_)) => (
                "tags_by_definition_and_status",
                "name=? AND value=? AND definition=? AND status=?",
                "saga",
            ),
        }
    }

    #[tokio::test]
    async fn a_page_of_any_list_is_a_range_of_an_index() {
        let plans = Plans::new().await;
        let cursor = (Timestamp::from_unix_ms(5), SagaId::from_parts(1, &[7; 10]));
        for filter in filters() {
            for after in [None, Some(cursor)] {
                let plan = plans.of(list(&filter, after, 10).sql().as_str()).await;
                is_by_index(&format!("{filter:?}"), &plan);
                // The whole key: many sagas may be of one millisecond.
                let range = |alias: &str, index: &str, by: &str, id: &str| match after {
                    Some(_) => {
                        format!("SEARCH {alias} USING {index} ({by} AND (created_at,{id})<(?,?))")
                    }
                    None => format!("SEARCH {alias} USING {index} ({by})"),
                };
                let pins = "component=? AND version=?";
                let pin =
                    format!("SEARCH p USING PRIMARY KEY ({pins} AND created_at=? AND saga=?)");
                let head = "SEARCH s USING PRIMARY KEY (id=?)".to_owned();
                let (index, by, id) = expected(&filter);
                let mut along = BTreeMap::new();
                for way in Range::all(&filter) {
                    let steps = match way {
                        Range::Pins(..) => {
                            vec![range("p", "PRIMARY KEY", pins, "saga"), head.clone()]
                        }
                        Range::Status(_) => {
                            let alias = if filter.tag.is_some() { "t" } else { "s" };
                            let first = range(alias, &format!("INDEX {index}"), by, id);
                            let pin = filter.bound_to.as_ref().map(|_| pin.clone());
                            let head = filter.tag.as_ref().map(|_| head.clone());
                            [first].into_iter().chain(pin).chain(head).collect()
                        }
                    };
                    for step in steps {
                        *along.entry(step).or_insert(0) += 1;
                    }
                }
                let mut found = BTreeMap::new();
                for step in plan.iter().filter(|step| step.starts_with("SEARCH")) {
                    let step = step.replace("COVERING INDEX", "INDEX");
                    *found.entry(step).or_insert(0) += 1;
                }
                assert_eq!(found, along, "{filter:?}");
            }
        }
    }

    /// A million sagas that are over may have a pin, and a million others be of their status.
    #[test]
    fn pins_are_gone_through_for_the_statuses_that_most_sagas_end_with() {
        let bound = |status, tag| SagaFilter {
            status,
            tag,
            bound_to: Some(("pay".parse().expect("a name"), 2)),
            ..SagaFilter::default()
        };
        for status in Status::ALL {
            let filter = bound(Some(status), None);
            let ways = Range::all(&filter);
            let by_pins = matches!(ways[..], [Range::Pins(..)]);
            let many = [Status::Completed, Status::Compensated].contains(&status);
            assert_eq!((ways.len(), by_pins), (1, many), "{status}");
        }
        let filter = bound(None, None);
        let ways = Range::all(&filter);
        let by_pins = ways.iter().filter(|way| matches!(way, Range::Pins(..)));
        assert_eq!((ways.len(), by_pins.count()), (Status::ALL.len() - 1, 1));
        let filter = bound(None, Some(("customer".to_owned(), "user_1".to_owned())));
        let ways = Range::all(&filter);
        assert!(ways.iter().all(|way| matches!(way, Range::Status(_))));
    }
}
