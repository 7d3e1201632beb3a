//! Lists of sagas.
//!
//! A list of one status is a range of an index, with or without a definition, with or without a
//! label. A list of any status merges the lists of each while it is read. So a page costs what it
//! shows, however many sagas there are and however few of them pass.

use sqlx::{QueryBuilder, Sqlite};
use wasaga_core::{SagaId, Status, Timestamp};

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
    match filter.status {
        Some(status) => of_status(&mut query, filter, status, after),
        None => {
            for (place, status) in Status::ALL.into_iter().enumerate() {
                if place > 0 {
                    query.push(" UNION ALL ");
                }
                of_status(&mut query, filter, status, after);
            }
        }
    }
    query.push(" ORDER BY created_at DESC, id DESC LIMIT ");
    query.push_bind(integer(limit as u64));
    query
}

fn of_status(
    query: &mut QueryBuilder<Sqlite>,
    filter: &SagaFilter,
    status: Status,
    after: Option<(Timestamp, SagaId)>,
) {
    // The table whose index has the order of the list. CROSS JOIN keeps SQLite from starting at the
    // other end.
    let (from, key, id) = match filter.tag {
        Some(_) => ("tags t CROSS JOIN sagas s ON s.id = t.saga", "t", "t.saga"),
        None => ("sagas s", "s", "s.id"),
    };
    query.push(format_args!(
        "SELECT {id} AS id, {key}.created_at AS created_at, s.seq, s.definition, s.version,
         s.status, s.tags, s.updated_at FROM {from} WHERE {key}.status = "
    ));
    query.push_bind(status.as_str());
    if let Some((name, value)) = &filter.tag {
        query.push(" AND t.name = ").push_bind(name.clone());
        query.push(" AND t.value = ").push_bind(value.clone());
    }
    if let Some(definition) = &filter.definition {
        query.push(format_args!(" AND {key}.definition = "));
        query.push_bind(definition.to_string());
    }
    if let Some((last_created_at, last_id)) = after {
        query.push(format_args!(" AND ({key}.created_at, {id}) < ("));
        query.push_bind(last_created_at.unix_ms()).push(", ");
        query.push_bind(blob(last_id.as_uuid())).push(")");
    }
}

#[cfg(test)]
mod tests {
    use crate::sqlite::plan::{Plans, is_by_index};

    use super::*;

    fn filters() -> Vec<SagaFilter> {
        let statuses = [None, Some(Status::Completed)];
        let definitions = [None, Some("order".parse().expect("a name"))];
        let tags = [None, Some(("customer".to_owned(), "user_1".to_owned()))];
        let mut filters = Vec::new();
        for status in statuses {
            for definition in &definitions {
                for tag in &tags {
                    filters.push(SagaFilter {
                        status,
                        definition: definition.clone(),
                        tag: tag.clone(),
                    });
                }
            }
        }
        filters
    }

    #[tokio::test]
    async fn a_page_of_any_list_is_a_range_of_an_index() {
        let plans = Plans::new().await;
        let cursor = (Timestamp::from_unix_ms(5), SagaId::from_parts(1, &[7; 10]));
        for filter in filters() {
            for after in [None, Some(cursor)] {
                let plan = plans.of(list(&filter, after, 10).sql().as_str()).await;
                is_by_index(&format!("{filter:?}"), &plan);
                let ranges: Vec<_> = plan.iter().filter(|step| step.contains("INDEX")).collect();
                let (index, mut by) = match (&filter.tag, &filter.definition) {
                    (None, None) => ("sagas_by_status", "status=?".to_owned()),
                    (None, Some(_)) => (
                        "sagas_by_definition_and_status",
                        "definition=? AND status=?".to_owned(),
                    ),
                    (Some(_), None) => (
                        "tags_by_status",
                        "name=? AND value=? AND status=?".to_owned(),
                    ),
                    (Some(_), Some(_)) => (
                        "tags_by_definition_and_status",
                        "name=? AND value=? AND definition=? AND status=?".to_owned(),
                    ),
                };
                // The whole key: many sagas may be of one millisecond.
                if after.is_some() {
                    let id = if filter.tag.is_some() { "saga" } else { "id" };
                    by += &format!(" AND (created_at,{id})<(?,?)");
                }
                let statuses = filter.status.map_or(Status::ALL.len(), |_| 1);
                for range in &ranges {
                    if range.contains("PRIMARY KEY") || range.contains("autoindex") {
                        continue;
                    }
                    assert!(
                        range.contains(&format!("INDEX {index} ({by})")),
                        "{filter:?}: {range} is not {by}"
                    );
                }
                let found = ranges.iter().filter(|range| range.contains(index));
                assert_eq!(found.count(), statuses, "{filter:?}: {plan:#?}");
            }
        }
    }
}
