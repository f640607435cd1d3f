//! A linear model over what is known of a word and of its neighbours: how likely it is part of a person's name, or a
//! town.
//!
//! Each feature is hashed to a row of a small table; a row holds a weight, in log-odds, for either. What the
//! table was trained on is written down beside it, in `detectors/names/SOURCES.md`.

use super::glue::Glue;
use super::tokens::{Class, Shape, Token};

/// What a word may be, beside nothing of interest.
pub(crate) const CLASSES: usize = 2;
pub(crate) const NAME: usize = 0;
pub(crate) const TOWN: usize = 1;

/// Rows of the table.
pub(crate) const ROWS: usize = 1 << 18;
/// A weight of the file is so many times the log-odds.
pub(crate) const SCALE: f32 = 256.0;

static BUILTIN: &[u8] = include_bytes!("../../../detectors/names/weights.bin");

// A build with other weights than the code reads must not be; a training that changes their number makes them first.
#[cfg(not(feature = "train"))]
const _: () = assert!(BUILTIN.len() == ROWS * CLASSES * size_of::<i16>());

/// Words on either side that a word's features look at.
pub(crate) const CONTEXT: usize = 2;

/// What a feature speaks of, for explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Group {
    Shape,
    Dictionary,
    Word,
    Before,
    After,
    Around,
}

impl Group {
    /// All of them, as explanations call them.
    pub(crate) const NAMES: [&'static str; 6] = ["shape", "dictionary", "word", "before", "after", "around"];
}

/// Calls `emit` with each feature of the word at `i`: its group, and the row of the table.
pub(crate) fn features(tokens: &[Token], i: usize, mut emit: impl FnMut(Group, usize)) {
    own_features(&tokens[i], opens(tokens[i].glue), &mut emit);
    Around::of(tokens, i).features(&mut emit);
}

/// Whether something begins behind what stands before a word.
fn opens(glue: Glue) -> bool {
    matches!(glue, Glue::Start | Glue::Period | Glue::Quote | Glue::Open)
}

fn coarse(level: u8) -> u32 {
    u32::from(level.div_ceil(4))
}

fn levels(own: &Token) -> u32 {
    let e = own.entry;
    coarse(e.given()) | coarse(e.surname()) << 3 | u32::from(e.common().div_ceil(3)) << 6
}

/// What a word says by itself, or where something begins.
fn own_features(own: &Token, opens: bool, emit: &mut impl FnMut(Group, usize)) {
    let e = own.entry;
    let (given, surname, common, town) = (e.given(), e.surname(), e.common(), e.town());
    let (shape, class, kind) = (own.shape as u32, own.class as u32, own.class.kind());
    let opens = u32::from(opens);
    let mut f = |group: Group, template: u32, a: u32, b: u32| emit(group, row(template, a, b));
    use Group::{Dictionary, Shape as Form, Word};
    f(Form, 1, shape, opens | kind << 1);
    f(Form, 2, shape, own.span.len().min(12) as u32);
    f(Form, 30, u32::from(own.foreign), kind);
    f(Dictionary, 3, levels(own), shape);
    f(Dictionary, 4, u32::from(given) | u32::from(e.surname() > given) << 4, shape);
    f(Dictionary, 5, u32::from(surname), shape);
    f(Dictionary, 6, u32::from(common), shape << 1 | opens);
    f(Dictionary, 7, u32::from(town) | u32::from(e.flag()) << 4, coarse(given.max(surname)));
    f(Dictionary, 8, class, opens);
    f(Word, 9, own.word, 0);
    f(Word, 10, own.ending, u32::from(given.max(surname) > 4));
}

/// What stands around a word, as far as features look; and of the word what they see of it.
struct Around {
    shape: Shape,
    class: Class,
    glue: Glue,
    glue_after: Glue,
    levels: u32,
    /// The words before and behind, the nearer ones first.
    before: [Seen; CONTEXT],
    after: [Seen; CONTEXT],
}

impl Around {
    #[inline]
    fn of(tokens: &[Token], i: usize) -> Around {
        let outside = Seen { class: Class::Outside, shape: Shape::Lower, glue: Glue::Start, word: 0 };
        let (own, mut before, mut after) = (&tokens[i], [outside; CONTEXT], [outside; CONTEXT]);
        // A neighbour beyond the beginning or end of a line is none.
        for (n, seen) in before.iter_mut().enumerate() {
            match i.checked_sub(n + 1) {
                Some(at) if tokens[at + 1].glue != Glue::Start => *seen = Seen::from(&tokens[at]),
                _ => break,
            }
        }
        for (seen, t) in after.iter_mut().zip(&tokens[i + 1..]) {
            if t.glue == Glue::Start {
                break;
            }
            *seen = Seen::from(t);
        }
        let glue_after = tokens.get(i + 1).map_or(Glue::Start, |t| t.glue);
        Around {
            shape: own.shape,
            class: own.class,
            glue: own.glue,
            glue_after,
            levels: levels(own),
            before,
            after,
        }
    }

    /// All of it, so that what differs has another key.
    #[inline]
    fn key(&self) -> [u64; 3] {
        let ([b1, b2], [a1, a2]) = (&self.before, &self.after);
        let mut packed = u64::from(self.levels);
        let small = [self.glue as u8, self.glue_after as u8, b1.glue as u8, self.class as u8, b1.class as u8];
        let classes = [b2.class as u8, a1.class as u8, a2.class as u8];
        for field in small.into_iter().chain(classes) {
            packed = packed << 5 | u64::from(field);
        }
        for shape in [self.shape, b1.shape, a1.shape] {
            packed = packed << 3 | shape as u64;
        }
        let pair = |x: &Seen, y: &Seen| u64::from(x.word) << 32 | u64::from(y.word);
        [packed, pair(b1, b2), pair(a1, a2)]
    }

    fn features(&self, emit: &mut impl FnMut(Group, usize)) {
        let ([b1, b2], [a1, a2], glue_after) = (self.before, self.after, self.glue_after);
        let (shape, class, kind) = (self.shape as u32, self.class as u32, self.class.kind());
        let mut f = |group: Group, template: u32, a: u32, b: u32| emit(group, row(template, a, b));
        use Group::{After, Around, Before};
        f(Before, 11, b1.word, (self.glue as u32) << 2 | kind);
        f(Before, 12, b1.word, class);
        f(Before, 13, b2.word.rotate_left(7) ^ b1.word, kind);
        f(Before, 14, b1.class as u32, class << 5 | self.glue as u32);
        f(Before, 15, b2.class as u32, (b1.class as u32) << 5 | class << 10);
        f(Before, 16, self.glue as u32, shape << 5 | class << 8);
        f(Before, 29, b1.class as u32 | (b1.glue as u32) << 5, self.glue as u32 | class << 5);
        f(After, 17, a1.word, (glue_after as u32) << 2 | kind);
        f(After, 18, a1.word, class);
        f(After, 19, a2.word.rotate_left(7) ^ a1.word, kind);
        f(After, 20, a1.class as u32, class << 5 | (glue_after as u32) << 10);
        f(After, 21, a2.class as u32, (a1.class as u32) << 5 | class << 10);
        f(After, 22, glue_after as u32, shape << 5 | class << 8);
        f(Around, 23, b1.class as u32 | (a1.class as u32) << 5, class);
        f(
            Around,
            24,
            b1.shape as u32 | (a1.shape as u32) << 3 | shape << 6,
            self.glue as u32 | (glue_after as u32) << 5 | kind << 10,
        );
        f(Around, 25, b1.word.rotate_left(7) ^ a1.word, kind);
        f(Around, 26, self.glue as u32 | (glue_after as u32) << 5, self.levels);
        f(Around, 27, b2.word, class);
        f(Around, 28, a2.word, class);
    }
}

/// A neighbour.
#[derive(Clone, Copy)]
struct Seen {
    class: Class,
    shape: Shape,
    glue: Glue,
    word: u32,
}

impl From<&Token> for Seen {
    fn from(t: &Token) -> Seen {
        Seen { class: t.class, shape: t.shape, glue: t.glue, word: t.word }
    }
}

fn row(template: u32, a: u32, b: u32) -> usize {
    let mut h = u64::from(template).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h = (h ^ u64::from(a)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ h >> 32 ^ u64::from(b)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (h >> (64 - ROWS.trailing_zeros())) as usize
}

/// The weights.
pub(crate) struct Model<'m> {
    rows: &'m [[u8; 2 * CLASSES]],
}

/// How much speaks for either, in log-odds against all else.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Scores {
    pub(crate) name: f32,
    pub(crate) town: f32,
}

impl Model<'static> {
    /// The one in the binary.
    pub(crate) fn builtin() -> Model<'static> {
        Model::read(BUILTIN)
    }
}

impl<'m> Model<'m> {
    /// Reads weights where they stand; a row that is missing weighs nothing.
    pub(crate) fn read(bytes: &'m [u8]) -> Model<'m> {
        Model { rows: bytes.as_chunks().0 }
    }

    /// How likely the word at `i` is what. A score below `least` is only known to be so.
    pub(crate) fn scores(&self, tokens: &[Token], i: usize, least: f32, memory: &mut Sums) -> Scores {
        let own = memory.own(&tokens[i], self);
        let around = memory.around(&Around::of(tokens, i), self);
        let [name, town] = std::array::from_fn(|c| (own[c] + around[c]) as f32 / SCALE);
        let without = |x: f32, other: f32| if x < least { x } else { x - soft(other) };
        Scores { name: without(name, town), town: without(town, name) }
    }

    fn sum(&self, features: impl FnOnce(&mut dyn FnMut(Group, usize))) -> [i32; CLASSES] {
        let mut sums = [0; CLASSES];
        features(&mut |_, row| {
            sums.iter_mut().zip(self.weights(row)).for_each(|(s, w)| *s += i32::from(w));
        });
        sums
    }

    /// What speaks for a name, by group.
    pub(crate) fn parts(&self, tokens: &[Token], i: usize, class: usize) -> [f32; Group::NAMES.len()] {
        let mut parts = [0.0; Group::NAMES.len()];
        features(tokens, i, |group, row| {
            parts[group as usize] += f32::from(self.weights(row)[class]) / SCALE
        });
        parts
    }

    fn weights(&self, row: usize) -> [i16; CLASSES] {
        let bytes = self.rows.get(row).copied().unwrap_or_default();
        let (pairs, _) = bytes.as_chunks::<2>();
        std::array::from_fn(|c| i16::from_le_bytes(pairs[c]))
    }
}

/// Sums that were added up before: words repeat, and so does what stands around them, of which features see little.
#[derive(Default)]
pub(crate) struct Sums {
    own: Vec<([u64; 2], [i32; CLASSES])>,
    around: Vec<([u64; 3], [i32; CLASSES])>,
}

impl Sums {
    /// Slots of either table; a power of two.
    const SLOTS: usize = 1024;

    #[inline]
    fn own(&mut self, own: &Token, model: &Model<'_>) -> [i32; CLASSES] {
        let opens = opens(own.glue);
        let small = [own.shape as u8, own.class as u8, own.span.len().min(12) as u8];
        let flags = [u8::from(own.foreign), u8::from(opens), 1];
        let packed = small.into_iter().chain(flags).fold(0, |all, b| all << 5 | u64::from(b));
        // An ending has three letters.
        let ending = u64::from(own.ending) << 32;
        let key = [u64::from(own.entry.0) << 32 | u64::from(own.word), ending | packed];
        let sum = || model.sum(|emit| own_features(own, opens, &mut |g, r| emit(g, r)));
        remembered(&mut self.own, key, sum)
    }

    #[inline]
    fn around(&mut self, around: &Around, model: &Model<'_>) -> [i32; CLASSES] {
        let sum = || model.sum(|emit| around.features(&mut |g, r| emit(g, r)));
        remembered(&mut self.around, around.key(), sum)
    }
}

/// What `sum` gives, or gave for the same key before.
#[inline]
fn remembered<const N: usize>(
    table: &mut Vec<([u64; N], [i32; CLASSES])>,
    key: [u64; N],
    sum: impl FnOnce() -> [i32; CLASSES],
) -> [i32; CLASSES] {
    if table.is_empty() {
        // No word has such a key: there is no class of so high a number.
        table.resize(Sums::SLOTS, ([u64::MAX; N], [0; CLASSES]));
    }
    let mixed = key.iter().fold(0u64, |h, k| (h.rotate_left(23) ^ k).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let slot = &mut table[(mixed >> (64 - Sums::SLOTS.trailing_zeros())) as usize % Sums::SLOTS];
    if slot.0 != key {
        *slot = (key, sum());
    }
    slot.1
}

/// ln(1 + e^x), near enough and without surprises.
fn soft(x: f32) -> f32 {
    if x > 15.0 { x } else { x.exp().ln_1p() }
}
