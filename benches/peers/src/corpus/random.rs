//! Seeded randomness: the same seed gives the same corpus, on every machine and in every version.

/// SplitMix64: small, and good enough to vary text.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 up to `n`, without it.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// From `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `n` of `of` cases.
    pub fn chance(&mut self, n: u64, of: u64) -> bool {
        self.below(of) < n
    }

    /// A place in a list.
    pub fn index<T>(&mut self, of: &[T]) -> usize {
        self.below(of.len() as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of)]
    }

    /// `n` characters out of an ASCII alphabet.
    pub fn letters(&mut self, alphabet: &str, n: usize, out: &mut String) {
        let alphabet = alphabet.as_bytes();
        for _ in 0..n {
            out.push(char::from(*self.pick(alphabet)));
        }
    }

    /// Hexadecimal digits in lower case.
    pub fn hex(&mut self, digits: usize, out: &mut String) {
        self.letters("0123456789abcdef", digits, out);
    }

    pub fn digits(&mut self, digits: usize, out: &mut String) {
        self.letters("0123456789", digits, out);
    }
}
