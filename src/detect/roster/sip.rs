//! SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed function of short texts to 64 bits that nobody can tell from
//! a random one without its key of 128 bits.

/// The key, as two words.
#[derive(Clone, Copy)]
pub(super) struct Sip(u64, u64);

impl Sip {
    pub(super) fn new(key: [u8; 16]) -> Sip {
        let word = |from: usize| key[from..from + 8].iter().rev().fold(0, |w, b| w << 8 | u64::from(*b));
        Sip(word(0), word(8))
    }

    /// The hash of the parts one after the other, as if they were one text.
    pub(super) fn hash(self, parts: &[&[u8]]) -> u64 {
        let mut v = [
            self.0 ^ 0x736f_6d65_7073_6575,
            self.1 ^ 0x646f_7261_6e64_6f6d,
            self.0 ^ 0x6c79_6765_6e65_7261,
            self.1 ^ 0x7465_6462_7974_6573,
        ];
        let mut step = |word: u64| {
            v[3] ^= word;
            round(&mut v);
            round(&mut v);
            v[0] ^= word;
        };
        let (mut word, mut count) = (0u64, 0u64);
        for part in parts {
            for piece in part.chunks(8) {
                let mut bytes = [0; 8];
                bytes[..piece.len()].copy_from_slice(piece);
                let (next, filled, len) = (u64::from_le_bytes(bytes), count % 8, piece.len() as u64);
                word |= next << (8 * filled);
                count += len;
                if filled + len >= 8 {
                    step(word);
                    word = if filled == 0 { 0 } else { next >> (64 - 8 * filled) };
                }
            }
        }
        step(word | count << 56);
        v[2] ^= 0xff;
        (0..4).for_each(|_| round(&mut v));
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first and the sixteenth of the vectors of the reference implementation; the latter is in the paper, too.
    #[test]
    fn gives_the_vectors_of_the_paper() {
        let sip = Sip::new(std::array::from_fn(|i| i as u8));
        let text: Vec<u8> = (0..15).collect();
        assert_eq!(sip.hash(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(sip.hash(&[&text]), 0xa129_ca61_49be_45e5);
        assert_eq!(sip.hash(&[&text[..4], &text[4..9], &text[9..]]), 0xa129_ca61_49be_45e5);
    }
}
