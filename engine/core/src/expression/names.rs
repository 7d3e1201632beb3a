//! The names that an expression uses and that nobody gave it.

use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr};

use crate::id::Name;

/// What an expression can see.
pub(super) const ROOTS: [&str; 3] = ["input", "context", "steps"];

/// Types are values in CEL: `type(input.n) == int`.
const TYPES: [&str; 12] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// Words of the language, which cannot be names.
const WORDS: [&str; 4] = ["true", "false", "null", "in"];

/// The first name in an expression that means nothing. `variables` are those of the loops of the
/// definition around it.
pub(super) fn unknown<'a>(expression: &'a IdedExpr, variables: &'a [Arc<str>]) -> Option<&'a str> {
    find(
        expression,
        &mut variables.iter().map(AsRef::as_ref).collect(),
    )
}

/// Checks the name of a loop's variable; `outer` are those of the loops around.
///
/// # Errors
/// Why it cannot be one.
pub fn check_variable(name: &str, outer: &[Arc<str>]) -> Result<(), String> {
    let mut chars = name.chars();
    let starts = chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let goes_on = chars.all(|char| char.is_ascii_alphanumeric() || char == '_');
    if !starts || !goes_on || name.len() > Name::MAX_BYTES {
        return Err(format!(
            "`{name:.64}` cannot be a variable: expected ASCII letters, digits and `_`, no digit first"
        ));
    }
    if ROOTS.contains(&name) || TYPES.contains(&name) || WORDS.contains(&name) {
        return Err(format!("`{name}` means something else in an expression"));
    }
    if outer.iter().any(|variable| **variable == *name) {
        return Err(format!(
            "`{name}` is the variable of a loop around this one: choose another with `as`"
        ));
    }
    Ok(())
}

/// `bound` are the variables of the loops around the expression.
fn find<'a>(expression: &'a IdedExpr, bound: &mut Vec<&'a str>) -> Option<&'a str> {
    match &expression.expr {
        Expr::Unspecified | Expr::Literal(_) => None,
        Expr::Ident(name) => {
            let name = name.as_str();
            let known = ROOTS.contains(&name) || TYPES.contains(&name);
            (!known && !bound.contains(&name)).then_some(name)
        }
        Expr::Call(call) => {
            let mut parts = call.target.as_deref().into_iter().chain(&call.args);
            parts.find_map(|part| find(part, bound))
        }
        Expr::List(list) => list.elements.iter().find_map(|part| find(part, bound)),
        Expr::Select(select) => find(&select.operand, bound),
        Expr::Map(map) => entries(map.entries.iter().map(|entry| &entry.expr), bound),
        Expr::Struct(made) => entries(made.entries.iter().map(|entry| &entry.expr), bound),
        Expr::Comprehension(each) => {
            let outside = [&each.iter_range, &each.accu_init];
            if let Some(name) = outside.into_iter().find_map(|part| find(part, bound)) {
                return Some(name);
            }
            let outer = bound.len();
            bound.extend([each.iter_var.as_str(), each.accu_var.as_str()]);
            bound.extend(each.iter_var2.as_deref());
            let inside = [&each.loop_cond, &each.loop_step, &each.result];
            let found = inside.into_iter().find_map(|part| find(part, bound));
            bound.truncate(outer);
            found
        }
    }
}

fn entries<'a>(
    mut entries: impl Iterator<Item = &'a EntryExpr>,
    bound: &mut Vec<&'a str>,
) -> Option<&'a str> {
    entries.find_map(|entry| match entry {
        EntryExpr::StructField(field) => find(&field.value, bound),
        EntryExpr::MapEntry(entry) => find(&entry.key, bound).or_else(|| find(&entry.value, bound)),
    })
}
