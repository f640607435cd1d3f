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
    let chunks = bytes.chunks_exact(5);
    let rest = chunks.remainder();
    for chunk in chunks {
        let five = chunk.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let mut eight = [0; 8];
        for (i, two) in eight.chunks_exact_mut(2).enumerate() {
            two.copy_from_slice(&PAIRS[(five >> (30 - 10 * i) & 1023) as usize]);
        }
        out.extend_from_slice(&eight);
    }
    let (mut bits, mut held) = (0u32, 0);
    for &b in rest {
        bits = bits << 8 | u32::from(b);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(ALPHABET[(bits >> held & 31) as usize]);
        }
    }
    if held > 0 {
        out.push(ALPHABET[(bits << (5 - held) & 31) as usize]);
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
