//! Cursors and pages: where a list goes on.
//!
//! A cursor is a letter for the list and the key of the last row that was shown. Rows that are added
//! or removed meanwhile neither shift the next page nor repeat a row.

use wasaga_core::{Name, SagaId, Timestamp};

use crate::error::JournalError;
use crate::model::{Cursor, Page, PageRequest};
use crate::{PAGE_BYTES, PAGE_LIMIT};

/// Which list a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Sagas,
    Logs,
    Definitions,
    Components,
    ComponentVersions,
    Switches,
}

impl List {
    const fn letter(self) -> char {
        match self {
            Self::Sagas => 's',
            Self::Logs => 'l',
            Self::Definitions => 'd',
            Self::Components => 'c',
            Self::ComponentVersions => 'v',
            Self::Switches => 'w',
        }
    }
}

/// What the rows of a list are ordered by.
pub(crate) trait Key: Sized {
    /// The key as text.
    fn write(&self) -> String;

    /// The key that was written so.
    fn read(text: &str) -> Option<Self>;
}

impl Key for (Timestamp, SagaId) {
    fn write(&self) -> String {
        format!(
            "{:016x}{}",
            self.0.unix_ms().cast_unsigned(),
            self.1.as_uuid().as_simple()
        )
    }

    fn read(text: &str) -> Option<Self> {
        let (time, id) = text.split_at_checked(16)?;
        let time = u64::from_str_radix(time, 16).ok()?.cast_signed();
        Some((Timestamp::from_unix_ms(time), id.parse().ok()?))
    }
}

impl Key for Name {
    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Key for u64 {
    fn write(&self) -> String {
        format!("{self:x}")
    }

    fn read(text: &str) -> Option<Self> {
        Self::from_str_radix(text, 16).ok()
    }
}

/// The key behind which a page starts.
///
/// # Errors
/// [`JournalError::Cursor`] when the cursor was not made for this list.
pub(crate) fn after<K: Key>(list: List, page: &PageRequest) -> Result<Option<K>, JournalError> {
    let Some(cursor) = &page.after else {
        return Ok(None);
    };
    cursor
        .0
        .strip_prefix(list.letter())
        .and_then(K::read)
        // A key has one spelling: what reads alike but is spelled otherwise was not made here.
        .filter(|key| cursor_of(list, key) == *cursor)
        .map(Some)
        .ok_or(JournalError::Cursor)
}

fn cursor_of<K: Key>(list: List, key: &K) -> Cursor {
    Cursor(format!("{}{}", list.letter(), key.write()))
}

/// How many rows a page has: what was asked for, within what is allowed.
pub(crate) fn limit(asked: u32) -> usize {
    asked.clamp(1, PAGE_LIMIT) as usize
}

/// Makes a page of at most `limit` rows out of up to one row more, which tells that there is
/// another page.
pub(crate) fn page<T, K: Key>(
    list: List,
    mut items: Vec<T>,
    limit: usize,
    key: impl Fn(&T) -> K,
) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    cut(list, items, more, key)
}

/// Makes a page of these items; `more` says whether others come behind them.
pub(crate) fn cut<T, K: Key>(
    list: List,
    items: Vec<T>,
    more: bool,
    key: impl Fn(&T) -> K,
) -> Page<T> {
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| cursor_of(list, &key(last)));
    Page { items, next }
}

/// What still has room on a page of rows that may be large.
pub(crate) struct Room {
    rows: usize,
    bytes: usize,
    empty: bool,
}

impl Room {
    /// An empty page of so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            rows,
            bytes: PAGE_BYTES,
            empty: true,
        }
    }

    /// Puts a row of so many bytes on the page, if there is room. The first always has some.
    pub(crate) fn takes(&mut self, bytes: usize) -> bool {
        if self.rows == 0 || (bytes > self.bytes && !self.empty) {
            return false;
        }
        self.rows -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.empty = false;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cursor: &str) -> PageRequest {
        PageRequest {
            after: Some(Cursor(cursor.to_owned())),
            limit: 10,
        }
    }

    #[test]
    fn a_cursor_reads_back_what_it_writes() {
        let key = (Timestamp::from_unix_ms(-5), SagaId::from_parts(1, &[7; 10]));
        let cursor = cursor_of(List::Sagas, &key);
        assert_eq!(
            after(List::Sagas, &request(&cursor.0)).expect("a cursor"),
            Some(key)
        );
    }

    #[test]
    fn what_no_list_made_is_no_cursor() {
        let good = cursor_of(
            List::Sagas,
            &(
                Timestamp::from_unix_ms(0xabc),
                SagaId::from_parts(1, &[0xab; 10]),
            ),
        );
        let upper = good.0.to_uppercase().replacen('S', "s", 1);
        for wrong in [
            "",
            "s",
            "x1",
            "s+00000000000001",
            "ä",
            &upper,
            &good.0[1..],
            &good.0[..40],
        ] {
            let answer = after::<(Timestamp, SagaId)>(List::Sagas, &request(wrong));
            assert!(
                matches!(answer, Err(JournalError::Cursor)),
                "{wrong:?} was taken for a cursor"
            );
        }
        assert!(after::<u64>(List::Logs, &request("l+1")).is_err());
        assert!(after::<u64>(List::Logs, &request("v1")).is_err());
        assert!(matches!(
            after::<u64>(List::Logs, &request("l1")),
            Ok(Some(1))
        ));
    }
}
