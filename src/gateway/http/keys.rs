//! Who may ask: API keys.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use crate::secret::Sensitive;

/// The keys that are good, as digests: comparing them tells neither how long a key is nor how far a guess is right.
pub(super) struct Keys {
    header: HeaderName,
    digests: Vec<[u8; 32]>,
}

impl Keys {
    pub(super) fn new(keys: &[Sensitive<Vec<u8>>], header: HeaderName) -> Keys {
        Keys { header, digests: keys.iter().map(|key| digest(key.expose())).collect() }
    }

    /// Takes the key out of `headers`, and says whether its owner may ask.
    pub(super) fn admit(&self, headers: &mut HeaderMap) -> bool {
        if self.digests.is_empty() {
            return true;
        }
        let http::header::Entry::Occupied(given) = headers.entry(&self.header) else { return false };
        let (_, mut values) = given.remove_entry_mult();
        // Two keys may be read as either by somebody else; one who has a key sends it once.
        let (Some(given), None) = (values.next(), values.next()) else { return false };
        let given = digest(given.as_bytes());
        // All are looked at, whichever it is.
        self.digests.iter().fold(false, |good, key| good | verify_slices_are_equal(key, &given).is_ok())
    }
}

fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn who_may_ask() {
        let keys: Vec<_> = [b"one".to_vec(), b"two".to_vec()].map(Sensitive::new).into();
        let name = HeaderName::from_static("x-api-key");
        let keys = Keys::new(&keys, name.clone());
        for (given, good) in [
            (&["one"][..], true),
            (&["two"], true),
            (&["three"], false),
            (&["on"], false),
            (&["one "], false),
            (&[""], false),
            (&["one", "two"], false),
            (&["one", "one"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static("*/*"));
            for key in given {
                headers.append(&name, HeaderValue::from_str(key).unwrap());
            }
            assert_eq!(keys.admit(&mut headers), good, "{given:?}");
            assert_eq!(headers.len(), 1, "{given:?}");
        }
        assert!(Keys::new(&[], name).admit(&mut HeaderMap::new()));
    }
}
