//! Requests that look.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};

use super::Shop;
use crate::books::accounts::BalanceLine;
use crate::books::inventory::StockLine;
use crate::books::ledger::Entry;
use crate::books::orders::{OrderView, Part, Shipment};
use crate::problem::Problem;

/// How many items a list answers with at most, and by default.
const MAX_PAGE_ITEMS: usize = 10_000;

/// A list, or the part of it that one answer holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Page<T> {
    /// The items, in the list's order.
    pub(crate) items: Vec<T>,
    /// What to ask the rest with, as `?cursor=`; absent at the end.
    pub(crate) next_cursor: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Paging {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Whose entries are wanted.
#[derive(Debug, Deserialize)]
pub(super) struct OfOrder {
    order_id: Option<String>,
}

type Listing<T> = Result<Json<Page<T>>, Problem>;
type Params<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// What there is, for whoever opens the address in a browser.
pub(super) async fn index() -> &'static str {
    "The order example's services\n\n\
     GET  /inventory     stock by product\n\
     GET  /balances      money by user\n\
     GET  /orders        what was done for each order; /orders/{order_id} for one\n\
     GET  /shipments     parcels under way\n\
     GET  /ledger        every effect in order; ?order_id= for one order\n\
     POST /reset         fresh books\n\
     POST /inventory/reservations, /inventory/reservations/confirm, /inventory/reservations/release\n\
     POST /payments, /payments/refund\n\
     POST /shipments, /shipments/cancel\n"
}

/// Stock by product.
pub(super) async fn inventory(State(shop): State<Shop>) -> Json<Page<StockLine>> {
    whole(shop.desk().books().inventory.lines())
}

/// Money by user.
pub(super) async fn balances(State(shop): State<Shop>) -> Json<Page<BalanceLine>> {
    whole(shop.desk().books().accounts.lines())
}

/// Orders by id.
pub(super) async fn orders(State(shop): State<Shop>, paging: Params<Paging>) -> Listing<OrderView> {
    let paging = params(paging)?;
    let desk = shop.desk();
    let orders = desk.books().orders(paging.cursor.as_deref());
    let views = orders.map(|(id, order)| OrderView::new(id, order));
    Ok(page(views, paging.limit(), |order| {
        order.order_id.as_str().to_owned()
    }))
}

/// One order.
pub(super) async fn order(
    State(shop): State<Shop>,
    Path(order_id): Path<String>,
) -> Result<Json<OrderView>, Problem> {
    match shop.desk().books().order(&order_id) {
        Some(order) => Ok(Json(order)),
        None => Err(Problem::UnknownOrder(order_id)),
    }
}

/// Parcels that were sent and not called back, by order id.
pub(super) async fn shipments(
    State(shop): State<Shop>,
    paging: Params<Paging>,
) -> Listing<Shipment> {
    let paging = params(paging)?;
    let desk = shop.desk();
    let orders = desk.books().orders(paging.cursor.as_deref());
    let shipments = orders.filter_map(|(_, order)| match &order.shipment {
        Part::Done(shipment) => Some(shipment.clone()),
        Part::None | Part::Undone(_) => None,
    });
    Ok(page(shipments, paging.limit(), |shipment| {
        shipment.order_id.as_str().to_owned()
    }))
}

/// Every effect in the order it happened, or those on one order.
pub(super) async fn ledger(
    State(shop): State<Shop>,
    paging: Params<Paging>,
    of: Params<OfOrder>,
) -> Listing<Entry> {
    let paging = params(paging)?;
    let of = params(of)?;
    let after = match &paging.cursor {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| {
            Problem::Invalid(format!(
                "the ledger's cursor is a sequence number, got {cursor}"
            ))
        })?,
    };
    let desk = shop.desk();
    let entries = desk.books().ledger.after(after).iter();
    let wanted = entries.filter(|entry| {
        let order_id = of.order_id.as_deref();
        order_id.is_none_or(|order_id| entry.order_id.as_str() == order_id)
    });
    Ok(page(wanted.cloned(), paging.limit(), |entry| {
        entry.sequence.to_string()
    }))
}

impl Paging {
    fn limit(&self) -> usize {
        self.limit
            .unwrap_or(MAX_PAGE_ITEMS)
            .clamp(1, MAX_PAGE_ITEMS)
    }
}

fn params<T>(params: Params<T>) -> Result<T, Problem> {
    match params {
        Ok(Query(params)) => Ok(params),
        Err(rejection) => Err(Problem::Invalid(rejection.body_text())),
    }
}

/// A list that is always short.
const fn whole<T>(items: Vec<T>) -> Json<Page<T>> {
    Json(Page {
        items,
        next_cursor: None,
    })
}

fn page<T>(
    items: impl Iterator<Item = T>,
    limit: usize,
    cursor: impl Fn(&T) -> String,
) -> Json<Page<T>> {
    let mut items = items.peekable();
    let first: Vec<T> = items.by_ref().take(limit).collect();
    let more = items.peek().is_some();
    let next_cursor = first.last().filter(|_| more).map(cursor);
    Json(Page {
        items: first,
        next_cursor,
    })
}
