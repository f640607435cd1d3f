//! AES-256-GCM envelopes for records that could not be scrubbed.
//!
//! An envelope is
//!
//! ```text
//! SCRUBJAY-SEALED  version  key id  salt      ciphertext  tag
//! 15 bytes         1        8       32 bytes  as long as  16
//! \____________________________________/      the plaintext
//!            authenticated too
//! ```
//!
//! Every envelope has a key and a nonce of its own: HKDF-SHA256 (RFC 5869) expands the quarantine key and the
//! envelope's random salt to 32 + 12 bytes. No AES key is ever used twice, so that the limit of 2^32 random nonces
//! a key (NIST SP 800-38D, 8.3) does not bind, whatever number of processes share the quarantine key and for however
//! long. The key id is a hash of the quarantine key: a wrong key is told from a damaged envelope.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, hkdf, rand};
use zeroize::Zeroize;

use super::encoding::hex;
use super::reference::{KeyError, SecretRef};
use crate::record::{Origin, Timestamp};
use crate::secret::Sensitive;

/// What every envelope begins with.
pub(crate) const MAGIC: &[u8; 15] = b"SCRUBJAY-SEALED";
/// Version of the envelope and of the plaintext in it.
const VERSION: u8 = 1;
const ID_BYTES: usize = 8;
const SALT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const ID_AT: usize = MAGIC.len() + 1;
const SALT_AT: usize = ID_AT + ID_BYTES;
const HEADER_BYTES: usize = SALT_AT + SALT_BYTES;
/// Keep what is derived from the quarantine key for one purpose apart from any other.
const ID_DOMAIN: &[u8] = b"scrubjay quarantine key id v1\0";
const KEY_DOMAIN: &[u8] = b"scrubjay quarantine envelope v1";

/// The key of a quarantine: seals records, and opens them again.
pub struct QuarantineKey {
    key: Sensitive<[u8; 32]>,
    id: [u8; ID_BYTES],
}

/// A record as it came, taken out of its envelope: all of it may be PHI. Its memory is wiped when it goes.
pub struct SealedRecord {
    origin: Origin,
    plain: Sensitive<Vec<u8>>,
    reason: Range<usize>,
    payload: Option<Range<usize>>,
    key: Option<Range<usize>>,
    headers: Vec<(Range<usize>, Option<Range<usize>>)>,
}

/// Why a record could not be sealed: the system gave no random bytes. The record must not be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record could not be sealed: the system's random number generator failed")]
pub struct SealError;

/// Why an envelope does not open. It shows nothing of what is inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It does not begin as an envelope does, or ends before its tag.
    #[error("not a sealed record, or cut short")]
    NotSealed,
    /// Made by a later version of this program.
    #[error("sealed in version {0} of the format, which this scrubjay does not read; use a newer one")]
    Version(u8),
    /// The key is not the one it was sealed with.
    #[error("sealed with the key {sealed}, but the key given is {given}")]
    OtherKey {
        /// Id of the key it was sealed with.
        sealed: String,
        /// Id of the key given.
        given: String,
    },
    /// The tag does not match: bytes were changed or are missing.
    #[error("damaged or altered: it does not open, although the key is the right one")]
    Damaged,
}

/// A record's headers: names and values.
pub type HeaderSlices<'a> = [(&'a [u8], Option<&'a [u8]>)];

impl QuarantineKey {
    /// Reads the key behind a reference; see [`SecretRef::read_key`].
    pub fn load(reference: &SecretRef) -> Result<QuarantineKey, KeyError> {
        Ok(QuarantineKey::new(reference.read_key()?))
    }

    /// A key of 32 random bytes.
    pub fn new(key: Sensitive<[u8; 32]>) -> QuarantineKey {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(ID_DOMAIN);
        hash.update(key.expose());
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&hash.finish().as_ref()[..ID_BYTES]);
        QuarantineKey { key, id }
    }

    /// Which key this is, in hexadecimal: a hash of it, which does not help to find it.
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    /// Encrypts a whole record, with its origin and the reason (a fixed phrase, never text of the record).
    pub fn seal(
        &self,
        origin: &Origin,
        reason: &'static str,
        payload: Option<&[u8]>,
        key: Option<&[u8]>,
        headers: &HeaderSlices<'_>,
    ) -> Result<Vec<u8>, SealError> {
        let mut out = Vec::with_capacity(room(origin, reason, payload, key, headers));
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.id);
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| SealError)?;
        out.extend_from_slice(&salt);
        write_plain(&mut out, origin, reason, payload, key, headers);
        let (head, body) = out.split_at_mut(HEADER_BYTES);
        let sealed = self
            .envelope_key(&salt)
            .and_then(|(key, nonce)| key.seal_in_place_separate_tag(nonce, Aad::from(&*head), body));
        match sealed {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            Err(Unspecified) => {
                out.zeroize();
                return Err(SealError);
            }
        }
        Ok(out)
    }

    /// Opens an envelope.
    pub fn open(&self, envelope: &[u8]) -> Result<SealedRecord, OpenError> {
        if !envelope.starts_with(MAGIC) || envelope.len() < HEADER_BYTES + TAG_BYTES {
            return Err(OpenError::NotSealed);
        }
        let (head, body) = envelope.split_at(HEADER_BYTES);
        if head[MAGIC.len()] != VERSION {
            return Err(OpenError::Version(head[MAGIC.len()]));
        }
        if head[ID_AT..SALT_AT] != self.id {
            return Err(OpenError::OtherKey { sealed: hex(&head[ID_AT..SALT_AT]), given: self.id() });
        }
        let mut plain = body.to_vec();
        let opened = self
            .envelope_key(&head[SALT_AT..])
            .and_then(|(key, nonce)| key.open_in_place(nonce, Aad::from(head), &mut plain).map(|p| p.len()));
        plain.truncate(opened.as_ref().map_or(0, |len| *len));
        let plain = Sensitive::new(plain);
        opened.ok().and_then(|_| SealedRecord::parse(plain)).ok_or(OpenError::Damaged)
    }

    fn envelope_key(&self, salt: &[u8]) -> Result<(LessSafeKey, Nonce), Unspecified> {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                32 + NONCE_LEN
            }
        }
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(self.key.expose());
        let mut derived = [0; 32 + NONCE_LEN];
        extracted.expand(&[KEY_DOMAIN], Length)?.fill(&mut derived)?;
        let key = UnboundKey::new(&AES_256_GCM, &derived[..32]).map(LessSafeKey::new);
        let nonce = Nonce::try_assume_unique_for_key(&derived[32..]);
        derived.zeroize();
        Ok((key?, nonce?))
    }
}

impl fmt::Debug for QuarantineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuarantineKey({})", self.id())
    }
}

/// At least the bytes of the envelope: a vector that grows would leave copies of the record behind.
fn room(
    origin: &Origin,
    reason: &str,
    payload: Option<&[u8]>,
    key: Option<&[u8]>,
    headers: &HeaderSlices<'_>,
) -> usize {
    let topic = if let Origin::Kafka { topic, .. } = origin { topic.len() } else { 0 };
    let headers: usize = headers.iter().map(|(n, v)| 9 + n.len() + v.map_or(0, <[u8]>::len)).sum();
    let parts = payload.map_or(0, <[u8]>::len) + key.map_or(0, <[u8]>::len) + topic + reason.len();
    HEADER_BYTES + 64 + parts + headers + TAG_BYTES
}

/// Lengths are 32 bits, as a [`crate::Span`]'s are; numbers are little-endian.
fn write_plain(
    out: &mut Vec<u8>,
    origin: &Origin,
    reason: &str,
    payload: Option<&[u8]>,
    key: Option<&[u8]>,
    headers: &HeaderSlices<'_>,
) {
    fn bytes(out: &mut Vec<u8>, b: &[u8]) {
        out.extend_from_slice(&(b.len() as u32).to_le_bytes());
        out.extend_from_slice(b);
    }
    fn optional(out: &mut Vec<u8>, b: Option<&[u8]>) {
        out.push(u8::from(b.is_some()));
        if let Some(b) = b {
            bytes(out, b);
        }
    }
    match origin {
        Origin::Line(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Origin::Kafka { topic, partition, offset, timestamp } => {
            out.push(1);
            bytes(out, topic.as_bytes());
            out.extend_from_slice(&partition.to_le_bytes());
            out.extend_from_slice(&offset.to_le_bytes());
            let (tag, ms) = match *timestamp {
                Timestamp::None => (0, 0),
                Timestamp::Create(ms) => (1, ms),
                Timestamp::Append(ms) => (2, ms),
            };
            out.push(tag);
            out.extend_from_slice(&ms.to_le_bytes());
        }
    }
    bytes(out, reason.as_bytes());
    optional(out, payload);
    optional(out, key);
    out.extend_from_slice(&(headers.len() as u32).to_le_bytes());
    for (name, value) in headers {
        bytes(out, name);
        optional(out, *value);
    }
}

/// Reads what [`write_plain`] wrote, as ranges; `None` where it could not have written it.
struct Reader<'a> {
    plain: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.plain.len())?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let range = self.take(N)?;
        self.plain[range].try_into().ok()
    }

    fn bytes(&mut self) -> Option<Range<usize>> {
        let len = u32::from_le_bytes(self.array()?);
        self.take(len as usize)
    }

    fn optional(&mut self) -> Option<Option<Range<usize>>> {
        match self.array()? {
            [0] => Some(None),
            [1] => self.bytes().map(Some),
            _ => None,
        }
    }

    fn origin(&mut self) -> Option<Origin> {
        match self.array()? {
            [0] => Some(Origin::Line(u64::from_le_bytes(self.array()?))),
            [1] => {
                let topic = self.bytes()?;
                let topic: Arc<str> = std::str::from_utf8(&self.plain[topic]).ok()?.into();
                let partition = i32::from_le_bytes(self.array()?);
                let offset = i64::from_le_bytes(self.array()?);
                let tag = self.array()?;
                let ms = i64::from_le_bytes(self.array()?);
                let timestamp = match tag {
                    [0] if ms == 0 => Timestamp::None,
                    [1] => Timestamp::Create(ms),
                    [2] => Timestamp::Append(ms),
                    _ => return None,
                };
                Some(Origin::Kafka { topic, partition, offset, timestamp })
            }
            _ => None,
        }
    }
}

impl SealedRecord {
    fn parse(plain: Sensitive<Vec<u8>>) -> Option<SealedRecord> {
        let mut reader = Reader { plain: plain.expose(), at: 0 };
        let origin = reader.origin()?;
        let reason = reader.bytes()?;
        std::str::from_utf8(&reader.plain[reason.clone()]).ok()?;
        let payload = reader.optional()?;
        let key = reader.optional()?;
        let count = u32::from_le_bytes(reader.array()?);
        let mut headers = Vec::new();
        for _ in 0..count {
            headers.push((reader.bytes()?, reader.optional()?));
        }
        if reader.at != reader.plain.len() {
            return None;
        }
        Some(SealedRecord { origin, plain, reason, payload, key, headers })
    }

    /// Where it came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Why it was sealed: a fixed phrase.
    pub fn reason(&self) -> &str {
        std::str::from_utf8(self.slice(&self.reason)).unwrap_or_default()
    }

    /// The payload as it came; `None` is a Kafka null.
    pub fn payload(&self) -> Option<&[u8]> {
        self.payload.as_ref().map(|r| self.slice(r))
    }

    /// The Kafka key as it came; `None` is null.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_ref().map(|r| self.slice(r))
    }

    /// The Kafka headers as they came, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        self.headers.iter().map(|(name, value)| (self.slice(name), value.as_ref().map(|v| self.slice(v))))
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        &self.plain.expose()[range.clone()]
    }
}

impl fmt::Debug for SealedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedRecord({}, {})", self.origin, self.reason())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(fill: u8) -> QuarantineKey {
        QuarantineKey::new(Sensitive::new([fill; 32]))
    }

    const REASON: &str = "nested too deep";

    fn sample() -> Vec<u8> {
        let headers: &HeaderSlices<'_> = &[(b"trace", Some(b"t1")), (b"", None), (b"trace", Some(b""))];
        key(7).seal(&Origin::Line(3), REASON, Some(b"MRN 12345678"), None, headers).unwrap()
    }

    #[test]
    fn opens_what_it_sealed() {
        let record = key(7).open(&sample()).unwrap();
        assert_eq!(record.origin(), &Origin::Line(3));
        assert_eq!(record.reason(), REASON);
        assert_eq!(record.payload(), Some(b"MRN 12345678".as_slice()));
        assert_eq!(record.key(), None);
        let headers: Vec<_> = record.headers().collect();
        assert_eq!(headers, [(&b"trace"[..], Some(&b"t1"[..])), (b"", None), (b"trace", Some(b""))]);
        assert_eq!(format!("{record:?}"), "SealedRecord(record 3, nested too deep)");
    }

    #[test]
    fn a_wrong_key_is_told_from_damage() {
        let error = key(8).open(&sample()).unwrap_err();
        assert_eq!(error, OpenError::OtherKey { sealed: key(7).id(), given: key(8).id() });
        assert_eq!(key(7).open(b"hello").unwrap_err(), OpenError::NotSealed);
        let mut later = sample();
        later[MAGIC.len()] = 2;
        assert_eq!(key(7).open(&later).unwrap_err(), OpenError::Version(2));
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_is_refused() {
        let (key, envelope) = (key(7), sample());
        for len in 0..envelope.len() {
            assert!(key.open(&envelope[..len]).is_err(), "{len} bytes");
        }
        assert!(key.open(&[&envelope[..], b"\0"].concat()).is_err(), "one byte more");
        for bit in 0..envelope.len() * 8 {
            let mut altered = envelope.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&altered).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn equal_records_give_different_envelopes() {
        let (a, b) = (sample(), sample());
        assert_ne!(a[SALT_AT..HEADER_BYTES], b[SALT_AT..HEADER_BYTES]);
        assert_ne!(a[HEADER_BYTES..], b[HEADER_BYTES..]);
    }

    #[test]
    fn envelope_holds_no_text_and_the_key_no_bytes_in_debug() {
        let envelope = sample();
        assert!(!envelope.windows(4).any(|w| w == b"1234" || w == b"nest"));
        assert_eq!(format!("{:?}", key(7)), format!("QuarantineKey({})", key(7).id()));
        assert_eq!(key(7).id().len(), 16);
    }

    fn origins() -> impl Strategy<Value = Origin> {
        let timestamp = prop_oneof![
            Just(Timestamp::None),
            any::<i64>().prop_map(Timestamp::Create),
            any::<i64>().prop_map(Timestamp::Append)
        ];
        prop_oneof![
            any::<u64>().prop_map(Origin::Line),
            (".{0,20}", any::<i32>(), any::<i64>(), timestamp).prop_map(
                |(t, partition, offset, timestamp)| {
                    Origin::Kafka { topic: t.into(), partition, offset, timestamp }
                }
            )
        ]
    }

    type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

    proptest! {
        #[test]
        fn round_trips(
            origin in origins(), payload: Option<Vec<u8>>, record_key: Option<Vec<u8>>, headers: Headers
        ) {
            let slices: Vec<_> = headers.iter().map(|(n, v)| (&n[..], v.as_deref())).collect();
            let room = room(&origin, REASON, payload.as_deref(), record_key.as_deref(), &slices);
            let envelope =
                key(1).seal(&origin, REASON, payload.as_deref(), record_key.as_deref(), &slices).unwrap();
            prop_assert!(envelope.len() <= room, "grew: {} of {room}", envelope.len());
            let record = key(1).open(&envelope).unwrap();
            prop_assert_eq!(record.origin(), &origin);
            prop_assert_eq!(record.reason(), REASON);
            prop_assert_eq!(record.payload(), payload.as_deref());
            prop_assert_eq!(record.key(), record_key.as_deref());
            prop_assert_eq!(record.headers().collect::<Vec<_>>(), slices);
        }

        #[test]
        fn open_takes_any_bytes(mut bytes: Vec<u8>, head in 0..=HEADER_BYTES) {
            // Half of the cases get past the first checks.
            let begin = sample();
            bytes.splice(..0, begin[..head].iter().copied());
            prop_assert!(key(7).open(&bytes).is_err());
        }

        #[test]
        fn parse_takes_any_bytes(bytes: Vec<u8>) {
            // What has the right key may still be written by a faulty program.
            if let Some(record) = SealedRecord::parse(Sensitive::new(bytes.clone())) {
                let mut again = Vec::new();
                let headers: Vec<_> = record.headers().collect();
                write_plain(&mut again, record.origin(), record.reason(), record.payload(), record.key(), &headers);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
