//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1), both ways, and its packing into
//! octets (6.1.2.1).
//!
//! A septet is kept in an octet of its own here, as SMPP peers send it by default.

/// Leads to the extension table.
const ESCAPE: u8 = 0x1b;

/// The basic table. At [`ESCAPE`] stands what a lone one shows.
#[rustfmt::skip]
const BASIC: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: septet behind the escape, and character.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// Reads septets; `None` where an octet is not one.
///
/// An escape before a septet without a place in the extension table shows the basic table's character, as handsets do it
/// (3GPP TS 23.038, 6.2.1.1); one before another escape or at the end shows a space.
pub(super) fn decode(septets: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(septets.len());
    let mut rest = septets.iter().copied();
    while let Some(septet) = rest.next() {
        let shown = match septet {
            ESCAPE => match rest.next() {
                Some(next) => extension(next).or_else(|| basic(next))?,
                None => ' ',
            },
            septet => basic(septet)?,
        };
        text.push(shown);
    }
    Some(text)
}

fn basic(septet: u8) -> Option<char> {
    BASIC.get(usize::from(septet)).copied()
}

fn extension(septet: u8) -> Option<char> {
    EXTENSION.iter().find(|(s, _)| *s == septet).map(|(_, c)| *c)
}

/// The septets of a character, one or two; `None` where the alphabet lacks it.
pub(super) fn encode(c: char) -> Option<(u8, Option<u8>)> {
    if let Some(at) = BASIC.iter().position(|b| *b == c) {
        // The first space is the escape's.
        let septet = if c == ' ' { 0x20 } else { u8::try_from(at).ok()? };
        return Some((septet, None));
    }
    EXTENSION.iter().find(|(_, e)| *e == c).map(|(s, _)| (ESCAPE, Some(*s)))
}

/// How many septets a text takes; `None` where the alphabet lacks a character of it.
pub(super) fn length(text: &str) -> Option<usize> {
    text.chars().map(|c| encode(c).map(|(_, second)| 1 + usize::from(second.is_some()))).sum()
}

/// Bits between a header of `octets` and the first septet, which begins at a septet boundary (3GPP TS 23.040, 9.2.3.24).
fn fill(octets: usize) -> usize {
    (7 - octets * 8 % 7) % 7
}

/// How many septets have room in `octets` behind a header of `header` octets.
pub(super) fn room(header: usize, octets: usize) -> usize {
    (octets * 8).saturating_sub(fill(header)) / 7
}

/// The septets packed into octets behind a header of `header` octets. The second result tells that the last seven bits
/// may be padding or `@`: both are zero, and nothing counts the septets in SMPP. They are taken for padding, which is what
/// they are but once in a great while.
pub(super) fn unpack(header: usize, octets: &[u8]) -> (Vec<u8>, bool) {
    let fill = fill(header);
    let count = room(header, octets.len());
    let septet = |n: usize| {
        let bit = fill + n * 7;
        let low = u16::from(octets.get(bit / 8).copied().unwrap_or_default());
        let high = u16::from(octets.get(bit / 8 + 1).copied().unwrap_or_default());
        (((high << 8 | low) >> (bit % 8)) & 0x7f) as u8
    };
    let mut septets: Vec<u8> = (0..count).map(septet).collect();
    let ambiguous = (octets.len() * 8).saturating_sub(fill).is_multiple_of(7) && septets.last() == Some(&0);
    if ambiguous {
        septets.pop();
    }
    (septets, ambiguous)
}

/// Packs septets into octets that stand behind a header of `header` octets.
pub(super) fn pack(header: usize, septets: &[u8]) -> Vec<u8> {
    let fill = if septets.is_empty() { 0 } else { fill(header) };
    let mut octets = vec![0; (fill + septets.len() * 7).div_ceil(8)];
    for (n, septet) in septets.iter().enumerate() {
        let bit = fill + n * 7;
        let [low, high] = (u16::from(septet & 0x7f) << (bit % 8)).to_le_bytes();
        for (at, part) in [(bit / 8, low), (bit / 8 + 1, high)] {
            if let Some(octet) = octets.get_mut(at) {
                *octet |= part;
            }
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_septet_both_ways() {
        for septet in 0..128_u8 {
            let text = decode(&[septet]).unwrap();
            let c = text.chars().next().unwrap();
            assert_eq!(text.chars().count(), 1);
            let expected = if septet == ESCAPE { (0x20, None) } else { (septet, None) };
            assert_eq!(encode(c), Some(expected), "{septet:#x}");
        }
        for (septet, c) in EXTENSION {
            assert_eq!(decode(&[ESCAPE, septet]), Some(c.to_string()));
            assert_eq!(encode(c), Some((ESCAPE, Some(septet))));
        }
        for octet in 128..=255 {
            assert_eq!(decode(&[octet]), None);
            assert_eq!(decode(&[ESCAPE, octet]), None);
        }
    }

    #[test]
    fn escapes_that_lead_nowhere() {
        assert_eq!(decode(b"1\x1b2\x1b").as_deref(), Some("12 "));
        assert_eq!(decode(b"\x1b\x1b3").as_deref(), Some(" 3"));
        assert_eq!(length("a€[ж"), None);
        assert_eq!(length("a€["), Some(5));
    }

    #[test]
    fn packed() {
        // "hellohello" in 3GPP TS 23.038's packing, as any manual has it.
        let octets = [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37];
        assert_eq!(pack(0, b"hellohello"), octets);
        assert_eq!(unpack(0, &octets), (b"hellohello".to_vec(), false));
        for header in 0..9 {
            for length in 0..40_usize {
                let septets: Vec<u8> = (0..length).map(|n| (n * 37 % 128) as u8 | 1).collect();
                let octets = pack(header, &septets);
                let (mut unpacked, ambiguous) = unpack(header, &octets);
                if ambiguous {
                    unpacked.push(0);
                }
                assert_eq!(unpacked[..length], septets, "{header} {length}");
                assert!(!ambiguous || unpacked.len() == length + 1);
                assert!(length == 0 || room(header, octets.len()) >= length);
            }
        }
        // Seven bits of zero at the end.
        assert_eq!(unpack(0, &pack(0, b"1234567")), (b"1234567".to_vec(), true));
        assert_eq!((room(0, 140), room(6, 134), room(7, 133)), (160, 153, 152));
    }
}
