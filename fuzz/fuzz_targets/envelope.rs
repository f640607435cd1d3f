//! Opens any bytes as a quarantine envelope, and any plaintext that was sealed with the right key.
//!
//! The envelope is built here a second time, from its description in `src/keys/quarantine.rs`: behind the tag of
//! AES-256-GCM the parser would never be reached otherwise.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scrubjay::Sensitive;
use scrubjay::keys::QuarantineKey;
use scrubjay::record::{Origin, Timestamp};
use scrubjay::sink::Envelopes;

const KEY: [u8; 32] = [7; 32];
const SALT: [u8; 32] = [9; 32];
/// What its bytes are sealed with, key and nonce; and what stands before them.
static SEAL: LazyLock<(LessSafeKey, [u8; 12], Vec<u8>)> = LazyLock::new(|| {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            44
        }
    }
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &SALT).extract(&KEY);
    let mut derived = [0; 44];
    let info = [b"scrubjay quarantine envelope v1".as_slice()];
    extracted.expand(&info, Length).unwrap().fill(&mut derived).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &derived[..32]).unwrap());
    let id = QuarantineKey::new(Sensitive::new(KEY)).id();
    let id = (0..id.len()).step_by(2).map(|i| u8::from_str_radix(&id[i..i + 2], 16).unwrap());
    let head = b"SCRUBJAY-SEALED\x01".iter().copied().chain(id).chain(SALT).collect();
    (key, derived[32..].try_into().unwrap(), head)
});

type Header = (Vec<u8>, Option<Vec<u8>>);

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// A file of a quarantine directory, or one message of a topic.
    File(&'a [u8]),
    /// What is in an envelope.
    Plain(&'a [u8]),
    /// A record there and back.
    Record {
        topic: Option<&'a str>,
        place: (i32, i64, Option<i64>),
        payload: Option<&'a [u8]>,
        key: Option<&'a [u8]>,
        headers: Vec<Header>,
    },
    /// An envelope with a byte changed.
    Damaged { payload: &'a [u8], at: u16, by: u8 },
}

fuzz_target!(|input: Input<'_>| {
    let key = QuarantineKey::new(Sensitive::new(KEY));
    match input {
        Input::File(bytes) => {
            assert!(key.open(bytes).is_err(), "the tag was guessed");
            // It ends, whatever is in it.
            Envelopes::new(bytes).for_each(|envelope| drop(envelope.map(|e| key.open(&e).is_err())));
        }
        Input::Plain(plain) => {
            let (seal, nonce, head) = &*SEAL;
            let mut body = plain.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            seal.seal_in_place_append_tag(nonce, Aad::from(head), &mut body).unwrap();
            let Ok(record) = key.open(&[head.as_slice(), &body].concat()) else { return };
            let _ = (format!("{record:?}"), record.origin(), record.reason(), record.payload(), record.key());
            assert_eq!(record.headers().count(), record.headers().len());
        }
        Input::Record { topic, place: (partition, offset, time_ms), payload, key: record_key, headers } => {
            let origin = topic.map_or(Origin::Line(offset as u64), |topic| Origin::Kafka {
                topic: topic.into(),
                partition,
                offset,
                timestamp: time_ms.map_or(Timestamp::None, Timestamp::Create),
            });
            let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_slice(), v.as_deref())).collect();
            let envelope = key.seal(&origin, "fuzzed", payload, record_key, &headers).unwrap();
            let record = key.open(&envelope).expect("its own envelope");
            assert_eq!((record.origin(), record.reason()), (&origin, "fuzzed"));
            assert_eq!((record.payload(), record.key()), (payload, record_key));
            assert!(record.headers().eq(headers));
        }
        Input::Damaged { payload, at, by } => {
            let mut envelope = key.seal(&Origin::Line(1), "fuzzed", Some(payload), None, &[]).unwrap();
            let at = usize::from(at) % envelope.len();
            envelope[at] ^= by.max(1);
            assert!(key.open(&envelope).is_err(), "changed at {at}, and it opens");
        }
    }
});
