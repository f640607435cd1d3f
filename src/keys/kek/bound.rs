//! A key and the hash of what it is bound to, encrypted together: for ciphers that authenticate their plaintext alone, and for
//! servers that would not say that they ignored the associated data.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use zeroize::Zeroize;

use super::wrapped::{KEY_BYTES, key_of};
use crate::secret::Sensitive;

/// Bytes of a key with the hash of its binding.
pub(super) const BOUND_BYTES: usize = KEY_BYTES + 32;
/// Keeps these hashes apart from any other.
const BINDING_DOMAIN: &[u8] = b"scrubjay wrapped key binding v1\0";

/// The plaintext: a key, and the hash of its binding.
pub(super) fn bind(key: &Sensitive<[u8; KEY_BYTES]>, binding: &[u8]) -> Sensitive<[u8; BOUND_BYTES]> {
    let mut bound = [0; BOUND_BYTES];
    bound[..KEY_BYTES].copy_from_slice(key.expose());
    bound[KEY_BYTES..].copy_from_slice(hash(binding).as_ref());
    let held = Sensitive::new(bound);
    bound.zeroize();
    held
}

/// The key out of [`bind`]'s plaintext, if it was bound to the same.
pub(super) fn unbind(plain: &[u8], binding: &[u8]) -> Option<Sensitive<[u8; KEY_BYTES]>> {
    let (key, bound_to) = plain.split_at_checked(KEY_BYTES)?;
    verify_slices_are_equal(bound_to, hash(binding).as_ref()).ok()?;
    key_of(key)
}

fn hash(binding: &[u8]) -> digest::Digest {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(BINDING_DOMAIN);
    hash.update(binding);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_comes_back_for_its_binding_alone(key: [u8; 32], a: Vec<u8>, b: Vec<u8>, flip in 0usize..512) {
            let mut bound = *bind(&Sensitive::new(key), &a).expose();
            let back = unbind(&bound, &a).unwrap();
            prop_assert_eq!(back.expose(), &key);
            prop_assert_eq!(unbind(&bound, &b).is_some(), a == b);
            prop_assert!(unbind(&bound[..63], &a).is_none());
            if flip >= 256 {
                bound[flip / 8] ^= 1 << (flip % 8);
                prop_assert!(unbind(&bound, &a).is_none());
            }
        }
    }
}
