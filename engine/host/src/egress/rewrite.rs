//! Finds texts in a stream of bytes and puts others in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use bytes::Bytes;

/// As much of a text's beginning as the search looks for. The rest is compared then: so the size of
/// the automaton is bounded by the number of texts, not by their length.
const HEAD_BYTES: usize = 32;

/// Texts to look for. Each has a label, a number below 64; several may have the same.
pub(super) struct Table {
    heads: AhoCorasick,
    /// In alphabetical order.
    texts: Vec<(Vec<u8>, u8)>,
    longest_bytes: usize,
    /// For each byte whether a text begins with it.
    firsts: [bool; 256],
}

/// What to put in place of the texts of each label. `None` leaves them as they are.
pub(super) type Substitutes = Arc<[Option<Bytes>]>;

/// A set of labels, one bit each.
pub(super) type Labels = u64;

/// A text that was found.
struct Found {
    start: usize,
    end: usize,
    label: u8,
}

impl Table {
    /// Takes texts with their labels. Of a text that comes twice, the first label counts; an empty
    /// one is left out.
    ///
    /// # Panics
    /// When the texts are more than an automaton can hold, which is far beyond what a policy can
    /// grant.
    pub(super) fn new(texts: impl IntoIterator<Item = (Vec<u8>, u8)>) -> Self {
        let mut sorted = BTreeMap::new();
        for (text, label) in texts {
            if !text.is_empty() {
                sorted.entry(text).or_insert(label);
            }
        }
        let texts: Vec<(Vec<u8>, u8)> = sorted.into_iter().collect();
        let heads: BTreeSet<&[u8]> = texts.iter().map(|(text, _)| head(text)).collect();
        let mut firsts = [false; 256];
        for (text, _) in &texts {
            firsts[usize::from(text[0])] = true;
        }
        Self {
            heads: AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(heads)
                .expect("the heads of a policy's secrets fit into an automaton"),
            longest_bytes: texts.iter().map(|(text, _)| text.len()).max().unwrap_or(0),
            firsts,
            texts,
        }
    }

    /// All of a text with its substitutes; `None` when nothing is replaced.
    pub(super) fn rewrite(&self, bytes: &[u8], by: &Substitutes) -> Option<Vec<u8>> {
        self.step(bytes, by, End::Reached, &mut 0).0
    }

    /// Rewrites as much as can be decided. Says what comes of it, when something was replaced, and
    /// how many bytes it was made of.
    fn step(
        &self,
        bytes: &[u8],
        by: &Substitutes,
        end: End,
        met: &mut Labels,
    ) -> (Option<Vec<u8>>, usize) {
        let undecided = |from| match end {
            End::Reached => bytes.len(),
            End::Open(Reader::Informed) => self.undecided(bytes, from),
            End::Open(Reader::Stranger) => self.last(bytes).max(from),
        };
        let mut decided = undecided(0);
        let mut rewritten: Option<Vec<u8>> = None;
        let (mut copied, mut from) = (0, 0);
        while let Some(found) = self.find(bytes, from).filter(|found| found.start < decided) {
            *met |= 1 << found.label;
            if let Some(by) = by.get(usize::from(found.label)).and_then(Option::as_ref) {
                let rewritten = rewritten.get_or_insert_default();
                rewritten.extend_from_slice(&bytes[copied..found.start]);
                rewritten.extend_from_slice(by);
                copied = found.end;
            }
            from = found.end;
            if from > decided {
                decided = undecided(from);
            }
        }
        if let Some(rewritten) = &mut rewritten {
            rewritten.extend_from_slice(&bytes[copied..decided]);
        }
        (rewritten, decided)
    }

    /// The first text from here on, and the longest one that begins there.
    fn find(&self, bytes: &[u8], mut from: usize) -> Option<Found> {
        while let Some(head) = self.heads.find(Input::new(bytes).span(from..bytes.len())) {
            let start = head.start();
            let rest = &bytes[start..];
            let here = self.texts.iter().filter(|(text, _)| rest.starts_with(text));
            if let Some((text, label)) = here.max_by_key(|(text, _)| text.len()) {
                return Some(Found {
                    start,
                    end: start + text.len(),
                    label: *label,
                });
            }
            from = start + 1;
        }
        None
    }

    /// From where on the bytes could be the beginning of a text whose rest is still to come.
    fn undecided(&self, bytes: &[u8], from: usize) -> usize {
        (self.last(bytes).max(from)..bytes.len())
            .find(|start| self.begins(&bytes[*start..]))
            .unwrap_or(bytes.len())
    }

    /// From where on a text that begins there could be longer than the bytes that are left.
    fn last(&self, bytes: &[u8]) -> usize {
        bytes
            .len()
            .saturating_sub(self.longest_bytes.saturating_sub(1))
    }

    /// Whether some text begins with these bytes and goes on after them.
    fn begins(&self, bytes: &[u8]) -> bool {
        if !self.firsts[usize::from(bytes[0])] {
            return false;
        }
        let place = self
            .texts
            .partition_point(|(text, _)| text.as_slice() <= bytes);
        self.texts
            .get(place)
            .is_some_and(|(text, _)| text.starts_with(bytes))
    }
}

/// Whether more bytes may follow, and who waits for them.
#[derive(Clone, Copy)]
enum End {
    Open(Reader),
    Reached,
}

/// Who gets a stream that is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// Somebody who may know the texts: only what could be the beginning of one is kept back.
    Informed,
    /// Somebody who must not learn them. What is kept back would say how they begin, to whoever can
    /// choose what the stream has and look at it piece by piece: so it is always as much, whatever
    /// stands there.
    Stranger,
}

fn head(text: &[u8]) -> &[u8] {
    &text[..text.len().min(HEAD_BYTES)]
}

/// Rewrites a stream piece by piece. It keeps back what could belong to a text that is not there
/// wholly yet.
pub(super) struct Rewriter {
    table: Arc<Table>,
    by: Substitutes,
    reader: Reader,
    kept_back: Vec<u8>,
    met: Labels,
}

impl Rewriter {
    pub(super) fn new(table: Arc<Table>, by: Substitutes, reader: Reader) -> Self {
        Self {
            table,
            by,
            reader,
            kept_back: Vec::new(),
            met: 0,
        }
    }

    /// Takes the next piece. What comes out may be empty.
    pub(super) fn push(&mut self, piece: Bytes) -> Bytes {
        let whole = if self.kept_back.is_empty() {
            piece
        } else {
            self.kept_back.extend_from_slice(&piece);
            std::mem::take(&mut self.kept_back).into()
        };
        let end = End::Open(self.reader);
        let (rewritten, decided) = self.table.step(&whole, &self.by, end, &mut self.met);
        self.kept_back.extend_from_slice(&whole[decided..]);
        rewritten.map_or_else(|| whole.slice(..decided), Bytes::from)
    }

    /// What was kept back: nothing follows any more.
    pub(super) fn finish(&mut self) -> Bytes {
        let rest = std::mem::take(&mut self.kept_back);
        let (rewritten, _) = self
            .table
            .step(&rest, &self.by, End::Reached, &mut self.met);
        rewritten.unwrap_or(rest).into()
    }

    /// The labels of the texts that were found so far.
    pub(super) const fn met(&self) -> Labels {
        self.met
    }
}

// Neither prints a text, nor what stands for one: they may be secrets.

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table of {} texts", self.texts.len())
    }
}

impl fmt::Debug for Rewriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Rewriter");
        shown
            .field("table", &self.table)
            .field("reader", &self.reader);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READERS: [Reader; 2] = [Reader::Informed, Reader::Stranger];

    fn table() -> Arc<Table> {
        let texts = [("abc", 0), ("abcabd", 1), ("ccc", 2)];
        let texts = texts.map(|(text, label)| (text.as_bytes().to_vec(), label));
        Arc::new(Table::new(texts))
    }

    fn by(texts: [Option<&'static str>; 3]) -> Substitutes {
        texts.map(|text| text.map(Bytes::from)).into()
    }

    /// Which labels have a text in here.
    fn labels_in(table: &Table, bytes: &[u8]) -> Labels {
        let mut labels = 0;
        table.step(bytes, &by([None, None, None]), End::Reached, &mut labels);
        labels
    }

    /// Rewrites a text in pieces of so many bytes.
    fn in_pieces(text: &str, bytes: usize, by: &Substitutes, reader: Reader) -> String {
        let mut rewriter = Rewriter::new(table(), Arc::clone(by), reader);
        let mut rewritten = Vec::new();
        for piece in text.as_bytes().chunks(bytes) {
            rewritten.extend_from_slice(&rewriter.push(Bytes::copy_from_slice(piece)));
        }
        rewritten.extend_from_slice(&rewriter.finish());
        String::from_utf8(rewritten).expect("text")
    }

    #[test]
    fn a_text_is_replaced_wherever_the_pieces_are_cut() {
        let by = by([Some("<0>"), Some("<1>"), Some("<2>")]);
        let cases = [
            ("xabcx", "x<0>x"),
            ("abcabd", "<1>"),
            ("abcabcabd", "<0><1>"),
            ("abcabx", "<0>abx"),
            ("abccc", "<0>cc"),
            ("cccccc", "<2><2>"),
            ("aabcab", "a<0>ab"),
            ("", ""),
        ];
        for (text, expected) in cases {
            for (bytes, reader) in (1..=10).flat_map(|bytes| READERS.map(|reader| (bytes, reader)))
            {
                let rewritten = in_pieces(text, bytes, &by, reader);
                assert_eq!(rewritten, expected, "{text} by {bytes} for {reader:?}");
            }
        }
    }

    #[test]
    fn what_has_no_substitute_stays_and_is_met_all_the_same() {
        let by = by([None, Some("<1>"), None]);
        let rewritten = in_pieces("abc ccc abcabd", 2, &by, Reader::Informed);
        assert_eq!(rewritten, "abc ccc <1>");
        assert_eq!(labels_in(&table(), b"abc ccc"), 0b101);
    }

    #[test]
    fn only_what_could_become_a_text_is_kept_back_from_who_knows_the_texts() {
        let nothing = by([None, None, None]);
        let mut rewriter = Rewriter::new(table(), nothing, Reader::Informed);
        let piece = Bytes::from_static(b"data: 1\n\nab");
        assert_eq!(rewriter.push(piece), "data: 1\n\n");
        assert_eq!(rewriter.push(Bytes::from_static(b"x")), "abx");
        assert_eq!(rewriter.finish(), "");
    }

    #[test]
    fn what_is_kept_back_from_a_stranger_does_not_say_how_a_text_begins() {
        let passed = |text: &'static str| {
            let by = by([Some("<0>"), Some("<1>"), Some("<2>")]);
            let mut rewriter = Rewriter::new(table(), by, Reader::Stranger);
            let pieces = text.as_bytes().chunks(3);
            let passed = pieces.map(|piece| rewriter.push(Bytes::copy_from_slice(piece)).len());
            passed.collect::<Vec<_>>()
        };
        // The longest text has six bytes.
        for guess in [
            "zzzzzzzzzzzz",
            "zzazzazzazza",
            "zabzabzabzab",
            "zzzaczzaczcc",
        ] {
            assert_eq!(passed(guess), [0, 1, 3, 3], "{guess}");
        }
    }

    #[test]
    fn a_text_longer_than_its_head_is_compared_whole() {
        let long = "0123456789".repeat(10);
        let table = Table::new([(long.clone().into_bytes(), 0)]);
        let almost = format!("{}x", &long[..99]);
        assert_eq!(labels_in(&table, almost.as_bytes()), 0);
        assert_eq!(labels_in(&table, format!("{almost}{long}").as_bytes()), 1);
    }
}
