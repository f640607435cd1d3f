//! HMAC-SHA256 (RFC 2104) of short values under one key, at the speed of a log: the key's two blocks are hashed once and for all, so that
//! a value of up to 55 bytes takes two more.

use sha2::block_api::compress256;
use zeroize::Zeroize;

/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 32;
const BLOCK: usize = 64;
/// The initial hash value of SHA-256 (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A key, as the states after its inner and its outer block. They are wiped when it goes.
pub(super) struct Prf {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Prf {
    /// With a key of 32 bytes.
    pub(super) fn new(key: &[u8; 32]) -> Prf {
        Prf::of(key)
    }

    /// With a key of up to a block.
    fn of(key: &[u8]) -> Prf {
        let state = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            block.zeroize();
            state
        };
        Prf { inner: state(0x36), outer: state(0x5c) }
    }

    /// The tag of some bytes.
    pub(super) fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        // What is hashed the second time is always as long: a tag behind a block.
        let mut block = [0; BLOCK];
        block[..TAG_BYTES].copy_from_slice(&in_bytes(hashed(self.inner, bytes)));
        block[TAG_BYTES] = 0x80;
        block[BLOCK - 8..].copy_from_slice(&((BLOCK + TAG_BYTES) as u64 * 8).to_be_bytes());
        let mut outer = self.outer;
        compress256(&mut outer, &[block]);
        in_bytes(outer)
    }
}

impl Drop for Prf {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// SHA-256 of some bytes behind one block whose state this is.
fn hashed(mut state: [u32; 8], bytes: &[u8]) -> [u32; 8] {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x80;
    if rest.len() >= BLOCK - 8 {
        compress256(&mut state, &[block]);
        block = [0; BLOCK];
    }
    let bits = (BLOCK + bytes.len()) as u64 * 8;
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &[block]);
    state
}

fn in_bytes(state: [u32; 8]) -> [u8; TAG_BYTES] {
    let mut out = [0; TAG_BYTES];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use proptest::prelude::*;

    use super::*;
    use crate::keys::encoding::hex;

    /// RFC 4231, test cases 1, 2 and 3.
    #[test]
    fn rfc_4231_samples() {
        for (key, data, want) in [
            (
                &[0x0b; 20][..],
                b"Hi There".as_slice(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ] {
            assert_eq!(hex(&Prf::of(key).tag(data)), want);
        }
    }

    proptest! {
        #[test]
        fn is_what_another_implementation_says(key: [u8; 32], bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let want = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &bytes);
            prop_assert_eq!(&Prf::new(&key).tag(&bytes)[..], want.as_ref());
        }
    }
}
