//! Vector code: the only module with `unsafe` in it.
//!
//! Each path is chosen at run time by what the processor offers and is tested against the scalar one.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
use std::arch::is_aarch64_feature_detected;

use super::classes::{BLOCK, Classifier, Masks};

/// The masks of a text, one for each block of it; bytes past its end are in no set.
pub(super) fn masks<const SETS: usize>(classifier: &Classifier<SETS>, text: &[u8], out: &mut [Masks<SETS>]) {
    #[cfg(target_arch = "x86_64")]
    if has_avx512() {
        // SAFETY: the processor has AVX-512 with BW and VBMI, as just asked.
        return unsafe { avx512::masks(classifier, text, out) };
    }
    narrow(classifier, text, out);
}

/// The same without AVX-512.
fn narrow<const SETS: usize>(classifier: &Classifier<SETS>, text: &[u8], out: &mut [Masks<SETS>]) {
    let (whole, rest) = text.as_chunks::<BLOCK>();
    blocks(classifier, whole, out);
    if let (false, Some(out)) = (rest.is_empty(), out.get_mut(whole.len()..)) {
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        blocks(classifier, &[last], out);
        let valid = (1 << rest.len()) - 1;
        out.iter_mut().flatten().for_each(|m| *m &= valid);
    }
}

/// The masks of whole blocks.
fn blocks<const SETS: usize>(classifier: &Classifier<SETS>, blocks: &[[u8; BLOCK]], out: &mut [Masks<SETS>]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as just asked.
        return unsafe { avx2::masks(classifier, blocks, out) };
    }
    #[cfg(target_arch = "aarch64")]
    if is_aarch64_feature_detected!("neon") {
        // SAFETY: the processor has NEON, as just asked.
        return unsafe { neon::masks(classifier, blocks, out) };
    }
    for (block, masks) in blocks.iter().zip(out) {
        classifier.masks_scalar(block, masks);
    }
}

/// Whether there is all of AVX-512 that is used here.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
}

/// Writes `text` to the front of `out`, which is as long or longer, with a zero for every digit.
pub(super) fn without_digits(text: &[u8], out: &mut [u8]) {
    let out = &mut out[..text.len()];
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as just asked.
        return unsafe { avx2::without_digits(text, out) };
    }
    #[cfg(target_arch = "aarch64")]
    if is_aarch64_feature_detected!("neon") {
        // SAFETY: the processor has NEON, as just asked.
        return unsafe { neon::without_digits(text, out) };
    }
    for (to, b) in out.iter_mut().zip(text) {
        *to = without_digit(*b);
    }
}

fn without_digit(b: u8) -> u8 {
    if b.is_ascii_digit() { b'0' } else { b }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::super::classes::{BLOCK, Classifier, Masks};

    /// Two permutes look 64 bytes up in a table of 128 entries each, one for bytes below 128 and one for the others; what they
    /// give has a bit for each set.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn masks<const SETS: usize>(
        classifier: &Classifier<SETS>,
        text: &[u8],
        out: &mut [Masks<SETS>],
    ) {
        let load = |bytes: &[u8; BLOCK]| {
            // SAFETY: reads the 64 bytes of the array; the load needs no alignment.
            unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
        };
        let (quarters, _) = classifier.table.as_chunks::<BLOCK>();
        let table: [__m512i; 4] = std::array::from_fn(|i| load(&quarters[i]));
        let bits: [__m512i; SETS] = std::array::from_fn(|s| _mm512_set1_epi8((1u8 << s) as i8));
        let look_up = |v: __m512i, valid: u64, masks: &mut Masks<SETS>| {
            let below = _mm512_permutex2var_epi8(table[0], v, table[1]);
            let above = _mm512_permutex2var_epi8(table[2], v, table[3]);
            let sets = _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), below, above);
            for (mask, bit) in masks.iter_mut().zip(&bits) {
                *mask = _mm512_mask_test_epi8_mask(valid, sets, *bit);
            }
        };
        let (whole, rest) = text.as_chunks::<BLOCK>();
        for (block, masks) in whole.iter().zip(&mut *out) {
            look_up(load(block), !0, masks);
        }
        if let (false, Some(masks)) = (rest.is_empty(), out.get_mut(whole.len())) {
            let valid = (1 << rest.len()) - 1;
            // SAFETY: reads the bytes of `rest`, which has a bit in the mask for each of them, and no others.
            let v = unsafe { _mm512_maskz_loadu_epi8(valid, rest.as_ptr().cast()) };
            look_up(v, valid, masks);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::classes::{BLOCK, Classifier, Masks};

    /// A byte is in a set if, in the row of its low half, the bit of its high half is set. A shuffle looks 32 low halves up
    /// at once, and gives zero where the top bit of the index is set: so one row each for the bytes below and above 128.
    #[target_feature(enable = "avx2")]
    pub(super) fn masks<const SETS: usize>(
        classifier: &Classifier<SETS>,
        blocks: &[[u8; BLOCK]],
        out: &mut [Masks<SETS>],
    ) {
        let row = |bytes: &[u8; 16]| {
            // SAFETY: reads the 16 bytes of the array; the load needs no alignment.
            _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
        };
        let rows: [[__m256i; 2]; SETS] =
            std::array::from_fn(|s| [row(&classifier.nibbles[s][0]), row(&classifier.nibbles[s][1])]);
        let bits = row(&[1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128]);
        let (top, low) = (_mm256_set1_epi8(i8::MIN), _mm256_set1_epi8(15));
        for (block, masks) in blocks.iter().zip(out) {
            *masks = [0; SETS];
            for half in 0..2 {
                // SAFETY: a block is 64 bytes, so that 32 can be read at 0 and at 32; the load needs no alignment.
                let v = unsafe { _mm256_loadu_si256(block.as_ptr().add(32 * half).cast()) };
                let other = _mm256_xor_si256(v, top);
                let high = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
                let bit = _mm256_shuffle_epi8(bits, high);
                for (mask, [below, above]) in masks.iter_mut().zip(&rows) {
                    let found =
                        _mm256_or_si256(_mm256_shuffle_epi8(*below, v), _mm256_shuffle_epi8(*above, other));
                    let missing = _mm256_cmpeq_epi8(_mm256_and_si256(found, bit), _mm256_setzero_si256());
                    *mask |= u64::from(!(_mm256_movemask_epi8(missing) as u32)) << (32 * half);
                }
            }
        }
    }

    /// A digit is a byte that is nine or less above `0`.
    #[target_feature(enable = "avx2")]
    pub(super) fn without_digits(text: &[u8], out: &mut [u8]) {
        let (zeros, nines) = (_mm256_set1_epi8(b'0' as i8), _mm256_set1_epi8(9));
        let (whole, rest) = text.as_chunks::<32>();
        let (whole_out, rest_out) = out.as_chunks_mut::<32>();
        for (to, from) in whole_out.iter_mut().zip(whole) {
            // SAFETY: reads the 32 bytes of the array; the load needs no alignment.
            let v = unsafe { _mm256_loadu_si256(from.as_ptr().cast()) };
            let above = _mm256_sub_epi8(v, zeros);
            let digits = _mm256_cmpeq_epi8(_mm256_min_epu8(above, nines), above);
            // SAFETY: writes the 32 bytes of the array; the store needs no alignment.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm256_blendv_epi8(v, zeros, digits)) };
        }
        for (to, b) in rest_out.iter_mut().zip(rest) {
            *to = super::without_digit(*b);
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::super::classes::{BLOCK, Classifier, Masks};

    fn load(bytes: &[u8; 16]) -> uint8x16_t {
        // SAFETY: reads the 16 bytes of the array; the load needs no alignment.
        unsafe { vld1q_u8(bytes.as_ptr()) }
    }

    /// As with AVX2, 16 bytes at once: a byte is in a set if, in the row of its low half, the bit of its high half is set.
    #[target_feature(enable = "neon")]
    pub(super) fn masks<const SETS: usize>(
        classifier: &Classifier<SETS>,
        blocks: &[[u8; BLOCK]],
        out: &mut [Masks<SETS>],
    ) {
        let powers = load(&[1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128]);
        let (low, first_above) = (vdupq_n_u8(15), vdupq_n_u8(128));
        for (block, masks) in blocks.iter().zip(out) {
            let (quarters, _) = block.as_chunks::<16>();
            let parts: [uint8x16_t; 4] = std::array::from_fn(|i| load(&quarters[i]));
            for (mask, [below, above]) in masks.iter_mut().zip(&classifier.nibbles) {
                let (below, above) = (load(below), load(above));
                // One bit for each byte of a quarter that is in the set, in the place that it has in the mask.
                let bits = parts.map(|v| {
                    let half = vandq_u8(v, low);
                    let row =
                        vbslq_u8(vcgeq_u8(v, first_above), vqtbl1q_u8(above, half), vqtbl1q_u8(below, half));
                    let found = vtstq_u8(row, vqtbl1q_u8(powers, vshrq_n_u8::<4>(v)));
                    vandq_u8(found, powers)
                });
                // Eight bytes add up to one, three times over.
                let sums = vpaddq_u8(vpaddq_u8(bits[0], bits[1]), vpaddq_u8(bits[2], bits[3]));
                *mask = vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)));
            }
        }
    }

    /// A digit is a byte that is nine or less above `0`.
    #[target_feature(enable = "neon")]
    pub(super) fn without_digits(text: &[u8], out: &mut [u8]) {
        let (zeros, nines) = (vdupq_n_u8(b'0'), vdupq_n_u8(9));
        let (whole, rest) = text.as_chunks::<16>();
        let (whole_out, rest_out) = out.as_chunks_mut::<16>();
        for (to, from) in whole_out.iter_mut().zip(whole) {
            let v = load(from);
            let digits = vcleq_u8(vsubq_u8(v, zeros), nines);
            // SAFETY: writes the 16 bytes of the array; the store needs no alignment.
            unsafe { vst1q_u8(to.as_mut_ptr(), vbslq_u8(digits, zeros, v)) };
        }
        for (to, b) in rest_out.iter_mut().zip(rest) {
            *to = super::without_digit(*b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::classes::{BLOCK, ByteSet, Classifier};

    /// Each path by itself, whichever is chosen here.
    #[test]
    fn every_path_gives_the_same_masks() {
        let mut sets = [ByteSet::default(); 7];
        (0..=255u8).for_each(|b| {
            (0..7).filter(|s| b.wrapping_mul(37) >> s & 1 == 1).for_each(|s| sets[s].insert(b))
        });
        let classifier = Classifier::new(&sets);
        let text: Vec<u8> = (0..=255).rev().chain(0..=255).collect();
        let (blocks, _) = text.as_chunks::<BLOCK>();
        let mut want = vec![[0; 7]; blocks.len()];
        blocks.iter().zip(&mut want).for_each(|(b, m)| classifier.masks_scalar(b, m));
        let mut got = vec![[1; 7]; blocks.len()];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, as just asked.
            unsafe { super::avx2::masks(&classifier, blocks, &mut got) };
            assert_eq!(got, want);
        }
        super::blocks(&classifier, blocks, &mut got);
        assert_eq!(got, want);
        // Texts that end within a block.
        for len in 0..=3 * BLOCK {
            let text = &text[200..200 + len];
            let bit = |set: usize, i: usize| text.get(i).is_some_and(|b| sets[set].contains(*b));
            let mask =
                |block, set| (0..BLOCK).fold(0, |m, i| m | u64::from(bit(set, block * BLOCK + i)) << i);
            let want: Vec<[u64; 7]> =
                (0..len.div_ceil(BLOCK)).map(|block| std::array::from_fn(|set| mask(block, set))).collect();
            let mut got = vec![[1; 7]; want.len()];
            super::narrow(&classifier, text, &mut got);
            assert_eq!(got, want, "{len}");
            #[cfg(target_arch = "x86_64")]
            if super::has_avx512() {
                got.fill([1; 7]);
                // SAFETY: the processor has AVX-512 with BW and VBMI, as just asked.
                unsafe { super::avx512::masks(&classifier, text, &mut got) };
                assert_eq!(got, want, "{len}");
            }
        }
    }

    #[test]
    fn digits_become_zeros() {
        let text: Vec<u8> = (0..=255).chain(b"2026-03-05 10:4".iter().copied()).collect();
        let mut out = vec![b'x'; text.len() + 9];
        super::without_digits(&text, &mut out);
        let want: Vec<u8> = text.iter().map(|b| super::without_digit(*b)).collect();
        assert_eq!(out[..text.len()], want);
        assert_eq!(out[text.len()..], [b'x'; 9]);
    }
}
