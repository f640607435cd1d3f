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
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::hmac;
    use proptest::prelude::*;

    use super::*;
    use crate::keys::encoding::hex;

    /// RFC 4231, test cases 1 to 7; of the fifth it gives no more than 128 bits.
    #[test]
    fn rfc_4231_samples() {
        let counting: Vec<u8> = (1..=25).collect();
        for (case, key, data, want) in [
            (
                1,
                &[0x0b; 20][..],
                b"Hi There".as_slice(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                2,
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (3, &[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (4, &counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (5, &[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
            (
                6,
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                7,
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed \
                  before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            // A key longer than a block is hashed first (RFC 2104, section 2). Those of the product are 32 bytes: it is left to the test.
            let hashed = digest(&SHA256, key);
            let key = if key.len() > BLOCK { hashed.as_ref() } else { key };
            assert_eq!(hex(&Prf::of(key).tag(data)[..want.len() / 2]), want, "test case {case}");
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
