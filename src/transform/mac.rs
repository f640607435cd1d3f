//! AES-256-CMAC (NIST SP 800-38B, RFC 4493) of short messages: what the check in a token is. The subkeys are made once and for all, and
//! so is the state after a beginning that many messages share.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes256, Block};
use zeroize::Zeroize;

/// Bytes of a block, and of a tag.
const BLOCK: usize = 16;
/// What doubling in GF(2^128) is reduced by.
const R128: u8 = 0x87;

/// A key. It is wiped when it goes.
pub(super) struct Mac {
    aes: Aes256,
    /// `K1` and `K2`: for a last block that is whole, and for one that is not.
    subkeys: [[u8; BLOCK]; 2],
}

/// The state after the beginning of a message; of no message yet by default.
#[derive(Default)]
pub(super) struct Begun([u8; BLOCK]);

impl Mac {
    /// With a key of 32 bytes.
    pub(super) fn new(key: &[u8; 32]) -> Mac {
        let aes = Aes256::new(key.into());
        let mut zero = Block::default();
        aes.encrypt_block(&mut zero);
        let first = doubled(zero.into());
        Mac { aes, subkeys: [first, doubled(first)] }
    }

    /// The state after the beginning of a message: whole blocks, the last of them filled up with zeros.
    pub(super) fn begin(&self, head: &[u8]) -> Begun {
        let mut state = Block::default();
        head.chunks(BLOCK).for_each(|block| self.absorb(&mut state, block));
        Begun(state.into())
    }

    /// The tag of a message of which the beginning was absorbed, and these bytes are the rest.
    pub(super) fn tag(&self, begun: &Begun, rest: &[u8]) -> [u8; BLOCK] {
        let mut state = Block::from(begun.0);
        let whole = rest.len().div_ceil(BLOCK).saturating_sub(1) * BLOCK;
        let (blocks, last) = rest.split_at(whole);
        blocks.chunks_exact(BLOCK).for_each(|block| self.absorb(&mut state, block));
        if let Ok(last) = <[u8; BLOCK]>::try_from(last) {
            xor(&mut state, &self.subkeys[0]);
            self.absorb(&mut state, &last);
        } else {
            let mut end = self.subkeys[1];
            xor(&mut end, last);
            end[last.len()] ^= 0x80;
            self.absorb(&mut state, &end);
        }
        state.into()
    }

    #[inline]
    fn absorb(&self, state: &mut Block, block: &[u8]) {
        xor(state, block);
        self.aes.encrypt_block(state);
    }
}

fn xor(state: &mut [u8], with: &[u8]) {
    state.iter_mut().zip(with).for_each(|(s, b)| *s ^= b);
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        self.subkeys.zeroize();
    }
}

fn doubled(block: [u8; BLOCK]) -> [u8; BLOCK] {
    let n = u128::from_be_bytes(block);
    let reduced = if n >> 127 == 1 { u128::from(R128) } else { 0 };
    (n << 1 ^ reduced).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use cmac::{Cmac, Mac as _};
    use proptest::prelude::*;

    use super::*;
    use crate::keys::encoding::{hex, unhex};

    /// NIST SP 800-38B, D.3: examples 9 to 12, with 256 bits of key.
    #[test]
    fn nist_samples() {
        let mut key = [0; 32];
        assert!(unhex(b"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", &mut key));
        let mut message = [0; 64];
        let text = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                    30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
        assert!(unhex(text.as_bytes(), &mut message));
        let mac = Mac::new(&key);
        for (len, want) in [
            (0, "028962f61b7bf89efc6b551f4667d983"),
            (16, "28a7023f452e8f82bd4bf28d8c37c35c"),
            (40, "aaf3d8f1de5640c232f5b169b9c911e6"),
            (64, "e1992190549f6ed5696a2c056c315410"),
        ] {
            assert_eq!(hex(&mac.tag(&Begun::default(), &message[..len])), want, "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn is_what_another_implementation_says(key: [u8; 32], bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut other = <Cmac<Aes256> as cmac::KeyInit>::new(&key.into());
            other.update(&bytes);
            prop_assert_eq!(&Mac::new(&key).tag(&Begun::default(), &bytes)[..], &other.finalize().into_bytes()[..]);
        }

        #[test]
        fn a_beginning_is_filled_up_to_whole_blocks(
            key: [u8; 32], head in proptest::collection::vec(any::<u8>(), 0..40), rest in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let mac = Mac::new(&key);
            let mut whole = head.clone();
            whole.resize(head.len().next_multiple_of(BLOCK), 0);
            whole.extend(&rest);
            prop_assert_eq!(mac.tag(&mac.begin(&head), &rest), mac.tag(&Begun::default(), &whole));
        }
    }
}
