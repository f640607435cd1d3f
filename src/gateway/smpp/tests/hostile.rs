//! Octets that nobody meant as a PDU.

use proptest::prelude::*;

use super::*;

struct Same;

impl TextJudge for Same {
    fn judge_text(&self, _: &str, text: &str, fits: &dyn Fn(&str) -> bool) -> TextVerdict {
        let _ = fits(&text.to_uppercase());
        TextVerdict::Unchanged
    }
}

struct Other;

impl TextJudge for Other {
    fn judge_text(&self, _: &str, text: &str, fits: &dyn Fn(&str) -> bool) -> TextVerdict {
        let markers = ["<a number was removed>", "[X]", "█", ""].map(|marker| text.to_owned() + marker);
        TextVerdict::Replace(markers.into_iter().find(|t| fits(t)).unwrap_or_default())
    }
}

fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let ids = prop::sample::select(vec![4_u32, 5, 7, 0x21, 0x103, 0x111]);
    let header =
        prop::sample::select(vec![&b""[..], b"\x05\0\x03\x01\x02\x01", b"\x03\x24\x01\x01", b"\x09"]);
    let tags = prop::sample::select(vec![0x424_u16, 0x303, 0x1400, 0x20c, 0x20e, 0x20f, 0x1d, 0x20a]);
    let tlvs = prop::collection::vec((tags, prop::collection::vec(any::<u8>(), 0..20)), 0..4);
    let text = prop::collection::vec(0..0x80_u8, 0..200);
    let flips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (ids, any::<u8>(), any::<u8>(), header, text, tlvs, flips).prop_map(
        |(id, esm_class, data_coding, header, text, tlvs, flips)| {
            let tlvs: Vec<(u16, &[u8])> = tlvs.iter().map(|(tag, value)| (*tag, &value[..])).collect();
            let mut pdu = submit(7, esm_class & 0x40, data_coding, &[header, &text[..]].concat(), &tlvs);
            pdu[4..8].copy_from_slice(&id.to_be_bytes());
            for (at, octet) in flips {
                let at = at.index(pdu.len());
                if at >= 16 {
                    pdu[at] = octet;
                }
            }
            pdu
        },
    )
}

proptest! {
    #[test]
    fn unchanged_is_the_same(pdu in mangled()) {
        let default_alphabet = DefaultAlphabet::Gsm7Packed;
        for rules in [Rules::default(), Rules { default_alphabet, binary: Binary::Allow, trusted_tlvs: Vec::new() }] {
            if let Some(same) = edited(vec![pdu.clone()], &rules, &Same) {
                prop_assert_eq!(&same, std::slice::from_ref(&pdu));
            }
            // What was changed has the same shape, and can be judged again.
            if let Some(other) = edited(vec![pdu.clone()], &rules, &Other) {
                prop_assert!(edited(other, &rules, &Same).is_some());
            }
        }
    }

    #[test]
    fn any_octets(mut octets in prop::collection::vec(any::<u8>(), 16..300), id in prop::sample::select(vec![4_u32, 7, 0x21, 0x103, 0x111])) {
        pdu::set_length(&mut octets);
        octets[4..8].copy_from_slice(&id.to_be_bytes());
        let _ = edited(vec![octets.clone(), octets], &Rules::default(), &Other);
    }

    #[test]
    fn segments_hold_what_they_held(texts in prop::collection::vec("[a-z\\[ é€]{1,70}", 2..5)) {
        let total = texts.len() as u8;
        let pdus: Vec<Vec<u8>> = (1..).zip(&texts).map(|(number, text)| {
            let units = alphabet::Alphabet::Gsm7.write(text, false).unwrap().units;
            submit(number.into(), 0x40, 0, &[&[5, 0, 3, 7, total, number], &units[..]].concat(), &[])
        }).collect();
        let other = edited(pdus, &Rules::default(), &Other).unwrap();
        let mut joined = Vec::new();
        for (number, pdu) in (1..).zip(&other) {
            let text = text(pdu);
            prop_assert_eq!(&text[..6], &[5, 0, 3, 7, total, number]);
            prop_assert!(text.len() <= 6 + 153);
            // No character is divided.
            prop_assert!(!text.ends_with(b"\x1b"));
            joined.extend_from_slice(&text[6..]);
        }
        let read = gsm7::decode(&joined).unwrap();
        prop_assert!(read.starts_with(&texts.concat()) || read.is_empty());
    }
}
