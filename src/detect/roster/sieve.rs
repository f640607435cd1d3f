//! Filters that say of a word or a number that it is not in the roster, or that it may be: two bits each, both in one
//! word of 64 bits, so that one is looked at in one step of the memory.

/// Where a product stands in a filter of `1 << bits` bits: its word of 64 bits, and its bits there.
#[inline(always)]
fn place(product: u64, bits: u8) -> (usize, u64) {
    let shift = 64 - u32::from(bits);
    let word = (product >> (shift + 6)) as usize;
    let mask = 1 << (product >> shift & 63) | 1 << (product >> (shift - 6) & 63);
    (word, mask)
}

/// Where what is known of a word stands in a table of four bits each, a fourth as many as the filter has bits.
#[inline(always)]
pub(super) fn nibble(product: u64, bits: u8) -> (usize, u32) {
    let slot = (product >> (66 - u32::from(bits))) as usize;
    (slot / 2, slot as u32 % 2 * 4)
}

/// Adds a product to a filter.
pub(super) fn insert(filter: &mut [u64], product: u64, bits: u8) {
    let (word, mask) = place(product, bits);
    filter[word] |= mask;
}

/// Whether a product may have been added.
#[inline(always)]
pub(super) fn contains(filter: &[u64], product: u64, bits: u8) -> bool {
    let (word, mask) = place(product, bits);
    filter.get(word).is_some_and(|w| w & mask == mask)
}

/// What a filter of words knows a word by: its first eight letters, lower case, and its length.
#[inline(always)]
pub(super) fn word_feature(head: u64, len: usize) -> u64 {
    head ^ (len.min(15) as u64) << 60
}

/// The first so many bytes of a word of 64 bits.
const KEEP: [u64; 16] = {
    let mut keep = [!0; 16];
    let mut len = 0;
    while len < 8 {
        keep[len] = !(!0 << (8 * len));
        len += 1;
    }
    keep
};

/// The first eight letters of a word, lower case. Of a letter outside ASCII that is folded nothing changes.
#[inline(always)]
pub(super) fn head(text: &[u8], start: usize, len: usize) -> u64 {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    match text[start..].first_chunk::<8>() {
        Some(chunk) => (u64::from_le_bytes(*chunk) | LOWER) & KEEP[len.min(15)],
        None => text[start..start + len].iter().rev().fold(0, |w, b| w << 8 | u64::from(b | 0x20)),
    }
}

/// What the filter of words knows a whole word by.
pub(super) fn word(word: &[u8]) -> u64 {
    word_feature(head(word, 0, word.len()), word.len())
}

/// What the filter of numbers knows a number by, of letters and digits in any case.
#[inline]
pub(super) fn number(number: &[u8]) -> u64 {
    number.chunks(8).fold(number.len() as u64, |h, chunk| {
        (h ^ head(chunk, 0, chunk.len())).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_and_little_else() {
        for bits in [7, 12, 17] {
            let mut filter = vec![0; (1 << bits) / 64];
            let product = |n: u64| n.wrapping_mul(0xD6E8_FEB8_6659_FD93);
            let count = (1 << bits) / 12;
            (0..count).for_each(|n| insert(&mut filter, product(n), bits));
            assert!((0..count).all(|n| contains(&filter, product(n), bits)));
            let wrong = (count..count + 10_000).filter(|n| contains(&filter, product(*n), bits)).count();
            assert!(wrong < 500, "{wrong} of 10,000, {bits} bits");
        }
        assert!(!contains(&[], 7, 7));
    }

    #[test]
    fn features_are_the_same_wherever_a_word_stands() {
        for text in ["Smith", "li", "Featherstonehaugh", "MX771204", "Abcdefgh"] {
            let around = format!("... {text}ZZZZZZZZ");
            let at_end = format!("... {text}");
            let here = |t: &str| word_feature(head(t.as_bytes(), 4, text.len()), text.len());
            assert_eq!(here(&around), word(text.to_lowercase().as_bytes()), "{text}");
            assert_eq!(here(&at_end), here(&around), "{text}");
            assert_eq!(number(text.as_bytes()), number(text.to_uppercase().as_bytes()), "{text}");
        }
    }
}
