//! Statements for many rows at once.
//!
//! Each statement costs two hops between threads, more than SQLite takes for a row. So rows go in
//! many at a time, in chunks of a few fixed sizes, whose statements stay prepared.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

/// Chunks have 1, 2, 4, … 256 rows: any number of rows takes few statements, and the largest stays
/// below the 32,766 values that SQLite takes at once.
const SIZES: u32 = 9;

/// A statement with a list of rows in it, once for each size of chunk.
#[derive(Debug)]
pub(super) struct Bulk {
    by_size: Vec<SqlStr>,
}

impl Bulk {
    /// The statement is `before`, a list of rows of `columns` values, and `after`.
    pub(super) fn new(before: &str, columns: usize, after: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(","));
        let by_size = (0..SIZES)
            .map(|power| {
                let rows = vec![row.as_str(); 1 << power].join(",");
                AssertSqlSafe(format!("{before} {rows} {after}")).into_sql_str()
            })
            .collect();
        Self { by_size }
    }

    /// Cuts rows into chunks, the largest first, and binds their values.
    pub(super) fn queries<'a, T>(
        &'a self,
        mut rows: &'a [T],
        bind: impl Fn(Query, &T) -> Query + 'a,
    ) -> impl Iterator<Item = Query> + 'a {
        std::iter::from_fn(move || {
            let power = rows.len().checked_ilog2()?.min(SIZES - 1);
            let (chunk, rest) = rows.split_at(1 << power);
            rows = rest;
            let query = sqlx::query(self.by_size[power as usize].clone());
            Some(chunk.iter().fold(query, &bind))
        })
    }
}

/// A statement with its values.
pub(super) type Query = sqlx::query::Query<'static, sqlx::Sqlite, SqliteArguments>;

#[cfg(test)]
mod tests {
    use sqlx::Execute;

    use super::*;

    #[test]
    fn any_number_of_rows_takes_few_statements() {
        let bulk = Bulk::new("VALUES", 1, "");
        for count in [0_usize, 1, 2, 63, 64, 255, 256, 1_000] {
            let rows = vec![7_i64; count];
            let sizes: Vec<usize> = bulk
                .queries(&rows, |query, row| query.bind(*row))
                .map(|query| query.sql().as_str().matches('?').count())
                .collect();
            assert_eq!(sizes.iter().sum::<usize>(), count);
            assert!(sizes.len() <= 11, "{count} rows took {sizes:?}");
        }
    }
}
