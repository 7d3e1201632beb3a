//! `GET /v1/sagas`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, de};
use wasaga_core::{Name, Status};
use wasaga_journal::{SagaFilter, SagaRow};

use crate::api::Api;
use crate::api::extract::Query;
use crate::api::page::{Limit, page, page_request};
use crate::api::problem::Refused;
use crate::wire::{Code, Page, SagaSummary};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ListQuery {
    status: Option<Status>,
    definition: Option<Name>,
    tag: Option<Tag>,
    component: Option<Name>,
    version: Option<u32>,
    limit: Limit,
    cursor: Option<String>,
}

/// A label and its value, written `label:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag(String, String);

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.split_once(':') {
            Some((label, value)) if !label.is_empty() => {
                Ok(Self(label.to_owned(), value.to_owned()))
            }
            _ => Err(de::Error::custom(format_args!(
                "expected a label and its value such as `customer:42`, found `{text:.64}`"
            ))),
        }
    }
}

/// List sagas, the latest first.
#[utoipa::path(
    get, path = "/v1/sagas", tag = "sagas",
    params(
        ("status" = Option<crate::wire::schema::SagaStatus>, Query, description = "Only sagas of this status"),
        ("definition" = Option<crate::wire::schema::Name>, Query, description = "Only sagas of this definition"),
        ("tag" = Option<String>, Query, description = "Only sagas with this label and value, written `label:value`", example = "customer:42"),
        ("component" = Option<crate::wire::schema::Name>, Query, description = "Only sagas of which a step is, or was, bound to a version of this component; goes with `version`"),
        ("version" = Option<u32>, Query, description = "Which version of it"),
        ("limit" = Option<u32>, Query, description = "Most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of sagas", body = Page<SagaSummary>),
        (status = 400, description = "`invalid-query`, `invalid-cursor`"),
    )
)]
pub(crate) async fn list_sagas(
    State(api): State<Arc<Api>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<SagaSummary>>, Refused> {
    let bound_to = bound_to(query.component, query.version)?;
    let filter = SagaFilter {
        status: query.status,
        definition: query.definition,
        tag: query.tag.map(|Tag(label, value)| (label, value)),
        bound_to,
    };
    let rows = api
        .coordinator
        .sagas()
        .list(filter, page_request(query.limit, query.cursor))
        .await?;
    Ok(Json(page(rows, summary)))
}

fn bound_to(component: Option<Name>, version: Option<u32>) -> Result<Option<(Name, u32)>, Refused> {
    match (component, version) {
        (Some(component), Some(version)) => Ok(Some((component, version))),
        (None, None) => Ok(None),
        _ => Err(Refused::new(
            Code::InvalidQuery,
            "The query cannot be used: `component` and `version` go together.",
        )),
    }
}

fn summary(row: SagaRow) -> SagaSummary {
    SagaSummary {
        id: row.id,
        definition: row.definition,
        version: row.version,
        status: row.status,
        tags: row.tags,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ListQuery, axum::extract::rejection::QueryRejection> {
        let uri = format!("/v1/sagas?{text}").parse().expect("a URI");
        axum::extract::Query::try_from_uri(&uri).map(|query| query.0)
    }

    #[test]
    fn a_tag_is_a_label_and_a_value_that_may_have_colons() {
        let query = read("status=stuck&definition=order&tag=at:10:30&limit=7").expect("a query");
        assert_eq!(query.tag, Some(Tag("at".to_owned(), "10:30".to_owned())));
        assert_eq!(query.status, Some(Status::Stuck));
        assert_eq!(query.limit.0, 7);
    }

    #[test]
    fn a_version_goes_with_its_component() {
        let name = || Name::new("pay").expect("a name");
        assert_eq!(
            bound_to(Some(name()), Some(2)).expect("a filter"),
            Some((name(), 2))
        );
        assert_eq!(bound_to(None, None).expect("no filter"), None);
        for (component, version) in [(Some(name()), None), (None, Some(2))] {
            let refused = bound_to(component, version).expect_err("a problem");
            assert_eq!(refused.problem().code, Code::InvalidQuery);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for wrong in [
            "status=done",
            "definition=-x",
            "tag=customer",
            "tag=:42",
            "state=stuck",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
