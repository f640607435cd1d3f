//! A second look at a candidate, before the regex engine is started: do the bytes there fit the pattern's start
//! exactly?
//!
//! The prefilter sees classes; this sees bytes. All of a pattern's start sequences are tried at once, one bit each: a
//! table lookup and an AND a byte, and most false candidates are gone after three.

use super::shape::Sequence;

/// Sequences one guard can hold.
pub(super) const MAX_SEQUENCES: usize = 128;

/// The exact starts of one pattern.
pub(super) struct Guard {
    /// Bytes that no sequence tells apart share a number.
    classes: Box<[u8; 256]>,
    count: usize,
    /// By place and class: the sequences that allow it, or have ended before.
    table: Vec<u128>,
    /// By place: the sequences that have ended before.
    ended: Vec<u128>,
}

impl Guard {
    /// A guard over all of `sequences`; `None` if there are none, or too many.
    pub(super) fn new(sequences: &[Sequence]) -> Option<Guard> {
        if sequences.is_empty() || sequences.len() > MAX_SEQUENCES {
            return None;
        }
        let len = sequences.iter().map(Vec::len).max()?;
        let mut classes = Box::new([0u8; 256]);
        let mut columns: Vec<Vec<u128>> = Vec::new();
        for b in 0..=255u8 {
            let allowed = |place: usize| {
                let bit = |(i, s): (usize, &Sequence)| {
                    u128::from(s.get(place).is_none_or(|set| set.contains(b))) << i
                };
                sequences.iter().enumerate().map(bit).fold(0, |a, b| a | b)
            };
            let column: Vec<u128> = (0..len).map(allowed).collect();
            let known = columns.iter().position(|c| *c == column).unwrap_or_else(|| {
                columns.push(column);
                columns.len() - 1
            });
            classes[b as usize] = known as u8;
        }
        let count = columns.len();
        let table = (0..len).flat_map(|place| columns.iter().map(move |c| c[place])).collect();
        let has_ended = |place| {
            sequences.iter().enumerate().map(|(i, s)| u128::from(s.len() <= place) << i).fold(0, |a, b| a | b)
        };
        Some(Guard { classes, count, table, ended: (0..len).map(has_ended).collect() })
    }

    /// Whether a match can start where `text` starts.
    #[inline]
    pub(super) fn fits(&self, text: &[u8]) -> bool {
        let mut alive = u128::MAX;
        for (place, row) in self.table.chunks_exact(self.count).enumerate() {
            match text.get(place) {
                Some(b) => alive &= row[self.classes[*b as usize] as usize],
                None => return alive & self.ended[place] != 0,
            }
            if alive == 0 {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::shape;

    #[test]
    fn it_never_refuses_a_match() {
        let cases = [
            (r"\b\d{1,2} (?i:jan|feb)\b", "3 Feb", "3 Fox"),
            (r"\b\d{3}-?\d{2}", "12345", "12-45"),
            (r"(?:ab|abc|x)", "x", "ay"),
            (r"\b(?i:mrn)[:# ]{1,3}\d", "MRN: 1", "MRI: 1"),
        ];
        for (pattern, fits, does_not) in cases {
            let hir =
                regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
            let guard = Guard::new(&shape::exact(&hir)).unwrap();
            assert!(guard.fits(fits.as_bytes()), "{pattern} on {fits}");
            assert!(!guard.fits(does_not.as_bytes()), "{pattern} on {does_not}");
        }
    }
}
