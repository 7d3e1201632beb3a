//! Two texts, shortened to where they differ.

use super::{Compared, MAX_SHOWN_BYTES};

/// How much of what is the same is shown before the place where texts differ.
const SAME_BYTES: usize = 64;
/// Stands where something was left out.
const LEFT_OUT: char = '…';

/// Both texts, if they are different.
pub(super) fn compared(recorded: &str, candidate: &str) -> Option<Compared<String>> {
    (recorded != candidate).then(|| excerpts(recorded, candidate))
}

/// Both texts; when one of them is too long to be shown, both from a little before the place where
/// they differ.
pub(super) fn excerpts(recorded: &str, candidate: &str) -> Compared<String> {
    let from = if recorded.len().max(candidate.len()) > MAX_SHOWN_BYTES {
        let pairs = recorded.bytes().zip(candidate.bytes());
        let same = pairs.take_while(|(one, other)| one == other).count();
        recorded.floor_char_boundary(same.saturating_sub(SAME_BYTES))
    } else {
        0
    };
    Compared {
        recorded: excerpt(recorded, from),
        candidate: excerpt(candidate, from),
    }
}

/// The beginning of a text that is too long to be shown whole.
pub(super) fn shortened(text: &str) -> String {
    excerpt(text, 0)
}

fn excerpt(text: &str, from: usize) -> String {
    let rest = &text[from..];
    let shown = &rest[..rest.floor_char_boundary(MAX_SHOWN_BYTES)];
    let mut excerpt = String::with_capacity(shown.len() + 2 * LEFT_OUT.len_utf8());
    excerpt.extend((from > 0).then_some(LEFT_OUT));
    excerpt.push_str(shown);
    excerpt.extend((shown.len() < rest.len()).then_some(LEFT_OUT));
    excerpt
}
