//! Values of fields in which nothing was found, remembered.
//!
//! Most members of most records hold what they held before: a level, a service, a status, a message. A value is known by its
//! place and its bytes, all of them; or by its form, where nothing can be found in it whichever digits stand there.

use super::private::is_private_v4;
use super::query::Query;
use super::scan::DetectScratch;
use super::whatever::{DIGIT, EITHER, LETTER, What};
use super::{Engine, names::Names};
use crate::codec::{Leaf, Place};
use crate::kind::Kind;

/// A longer value is not remembered.
pub(super) const LONGEST: usize = 128;
/// The shortest hexadecimal number that is known by its form, and the digits at its head that count in it.
const SHORTEST_HEX: usize = 16;
const HEAD: usize = 6;
/// Slots of the tables; powers of two.
const FORMS: usize = 4096;
const EXACT: usize = 1024;
/// Of so many values that meet a slot which is taken, one gets it.
const PATIENCE: u32 = 8;

/// Steps that finding out about one form may take; what there is for it in the beginning, and what each value brings that was
/// known. A stream that never repeats itself must not pay for it again and again.
const MOST_WORK: usize = 20_000;
const FIRST_WORK: usize = 1_000_000;
const GAIN: usize = 4;

/// A value as it is compared, eight bytes a word and zeros behind it.
pub(super) type Words = [u64; LONGEST / 8];

/// A worker's memory. It holds values of records, as they came, and never shows them.
pub(crate) struct Values {
    forms: Table,
    /// Of values whose form says nothing.
    exact: Table,
    key: Key,
    work: usize,
}

/// What a value is looked up by.
struct Key {
    words: Words,
    /// Its place, length, and whether it is a form of a hexadecimal number.
    tag: u64,
    hash: u64,
}

struct Table {
    slots: usize,
    words: Vec<Words>,
    /// By slot: the tag whose words it holds, with one of the marks below.
    tags: Vec<u64>,
    turned_away: u32,
}

/// It was met, and nothing was found.
const SEEN: u64 = 1;
/// Nothing is ever found.
const NOTHING: u64 = 2;
/// Something may be found with other digits.
const ASKED: u64 = 3;
/// Nothing is ever found but the address that the value is.
const ADDRESS: u64 = 4;
/// With one of the marks above: a patient on the roster may be.
const ROSTERED: u64 = 8;
/// Bits that a mark takes.
const MARK: u32 = 4;

/// What a value's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bytes {
    pub(super) has_digits: bool,
    /// Digits and the letters `a` to `f` alone.
    pub(super) is_hex: bool,
}

impl Default for Values {
    fn default() -> Values {
        Values {
            forms: Table::new(FORMS),
            exact: Table::new(EXACT),
            key: Key { words: [0; LONGEST / 8], tag: 0, hash: 0 },
            work: FIRST_WORK,
        }
    }
}

impl Values {
    /// Whether nothing can be found in a leaf, as far as is known. Leaves of one `place` must differ in their text alone, and the
    /// query must be the same for all of them.
    #[inline]
    pub(crate) fn is_silent(&mut self, leaf: &Leaf<'_>, place: u64, scratch: &mut DetectScratch) -> bool {
        let text = leaf.text;
        if text.len() > LONGEST || is_whole(leaf) {
            return false;
        }
        let bytes = self.key.form(text, place);
        let mark = self.forms.mark(&self.key);
        let follows = match mark % ROSTERED {
            // Of names at a hexadecimal number its form says nothing.
            NOTHING => !bytes.is_hex || !Names::builtin().at(text, 0, text.len(), scratch.names()).is_place,
            ADDRESS => is_private_v4(text),
            ASKED => false,
            _ => return false,
        };
        if !follows || mark & ROSTERED != 0 && scratch.may_be_rostered(text) {
            self.key.exact(text, place);
            return self.exact.mark(&self.key) == NOTHING;
        }
        self.work = (self.work + GAIN).min(FIRST_WORK);
        true
    }

    /// Learns that nothing was found in a leaf, of which [`Values::is_silent`] said that it did not know. `query` is what it was
    /// asked for.
    pub(crate) fn learn(
        &mut self,
        leaf: &Leaf<'_>,
        place: u64,
        engine: &Engine,
        query: Query,
        scratch: &mut DetectScratch,
    ) {
        let text = leaf.text;
        if text.len() > LONGEST || is_whole(leaf) {
            return;
        }
        let bytes = self.key.form(text, place);
        let known = match (self.forms.mark(&self.key), bytes.has_digits) {
            (_, false) => NOTHING,
            (SEEN, true) if self.work >= MOST_WORK => {
                let mut work = MOST_WORK;
                let form: Vec<u8> = self.key.words.iter().flat_map(|w| w.to_le_bytes()).collect();
                let form = Leaf { text: &form[..text.len()], ..*leaf };
                let mut is_silent =
                    |what, query| engine.is_silent_whatever(&form, what, query, scratch, &mut work);
                let what = if bytes.is_hex { What::Hex } else { What::Text };
                // Whether an address is one that stays does not follow from its form, and is soon told.
                let stays = engine.spares_whole(query) && is_private_v4(text);
                let (what, mark) = match stays {
                    _ if is_silent(what, query) => (what, NOTHING),
                    true if is_silent(What::Address, query.without(Kind::Ip)) => (What::Address, ADDRESS),
                    _ => (what, ASKED),
                };
                self.work -= MOST_WORK - work;
                mark | if scratch.may_be_rostered_whatever(form.text, what) { ROSTERED } else { 0 }
            }
            (0, true) => SEEN,
            (mark, true) => mark,
        };
        self.forms.put(&self.key, known);
        if bytes.has_digits && known != SEEN {
            self.key.exact(text, place);
            self.exact.put(&self.key, NOTHING);
        }
    }
}

/// Whether it is a number whose fraction is nothing but zeros: what it says without it is another text.
fn is_whole(leaf: &Leaf<'_>) -> bool {
    leaf.place == Place::Number
        && leaf.text.last() == Some(&b'0')
        && leaf.text.iter().rev().find(|b| **b != b'0') == Some(&b'.')
}

/// A text, eight bytes a word, with zeros behind it.
#[inline]
fn words(text: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, rest) = text.as_chunks::<8>();
    let last = match text.last_chunk::<8>() {
        _ if rest.is_empty() => None,
        Some(last) => Some(u64::from_le_bytes(*last) >> (64 - 8 * rest.len())),
        None => Some(rest.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b))),
    };
    whole.iter().map(|w| u64::from_le_bytes(*w)).chain(last)
}

/// Writes a text with a zero for every digit.
#[inline]
fn form(text: &[u8], out: &mut Words) -> Bytes {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let (mut digits, mut hex) = (0, 0);
    for (to, word) in out.iter_mut().zip(words(text)) {
        // The high bit of a byte of `over(n)` says that its other bits are `n` or more.
        let of_digits = word ^ (ONES * u64::from(b'0'));
        let of_letters = word ^ (ONES * u64::from(b'a' - 1));
        let over = |bytes: u64, n: u64| (bytes & !HIGHS) + ONES * (0x80 - n);
        let digit = !(over(of_digits, 10) | of_digits) & HIGHS;
        let letter = over(of_letters, 1) & !over(of_letters, 7) & !of_letters & HIGHS;
        digits |= digit;
        hex += (digit | letter).count_ones();
        *to = word & !((digit >> 7) * 0xf);
    }
    Bytes { has_digits: digits != 0, is_hex: hex as usize == text.len() }
}

impl Key {
    /// Makes it that of a value's form.
    #[inline]
    fn form(&mut self, text: &[u8], place: u64) -> Bytes {
        let bytes = form(text, &mut self.words);
        let is_hex = bytes.is_hex && text.len() >= SHORTEST_HEX;
        if is_hex {
            self.hex(text);
        }
        self.finish(text.len(), place << 1 | u64::from(is_hex));
        Bytes { is_hex, ..bytes }
    }

    /// Of a hexadecimal number the first few digits say whether anything begins there; nobody has seen the others before.
    fn hex(&mut self, text: &[u8]) {
        let form = |i: usize| match text.get(i) {
            None => 0,
            Some(_) if i >= HEAD => EITHER,
            Some(b) if b.is_ascii_digit() => DIGIT,
            Some(_) => LETTER,
        };
        for (i, word) in self.words[..text.len().div_ceil(8)].iter_mut().enumerate() {
            *word = u64::from_le_bytes(std::array::from_fn(|j| form(8 * i + j)));
        }
    }

    /// Makes it that of the value itself.
    fn exact(&mut self, text: &[u8], place: u64) {
        self.words.iter_mut().zip(words(text)).for_each(|(to, word)| *to = word);
        self.finish(text.len(), place << 1);
    }

    #[inline]
    fn finish(&mut self, len: usize, place: u64) {
        self.tag = place << 8 | len as u64;
        let mix = |hash: u64, word: &u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let first = self.tag.wrapping_mul(0x517c_c1b7_2722_0a95);
        self.hash = self.words[..len.div_ceil(8)].iter().fold(first, mix);
    }

    fn len(&self) -> usize {
        self.tag as usize % 256
    }
}

impl Table {
    fn new(slots: usize) -> Table {
        Table { slots, words: Vec::new(), tags: Vec::new(), turned_away: 0 }
    }

    #[inline]
    fn slot(&self, key: &Key) -> usize {
        (key.hash >> 48) as usize & (self.slots - 1)
    }

    /// The mark of a value; none if it is not there.
    #[inline]
    fn mark(&self, key: &Key) -> u64 {
        let slot = self.slot(key);
        let used = key.len().div_ceil(8);
        match self.tags.get(slot) {
            Some(tag) if tag >> MARK == key.tag && self.words[slot][..used] == key.words[..used] => {
                tag % (1 << MARK)
            }
            _ => 0,
        }
    }

    /// Marks a value, if it is there or there is room for it.
    fn put(&mut self, key: &Key, mark: u64) {
        if self.tags.is_empty() {
            self.tags = vec![0; self.slots];
            self.words = vec![[0; LONGEST / 8]; self.slots];
        }
        let slot = self.slot(key);
        if self.mark(key) == 0 {
            let taken = !matches!(self.tags[slot] % (1 << MARK), 0 | SEEN);
            self.turned_away = self.turned_away.wrapping_add(u32::from(taken));
            if taken && !self.turned_away.is_multiple_of(PATIENCE) {
                return;
            }
            self.words[slot] = key.words;
        }
        self.tags[slot] = key.tag << MARK | mark;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes_of(words: &Words, len: usize) -> Vec<u8> {
        let mut all: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let behind = all[len..len.next_multiple_of(8)].to_vec();
        assert!(behind.iter().all(|b| *b == 0), "zeros up to the end of a word");
        all.truncate(len);
        all
    }

    proptest! {
        #[test]
        fn forms_are_what_bytes_say(
            text in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..=LONGEST),
                proptest::collection::vec(prop_oneof![b'0'..=b'9', b'a'..=b'f'], 0..=LONGEST),
                proptest::collection::vec(prop_oneof![b'/'..=b':', b'`'..=b'g', 0xb0..=0xb9u8, 0xe0..=0xe7u8, 0..=1u8], 0..=LONGEST),
            ],
        ) {
            let mut words = [u64::MAX; LONGEST / 8];
            let bytes = form(&text, &mut words);
            let plain: Vec<u8> = text.iter().map(|b| if b.is_ascii_digit() { DIGIT } else { *b }).collect();
            prop_assert_eq!(bytes_of(&words, text.len()), plain);
            prop_assert_eq!(bytes.has_digits, text.iter().any(u8::is_ascii_digit));
            prop_assert_eq!(bytes.is_hex, text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));

            let mut key = Values::default().key;
            key.exact(&text, 7);
            prop_assert_eq!(bytes_of(&key.words, text.len()), text);
        }
    }

    #[test]
    fn hexadecimal_numbers_are_known_by_their_first_digits() {
        let mut key = Values::default().key;
        assert!(key.form(b"4bf92f3577b34da6", 1).is_hex);
        assert_eq!(bytes_of(&key.words, 16), [&[48, 1, 1, 48, 48, 1][..], &[EITHER; 10]].concat());
        let tag = key.tag;
        assert!(!key.form(b"4bf92f3577b34da", 1).is_hex, "too short");
        assert!(!key.form(b"4bf92f3577b34dag", 1).is_hex);
        assert_ne!(key.tag, tag);
    }

    /// What is met always is not pushed out by what is met once, but gives way in time.
    #[test]
    fn tables_keep_what_is_met_always() {
        let (mut table, mut key) = (Table::new(1), Values::default().key);
        key.exact(b"always", 1);
        assert_eq!(table.mark(&key), 0);
        table.put(&key, NOTHING);
        let mut lost = 0;
        for i in 0..1000 {
            key.exact(format!("once {i}").as_bytes(), 1);
            table.put(&key, SEEN);
            key.exact(b"always", 1);
            lost += u32::from(table.mark(&key) != NOTHING);
            table.put(&key, NOTHING);
        }
        assert!((1000 / PATIENCE - 10..1000 / PATIENCE + 10).contains(&lost), "{lost}");
    }
}
