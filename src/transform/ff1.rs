//! FF1: format-preserving encryption, NIST SP 800-38G, with AES.
//!
//! A string of numerals becomes another of the same length under a key, and back. Only FF1 is here: FF3 is withdrawn
//! (NIST SP 800-38G Revision 1, second draft, February 2025), and so is every domain below a million strings.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};

/// A domain must have at least so many strings (SP 800-38G Revision 1, section 5.1: radix^minlen >= 1,000,000).
pub(crate) const MIN_DOMAIN: u128 = 1_000_000;
/// A half of the string is counted in 128 bits, of which eight are left for reducing what the cipher gives.
const MAX_HALF: u128 = 1 << 120;
/// Rounds of the Feistel network (SP 800-38G, Algorithm 7).
const ROUNDS: u8 = 10;

/// Why a string is not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// So few strings have this length that all could be tried.
    TooShort,
    /// More numerals than are counted here.
    TooLong,
}

enum Cipher {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

/// FF1 under one key, which is wiped when it goes.
pub(crate) struct Ff1(Cipher);

impl Ff1 {
    /// With a key of 16, 24 or 32 bytes; `None` for any other length.
    pub(crate) fn new(key: &[u8]) -> Option<Ff1> {
        Some(Ff1(match key.len() {
            16 => Cipher::Aes128(Aes128::new_from_slice(key).ok()?),
            24 => Cipher::Aes192(Aes192::new_from_slice(key).ok()?),
            _ => Cipher::Aes256(Aes256::new_from_slice(key).ok()?),
        }))
    }

    /// Encrypts numerals below `radix`, most significant first, in place.
    pub(crate) fn encrypt(&self, radix: u8, tweak: &[u8], numerals: &mut [u8]) -> Result<(), Refused> {
        let shape = Shape::of(radix, tweak, numerals.len())?;
        let (left, right) = numerals.split_at(shape.halves[0]);
        let (mut a, mut b) = (shape.number(left), shape.number(right));
        let start = self.start(&shape, tweak);
        for i in 0..ROUNDS {
            let modulus = shape.moduli[usize::from(i & 1)];
            let y = self.round(&shape, tweak, start, i, b, modulus);
            (a, b) = (b, (a + y) % modulus);
        }
        shape.write(a, b, numerals);
        Ok(())
    }

    /// Undoes [`Ff1::encrypt`] under the same radix and tweak.
    pub(crate) fn decrypt(&self, radix: u8, tweak: &[u8], numerals: &mut [u8]) -> Result<(), Refused> {
        let shape = Shape::of(radix, tweak, numerals.len())?;
        let (left, right) = numerals.split_at(shape.halves[0]);
        let (mut a, mut b) = (shape.number(left), shape.number(right));
        let start = self.start(&shape, tweak);
        for i in (0..ROUNDS).rev() {
            let modulus = shape.moduli[usize::from(i & 1)];
            let y = self.round(&shape, tweak, start, i, a, modulus);
            (a, b) = ((b + modulus - y) % modulus, a);
        }
        shape.write(a, b, numerals);
        Ok(())
    }

    fn block(&self, block: &mut Block) {
        match &self.0 {
            Cipher::Aes128(aes) => aes.encrypt_block(block),
            Cipher::Aes192(aes) => aes.encrypt_block(block),
            Cipher::Aes256(aes) => aes.encrypt_block(block),
        }
    }

    /// The chaining value after the block `P` (Algorithm 7, step 5) and all whole blocks of the tweak.
    fn start(&self, shape: &Shape, tweak: &[u8]) -> Block {
        let mut p = [0; 16];
        p[..7].copy_from_slice(&[1, 2, 1, 0, 0, shape.radix, ROUNDS]);
        p[7] = shape.halves[0] as u8;
        let len = (shape.halves[0] + shape.halves[1]) as u32;
        p[8..12].copy_from_slice(&len.to_be_bytes());
        p[12..].copy_from_slice(&(tweak.len() as u32).to_be_bytes());
        let mut state = Block::from(p);
        self.block(&mut state);
        for chunk in tweak.chunks_exact(16) {
            self.absorb(&mut state, chunk);
        }
        state
    }

    fn absorb(&self, state: &mut Block, chunk: &[u8]) {
        state.iter_mut().zip(chunk).for_each(|(s, c)| *s ^= c);
        self.block(state);
    }

    /// `y mod radix^m` of one round (Algorithm 7, step 6, i to vi).
    fn round(&self, shape: &Shape, tweak: &[u8], start: Block, i: u8, half: u128, modulus: u128) -> u128 {
        // What is left of the tweak, zeros, the round, the half: to a whole number of blocks.
        let rest = tweak.chunks_exact(16).remainder();
        let mut q = [0; 48];
        q[..rest.len()].copy_from_slice(rest);
        let len = (rest.len() + shape.bytes + 1).next_multiple_of(16);
        q[len - shape.bytes - 1] = i;
        q[len - shape.bytes..len].copy_from_slice(&half.to_be_bytes()[16 - shape.bytes..]);
        let mut state = start;
        q[..len].chunks_exact(16).for_each(|chunk| self.absorb(&mut state, chunk));
        let first: [u8; 16] = state.into();
        if shape.drawn <= 8 {
            let mut eight = [0; 8];
            eight.copy_from_slice(&first[..8]);
            let y = u64::from_be_bytes(eight) >> (64 - 8 * shape.drawn);
            return u128::from(y % modulus as u64);
        }
        let y = u128::from_be_bytes(first);
        if shape.drawn <= 16 {
            return (y >> (128 - 8 * shape.drawn)) % modulus;
        }
        // A second block: at most 20 bytes are drawn, for halves below 2^120.
        let mut second = Block::from((y ^ 1).to_be_bytes());
        self.block(&mut second);
        let more = shape.drawn - 16;
        second[..more].iter().fold(y % modulus, |n, byte| (n << 8 | u128::from(*byte)) % modulus)
    }
}

/// What follows from radix and length alone.
struct Shape {
    radix: u8,
    /// Numerals of either half: `u` and `v`.
    halves: [usize; 2],
    /// `radix^u` and `radix^v`.
    moduli: [u128; 2],
    /// Bytes a half is written in: `b`.
    bytes: usize,
    /// Bytes drawn from the cipher in a round: `d`.
    drawn: usize,
}

impl Shape {
    fn of(radix: u8, tweak: &[u8], len: usize) -> Result<Shape, Refused> {
        let halves = [len / 2, len - len / 2];
        let power = |n: usize| u128::from(radix).checked_pow(n as u32).filter(|p| *p < MAX_HALF);
        let moduli = [power(halves[0]), power(halves[1])];
        let ([Some(u), Some(v)], true) = (moduli, tweak.len() < 1 << 16) else {
            return Err(Refused::TooLong);
        };
        if u.checked_mul(v).is_some_and(|domain| domain < MIN_DOMAIN) {
            return Err(Refused::TooShort);
        }
        let bits = (v - 1).ilog2() as usize + 1;
        let bytes = bits.div_ceil(8);
        Ok(Shape { radix, halves, moduli: [u, v], bytes, drawn: 4 * bytes.div_ceil(4) + 4 })
    }

    fn number(&self, numerals: &[u8]) -> u128 {
        numerals.iter().fold(0, |n, x| n * u128::from(self.radix) + u128::from(*x))
    }

    fn write(&self, a: u128, b: u128, out: &mut [u8]) {
        let (left, right) = out.split_at_mut(self.halves[0]);
        for (mut n, half) in [(a, left), (b, right)] {
            for slot in half.iter_mut().rev() {
                *slot = (n % u128::from(self.radix)) as u8;
                n /= u128::from(self.radix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    fn numerals(text: &str) -> Vec<u8> {
        text.chars().map(|c| c.to_digit(36).unwrap() as u8).collect()
    }

    /// NIST, "FF1 samples" of SP 800-38G: samples 1 to 9.
    #[test]
    fn nist_samples() {
        const K128: &str = "2B7E151628AED2A6ABF7158809CF4F3C";
        const K192: &str = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F";
        const K256: &str = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94";
        let cases = [
            (K128, 10, "", "0123456789", "2433477484"),
            (K128, 10, "39383736353433323130", "0123456789", "6124200773"),
            (K128, 36, "3737373770717273373737", "0123456789abcdefghi", "a9tv40mll9kdu509eum"),
            (K192, 10, "", "0123456789", "2830668132"),
            (K192, 10, "39383736353433323130", "0123456789", "2496655549"),
            (K192, 36, "3737373770717273373737", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"),
            (K256, 10, "", "0123456789", "6657667009"),
            (K256, 10, "39383736353433323130", "0123456789", "1001623463"),
            (K256, 36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
        ];
        for (i, (key, radix, tweak, plain, want)) in cases.into_iter().enumerate() {
            let ff1 = Ff1::new(&hex(key)).unwrap();
            let mut got = numerals(plain);
            ff1.encrypt(radix, &hex(tweak), &mut got).unwrap();
            assert_eq!(got, numerals(want), "sample {}", i + 1);
            ff1.decrypt(radix, &hex(tweak), &mut got).unwrap();
            assert_eq!(got, numerals(plain), "sample {}", i + 1);
        }
    }

    #[test]
    fn refuses_small_domains_and_what_it_cannot_count() {
        let ff1 = Ff1::new(&[7; 32]).unwrap();
        for (radix, len, want) in [
            (10, 5, Err(Refused::TooShort)),
            (10, 6, Ok(())),
            (36, 3, Err(Refused::TooShort)),
            (36, 4, Ok(())),
            (10, 72, Ok(())),
            (10, 73, Err(Refused::TooLong)),
            (36, 46, Ok(())),
            (36, 47, Err(Refused::TooLong)),
            (10, 0, Err(Refused::TooShort)),
        ] {
            assert_eq!(ff1.encrypt(radix, b"", &mut vec![0; len]), want, "{len} of radix {radix}");
        }
        assert!(Ff1::new(&[0; 31]).is_none());
    }

    proptest! {
        #[test]
        fn decrypts_what_it_encrypts(
            key: [u8; 32],
            tweak in proptest::collection::vec(any::<u8>(), 0..40),
            digits in proptest::collection::vec(0..10u8, 6..73),
            letters in proptest::collection::vec(0..36u8, 4..47),
        ) {
            let ff1 = Ff1::new(&key).unwrap();
            for (radix, plain) in [(10, &digits), (36, &letters)] {
                let mut text = plain.clone();
                ff1.encrypt(radix, &tweak, &mut text).unwrap();
                prop_assert!(text.iter().all(|n| *n < radix));
                ff1.decrypt(radix, &tweak, &mut text).unwrap();
                prop_assert_eq!(&text, plain);
            }
        }
    }
}
