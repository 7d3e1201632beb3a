//! `GET /v1/breakers`, `POST /v1/breakers/{component}/{action}/reset`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use wasaga_coordinator::{BreakerState, BreakerView};
use wasaga_core::Name;
use wasaga_journal::JournalError;

use super::Api;
use super::extract::{At, Query};
use super::page::PageQuery;
use super::problem::Refused;
use crate::wire::{self, Breaker, Code, Page};

/// List circuit breakers by component and action.
///
/// One is there for each action that failed of late and that a step with a `circuit_breaker` calls;
/// all others are closed.
#[utoipa::path(
    get, path = "/v1/breakers", tag = "breakers",
    params(
        ("limit" = Option<u32>, Query, description = "Most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of breakers", body = Page<Breaker>),
        (status = 400, description = "`invalid-query`, `invalid-cursor`"),
    )
)]
pub(crate) async fn list_breakers(
    State(api): State<Arc<Api>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Breaker>>, Refused> {
    let views = api.coordinator.breakers().list();
    Ok(Json(page(views, query)?))
}

/// Close a circuit breaker: calls pass again, and failures are counted from none.
#[utoipa::path(
    post, path = "/v1/breakers/{component}/{action}/reset", tag = "breakers",
    params(
        ("component" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("action" = crate::wire::schema::Name, Path, description = "Name of its action"),
    ),
    responses(
        (status = 204, description = "The breaker is closed"),
        (status = 400, description = "`invalid-name`"),
        (status = 404, description = "`unknown-breaker`: it is closed already, and counts no failures"),
    )
)]
pub(crate) async fn reset_breaker(
    State(api): State<Arc<Api>>,
    At((component, action)): At<(Name, Name)>,
) -> Result<StatusCode, Refused> {
    if api.coordinator.breakers().reset(&component, &action) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!(
        "There is no circuit breaker of `{action}` of component `{component}`: its calls pass."
    );
    Err(Refused::new(Code::UnknownBreaker, detail))
}

/// A page of breakers that are sorted by component and action.
fn page(views: Vec<BreakerView>, query: PageQuery) -> Result<Page<Breaker>, JournalError> {
    let after = match query.cursor.as_deref() {
        None => None,
        Some(cursor) => Some(place(cursor).ok_or(JournalError::Cursor)?),
    };
    let mut rest = views.into_iter().filter(|view| {
        after
            .as_ref()
            .is_none_or(|after| (&view.component, &view.action) > (&after.0, &after.1))
    });
    let limit = query.limit.0 as usize;
    let items: Vec<_> = rest.by_ref().take(limit).map(breaker).collect();
    let more = rest.next().is_some();
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|last| format!("{}/{}", last.component, last.action));
    Ok(Page { items, next_cursor })
}

/// Names have no slash.
fn place(cursor: &str) -> Option<(Name, Name)> {
    let (component, action) = cursor.split_once('/')?;
    Some((Name::new(component).ok()?, Name::new(action).ok()?))
}

fn breaker(view: BreakerView) -> Breaker {
    let BreakerView {
        component,
        action,
        state,
        failures,
        opened_at,
        reset_at,
    } = view;
    let state = match state {
        BreakerState::Closed => wire::BreakerState::Closed,
        BreakerState::Open => wire::BreakerState::Open,
        BreakerState::HalfOpen => wire::BreakerState::HalfOpen,
    };
    Breaker {
        component,
        action,
        state,
        failures,
        opened_at,
        reset_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::page::Limit;

    fn view(component: &str, action: &str) -> BreakerView {
        BreakerView {
            component: Name::new(component).expect("a name"),
            action: Name::new(action).expect("a name"),
            state: BreakerState::Closed,
            failures: 1,
            opened_at: None,
            reset_at: None,
        }
    }

    fn read(cursor: Option<&str>) -> Result<(Vec<String>, Option<String>), JournalError> {
        let views = vec![
            view("a", "x"),
            view("a", "y"),
            view("b", "a"),
            view("b-1", "a"),
        ];
        let query = PageQuery {
            limit: Limit(2),
            cursor: cursor.map(str::to_owned),
        };
        let page = page(views, query)?;
        let name = |breaker: &Breaker| format!("{} {}", breaker.component, breaker.action);
        Ok((page.items.iter().map(name).collect(), page.next_cursor))
    }

    #[test]
    fn pages_follow_one_another_without_gaps() {
        let (first, next) = read(None).expect("a page");
        assert_eq!(first, ["a x", "a y"]);
        let (second, end) = read(next.as_deref()).expect("a page");
        assert_eq!(second, ["b a", "b-1 a"]);
        assert_eq!(end, None);
        for wrong in ["", "a", "a/", "a/b/c"] {
            assert!(
                matches!(read(Some(wrong)), Err(JournalError::Cursor)),
                "{wrong}"
            );
        }
    }
}
