//! Who asks for something, and why.

use wasaga_core::{Order, Problem};

use super::problem::Refused;
use crate::wire::Code;

/// Most bytes of `reason`, of `by` and of texts like them: they stay in the journal.
pub(crate) const MAX_TEXT_BYTES: usize = 4096;

/// Who asks when the request does not say.
const SOMEBODY: &str = "api";

/// Who and why, of a body.
pub(crate) fn order(by: Option<String>, reason: Option<String>) -> Result<Order, Refused> {
    check("/reason", reason.as_deref())?;
    check("/by", by.as_deref())?;
    Ok(ordered(by, reason))
}

/// Who and why, of a query.
pub(crate) fn order_in_query(by: Option<String>, reason: Option<String>) -> Result<Order, Refused> {
    for (name, text) in [("reason", &reason), ("by", &by)] {
        if let Some(problem) = text.as_deref().and_then(too_long) {
            let detail = format!("The query cannot be used: `{name}`: {problem}.");
            return Err(Refused::new(Code::InvalidQuery, detail));
        }
    }
    Ok(ordered(by, reason))
}

/// Refuses a text of a body that is too long.
pub(crate) fn check(pointer: &str, text: Option<&str>) -> Result<(), Refused> {
    match text.and_then(too_long) {
        Some(message) => Err(Refused::invalid_body(Problem::new(pointer, message))),
        None => Ok(()),
    }
}

/// What is wrong with a text that is too long.
pub(crate) fn too_long(text: &str) -> Option<String> {
    let bytes = text.len();
    (bytes > MAX_TEXT_BYTES)
        .then(|| format!("expected at most {MAX_TEXT_BYTES} bytes, found {bytes}"))
}

fn ordered(by: Option<String>, reason: Option<String>) -> Order {
    let by = by.unwrap_or_else(|| SOMEBODY.to_owned());
    Order { by, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_bounded() {
        let longest = "x".repeat(MAX_TEXT_BYTES);
        let taken = order(None, Some(longest.clone())).expect("an order");
        assert_eq!((taken.by.as_str(), taken.reason), (SOMEBODY, Some(longest)));
        let longer = || Some("x".repeat(MAX_TEXT_BYTES + 1));
        for (by, reason, place) in [(None, longer(), "/reason"), (longer(), None, "/by")] {
            let refused = order(by.clone(), reason.clone()).expect_err("a problem");
            assert_eq!(refused.problem().errors[0].pointer, place);
            let refused = order_in_query(by, reason).expect_err("a problem");
            assert_eq!(refused.problem().code, Code::InvalidQuery);
            assert!(refused.problem().detail.contains(&place[1..]));
        }
    }
}
