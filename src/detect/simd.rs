//! Vector code: the only module with `unsafe` in it.
//!
//! Each path is chosen at run time by what the processor offers and is tested against the scalar one.
#![allow(unsafe_code)]

use super::classes::{BLOCK, Masks, classify_scalar};

/// Classifies whole blocks.
pub(super) fn classify(blocks: &[[u8; BLOCK]], out: &mut [Masks]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as just asked.
        return unsafe { avx2::classify(blocks, out) };
    }
    for (block, masks) in blocks.iter().zip(out) {
        classify_scalar(block, masks);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::classes::{BLOCK, Masks, class};

    /// Compares both halves of a block and joins the results to one mask.
    macro_rules! mask {
        ($half:ident => $test:expr, $lo:expr, $hi:expr) => {{
            let $half = $lo;
            let a = _mm256_movemask_epi8($test) as u32;
            let $half = $hi;
            let b = _mm256_movemask_epi8($test) as u32;
            u64::from(a) | u64::from(b) << 32
        }};
    }

    /// Bytes from `from` on, `n` of them, as a comparison: the bytes are moved so that the range starts at -128,
    /// then one signed comparison does.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn in_range(v: __m256i, from: u8, n: u8) -> __m256i {
        let moved = _mm256_add_epi8(v, _mm256_set1_epi8((128u8.wrapping_sub(from)) as i8));
        _mm256_cmpgt_epi8(_mm256_set1_epi8((128u8.wrapping_add(n)) as i8), moved)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn is(v: __m256i, b: u8) -> __m256i {
        _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b as i8))
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn classify(blocks: &[[u8; BLOCK]], out: &mut [Masks]) {
        for (block, m) in blocks.iter().zip(out) {
            // SAFETY: a block is 64 bytes, so both unaligned loads of 32 bytes lie within it.
            let (lo, hi) = unsafe {
                (_mm256_loadu_si256(block.as_ptr().cast()), _mm256_loadu_si256(block.as_ptr().add(32).cast()))
            };
            let bit = _mm256_set1_epi8(0x20);
            let digit = mask!(v => in_range(v, b'0', 10), lo, hi);
            let upper = mask!(v => in_range(v, b'A', 26), lo, hi);
            let alpha = mask!(v => in_range(_mm256_or_si256(v, bit), b'a', 26), lo, hi);
            let af = mask!(v => in_range(_mm256_or_si256(v, bit), b'a', 6), lo, hi);
            let underscore = mask!(v => is(v, b'_'), lo, hi);
            let high = mask!(v => v, lo, hi);
            let dash = mask!(v => is(v, b'-'), lo, hi);
            let dot = mask!(v => is(v, b'.'), lo, hi);
            let slash = mask!(v => is(v, b'/'), lo, hi);
            let colon = mask!(v => is(v, b':'), lo, hi);
            let space = mask!(v => _mm256_or_si256(is(v, b' '), in_range(v, b'\t', 5)), lo, hi);
            let at = mask!(v => is(v, b'@'), lo, hi);
            let open = mask!(v => is(v, b'('), lo, hi);
            let plus = mask!(v => is(v, b'+'), lo, hi);
            let percent = mask!(v => is(v, b'%'), lo, hi);
            let comma = mask!(v => is(v, b','), lo, hi);
            let escape = mask!(v => _mm256_or_si256(is(v, b'\\'), is(v, 0x1b)), lo, hi);
            let word = alpha | digit | underscore;
            m[class::DIGIT] = digit;
            m[class::ALPHA] = alpha;
            m[class::WORD] = word;
            m[class::UPPER] = upper;
            m[class::DASH] = dash;
            m[class::DOT] = dot;
            m[class::SLASH] = slash;
            m[class::COLON] = colon;
            m[class::SPACE] = space;
            m[class::AT] = at;
            m[class::OPEN] = open;
            m[class::PLUS] = plus;
            m[class::HEX] = digit | af;
            m[class::PERCENT] = percent;
            m[class::HIGH] = high;
            m[class::COMMA] = comma;
            m[class::ESCAPE] = escape;
            m[class::OTHER] = !(comma
                | escape
                | word
                | dash
                | dot
                | slash
                | colon
                | space
                | at
                | open
                | plus
                | percent
                | high);
        }
    }
}
