//! A text as pieces, and what was said about each of them, remembered: logs repeat their words.
//!
//! A piece is a run of letters, digits and underscores with what follows it up to the next such run: `level=`, `warn `. What can
//! begin in a piece is the same wherever the piece stands again. Digits count as one, since a clock repeats its form and not
//! its figures, and since no head tells them apart.

use super::classes::{BLOCK, Classifier, Masks};
use super::simd;
use super::steps::{MOST_PIECES, Step};

/// Bytes of the longest piece that is remembered.
const WIDTH: usize = 16;
/// Pairs of pieces; a power of two. A pair is a line of the processor's cache, and all of them fit its second level.
const PAIRS: usize = 4096;
/// Of so many pieces that meet a slot which is taken, one gets it: what is met once must not push out what is met always.
const PATIENCE: u32 = 8;

/// A piece's bytes, with zeros behind.
pub(super) type Key = u128;

/// The key of the first `len` bytes.
#[inline(always)]
fn key(plain: &[u8; WIDTH], len: usize) -> Key {
    u128::from_le_bytes(*plain) & COUNTING[len % (WIDTH + 1)]
}

/// By length: the bits of a key that count.
const COUNTING: [Key; WIDTH + 1] = {
    let mut masks = [0; WIDTH + 1];
    let mut len = 1;
    while len <= WIDTH {
        masks[len] = u128::MAX >> (8 * (WIDTH - len));
        len += 1;
    }
    masks
};

/// How well a piece is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    Nothing,
    /// It was met once.
    Met,
    /// Something may begin or go on in it.
    Live,
    /// Nothing begins in it.
    Quiet,
}

/// A piece, and what is known of it. Places are counted from its start, one bit each.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
pub(super) struct Piece {
    key: Key,
    /// No other piece has or had the same: less than [`MOST_PIECES`].
    pub(super) id: u32,
    /// What it leads to if nothing is under way before it.
    pub(super) step: Step,
    /// Places at which names must be asked for.
    pub(super) asked: u16,
    /// Places of names, if words can begin there.
    pub(super) named: u16,
    len: u8,
    mark: Mark,
}

impl Piece {
    pub(super) fn is_quiet(&self) -> bool {
        self.mark == Mark::Quiet
    }

    fn is(&self, key: &Key, len: usize) -> bool {
        self.key == *key && self.len == len as u8 && self.mark != Mark::Nothing
    }
}

/// Two pieces that may stand at the same place of the memory.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Pair([Piece; 2]);

/// A worker's memory of pieces.
pub(super) struct Pieces {
    pairs: Box<[Pair]>,
    turned_away: u32,
    last_id: u32,
}

impl Default for Pieces {
    fn default() -> Pieces {
        Pieces { pairs: vec![Pair::default(); PAIRS].into(), turned_away: 0, last_id: 0 }
    }
}

impl Pieces {
    #[inline(always)]
    fn place(key: &Key) -> usize {
        let mixed = (*key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> (64 - PAIRS.trailing_zeros())) as usize % PAIRS
    }

    /// What is known of a piece.
    #[inline(always)]
    pub(super) fn known(&self, key: &Key, len: usize) -> Option<&Piece> {
        let Pair([first, second]) = &self.pairs[Self::place(key)];
        let piece = if second.key == *key { second } else { first };
        let known = matches!(piece.mark, Mark::Live | Mark::Quiet);
        ((piece.key == *key) & (piece.len == len as u8) & known).then_some(piece)
    }

    /// Forgets all of them.
    pub(super) fn forget(&mut self) {
        self.last_id = 0;
        self.pairs.fill(Pair::default());
    }

    /// Whether another piece could be told from all others.
    pub(super) fn has_room(&self) -> bool {
        self.last_id + 1 < MOST_PIECES
    }

    /// Takes note of a piece that is not known, and says whether it was met before: it is then worth the work of finding out.
    pub(super) fn meet(&mut self, key: &Key, len: usize) -> bool {
        let Pair(pair) = &mut self.pairs[Self::place(key)];
        if pair.iter().any(|p| p.is(key, len)) {
            return true;
        }
        self.turned_away = self.turned_away.wrapping_add(1);
        // What was met once gives way, and now and then what is known.
        let now = self.turned_away.is_multiple_of(PATIENCE);
        let which = self.turned_away / PATIENCE % 2;
        let given_up = pair
            .iter()
            .position(|p| matches!(p.mark, Mark::Nothing | Mark::Met))
            .or(now.then_some(which as usize));
        if let Some(piece) = given_up.map(|i| &mut pair[i]) {
            *piece = Piece { key: *key, len: len as u8, mark: Mark::Met, ..Piece::default() };
        }
        false
    }

    /// Remembers what was found out about a piece that was met before.
    pub(super) fn found_out(&mut self, key: &Key, len: usize, step: Step, asked: u16, named: u16) {
        let Pair(pair) = &mut self.pairs[Self::place(key)];
        let Some(piece) = pair.iter_mut().find(|p| p.is(key, len)) else { return };
        self.last_id += 1;
        let quiet = step == Step::default() && asked | named == 0;
        let mark = if quiet { Mark::Quiet } else { Mark::Live };
        *piece = Piece { id: self.last_id, step, asked, named, mark, ..*piece };
    }
}

/// Blocks that are cut in one go: they stay in the first-level cache.
const BLOCKS: usize = 32;
/// Bytes of as many blocks.
const CHUNK: usize = BLOCKS * BLOCK;

/// Some blocks of a text, cut into pieces. Places are counted from their start.
#[derive(Default)]
pub(super) struct Chunk {
    /// Which of its bytes are in words.
    words: Vec<Masks<1>>,
    /// Its bytes and a few more, with a zero for every digit.
    plain: Vec<u8>,
    /// Where pieces begin, and where the last one ends; the first one may be the rest of one that began before.
    starts: Vec<u32>,
}

impl Chunk {
    /// Cuts a text into pieces. Shows where each begins and ends; and its key and its bytes, with a zero for every digit, if it is one
    /// that is remembered. What is long may come in parts. `words` has the set of bytes that are in words.
    #[inline]
    pub(super) fn pieces(
        &mut self,
        words: &Classifier<1>,
        text: &[u8],
        mut visit: impl FnMut(usize, usize, Option<(Key, &[u8])>),
    ) {
        let (mut at, mut done, mut in_word) = (0, 0, false);
        while at + done < text.len() {
            // One block more than is cut, since pieces reach over the end of a block.
            let ahead = &text[at..text.len().min(at + CHUNK + BLOCK)];
            words.masks(ahead, &mut self.words);
            in_word = self.cut(ahead, done, in_word);
            for (i, piece) in self.starts.windows(2).enumerate() {
                let [start, end] = [piece[0] as usize, piece[1] as usize];
                // What comes first later on may be the rest of something longer.
                let piece = if i == 0 && at > 0 { None } else { self.piece(start, end) };
                visit(at + start, at + end, piece);
            }
            done = (self.starts.last().copied().unwrap_or(0) as usize).saturating_sub(CHUNK);
            at += CHUNK;
        }
    }

    /// Takes the first blocks of a text, of which `self.words` are the masks, and of one block more if there is one. `done` says how many
    /// of its bytes belong to a piece before, and `in_word` whether a word goes on from before; gives whether one goes on behind.
    fn cut(&mut self, text: &[u8], done: usize, in_word: bool) -> bool {
        self.plain.resize(CHUNK + WIDTH, 0);
        simd::without_digits(&text[..text.len().min(CHUNK + WIDTH)], &mut self.plain);
        self.starts.clear();
        let mut before = u64::from(in_word);
        let mut goes_on = false;
        let mut end = text.len();
        for (b, [word]) in self.words.iter().enumerate() {
            let mut begins = word & !(word << 1 | before);
            before = word >> 63;
            if b == BLOCKS {
                end = end.min(CHUNK + begins.trailing_zeros() as usize);
                break;
            }
            goes_on = before == 1;
            while begins != 0 {
                self.starts.push((b * BLOCK) as u32 + begins.trailing_zeros());
                begins &= begins - 1;
            }
        }
        self.starts.push(end as u32);
        if self.starts[0] as usize > done {
            self.starts.insert(0, done as u32);
        }
        goes_on
    }

    /// The key and the bytes of a piece; `None` for one that is too long.
    #[inline(always)]
    fn piece(&self, start: usize, end: usize) -> Option<(Key, &[u8])> {
        let len = end - start;
        let bytes: &[u8; WIDTH] = self.plain[start..].first_chunk().filter(|_| len <= WIDTH)?;
        Some((key(bytes, len), &bytes[..len]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::classes::ByteSet;
    use super::super::starts::is_word;
    use super::*;

    fn key_of(text: &[u8]) -> Key {
        let mut plain = [b'x'; WIDTH];
        plain[..text.len()].copy_from_slice(text);
        key(&plain, text.len())
    }

    fn pieces(text: &[u8]) -> Vec<(usize, usize, Option<Key>)> {
        let (words, mut all) = (Classifier::new(&[ByteSet::WORD]), Vec::new());
        Chunk::default().pieces(&words, text, |start, end, piece| all.push((start, end, piece.map(|p| p.0))));
        all
    }

    proptest! {
        #[test]
        fn a_text_is_cut_where_words_begin(
            parts in proptest::collection::vec(prop_oneof![
                4 => "[a-z]{1,9}[ .=]{1,3}", 2 => "[0-9]{1,4}[:.-]", 1 => "[a-z_]{14,90}", 1 => "[ -]{14,90}",
            ], 0..60),
            times in 1..12usize,
        ) {
            let text = parts.concat().repeat(times).into_bytes();
            let all = pieces(&text);
            prop_assert!(all.iter().all(|(start, end, _)| start < end));
            prop_assert!(all.windows(2).all(|w| w[0].1 == w[1].0));
            prop_assert_eq!(all.first().map_or(0, |p| p.0), 0);
            prop_assert_eq!(all.last().map_or(0, |p| p.1), text.len());
            let begins = |at: usize| is_word(text[at]) && !at.checked_sub(1).is_some_and(|b| is_word(text[b]));
            for (start, end, key) in all {
                // What is longer than a key may be cut at the end of a chunk.
                let cut = (start + 1..end).any(begins);
                prop_assert!(!cut, "{start} to {end}");
                if start > 0 && !begins(start) {
                    prop_assert!(start % CHUNK == BLOCK || start % CHUNK == 0, "{start}");
                    prop_assert_eq!(key, None);
                } else if end - start <= WIDTH {
                    let plain: Vec<u8> =
                        text[start..end].iter().map(|b| if b.is_ascii_digit() { b'0' } else { *b }).collect();
                    // The first of a chunk may be taken for the rest of one before.
                    let first = start >= CHUNK && !(start / CHUNK * CHUNK..start).any(begins);
                    prop_assert!(key == Some(key_of(&plain)) || first && key.is_none(), "{start} to {end}");
                } else {
                    prop_assert_eq!(key, None);
                }
            }
        }
    }

    #[test]
    fn what_is_met_twice_is_remembered() {
        let (mut pieces, step) = (Pieces::default(), Step { next: 3, found: 1 });
        let key = key_of(b"level=");
        assert!(pieces.known(&key, 6).is_none() && !pieces.meet(&key, 6));
        assert!(pieces.known(&key, 6).is_none() && pieces.meet(&key, 6));
        pieces.found_out(&key, 6, step, 1, 2);
        let known = pieces.known(&key, 6).unwrap();
        assert_eq!((known.step, known.asked, known.named, known.is_quiet()), (step, 1, 2, false));
        // Of another length it is another piece, though its last bytes are zeros.
        assert!(pieces.known(&key, 7).is_none());
        pieces.forget();
        assert!(pieces.known(&key, 6).is_none());
    }

    /// What is met once, as ids are, pushes nothing out that is known for long.
    #[test]
    fn most_of_what_is_known_stays() {
        let mut pieces = Pieces::default();
        let number = |i: u32| key_of(format!("w{i:x} ").as_bytes());
        let len = |i: u32| format!("w{i:x} ").len();
        for i in 0..1000 {
            pieces.meet(&number(i), len(i));
            pieces.meet(&number(i), len(i));
            pieces.found_out(&number(i), len(i), Step::default(), 0, 0);
        }
        let known =
            |pieces: &Pieces| (0..1000).filter(|i| pieces.known(&number(*i), len(*i)).is_some()).count();
        let before = known(&pieces);
        assert!(before > 900, "{before}");
        for i in 1000..5000 {
            pieces.meet(&number(i), len(i));
        }
        let after = known(&pieces);
        assert!(after > before * 3 / 4, "{after} of {before}");
    }
}
