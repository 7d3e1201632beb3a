//! How deep an expression's loops are nested.
//!
//! CEL has no loops but its macros (`map`, `filter`, `all`, `exists`), so an expression always ends;
//! nested ones take time that grows with the power of their depth, and nothing else runs meanwhile.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};

/// Deepest nesting of loops: what walks a list of lists.
pub(super) const MAX_DEPTH: usize = 2;

/// The depth of the deepest nest of loops in an expression.
pub(super) fn depth(expression: &IdedExpr) -> usize {
    let of_entry = |entry: &EntryExpr| match entry {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    };
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => 0,
        Expr::Call(call) => deepest(call.args.iter().chain(call.target.as_deref())),
        Expr::List(list) => deepest(&list.elements),
        Expr::Select(select) => depth(&select.operand),
        Expr::Map(map) => map
            .entries
            .iter()
            .map(|entry| of_entry(&entry.expr))
            .max()
            .unwrap_or(0),
        Expr::Struct(made) => made
            .entries
            .iter()
            .map(|entry| of_entry(&entry.expr))
            .max()
            .unwrap_or(0),
        Expr::Comprehension(each) => {
            // What it walks and what it starts from are evaluated once, the rest for each item.
            let once = deepest([&each.iter_range, &each.accu_init, &each.result]);
            let again = deepest([&each.loop_cond, &each.loop_step]);
            once.max(1 + again)
        }
    }
}

fn deepest<'a>(expressions: impl IntoIterator<Item = &'a IdedExpr>) -> usize {
    expressions.into_iter().map(depth).max().unwrap_or(0)
}
