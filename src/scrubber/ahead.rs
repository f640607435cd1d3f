//! Candidates of several lines of text, looked for in one go.
//!
//! A line is short, and the code of a whole scrubber does not stay in the processor's first-level cache: to run the first pass over
//! many lines before the next step runs over each of them is faster than to change between the two line by line.

use crate::detect::Candidate;
use crate::span::Span;

/// Bytes that are gone through in one go.
const WINDOW: usize = 8 << 10;

/// The candidates of a stretch of a batch.
#[derive(Default)]
pub(super) struct Ahead {
    /// Where it stands in the arena.
    stretch: Span,
    /// In order, their places counted from where it begins.
    candidates: Vec<Candidate>,
}

impl Ahead {
    /// Forgets the batch.
    pub(super) fn clear(&mut self) {
        self.stretch = Span::default();
    }

    /// The candidates of a record of plain text, and perhaps some behind it; and from where their places are counted, in bytes
    /// before the record. `None` for a record that does not stand in lines of its own: what is on its sides would be read as part
    /// of it. `look` looks for candidates.
    pub(super) fn of(
        &mut self,
        arena: &[u8],
        record: Span,
        look: impl FnOnce(&[u8], &mut Vec<Candidate>),
    ) -> Option<(&[Candidate], usize)> {
        let parts = |b: Option<&u8>| b.is_none_or(|b| matches!(b, b'\n' | b'\r'));
        let before = record.start().checked_sub(1).and_then(|i| arena.get(i));
        if !parts(before) || !parts(arena.get(record.end())) {
            return None;
        }
        if !self.stretch.contains(record) || self.stretch.is_empty() {
            let most = arena.len().min(record.start() + WINDOW);
            let lines = match memchr::memrchr(b'\n', &arena[record.start()..most]) {
                Some(len) if most < arena.len() => record.start() + len + 1,
                _ => most,
            };
            self.stretch = Span::at(record.start(), lines.max(record.end()));
            self.candidates.clear();
            look(&arena[self.stretch.range()], &mut self.candidates);
        }
        let base = record.start() - self.stretch.start();
        let first = self.candidates.partition_point(|c| (c.at as usize) < base);
        Some((&self.candidates[first..], base))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::{Format, Framer};
    use crate::record::Batch;
    use crate::scrubber::{Scratch, Scrubber, Settings};

    /// Every `x` is a candidate; how often somebody looked.
    fn places(arena: &[u8], records: &[Span]) -> (Vec<Option<Vec<usize>>>, usize) {
        let (mut ahead, mut looks) = (Ahead::default(), 0);
        let mut of = |record: &Span| {
            let (list, base) = ahead.of(arena, *record, |text, out| {
                looks += 1;
                let found = (0..text.len()).filter(|i| text[*i] == b'x');
                out.extend(found.map(|i| Candidate { at: i as u32, pattern: 1 }));
            })?;
            Some(list.iter().map(|c| c.at as usize - base).take_while(|at| *at < record.len()).collect())
        };
        (records.iter().map(&mut of).collect(), looks)
    }

    #[test]
    fn records_get_their_own() {
        let arena = b"ax\nxx\r\n\nbbbx";
        let records =
            [Span::at(0, 2), Span::at(3, 5), Span::at(7, 7), Span::at(8, 12), Span::at(3, 5), Span::at(4, 5)];
        let (got, looks) = places(arena, &records);
        assert_eq!(
            got,
            [Some(vec![1]), Some(vec![0, 1]), Some(vec![]), Some(vec![3]), Some(vec![0, 1]), None]
        );
        assert_eq!(looks, 1);
        let long = ["y".repeat(3 * WINDOW), "x".to_owned()].join("\n");
        let records = [Span::at(0, 3 * WINDOW), Span::at(3 * WINDOW + 1, 3 * WINDOW + 2)];
        assert_eq!(places(long.as_bytes(), &records), (vec![Some(vec![]), Some(vec![0])], 2));
        let lines = "yyyyyyx\n".repeat(WINDOW);
        let records: Vec<Span> = (0..WINDOW).map(|i| Span::at(8 * i, 8 * i + 7)).collect();
        assert_eq!(places(lines.as_bytes(), &records), (vec![Some(vec![6]); WINDOW], 8));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// A line among others is what it is alone.
        #[test]
        fn lines_do_not_see_each_other(
            lines in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![
                    2 => "[a-z]{1,8}|[A-Z][a-z]{1,7}|[0-9]{1,5}|[ .,:'_@-]", 3 => Just(" ".to_owned()),
                    1 => prop_oneof![
                        Just("Patient: "), Just("John"), Just("Smith"), Just("O'"), Just("219-10-"), Just("9999"), Just("MRN"), Just("March"),
                        Just("5, 2021"), Just("2026-03-01 00:00:01,007"), Just("Dr."), Just("(415)"), Just("555-2671"), Just("\\u0031"),
                        Just("%2"), Just("D1"), Just("\u{200b}"), Just("St. "), Just("Hospital"), Just("{\"a\":1}"), Just("\r"), Just("10.1."),
                        Just("2.3"), Just("a@b."), Just("org"), Just("12 Elm"), Just("Street"), Just("dob "),
                    ].prop_map(str::to_owned),
                ], 0..9),
                1..12,
            ),
        ) {
            let scrubber = Scrubber::new(Settings::new());
            let text = lines.iter().map(|l| l.concat()).collect::<Vec<_>>().join("\n") + "\n";
            let scrub = |text: &str, scratch: &mut Scratch| {
                let mut batch = Batch::new();
                batch.append(text.as_bytes());
                Framer::new(Format::Auto, 1 << 20, 1 << 10).frame(&mut batch, 0, true);
                let done = scrubber.scrub(batch, scratch).unwrap();
                done.chunks().flatten().copied().collect::<Vec<u8>>()
            };
            let mut scratch = Scratch::default();
            let together = scrub(&text, &mut scratch);
            let alone: Vec<u8> = text.split_inclusive('\n').flat_map(|line| scrub(line, &mut Scratch::default())).collect();
            prop_assert_eq!(String::from_utf8_lossy(&together), String::from_utf8_lossy(&alone), "{:?}", text);
        }
    }
}
