//! Words that were looked at before, and whether they may be names: logs repeat their words.

/// Slots; a power of two.
const SLOTS: usize = 1024;
/// A longer word is not remembered.
pub(super) const LONGEST: usize = 15;

const NO: u8 = 1;
const YES: u8 = 2;

/// A worker's memory of words in ASCII, zero bytes behind them.
pub(super) struct Seen {
    words: Box<[u128; SLOTS]>,
    verdicts: Box<[u8; SLOTS]>,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { words: Box::new([0; SLOTS]), verdicts: Box::new([0; SLOTS]) }
    }
}

impl Seen {
    /// What was found out about the word of `len` bytes at `at`, or what `find_out` says now.
    #[inline]
    pub(super) fn verdict(
        &mut self,
        text: &[u8],
        at: usize,
        len: usize,
        find_out: impl FnOnce() -> bool,
    ) -> bool {
        // Behind an apostrophe, or a letter outside ASCII, the word goes on.
        let goes_on = text.get(at + len).is_some_and(|b| *b >= 0x80 || *b == b'\'');
        if len == 0 || len > LONGEST || goes_on {
            return find_out();
        }
        let word = match text[at..].first_chunk::<16>() {
            Some(bytes) => u128::from_le_bytes(*bytes) & ((1 << (8 * len)) - 1),
            None => text[at..at + len].iter().rev().fold(0, |word, b| word << 8 | u128::from(*b)),
        };
        let mixed = (word as u64 ^ ((word >> 64) as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slot = (mixed >> (64 - SLOTS.trailing_zeros())) as usize % SLOTS;
        if self.words[slot] == word && self.verdicts[slot] != 0 {
            return self.verdicts[slot] == YES;
        }
        let verdict = find_out();
        (self.words[slot], self.verdicts[slot]) = (word, if verdict { YES } else { NO });
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_once_for_each_word() {
        let mut seen = Seen::default();
        let mut asked = 0;
        let mut verdict = |text: &str, len: usize, answer: bool| {
            let mut now = false;
            let said = seen.verdict(text.as_bytes(), 0, len, || {
                now = true;
                answer
            });
            asked += usize::from(now);
            (said, now)
        };
        assert_eq!(verdict("Ana is in", 3, true), (true, true));
        assert_eq!(verdict("Ana, behind whom a longer text follows", 3, false), (true, false));
        assert_eq!(verdict("Ana", 3, false), (true, false));
        assert_eq!(verdict("Anab", 4, false), (false, true));
        assert_eq!(verdict("Ana's", 3, false), (false, true), "an apostrophe may go on");
        assert_eq!(verdict("Ana\u{e9}", 3, false), (false, true), "the word goes on");
        assert_eq!(verdict("Internationalisation", 20, true), (true, true));
        assert_eq!(verdict("Internationalisation", 20, false), (false, true), "too long to be remembered");
    }
}
