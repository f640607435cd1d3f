//! Base32 as tokens are written: Crockford's alphabet in lower case, without padding. Letters that look like digits are
//! not in it, and nothing in it needs an escape in JSON, a URL, XML or the SMS alphabet (GSM 7 bit).

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut i = 0;
    while i < 32 {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Two characters for ten bits.
static PAIRS: [[u8; 2]; 1024] = {
    let mut pairs = [[0; 2]; 1024];
    let mut i = 0;
    while i < 1024 {
        pairs[i] = [ALPHABET[i >> 5], ALPHABET[i & 31]];
        i += 1;
    }
    pairs
};

/// Characters that so many bytes take.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// Whether a byte is one of the alphabet.
pub(crate) fn is_letter(b: u8) -> bool {
    VALUES[usize::from(b)] < 32
}

/// Appends the characters for some bytes.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    // 25 bytes at a time are 40 characters to the bit: a pseudonym is done in one go.
    for some in bytes.chunks(25) {
        // Three more, so that eight bytes can be read wherever five begin.
        let (mut block, mut letters) = ([0; 28], [0; 40]);
        block[..some.len()].copy_from_slice(some);
        for i in 0..5 {
            let mut from = [0; 8];
            from.copy_from_slice(&block[5 * i..5 * i + 8]);
            let n = u64::from_be_bytes(from) >> 24;
            let two = |shift: u32| PAIRS[(n >> shift & 1023) as usize];
            let ([a, b], [c, d], [e, f], [g, h]) = (two(30), two(20), two(10), two(0));
            letters[8 * i..8 * i + 8].copy_from_slice(&[a, b, c, d, e, f, g, h]);
        }
        out.extend_from_slice(&letters[..encoded_len(some.len())]);
    }
}

/// Appends the bytes that some characters stand for. Each value has one spelling: bits that are left over must be zero.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    let (mut bits, mut held) = (0u32, 0);
    for &b in text {
        let value = VALUES[usize::from(b)];
        if value >= 32 {
            return false;
        }
        bits = (bits << 5 | u32::from(value)) & 0xfff;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    held < 5 && bits & ((1 << held) - 1) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_spelling() {
        for (text, good) in [
            ("", true),
            ("00", true),
            ("01", false),
            ("0", false),
            ("zw", true),
            ("zz", false),
            ("0u", false),
            ("0A", false),
        ] {
            assert_eq!(decode(text.as_bytes(), &mut Vec::new()), good, "{text}");
        }
    }

    #[test]
    fn each_character() {
        for (i, letter) in ALPHABET.iter().enumerate() {
            let mut out = Vec::new();
            encode(&[(i as u8) << 3], &mut out);
            assert_eq!(out, [*letter, b'0']);
        }
    }

    proptest! {
        #[test]
        fn round_trips(bytes: Vec<u8>) {
            let (mut text, mut back) = (Vec::new(), Vec::new());
            encode(&bytes, &mut text);
            prop_assert_eq!(text.len(), encoded_len(bytes.len()));
            prop_assert!(text.iter().all(|b| is_letter(*b)));
            prop_assert!(decode(&text, &mut back));
            prop_assert_eq!(back, bytes);
        }
    }
}
