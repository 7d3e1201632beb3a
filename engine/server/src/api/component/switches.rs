//! `GET /v1/components/{name}/switches`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use wasaga_core::{Candidate, Name};
use wasaga_journal::{self as journal, Switched};

use super::condition::get;
use crate::api::Api;
use crate::api::extract::{At, Query};
use crate::api::page::{PageQuery, page};
use crate::api::problem::Refused;
use crate::wire::{ComponentSwitch, Page, SwitchTo};

/// List who changed which version sagas take, the latest change first.
///
/// The last 1,000 changes are remembered.
#[utoipa::path(
    get, path = "/v1/components/{name}/switches", tag = "components",
    params(
        ("name" = crate::wire::schema::Name, Path, description = "Name of the component"),
        ("limit" = Option<u32>, Query, description = "Most items, 1 to 1000; 50 unless it is given", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of changes", body = Page<ComponentSwitch>),
        (status = 400, description = "`invalid-name`, `invalid-query`, `invalid-cursor`"),
        (status = 404, description = "`unknown-component`"),
    )
)]
pub(crate) async fn list_component_switches(
    State(api): State<Arc<Api>>,
    At(name): At<Name>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ComponentSwitch>>, Refused> {
    get(&api, &name).await?;
    let components = api.coordinator.components();
    let rows = components.switches(&name, query.request()).await?;
    Ok(Json(page(rows, switched)))
}

fn switched(row: Switched) -> ComponentSwitch {
    let to = match row.to {
        journal::SwitchTo::Active { version } => SwitchTo::Active { version },
        journal::SwitchTo::Shared(Candidate { version, percent }) => {
            SwitchTo::Shared { version, percent }
        }
        journal::SwitchTo::Unshared => SwitchTo::Unshared,
    };
    ComponentSwitch {
        generation: row.generation,
        to,
        by: row.order.by,
        reason: row.order.reason,
        at: row.at,
    }
}
