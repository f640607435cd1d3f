//! A linear model over what is known of a word and of its neighbours: how likely it is part of a person's name, or a
//! town.
//!
//! Each feature is hashed to a row of a small table; a row holds a weight, in log-odds, for either. What the
//! table was trained on is written down beside it, in `detectors/names/SOURCES.md`.

use super::tokens::{Class, Glue, Shape, Token};

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
    let outside = Seen { class: Class::Outside, shape: Shape::Lower, glue: Glue::Start, word: 0 };
    let own = &tokens[i];
    let glue_after = tokens.get(i + 1).map_or(Glue::Start, |t| t.glue);
    // A neighbour beyond the beginning or end of a line is none.
    let before = |n: usize| {
        let start = i.checked_sub(n)?;
        let joined = tokens[start + 1..=i].iter().all(|t| t.glue != Glue::Start);
        joined.then(|| Seen::from(&tokens[start]))
    };
    let after = |n: usize| {
        let seen = tokens.get(i + n)?;
        let joined = tokens[i + 1..=i + n].iter().all(|t| t.glue != Glue::Start);
        joined.then(|| Seen::from(seen))
    };
    let (b1, b2) = (before(1).unwrap_or(outside), before(2).unwrap_or(outside));
    let (a1, a2) = (after(1).unwrap_or(outside), after(2).unwrap_or(outside));
    let e = own.entry;
    let coarse = |level: u8| u32::from(level.div_ceil(4));
    let (given, surname, common, town) = (e.given(), e.surname(), e.common(), e.town());
    let shape = own.shape as u32;
    let class = own.class as u32;
    let levels = coarse(given) | coarse(surname) << 3 | u32::from(common.div_ceil(3)) << 6;
    // How much of a name it is in itself: what its neighbours say of it weighs accordingly.
    let kind = own.class.kind();
    let opens = matches!(own.glue, Glue::Start | Glue::Period | Glue::Quote | Glue::Open) as u32;

    let mut f = |group: Group, template: u32, a: u32, b: u32| emit(group, row(template, a, b));
    use Group::{After, Around, Before, Dictionary, Shape as Form, Word};
    f(Form, 1, shape, opens | kind << 1);
    f(Form, 2, shape, own.span.len().min(12) as u32);
    f(Form, 30, u32::from(own.foreign), kind);
    f(Dictionary, 3, levels, shape);
    f(Dictionary, 4, u32::from(given) | u32::from(e.surname() > given) << 4, shape);
    f(Dictionary, 5, u32::from(surname), shape);
    f(Dictionary, 6, u32::from(common), shape << 1 | opens);
    f(Dictionary, 7, u32::from(town) | u32::from(e.flag()) << 4, coarse(given.max(surname)));
    f(Dictionary, 8, class, opens);
    f(Word, 9, own.word, 0);
    f(Word, 10, own.ending, u32::from(given.max(surname) > 4));
    f(Before, 11, b1.word, (own.glue as u32) << 2 | kind);
    f(Before, 12, b1.word, class);
    f(Before, 13, b2.word.rotate_left(7) ^ b1.word, kind);
    f(Before, 14, b1.class as u32, class << 5 | own.glue as u32);
    f(Before, 15, b2.class as u32, (b1.class as u32) << 5 | class << 10);
    f(Before, 16, own.glue as u32, shape << 5 | class << 8);
    f(Before, 29, b1.class as u32 | (b1.glue as u32) << 5, own.glue as u32 | class << 5);
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
        own.glue as u32 | (glue_after as u32) << 5 | kind << 10,
    );
    f(Around, 25, b1.word.rotate_left(7) ^ a1.word, kind);
    f(Around, 26, own.glue as u32 | (glue_after as u32) << 5, levels);
    f(Around, 27, b2.word, class);
    f(Around, 28, a2.word, class);
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

    /// How likely the word at `i` is what.
    pub(crate) fn scores(&self, tokens: &[Token], i: usize) -> Scores {
        let mut sums = [0i32; CLASSES];
        features(tokens, i, |_, row| {
            let weights = self.weights(row);
            sums.iter_mut().zip(weights).for_each(|(s, w)| *s += i32::from(w));
        });
        let [name, town] = sums.map(|s| s as f32 / SCALE);
        Scores { name: name - soft(town), town: town - soft(name) }
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

/// ln(1 + e^x), near enough and without surprises.
fn soft(x: f32) -> f32 {
    if x > 15.0 { x } else { x.exp().ln_1p() }
}
