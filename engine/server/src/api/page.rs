//! Pages of lists.

use serde::{Deserialize, Deserializer, de};
use wasaga_journal::{self as journal, PageRequest};

use super::{DEFAULT_PAGE, MAX_PAGE};
use crate::wire;

/// A page of the journal's as clients see it.
pub(crate) fn page<Row, Item>(
    page: journal::Page<Row>,
    item: impl FnMut(Row) -> Item,
) -> wire::Page<Item> {
    wire::Page {
        items: page.items.into_iter().map(item).collect(),
        next_cursor: page.next.map(|cursor| cursor.0),
    }
}

/// Query of a list that has no filters.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PageQuery {
    pub(crate) limit: Limit,
    pub(crate) cursor: Option<String>,
}

impl PageQuery {
    pub(crate) fn request(self) -> PageRequest {
        page_request(self.limit, self.cursor)
    }
}

pub(crate) fn page_request(limit: Limit, cursor: Option<String>) -> PageRequest {
    PageRequest {
        after: cursor.map(journal::Cursor),
        limit: limit.0,
    }
}

/// How many items a page may have: 1 to [`MAX_PAGE`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) u32);

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_PAGE)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.parse() {
            Ok(limit @ 1..=MAX_PAGE) => Ok(Self(limit)),
            _ => Err(de::Error::custom(format_args!(
                "expected a whole number from 1 to {MAX_PAGE}, found `{text:.40}`"
            ))),
        }
    }
}
