//! The bytes of a wrapped key.
//!
//! ```text
//! "SJKW"  version  length  id of the KEK  body
//! 4       1        2       length         made by the kind of KEK
//! \___________ the head ______________/
//! ```
//!
//! Head and context together are the binding: the body authenticates it, as associated data where the cipher has that, else by
//! a hash inside the plaintext.

use zeroize::Zeroize;

use super::KekError;
use crate::secret::Sensitive;

/// What every wrapped key begins with.
const MAGIC: &[u8; 4] = b"SJKW";
/// Version of the format.
const VERSION: u8 = 1;
const FIXED_BYTES: usize = MAGIC.len() + 1 + 2;
/// Bytes of the keys that are wrapped.
pub(super) const KEY_BYTES: usize = 32;

/// The head of what the KEK `id` wraps. An id is shorter than a reference, so that its length has room in 16 bits.
pub(super) fn head(id: &str) -> Vec<u8> {
    let mut head = Vec::with_capacity(FIXED_BYTES + id.len());
    head.extend_from_slice(MAGIC);
    head.push(VERSION);
    head.extend_from_slice(&(id.len() as u16).to_le_bytes());
    head.extend_from_slice(id.as_bytes());
    head
}

/// Head and context. The head tells its own length: no two pairs give the same bytes.
pub(super) fn binding(id: &str, context: &[u8]) -> Vec<u8> {
    [&head(id), context].concat()
}

/// The body of a wrapped key, if the KEK `id` made it.
pub(super) fn body<'a>(wrapped: &'a [u8], id: &str) -> Result<&'a [u8], KekError> {
    let Some(rest) = wrapped.strip_prefix(MAGIC) else { return Err(KekError::NotWrapped) };
    let [version, low, high, rest @ ..] = rest else { return Err(KekError::NotWrapped) };
    if *version != VERSION {
        return Err(KekError::Version(*version));
    }
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let Some((by, body)) = rest.split_at_checked(length) else { return Err(KekError::NotWrapped) };
    if by != id.as_bytes() {
        return Err(KekError::OtherKey { wrapped: readable(by), given: id.to_string() });
    }
    Ok(body)
}

/// An id out of bytes that may be damaged: what could do something to a terminal is not shown.
fn readable(id: &[u8]) -> String {
    match std::str::from_utf8(id) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => text.to_string(),
        _ => "of an unreadable name".to_string(),
    }
}

/// A key out of exactly its bytes.
pub(super) fn key_of(plain: &[u8]) -> Option<Sensitive<[u8; KEY_BYTES]>> {
    let mut key: [u8; KEY_BYTES] = plain.try_into().ok()?;
    let held = Sensitive::new(key);
    key.zeroize();
    Some(held)
}

/// What must hold for every kind of KEK; each kind's tests call it with an opened one.
#[cfg(test)]
pub(super) fn exercise(kek: &dyn super::Kek, every_bit: bool) {
    let key = Sensitive::new([0xA5; KEY_BYTES]);
    let wrapped = kek.wrap(&key, b"ring 1").unwrap();
    let unwrap = |wrapped: &[u8], context: &[u8]| kek.unwrap_key(wrapped, context);
    assert_eq!(unwrap(&wrapped, b"ring 1").unwrap().expose(), key.expose());
    assert!(!wrapped.windows(8).any(|w| w == [0xA5; 8]), "the key stands in clear");
    let again = kek.rewrap(&wrapped, b"ring 1").unwrap();
    assert_eq!(unwrap(&again, b"ring 1").unwrap().expose(), key.expose());

    let empty = kek.wrap(&key, b"").unwrap();
    assert_eq!(unwrap(&empty, b"").unwrap().expose(), key.expose());
    let damaged = |wrapped: &[u8], context: &[u8], what: &str| {
        let error = unwrap(wrapped, context).unwrap_err();
        assert_eq!(error, KekError::Damaged(kek.id()), "{what}");
    };
    for context in [b"ring 2".as_slice(), b"", b"ring 1\0", b"ring"] {
        damaged(&wrapped, context, "another context");
    }
    let head = head(&kek.id()).len();
    damaged(&[&wrapped[..], b"\0"].concat(), b"ring 1", "longer");
    let body = wrapped.len() - head;
    // A server's answer takes time: there, a few cuts and bits.
    let steps = if every_bit { 1 } else { body / 5 };
    for cut in (head..wrapped.len()).step_by(steps) {
        damaged(&wrapped[..cut], b"ring 1", &format!("cut at {cut} of {}", wrapped.len()));
    }
    for bit in (head * 8..wrapped.len() * 8).step_by(if every_bit { 1 } else { steps * 8 + 1 }) {
        let mut flipped = wrapped.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        damaged(&flipped, b"ring 1", &format!("bit {bit}"));
    }
    // In the head, all of it: nobody is asked.
    for cut in 0..head {
        assert_eq!(unwrap(&wrapped[..cut], b"ring 1").unwrap_err(), KekError::NotWrapped, "cut at {cut}");
    }
    for bit in 0..head * 8 {
        let mut flipped = wrapped.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = unwrap(&flipped, b"ring 1").unwrap_err();
        let fits = match bit / 8 {
            0..4 => error == KekError::NotWrapped,
            4 => matches!(error, KekError::Version(_)),
            5 | 6 => matches!(error, KekError::NotWrapped | KekError::OtherKey { .. }),
            _ => matches!(error, KekError::OtherKey { .. }),
        };
        assert!(fits, "bit {bit}: {error:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_names_its_key() {
        let wrapped = [&head("kek:a")[..], b"body"].concat();
        assert_eq!(body(&wrapped, "kek:a").unwrap(), b"body");
        assert_eq!(
            body(&wrapped, "kek:b").unwrap_err().to_string(),
            "wrapped by the key-encryption key kek:a, but the one given is kek:b; name the one it was wrapped by"
        );
        let odd = [&head("\u{1b}[2J")[..], b"body"].concat();
        assert!(!body(&odd, "kek:b").unwrap_err().to_string().contains('\u{1b}'));
        let mut later = wrapped;
        later[4] = 2;
        assert_eq!(body(&later, "kek:a").unwrap_err(), KekError::Version(2));
    }

    proptest! {
        #[test]
        fn no_bytes_are_read_past_their_end(bytes: Vec<u8>, id in "[a-z:]{0,9}") {
            let _ = body(&bytes, &id);
            let _ = body(&[&MAGIC[..], &[VERSION], &bytes].concat(), &id);
        }
    }
}
