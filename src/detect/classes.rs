//! Sets of bytes, and which bytes of a text are in them: 64 at a time, one bit each.

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// One mask a set: bit `i` says whether byte `i` of the block is in it.
pub(super) type Masks<const SETS: usize> = [u64; SETS];

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Letters, digits and the underscore, in ASCII.
    pub(super) const WORD: ByteSet = ByteSet([0x03ff_0000_0000_0000, 0x07ff_fffe_87ff_fffe, 0, 0]);

    pub(super) fn insert(&mut self, b: u8) {
        self.0[b as usize / 64] |= 1 << (b % 64);
    }

    pub(super) fn insert_range(&mut self, from: u8, to: u8) {
        for (first, word) in (0..).step_by(64).zip(&mut self.0) {
            let (from, to) = (u32::from(from).max(first), u32::from(to).min(first + 63));
            if from <= to {
                *word |= u64::MAX >> (63 - (to - from)) << (from - first);
            }
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

    pub(super) fn overlaps(&self, other: &ByteSet) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    pub(super) fn is_within(&self, other: &ByteSet) -> bool {
        self.0.iter().zip(other.0).all(|(a, b)| a & !b == 0)
    }

    pub(super) fn len(&self) -> u32 {
        self.0.iter().map(|w| w.count_ones()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=255u8).filter(|b| self.contains(*b))
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter().map(|b| b as char)).finish()
    }
}

/// Some sets, made ready: eight at most.
#[derive(Clone)]
pub(super) struct Classifier<const SETS: usize> {
    /// By byte: the sets it is in, as bits.
    pub(super) table: [u8; 256],
    /// By set, and by low half of a byte: the high halves with which it is in the set, one bit each; bytes below 128 in
    /// the first row, the others in the second.
    pub(super) nibbles: [[[u8; 16]; 2]; SETS],
}

impl<const SETS: usize> Classifier<SETS> {
    pub(super) fn new(sets: &[ByteSet; SETS]) -> Self {
        const { assert!(SETS <= 8) };
        let mut c = Classifier { table: [0; 256], nibbles: [[[0; 16]; 2]; SETS] };
        for (i, set) in sets.iter().enumerate() {
            for b in set.iter() {
                c.table[b as usize] |= 1 << i;
                c.nibbles[i][usize::from(b >> 7)][usize::from(b & 15)] |= 1 << (b >> 4 & 7);
            }
        }
        c
    }

    /// The masks of `text` block by block; bytes past its end are in no set.
    pub(super) fn masks(&self, text: &[u8], out: &mut Vec<Masks<SETS>>) {
        out.resize(text.len().div_ceil(BLOCK), [0; SETS]);
        super::simd::masks(self, text, out);
    }

    /// The portable way: one byte after the other.
    pub(super) fn masks_scalar(&self, block: &[u8; BLOCK], masks: &mut Masks<SETS>) {
        *masks = [0; SETS];
        for (i, &b) in block.iter().enumerate() {
            let sets = self.table[b as usize];
            masks.iter_mut().enumerate().for_each(|(s, m)| *m |= u64::from(sets >> s & 1) << i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_words() {
        for (from, to) in [(0, 0), (0, 255), (63, 64), (48, 57), (200, 201), (64, 127), (9, 3)] {
            let (mut set, mut want) = (ByteSet::default(), ByteSet::default());
            set.insert_range(from, to);
            (from..=to).for_each(|b| want.insert(b));
            assert_eq!(set, want, "{from} to {to}");
        }
        let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        assert!(ByteSet::WORD.iter().eq((0..=255).filter(word)));
    }

    #[test]
    fn every_path_agrees_with_the_sets() {
        const SETS: usize = 5;
        let mut sets = [ByteSet::default(); SETS];
        sets[0].insert_range(b'0', b'9');
        sets[0].insert_range(b'A', b'Z');
        sets[1].insert_range(0x80, 0xff);
        sets[2].insert_range(0, 0);
        (0..=255u8).filter(|b| b.count_ones() % 2 == 1).for_each(|b| sets[3].insert(b));
        let classifier = Classifier::new(&sets);
        let mut text: Vec<u8> = (0..=255).collect();
        text.extend((0..=255u8).rev());
        text.extend_from_slice(b"tail 12-34");
        let mut fast = Vec::new();
        classifier.masks(&text, &mut fast);
        for i in 0..fast.len() * BLOCK {
            for (s, set) in sets.iter().enumerate() {
                let want = text.get(i).is_some_and(|b| set.contains(*b));
                assert_eq!(fast[i / BLOCK][s] >> (i % BLOCK) & 1 == 1, want, "place {i}, set {s}");
            }
        }
        let (whole, _) = text.as_chunks::<BLOCK>();
        for (block, want) in whole.iter().zip(&fast) {
            let mut got = [0; SETS];
            classifier.masks_scalar(block, &mut got);
            assert_eq!(got, *want);
        }
    }
}
