//! Reads any bytes as a PDU of SMPP, alone and as two segments, with a judge that replaces every text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scrubjay::gateway::judge::{TextJudge, TextVerdict};
use scrubjay::gateway::smpp::{Binary, DefaultAlphabet, Rules, edited};

struct Shortens;

impl TextJudge for Shortens {
    fn judge_text(&self, _: &str, text: &str, fits: &dyn Fn(&str) -> bool) -> TextVerdict {
        assert!(fits("") || !fits(text), "none fits where a text does");
        TextVerdict::Replace("(NAME)".chars().take(text.chars().count()).collect())
    }
}

struct Passes;

impl TextJudge for Passes {
    fn judge_text(&self, _: &str, _: &str, _: &dyn Fn(&str) -> bool) -> TextVerdict {
        TextVerdict::Unchanged
    }
}

/// The bytes with a length in front that fits.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let mut pdu = bytes.to_vec();
    if pdu.len() >= 4 {
        let len = (pdu.len() as u32).to_be_bytes();
        pdu[..4].copy_from_slice(&len);
    }
    pdu
}

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else { return };
    let rules = Rules {
        default_alphabet: match how & 3 {
            0 => DefaultAlphabet::Gsm7,
            1 => DefaultAlphabet::Gsm7Packed,
            2 => DefaultAlphabet::Latin1,
            _ => DefaultAlphabet::Ascii,
        },
        binary: if how & 4 == 0 { Binary::Refuse } else { Binary::Allow },
        trusted_tlvs: Vec::new(),
    };
    let pdus = match how & 8 {
        0 => vec![framed(rest)],
        _ => {
            let (one, two) = rest.split_at(rest.len() / 2);
            vec![framed(one), framed(two)]
        }
    };
    if let Some(passed) = edited(pdus.clone(), &rules, &Passes) {
        assert_eq!(passed, pdus, "no edit, no change");
    }
    if let Some(out) = edited(pdus, &rules, &Shortens) {
        for pdu in &out {
            assert_eq!(u32::from_be_bytes([pdu[0], pdu[1], pdu[2], pdu[3]]) as usize, pdu.len());
        }
        assert!(edited(out, &rules, &Passes).is_some(), "what goes out can be read");
    }
});
