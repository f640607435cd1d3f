//! The pass over the text: which places are worth keyed hashes.
//!
//! Words and numbers are cut out of masks of 64 bytes, and nearly all are ruled out by one look into a filter. Only for
//! the others does anything else happen.

use std::sync::LazyLock;

use super::super::classes::{BLOCK, ByteSet, Classifier};
use super::super::keywords::in_marker;
use super::find::{Absent, RosterScratch, Words, phone_digits};
use super::forms::{self, Folded};
use super::{PHONE_DIGITS, Roster, is, names, sieve};
use crate::span::Span;

/// Bytes whose masks are computed in one go.
const CHUNK: usize = 32 * BLOCK;
/// A record number with its letters and digits stands in so many parts at most, and has at most so many of them.
pub(super) const PARTS: usize = 4;
pub(super) const LONGEST_NUMBER: usize = 40;
/// Letters in front of a record number that are no part of it: `MRN00482913`.
const LETTERS: usize = 8;

/// The sets that words and numbers are cut out by.
mod set {
    pub(super) const LETTERS: usize = 0;
    pub(super) const DIGITS: usize = 1;
    pub(super) const AT: usize = 2;
    pub(super) const HIGH: usize = 3;
    /// What parts a number.
    pub(super) const MARKS: usize = 4;
    pub(super) const COUNT: usize = 5;
}

pub(super) type Masks = super::super::classes::Masks<{ set::COUNT }>;

static CLASSES: LazyLock<Classifier<{ set::COUNT }>> = LazyLock::new(|| {
    let mut sets = [ByteSet::default(); set::COUNT];
    sets[set::LETTERS].insert_range(b'a', b'z');
    sets[set::LETTERS].insert_range(b'A', b'Z');
    sets[set::DIGITS].insert_range(b'0', b'9');
    sets[set::AT].insert(b'@');
    sets[set::HIGH].insert_range(0x80, 0xff);
    b" -.()/".iter().for_each(|b| sets[set::MARKS].insert(*b));
    Classifier::new(&sets)
});

/// The masks of a block and of the one behind it.
struct Pair {
    here: Masks,
    next: Masks,
}

/// What goes on from the block before.
#[derive(Default)]
struct Before {
    token: u64,
    letters: bool,
}

/// What begins in a block.
struct Begins {
    words: u64,
    numbers: u64,
    others: u64,
}

impl Pair {
    /// The mask of a set from bit `i` on.
    #[inline(always)]
    fn from(&self, set: usize, i: u32) -> u64 {
        self.here[set] >> i | self.next[set] << 1 << (BLOCK as u32 - 1 - i)
    }

    #[inline(always)]
    fn begins(&self, before: &mut Before) -> Begins {
        let [letters, digits, signs, high, marks] = self.here;
        let token = letters | digits | high;
        let begins = token & !(token << 1 | before.token);
        before.token = token >> (BLOCK - 1);
        // A letter by itself is no name, and a digit by itself no number unless more follows.
        let followed = |by: u64, next: u64| by >> 1 | next << (BLOCK - 1);
        let [next_letters, next_digits, .., next_marks] = self.next;
        let words = begins & letters & followed(letters, next_letters);
        let numbers = begins & digits & followed(digits | marks, next_digits | next_marks);
        // A sum carries over the letters that a token begins with, to the place behind them and into the next block.
        let (sum, over) = letters.overflowing_add(letters & begins);
        let (sum, again) = sum.overflowing_add(u64::from(before.letters));
        before.letters = over | again;
        Begins { words, numbers: numbers | sum & digits & !letters, others: signs | high }
    }

    /// The places at which so many bytes follow of digits and what parts them, one more or less.
    #[inline(always)]
    fn long(&self, bytes: u32) -> u64 {
        let of = |masks: &Masks| u128::from(masks[set::DIGITS] | masks[set::MARKS]);
        let mut run = of(&self.here) | of(&self.next) << BLOCK;
        for shift in [1, 2, 4] {
            if bytes >= 2 * shift {
                run &= run >> shift;
            }
        }
        run as u64
    }
}

/// Where a word stands.
type Word = (usize, usize);

struct Pass<'r, F> {
    roster: &'r Roster,
    text: &'r [u8],
    /// The last two words that may be a name's, the later first.
    names: [Option<Word>; 2],
    /// The end of the last token with bytes outside ASCII.
    wide_end: usize,
    visit: F,
}

impl Roster {
    /// How many places of a text are worth a look, for the benches.
    #[doc(hidden)]
    pub fn count_places(&self, text: &[u8]) -> usize {
        let mut count = 0;
        self.places(text, &mut RosterScratch::default(), |_| count += 1);
        count
    }

    /// Calls `visit` with each place that is worth [`Roster::find`]; not in order.
    pub(crate) fn places(&self, text: &[u8], scratch: &mut RosterScratch, visit: impl FnMut(usize)) {
        let RosterScratch { masks, words, numbers, others, absent, .. } = scratch;
        let mut pass = Pass { roster: self, text, names: [None; 2], wide_end: 0, visit };
        let mut before = Before::default();
        for at in (0..text.len()).step_by(CHUNK) {
            // One block more than is looked at, since words reach over the end of a block.
            CLASSES.masks(&text[at..text.len().min(at + CHUNK + BLOCK)], masks);
            let blocks = (text.len() - at).div_ceil(BLOCK).min(CHUNK / BLOCK);
            words.clear(CHUNK);
            numbers.clear();
            others.clear();
            for b in 0..blocks {
                let base = at + b * BLOCK;
                let pair = Pair { here: masks[b], next: masks.get(b + 1).copied().unwrap_or_default() };
                let begins = pair.begins(&mut before);
                self.words(text, &pair, begins.words, base, absent, words);
                self.numbers(text, &pair, begins.numbers, base, numbers);
                let mut rest = begins.others;
                while rest != 0 {
                    others.push(base + rest.trailing_zeros() as usize);
                    rest &= rest - 1;
                }
            }
            self.sift(text, absent, words);
            pass.settle(words.all(), numbers, others);
        }
    }

    /// Whether a patient may stand in a text if other digits stood in it.
    pub(crate) fn may_hold(&self, text: &[u8], scratch: &mut RosterScratch) -> bool {
        let RosterScratch { masks, words, absent, .. } = scratch;
        let mut before = Before::default();
        CLASSES.masks(text, masks);
        words.clear(text.len().next_multiple_of(BLOCK));
        for b in 0..masks.len() {
            let base = b * BLOCK;
            let pair = Pair { here: masks[b], next: masks.get(b + 1).copied().unwrap_or_default() };
            let Begins { words: begins, numbers, others } = pair.begins(&mut before);
            self.words(text, &pair, begins, base, absent, words);
            let mut numbers = numbers & pair.long(self.shortest);
            let number = loop {
                let i = numbers.trailing_zeros();
                if i == BLOCK as u32 {
                    break false;
                }
                numbers &= numbers - 1;
                let signed = (base + i as usize).checked_sub(1).is_some_and(|at| is_sign(text[at]));
                if self.layout.mixed != 0
                    || [true, false].iter().any(|z| self.digits_fit((*z, signed), &pair, i))
                {
                    break true;
                }
            };
            if others != 0 || number {
                return true;
            }
        }
        self.sift(text, absent, words);
        words.count > 0
    }

    /// Whether a patient may stand in an address of four numbers.
    pub(crate) fn may_hold_addresses(&self) -> bool {
        // Telephone numbers are not looked for there, nor what is written in parts if it is of digits alone.
        self.layout.mixed != 0 || self.layout.digits & 0b1111 != 0
    }

    /// Whether a patient may stand in a hexadecimal number in lower case, of which the first digits are known: `true` for a
    /// digit, `false` for a letter.
    pub(crate) fn may_hold_hex(&self, mut head: impl Iterator<Item = bool>) -> bool {
        // A letter, digits, a letter: there is no word, and the number goes on with what no number of digits has.
        let first = head.next() == Some(true) || head.next() == Some(true);
        self.layout.mixed != 0 || !first || !head.any(|is_digit| !is_digit)
    }

    /// Writes down the words of a block that are not known to be absent. No branch depends on it: the processor is at the next
    /// words before this one is done.
    #[inline(always)]
    fn words(
        &self,
        text: &[u8],
        pair: &Pair,
        mut begins: u64,
        base: usize,
        absent: &Absent,
        out: &mut Words,
    ) {
        let letters = pair.here[set::LETTERS];
        let reach = pair.next[set::LETTERS].trailing_ones();
        let Words { list, count } = out;
        while begins != 0 {
            let i = begins.trailing_zeros();
            begins &= begins - 1;
            let run = (letters >> i).trailing_ones();
            let len = if i + run == BLOCK as u32 { run + reach } else { run };
            let at = base + i as usize;
            let feature = sieve::word_feature(sieve::head(text, at, len as usize), len as usize);
            list[*count] = (at as u32, len);
            *count += usize::from(!absent.has(self.product(feature), feature));
        }
    }

    /// Leaves of the words those that the filter lets through.
    fn sift(&self, text: &[u8], absent: &mut Absent, words: &mut Words) {
        let mut kept = 0;
        for i in 0..words.count {
            let (at, len) = words.list[i];
            let (start, end) = (at as usize, (at + len) as usize);
            // In lower case and in quotes, as most of JSON is, it is no part of a name.
            let quoted = text.get(end) == Some(&b'"') && start > 0 && text[start - 1] == b'"';
            if quoted && text[start].is_ascii_lowercase() {
                continue;
            }
            // Nor is what one of our own markers says, or the second pass over a text would find more than the first.
            if start > 0 && matches!(text[start - 1], b'[' | b'_') && in_marker(text, Span::at(start, end)) {
                continue;
            }
            let feature = sieve::word_feature(sieve::head(text, start, len as usize), len as usize);
            let product = self.product(feature);
            if self.has_word(product) && self.what(product) != 0 {
                words.list[kept] = (at, len);
                kept += 1;
            } else {
                absent.add(product, feature);
            }
        }
        words.count = kept;
    }

    /// Writes down which numbers may be of a patient by their digits and by how many follow.
    #[inline(always)]
    fn numbers(&self, text: &[u8], pair: &Pair, begins: u64, base: usize, out: &mut Vec<u32>) {
        // Most stand alone, and are shorter than any of a patient's.
        let mut begins = begins & pair.long(self.shortest);
        while begins != 0 {
            let i = begins.trailing_zeros();
            begins &= begins - 1;
            let at = base + i as usize;
            let signed = at > 0 && is_sign(text[at - 1]);
            if self.layout.mixed != 0 || self.digits_fit((text[at] == b'0', signed), pair, i) {
                out.push(at as u32);
            }
        }
    }

    /// Whether the digits from bit `i` on, over what parts them, may make a number of a patient's by how many they are.
    fn digits_fit(&self, (zero, signed): (bool, bool), pair: &Pair, i: u32) -> bool {
        let digits = pair.from(set::DIGITS, i);
        let letters = pair.from(set::LETTERS, i) | pair.from(set::HIGH, i);
        let len = digits.trailing_ones();
        let run = (digits | pair.from(set::MARKS, i)).trailing_ones();
        if run == BLOCK as u32 {
            return true;
        }
        let mut within = digits & !(!0 << run);
        // Of the last digits, those that letters stand behind are of something else.
        if letters >> run & 1 == 1 {
            let last = (digits << 1 << (BLOCK as u32 - 1 - run)).leading_ones();
            within &= !(!0 << (run - last));
            if last == run {
                return false;
            }
        }
        let all = within.count_ones();
        let least = if zero { 0 } else { len };
        let lengths = self.layout.digits >> (least & 63);
        let phone = all >= PHONE_DIGITS as u32 && (zero || len == 3 || len >= PHONE_DIGITS as u32 || signed);
        phone || all >= least && lengths & !(!0 << (all - least + 1)) != 0
    }

    #[inline(always)]
    pub(super) fn product(&self, feature: u64) -> u64 {
        feature.wrapping_mul(self.factor)
    }

    #[inline(always)]
    fn has_word(&self, product: u64) -> bool {
        sieve::contains(&self.words, product, self.layout.word_bits)
    }

    fn has_number(&self, number: &[u8]) -> bool {
        let product = self.product(sieve::number(number));
        sieve::contains(&self.numbers, product, self.layout.number_bits)
    }

    /// What the filter says of a word that it lets through.
    pub(super) fn what(&self, product: u64) -> u8 {
        let (at, shift) = sieve::nibble(product, self.layout.word_bits);
        self.bytes[self.tables[1] + at] >> shift & 15
    }

    /// Whether a number, in one piece, may be a record number.
    fn may_be_record(&self, number: &[u8]) -> bool {
        let digits = number.iter().all(u8::is_ascii_digit);
        let number = if digits { forms::without_zeros(number) } else { number };
        let lengths = if digits { self.layout.digits } else { self.layout.mixed };
        number.len() < 64 && lengths >> number.len() & 1 == 1 && self.has_number(number)
    }
}

impl<F: FnMut(usize)> Pass<'_, F> {
    /// What the filters have left of a chunk, each in the order of the text.
    fn settle(&mut self, words: &[(u32, u32)], numbers: &[u32], others: &[usize]) {
        let mut others = others.iter().copied().peekable();
        for &(start, len) in words {
            while let Some(at) = others.next_if(|at| *at < start as usize) {
                self.other(at);
            }
            self.letters(start as usize, (start + len) as usize);
        }
        others.for_each(|at| self.other(at));
        numbers.iter().for_each(|at| self.number(*at as usize));
    }

    fn other(&mut self, at: usize) {
        if self.text[at] == b'@' {
            (self.visit)(at);
        } else if at >= self.wide_end {
            self.wide_end = self.wide(at);
        }
    }

    /// The token around a byte outside ASCII, cut where marks part words; where it ends.
    #[inline(never)]
    fn wide(&mut self, at: usize) -> usize {
        let text = self.text;
        let is_token = |b: &&u8| forms::is_letter(**b) || b.is_ascii_digit();
        let mut at = at - text[..at].iter().rev().take_while(is_token).count();
        let end = at + text[at..].iter().take_while(is_token).count();
        while at < end {
            if text[at].is_ascii_digit() {
                let len = text[at..end].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
                self.number(at);
                at += len;
                continue;
            }
            let word_end = forms::word_end(text, at);
            if word_end == at {
                at += forms::mark(text, at).max(1);
                continue;
            }
            if let Some(word) = forms::folded(&text[at..word_end]) {
                let product = self.roster.product(sieve::word(word.head()));
                if self.roster.has_word(product) {
                    self.word(at, word_end, product);
                }
            }
            at = word_end;
        }
        end
    }

    /// A word of ASCII letters; what stands behind it may belong to it, too.
    fn letters(&mut self, at: usize, end: usize) {
        let next = self.text.get(end).copied().unwrap_or(0);
        if next < 0x80 {
            let product = self.roster.product(sieve::word(&self.text[at..end]));
            self.word(at, end, product);
        }
    }

    /// A word that the filter lets through.
    #[inline(never)]
    fn word(&mut self, start: usize, end: usize, product: u64) {
        let (roster, text) = (self.roster, self.text);
        let what = roster.what(product);
        if what & is::STREET != 0
            && let Some(at) = house_number(text, start)
        {
            (self.visit)(at);
        }
        if what & is::CUE != 0 {
            (self.visit)(start);
        }
        if what & is::NAME == 0 {
            return;
        }
        let word = (names::whole(text, start), end);
        let [one, two] = self.names;
        // A keyed hash costs less than handing on a place where there is nothing.
        if let Some(one) = one {
            if self.near(one, word)
                && let Some(at) = roster.pair(text, one, word)
            {
                (self.visit)(at);
            }
            // With a middle name between them.
            if let Some(two) = two
                && self.near(two, one)
                && self.near(one, word)
                && let Some(at) = roster.pair(text, two, word)
            {
                (self.visit)(at);
            }
        }
        self.names = [Some(word), one];
        if !text[word.0].is_ascii_lowercase() {
            let alone = what & is::TELLING != 0;
            if alone && forms::folded(&text[word.0..end]).is_some_and(|w| roster.is_alone(&w)) {
                (self.visit)(word.0);
            } else if let Some((at, _, _)) = roster.with_initial(text, word) {
                (self.visit)(at);
            }
        }
    }

    fn near(&self, a: Word, b: Word) -> bool {
        a.1 <= b.0 && b.0 - a.1 <= names::LONG_GAP && names::joins(&self.text[a.1..b.0])
    }

    /// A number, perhaps with letters in it or before it.
    #[inline(never)]
    fn number(&mut self, at: usize) {
        let (roster, text) = (self.roster, self.text);
        let len = text[at..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let digits = text[at..at + len].iter().take_while(|b| b.is_ascii_digit()).count();
        let letters =
            text[..at].iter().rev().take(LETTERS + 1).take_while(|b| b.is_ascii_alphabetic()).count();
        let end = at + len;
        let parted = matches!(text.get(end), Some(b' ' | b'-' | b'.' | b')' | b'/'));
        if letters > LETTERS {
            return;
        }
        if digits == len {
            // `MRN00482913`: letters right in front may be no part of it. The filter may be wrong: then they are, perhaps.
            let alone = roster.may_be_record(&text[at..end]);
            if alone {
                (self.visit)(at);
            }
            if letters == 0 && alone {
                return;
            }
            if letters == 0 && (parted || len >= PHONE_DIGITS) && !in_address(text, at, end) {
                self.phone(at, len);
                self.parts(at, true);
            }
        }
        if roster.layout.mixed == 0 {
            return;
        }
        if (letters > 0 || digits < len)
            && letters <= LETTERS
            && roster.may_be_record(&text[at - letters..end])
        {
            (self.visit)(at - letters);
        } else if letters > 0 {
            self.parts(at - letters, false);
        } else {
            // Letters in front, as in `MX-77`.
            let start = names::letters_before(text, at, LETTERS);
            if parted || start < at {
                self.parts(start, false);
            }
        }
    }

    /// A telephone number, if it begins like one.
    fn phone(&mut self, at: usize, len: usize) {
        let (roster, text) = (self.roster, self.text);
        let zero = text[at] == b'0';
        let sign = at.checked_sub(1).map(|i| text[i]);
        let begins = match len {
            PHONE_DIGITS..=15 | 3 => true,
            2.. => zero || matches!(sign, Some(b'+' | b'(')),
            _ => false,
        };
        if !begins {
            return;
        }
        let (mut gathered, mut count) = ([0; 16], 0);
        phone_digits(text, at, |digit, _| {
            gathered[count] = digit;
            count += 1;
            count < gathered.len()
        });
        let windows = count.saturating_sub(PHONE_DIGITS - 1);
        // Where it ends, and so which nine are its last, is not known yet.
        let abroad = sign == Some(b'+') || zero || count > 10;
        let tried = if abroad { windows } else { windows.min(1) };
        if (0..tried).any(|from| roster.has_number(&gathered[from..from + PHONE_DIGITS])) {
            (self.visit)(at);
        }
    }

    /// A record number that is written in parts, from `at` on; one of digits alone, or any.
    fn parts(&mut self, at: usize, digits: bool) {
        let (roster, text) = (self.roster, self.text);
        let lengths = if digits { roster.layout.digits } else { roster.layout.digits | roster.layout.mixed };
        let (mut all, mut len) = ([0; LONGEST_NUMBER], 0);
        let mut from = at;
        for n in 0..PARTS {
            let part =
                text[from..].iter().take(LONGEST_NUMBER).take_while(|b| b.is_ascii_alphanumeric()).count();
            let own = &text[from..from + part];
            let Some(room) = all.get_mut(len..len + part) else { return };
            if digits && !own.iter().all(u8::is_ascii_digit) {
                return;
            }
            room.copy_from_slice(own);
            len += part;
            let fits = lengths >> len & 1 == 1 || all[0] == b'0';
            if n > 0 && fits && roster.may_be_record(&all[..len]) {
                (self.visit)(at);
                return;
            }
            match text[from + part..] {
                [b'-' | b'.' | b' ' | b'/', b, ..] if b.is_ascii_alphanumeric() => from += part + 1,
                _ => return,
            }
        }
    }
}

/// What stands before a telephone number.
fn is_sign(b: u8) -> bool {
    matches!(b, b'+' | b'(')
}

/// Whether digits are of an IPv4 address: four parts of up to three digits, with points between.
fn in_address(text: &[u8], at: usize, end: usize) -> bool {
    const LONGEST: usize = 15;
    if end - at > 3 || text.get(end) != Some(&b'.') && (at == 0 || text[at - 1] != b'.') {
        return false;
    }
    let of_it = |b: &&u8| b.is_ascii_digit() || **b == b'.';
    let before = text[..at].iter().rev().take(LONGEST).take_while(of_it).count();
    let whole = text[at - before..].iter().take(LONGEST + 1).take_while(of_it).count();
    let whole = text[at - before..at - before + whole]
        .strip_suffix(b".")
        .unwrap_or(&text[at - before..at - before + whole]);
    let mut parts = 0;
    whole.split(|b| *b == b'.').all(|part| {
        parts += 1;
        (1..=3).contains(&part.len())
    }) && parts == 4
}

/// The house number that stands before the word of a street at `start`: `12 N. Elm`, `12B Elm`.
fn house_number(text: &[u8], start: usize) -> Option<usize> {
    let mut end = start;
    for _ in 0..3 {
        let blanks = text[..end].iter().rev().take(3).take_while(|b| matches!(b, b' ' | b'.')).count();
        if blanks == 0 {
            return None;
        }
        end -= blanks;
        let letters = text[..end].iter().rev().take(6).take_while(|b| b.is_ascii_alphabetic()).count();
        let digits = text[..end - letters].iter().rev().take(7).take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            return (digits <= 6 && letters <= 1).then_some(end - letters - digits);
        }
        let word: Option<Folded> = forms::folded(&text[end - letters..end]);
        if !word.is_some_and(|w| forms::DIRECTIONS.contains(&w.head())) {
            return None;
        }
        end -= letters;
    }
    None
}
