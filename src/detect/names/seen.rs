//! Words that were looked up before: logs repeat theirs.

use super::tokens::Token;

/// Slots; a power of two.
const SLOTS: usize = 4096;
/// A longer word is not remembered.
pub(super) const LONGEST: usize = 16;

/// A worker's memory of words and what the dictionary says of each.
#[derive(Default)]
pub(super) struct Seen {
    /// Zero bytes behind each: no word holds one.
    words: Vec<u128>,
    tokens: Vec<Token>,
}

/// Where a word is to be remembered.
pub(super) struct Slot {
    word: u128,
    slot: usize,
}

impl Seen {
    /// What is known of the word in `text[start..end]`, but for where it stands; or where to remember it.
    #[inline]
    pub(super) fn look_up(&self, text: &[u8], start: usize, end: usize) -> Result<Token, Option<Slot>> {
        let len = end - start;
        if len == 0 || len > LONGEST {
            return Err(None);
        }
        let word = match text[start..].first_chunk::<LONGEST>() {
            Some(bytes) => u128::from_le_bytes(*bytes) & (u128::MAX >> (8 * (LONGEST - len))),
            None => text[start..end].iter().rev().fold(0, |word, b| word << 8 | u128::from(*b)),
        };
        let mixed = (word as u64 ^ ((word >> 64) as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slot = (mixed >> (64 - SLOTS.trailing_zeros())) as usize % SLOTS;
        match self.tokens.get(slot) {
            Some(token) if self.words[slot] == word => Ok(*token),
            _ => Err(Some(Slot { word, slot })),
        }
    }

    /// Remembers what is known of a word.
    pub(super) fn remember(&mut self, slot: &Slot, token: Token) {
        if self.words.is_empty() {
            self.words = vec![0; SLOTS];
            self.tokens = vec![token; SLOTS];
        }
        self.words[slot.slot] = slot.word;
        self.tokens[slot.slot] = token;
    }
}
