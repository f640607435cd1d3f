//! Byte classes: what the one pass over the raw bytes marks.
//!
//! The classes, some of which overlap, are computed for 64 bytes at a time as one 64-bit mask each. The first
//! bytes of every pattern are described as a sequence of unions of these classes (see [`super::shape`]), so that
//! finding where a pattern can start is a handful of shifts and ANDs for 64 positions at once.

/// The classes, by bit.
pub(super) mod class {
    pub(in crate::detect) const DIGIT: usize = 0;
    pub(in crate::detect) const ALPHA: usize = 1;
    pub(in crate::detect) const WORD: usize = 2;
    pub(in crate::detect) const UPPER: usize = 3;
    pub(in crate::detect) const DASH: usize = 4;
    pub(in crate::detect) const DOT: usize = 5;
    pub(in crate::detect) const SLASH: usize = 6;
    pub(in crate::detect) const COLON: usize = 7;
    pub(in crate::detect) const SPACE: usize = 8;
    pub(in crate::detect) const AT: usize = 9;
    pub(in crate::detect) const OPEN: usize = 10;
    pub(in crate::detect) const PLUS: usize = 11;
    pub(in crate::detect) const HEX: usize = 12;
    pub(in crate::detect) const PERCENT: usize = 13;
    pub(in crate::detect) const HIGH: usize = 14;
    pub(in crate::detect) const COMMA: usize = 15;
    pub(in crate::detect) const ESCAPE: usize = 16;
    pub(in crate::detect) const OTHER: usize = 17;
}

/// Number of classes.
pub(super) const COUNT: usize = 18;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// One mask a class: bit `i` says whether byte `i` of the block is in it.
pub(super) type Masks = [u64; COUNT];

/// The classes a byte is in, as bits.
pub(super) const fn classes_of(b: u8) -> u32 {
    let mut c = 0u32;
    if b.is_ascii_digit() {
        c |= 1 << class::DIGIT;
    }
    if b.is_ascii_alphabetic() {
        c |= 1 << class::ALPHA;
    }
    if b.is_ascii_alphanumeric() || b == b'_' {
        c |= 1 << class::WORD;
    }
    if b.is_ascii_uppercase() {
        c |= 1 << class::UPPER;
    }
    if b.is_ascii_hexdigit() {
        c |= 1 << class::HEX;
    }
    c |= match b {
        b'-' => 1 << class::DASH,
        b'.' => 1 << class::DOT,
        b'/' => 1 << class::SLASH,
        b':' => 1 << class::COLON,
        b' ' | b'\t'..=b'\r' => 1 << class::SPACE,
        b'@' => 1 << class::AT,
        b'(' => 1 << class::OPEN,
        b'+' => 1 << class::PLUS,
        b'%' => 1 << class::PERCENT,
        b',' => 1 << class::COMMA,
        b'\\' | 0x1b => 1 << class::ESCAPE,
        0x80..=0xff => 1 << class::HIGH,
        _ => 0,
    };
    if c == 0 { 1 << class::OTHER } else { c }
}

static TABLE: [u32; 256] = {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 256 {
        t[i] = classes_of(i as u8);
        i += 1;
    }
    t
};

/// The portable way: one byte after the other.
pub(super) fn classify_scalar(block: &[u8; BLOCK], masks: &mut Masks) {
    *masks = [0; COUNT];
    for (i, &b) in block.iter().enumerate() {
        let mut c = TABLE[b as usize];
        while c != 0 {
            masks[c.trailing_zeros() as usize] |= 1 << i;
            c &= c - 1;
        }
    }
}

/// Classifies `text` block by block into `out`, the last block filled up with zero bytes (class `OTHER`).
pub(super) fn classify(text: &[u8], out: &mut Vec<Masks>) {
    let blocks = text.len().div_ceil(BLOCK);
    out.clear();
    out.resize(blocks, [0; COUNT]);
    let (whole, rest) = text.as_chunks::<BLOCK>();
    super::simd::classify(whole, &mut out[..whole.len()]);
    if !rest.is_empty() {
        let mut last = [0u8; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        super::simd::classify(&[last], &mut out[whole.len()..]);
    }
}

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) fn insert_range(&mut self, from: u8, to: u8) {
        for b in from..=to {
            self.0[b as usize / 64] |= 1 << (b % 64);
        }
    }

    pub(super) fn contains(&self, b: u8) -> bool {
        self.0[b as usize / 64] >> (b % 64) & 1 == 1
    }

    pub(super) fn union(&self, other: &ByteSet) -> ByteSet {
        let mut r = *self;
        r.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        r
    }

    pub(super) fn len(&self) -> u32 {
        self.0.iter().map(|w| w.count_ones()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=255u8).filter(|b| self.contains(*b))
    }

    /// A union of classes that covers the set, as bits: those that lie within it, and for each byte in none of
    /// them the class that is rarest in logs.
    pub(super) fn cover(&self) -> u32 {
        use class::*;
        const RAREST_FIRST: [usize; COUNT] = [
            AT, PERCENT, PLUS, ESCAPE, OPEN, HIGH, SLASH, COMMA, UPPER, DASH, DOT, COLON, DIGIT, SPACE, HEX,
            OTHER, ALPHA, WORD,
        ];
        let members = |c: usize| (0..=255u8).filter(move |b| classes_of(*b) >> c & 1 == 1);
        let mut cover = 0u32;
        for c in 0..COUNT {
            if members(c).all(|b| self.contains(b)) {
                cover |= 1 << c;
            }
        }
        for b in self.iter() {
            if classes_of(b) & cover == 0 {
                let rarest = RAREST_FIRST.into_iter().find(|c| classes_of(b) >> c & 1 == 1);
                cover |= 1 << rarest.unwrap_or(OTHER);
            }
        }
        cover
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(|b| b as char)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_agrees_with_the_table() {
        let mut text: Vec<u8> = (0..=255).collect();
        text.extend((0..=255u8).rev());
        text.extend_from_slice(b"tail 12-34");
        let mut fast = Vec::new();
        classify(&text, &mut fast);
        for (i, &b) in text.iter().enumerate() {
            for (c, mask) in fast[i / BLOCK].iter().enumerate() {
                let want = u64::from(classes_of(b) >> c & 1);
                assert_eq!(mask >> (i % BLOCK) & 1, want, "byte {b:#x}, class {c}");
            }
        }
        let (whole, _) = text.as_chunks::<BLOCK>();
        for (block, want) in whole.iter().zip(&fast) {
            let mut got = [0; COUNT];
            classify_scalar(block, &mut got);
            assert_eq!(got, *want);
        }
    }

    #[test]
    fn covers_are_exact_where_they_can_be() {
        let mut digits = ByteSet::default();
        digits.insert_range(b'0', b'9');
        assert_eq!(digits.cover(), 1 << class::DIGIT);
        let mut sep = ByteSet::default();
        sep.insert_range(b'-', b'.');
        assert_eq!(sep.cover(), 1 << class::DASH | 1 << class::DOT);
        let mut some = ByteSet::default();
        some.insert_range(b'2', b'9');
        assert_eq!(some.cover(), 1 << class::DIGIT);
    }
}
