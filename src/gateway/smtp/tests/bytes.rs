//! What reads a peer's bytes, on bytes that are much like what peers send and on any others.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::fuzz;

const WORDS: [&[u8]; 32] = [
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b".",
    b".",
    b"\r\n.\r\n",
    b"DATA\r\n",
    b"DATA\r\n",
    b"MAIL FROM:",
    b"rcpt to:",
    b"<a@x>",
    b"a@x",
    b"<\"b> c\"@x>",
    b"<a BODY=BINARYMIME b>",
    b" ",
    b"\t",
    b" SIZE=12",
    b" SIZE=99999999999999999999",
    b" BODY=8BITMIME",
    b"\tBODY=BINARYMIME",
    b" ENVID=q",
    b" NOTIFY=NEVER",
    b"AUTH XOAUTH2 ",
    b"250",
    b"-",
    b"550 5.7.1 no\r\n",
    b"x",
    b"\0",
    b"\xff",
    &[b'y'; 3_000],
];

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![9 => select(&WORDS[..]).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..20)];
    vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_in_any_pieces(mut lengths in vec(1..40_u8, 1..12), said in texts()) {
        lengths.insert(0, lengths.len() as u8);
        fuzz::session(&[lengths, said].concat());
    }

    #[test]
    fn messages_of_any_bytes(text in texts()) {
        fuzz::message(&text);
    }

    #[test]
    fn replies_of_any_bytes(said in texts()) {
        fuzz::replies(&said);
    }
}

#[test]
fn all_short_inputs() {
    for len in 0..=2_u32 {
        for number in 0..256_usize.pow(len) {
            let bytes: Vec<u8> = (0..len).map(|i| (number >> (8 * i)) as u8).collect();
            fuzz::session(&bytes);
            fuzz::message(&bytes);
            fuzz::replies(&bytes);
        }
    }
}
