//! Which alphabet a text is in (SMPP 3.4, 5.2.19; 3GPP TS 23.038, 4), how it is read and written in it, and how much of it
//! goes into a segment.

use encoding_rs::{EUC_KR, Encoding, ISO_8859_5, ISO_8859_8};

use super::gsm7;
use super::{Binary, DefaultAlphabet};

/// Octets of user data in a segment on GSM networks, headers included (3GPP TS 23.040, 9.2.3.16).
const SEGMENT: usize = 140;
/// Octets of a header that says nothing but which segment of which message this is, with a reference of 8 bits
/// (3GPP TS 23.040, 9.2.3.24.1).
const CONCATENATION: usize = 6;

/// An alphabet that this proxy can read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// GSM 7 bit, a septet to an octet.
    Gsm7,
    /// GSM 7 bit, packed.
    Gsm7Packed,
    /// ASCII.
    Ascii,
    /// ISO 8859-1.
    Latin1,
    /// UTF-16BE, of which UCS-2 is all but the surrogates.
    Ucs2,
    /// Another one.
    Charset(&'static Encoding),
    /// Octets. Where all are printable ASCII, they are text.
    Binary,
}

/// What an alphabet makes of octets.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Reading {
    /// Text.
    Text(String),
    /// Binary data, which the configuration lets pass.
    Opaque,
    /// Nothing.
    Unreadable,
}

/// A text in an alphabet. Its units are what its length is counted in: septets, or octets.
pub(super) struct Encoded {
    /// The units of all characters.
    pub(super) units: Vec<u8>,
    /// How many units each character has; a segment ends between two characters.
    pub(super) lengths: Vec<u8>,
}

impl Alphabet {
    /// What `data_coding` announces; `None` where this is reserved, compressed, or not known here.
    pub(super) fn of(data_coding: u8, default: DefaultAlphabet) -> Option<Alphabet> {
        let default = match default {
            DefaultAlphabet::Gsm7 => Alphabet::Gsm7,
            DefaultAlphabet::Gsm7Packed => Alphabet::Gsm7Packed,
            DefaultAlphabet::Latin1 => Alphabet::Latin1,
            DefaultAlphabet::Ascii => Alphabet::Ascii,
        };
        Some(match data_coding {
            0x00 => default,
            0x01 => Alphabet::Ascii,
            0x02 | 0x04 => Alphabet::Binary,
            0x03 => Alphabet::Latin1,
            0x06 => Alphabet::Charset(ISO_8859_5),
            0x07 => Alphabet::Charset(ISO_8859_8),
            0x08 => Alphabet::Ucs2,
            0x0e => Alphabet::Charset(EUC_KR),
            // Reserved in SMPP, but sent for what they are in GSM: a message class, and the alphabet in bits 3 and 2.
            0x10..=0x13 => default,
            0x14..=0x17 => Alphabet::Binary,
            0x18..=0x1b => Alphabet::Ucs2,
            // Message waiting (bits 7 to 5 are 110), message class (1111).
            0xc0..=0xdf | 0xf0..=0xf3 => default,
            0xf4..=0xf7 => Alphabet::Binary,
            _ => return None,
        })
    }

    /// What the units say.
    pub(super) fn read(self, units: &[u8], binary: Binary) -> Reading {
        let printable = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        let text = match self {
            Alphabet::Gsm7 | Alphabet::Gsm7Packed => gsm7::decode(units),
            Alphabet::Ascii => units.is_ascii().then(|| latin1(units)),
            Alphabet::Latin1 => Some(latin1(units)),
            Alphabet::Ucs2 => ucs2(units),
            Alphabet::Charset(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(units)
                .map(|text| text.into_owned()),
            Alphabet::Binary if units.iter().all(printable) => Some(latin1(units)),
            Alphabet::Binary if binary == Binary::Allow => return Reading::Opaque,
            Alphabet::Binary => None,
        };
        text.map_or(Reading::Unreadable, Reading::Text)
    }

    /// Writes a text. A character that the alphabet lacks becomes `?` where `lossy`; else there is no result.
    pub(super) fn write(self, text: &str, lossy: bool) -> Option<Encoded> {
        let mut encoded =
            Encoded { units: Vec::with_capacity(text.len()), lengths: Vec::with_capacity(text.len()) };
        for c in text.chars() {
            let before = encoded.units.len();
            let written = self.write_char(c, &mut encoded.units);
            if !(written || lossy && self.write_char('?', &mut encoded.units)) {
                return None;
            }
            encoded.lengths.push(u8::try_from(encoded.units.len() - before).ok()?);
        }
        Some(encoded)
    }

    fn write_char(self, c: char, units: &mut Vec<u8>) -> bool {
        match self {
            Alphabet::Gsm7 | Alphabet::Gsm7Packed => match gsm7::encode(c) {
                Some((first, second)) => units.extend([first].into_iter().chain(second)),
                None => return false,
            },
            Alphabet::Ascii | Alphabet::Binary if c.is_ascii() => units.push(c as u8),
            Alphabet::Ascii | Alphabet::Binary => return false,
            Alphabet::Latin1 => match u8::try_from(c) {
                Ok(octet) => units.push(octet),
                Err(_) => return false,
            },
            Alphabet::Ucs2 => {
                units.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
            }
            Alphabet::Charset(encoding) => {
                let mut utf8 = [0; 4];
                let (octets, _, unmappable) = encoding.encode(c.encode_utf8(&mut utf8));
                if unmappable {
                    return false;
                }
                units.extend_from_slice(&octets);
            }
        }
        true
    }

    /// Units that fit into a segment behind a header of `header` octets.
    pub(super) fn capacity(self, header: usize) -> usize {
        let octets = SEGMENT.saturating_sub(header);
        match self {
            Alphabet::Gsm7 | Alphabet::Gsm7Packed => gsm7::room(header, octets),
            Alphabet::Ucs2 => octets & !1,
            _ => octets,
        }
    }

    /// Units that `octets` of a field hold behind a header of `header` octets.
    pub(super) fn room(self, header: usize, octets: usize) -> usize {
        match self {
            Alphabet::Gsm7Packed => gsm7::room(header, octets),
            Alphabet::Ucs2 => octets & !1,
            _ => octets,
        }
    }

    /// Whether `new` takes no more segments than `old`, however the SMSC sends it on: a text in ASCII or ISO 8859-1 it
    /// may turn into GSM 7 bit, or send in octets; one in another 8-bit alphabet becomes UCS-2.
    pub(super) fn costs_no_more(self, header: usize, old: &str, new: &str) -> bool {
        let no_more = |alphabet: Alphabet| {
            let segments =
                |text| alphabet.write(text, true).map(|e| alphabet.segments(header, e.units.len()));
            segments(new) <= segments(old)
        };
        let as_gsm7 = || match (gsm7::length(old), gsm7::length(new)) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(_)) => no_more(Alphabet::Gsm7),
        };
        no_more(self)
            && match self {
                Alphabet::Ascii | Alphabet::Latin1 => as_gsm7(),
                Alphabet::Charset(_) => no_more(Alphabet::Ucs2),
                _ => true,
            }
    }

    fn segments(self, header: usize, units: usize) -> usize {
        if units <= self.capacity(header) {
            return 1;
        }
        // A header of its own, or one more element in the one that is there.
        let header = if header == 0 { CONCATENATION } else { header + CONCATENATION - 1 };
        units.div_ceil(self.capacity(header).max(1))
    }
}

fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// A surrogate without its other half hides nothing: it is shown as U+FFFD. The other byte order would.
fn ucs2(octets: &[u8]) -> Option<String> {
    if !octets.len().is_multiple_of(2) || octets.starts_with(&[0xff, 0xfe]) {
        return None;
    }
    let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_codings() {
        for (codings, alphabet) in [
            (vec![0, 0x10, 0x13, 0xc0, 0xc8, 0xd0, 0xdf, 0xf0, 0xf3], Some(Alphabet::Gsm7)),
            (vec![1], Some(Alphabet::Ascii)),
            (vec![2, 4, 0x15, 0xf4, 0xf7], Some(Alphabet::Binary)),
            (vec![3], Some(Alphabet::Latin1)),
            (vec![6], Some(Alphabet::Charset(ISO_8859_5))),
            (vec![7], Some(Alphabet::Charset(ISO_8859_8))),
            (vec![8, 0x18, 0x1b], Some(Alphabet::Ucs2)),
            (vec![14], Some(Alphabet::Charset(EUC_KR))),
            (
                vec![5, 9, 10, 11, 12, 13, 15, 0x1c, 0x20, 0x38, 0x40, 0x80, 0xbf, 0xe0, 0xef, 0xf8, 0xff],
                None,
            ),
        ] {
            for coding in codings {
                assert_eq!(Alphabet::of(coding, DefaultAlphabet::Gsm7), alphabet, "{coding:#x}");
            }
        }
        for coding in [0, 0x10, 0xc0, 0xf0] {
            assert_eq!(Alphabet::of(coding, DefaultAlphabet::Latin1), Some(Alphabet::Latin1));
            assert_eq!(Alphabet::of(coding, DefaultAlphabet::Ascii), Some(Alphabet::Ascii));
            assert_eq!(Alphabet::of(coding, DefaultAlphabet::Gsm7Packed), Some(Alphabet::Gsm7Packed));
        }
    }

    #[test]
    fn read_and_written() {
        for (alphabet, octets, text) in [
            (Alphabet::Gsm7, &b"a\x00\x1b\x65"[..], "a@€"),
            (Alphabet::Ascii, b"a@", "a@"),
            (Alphabet::Latin1, b"\xe9\x80", "é\u{80}"),
            (Alphabet::Ucs2, b"\x04\x16\xd8\x3d\xde\x00", "Ж😀"),
            (Alphabet::Charset(ISO_8859_5), b"\xb6 1", "Ж 1"),
            (Alphabet::Charset(ISO_8859_8), b"\xe0", "א"),
            (Alphabet::Charset(EUC_KR), b"\xb0\xa1", "가"),
            (Alphabet::Binary, b"plain\r\n", "plain\r\n"),
        ] {
            assert_eq!(alphabet.read(octets, Binary::Refuse), Reading::Text(text.to_owned()), "{alphabet:?}");
            let written = alphabet.write(text, false).unwrap();
            assert_eq!(written.units, octets);
            assert_eq!(written.lengths.iter().map(|l| usize::from(*l)).sum::<usize>(), octets.len());
        }
        for (alphabet, octets) in [
            (Alphabet::Gsm7, &b"\x80"[..]),
            (Alphabet::Ascii, b"\xe9"),
            (Alphabet::Ucs2, b"abc"),
            (Alphabet::Ucs2, b"\xff\xfea\0"),
            (Alphabet::Charset(EUC_KR), b"\xb0"),
            (Alphabet::Charset(ISO_8859_8), b"\xbf"),
            (Alphabet::Binary, b"\0abc"),
        ] {
            assert_eq!(alphabet.read(octets, Binary::Refuse), Reading::Unreadable, "{alphabet:?}");
        }
        assert_eq!(Alphabet::Binary.read(b"\0", Binary::Allow), Reading::Opaque);
        assert_eq!(Alphabet::Binary.read(b"abc", Binary::Allow), Reading::Text("abc".to_owned()));
        assert_eq!(
            Alphabet::Ucs2.read(b"\xd8\x3d\0a", Binary::Refuse),
            Reading::Text("\u{fffd}a".to_owned())
        );
        assert!(Alphabet::Gsm7.write("Ж", false).is_none());
        assert_eq!(Alphabet::Charset(EUC_KR).write("😀", true).unwrap().units, b"?");
    }

    #[test]
    fn costs() {
        let x = |n: usize| "x".repeat(n);
        for (alphabet, old, new, fits) in [
            (Alphabet::Gsm7, x(10), x(160), true),
            (Alphabet::Gsm7, x(160), x(161), false),
            (Alphabet::Gsm7, x(160), x(158) + "[", true),
            (Alphabet::Gsm7, x(160), x(159) + "[", false),
            (Alphabet::Gsm7, x(161), x(306), true),
            (Alphabet::Gsm7, x(161), x(307), false),
            (Alphabet::Ucs2, x(1), x(70), true),
            (Alphabet::Ucs2, x(1), x(71), false),
            (Alphabet::Latin1, x(10), x(140), true),
            (Alphabet::Latin1, x(10), x(141), false),
            (Alphabet::Latin1, x(150), x(160), true),
            (Alphabet::Latin1, x(150), x(161), false),
            (Alphabet::Latin1, x(10), "\u{ad}".to_owned(), false),
            (Alphabet::Latin1, "\u{ad}".to_owned(), "\u{ad}x".to_owned(), true),
            (Alphabet::Charset(ISO_8859_5), x(10), x(71), false),
        ] {
            assert_eq!(
                alphabet.costs_no_more(0, &old, &new),
                fits,
                "{alphabet:?} {} {}",
                old.len(),
                new.len()
            );
        }
        assert_eq!((Alphabet::Gsm7.capacity(6), Alphabet::Ucs2.capacity(6)), (153, 134));
        assert_eq!((Alphabet::Gsm7.capacity(7), Alphabet::Ucs2.capacity(7)), (152, 132));
    }
}
