//! Another text in the place of the one that came: spread over the same segments, and written into their PDUs.

use std::ops::Range;

use super::alphabet::{Alphabet, Encoded};
use super::gsm7;
use super::pdu;

/// Octets of `short_message` at most (SMPP 3.4, 5.2.22), and of a TLV's value.
const SHORT_MESSAGE: usize = 254;
const TLV: usize = 65_535;

/// A value to be written in the place of another.
pub(super) struct Edit {
    /// Where the old value is.
    pub(super) field: Range<usize>,
    /// Whether its length is in two octets before it, not in one.
    pub(super) tlv: bool,
    /// The new value.
    pub(super) value: Vec<u8>,
}

/// Where text can be put: a field's part behind the header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Octets of the header.
    pub(super) header: usize,
    /// Whether the field is a TLV's value.
    pub(super) tlv: bool,
    /// Units that are there now.
    pub(super) units: usize,
}

impl Place {
    /// Units that the field can hold.
    pub(super) fn limit(&self, alphabet: Alphabet) -> usize {
        let octets = if self.tlv { TLV } else { SHORT_MESSAGE };
        alphabet.room(self.header, octets.saturating_sub(self.header))
    }

    /// Units that may go into a segment: what a segment holds, or what was there. Where the SMSC adds the header, it may
    /// be one with a reference of 16 bits.
    fn segment_limit(&self, alphabet: Alphabet) -> usize {
        let header = if self.header == 0 { 7 } else { self.header };
        alphabet.capacity(header).max(self.units).min(self.limit(alphabet))
    }
}

/// Spreads a text evenly over segments, none more than full, no character divided. The result are the units for each;
/// `None` where they do not hold it.
pub(super) fn spread(text: &Encoded, alphabet: Alphabet, places: &[Place]) -> Option<Vec<Range<usize>>> {
    let limits: Vec<usize> = places.iter().map(|place| place.segment_limit(alphabet)).collect();
    let mut behind: usize = limits.iter().sum();
    let mut characters = text.lengths.iter().map(|length| usize::from(*length)).peekable();
    let mut spread = Vec::with_capacity(places.len());
    let mut at = 0;
    for (n, limit) in limits.iter().enumerate() {
        behind -= limit;
        let left = text.units.len() - at;
        // As much as is even, but at least what those behind it cannot take.
        let wanted = left.div_ceil(places.len() - n).max(left.saturating_sub(behind));
        let begin = at;
        while let Some(length) = characters.peek() {
            if at - begin >= wanted || at - begin + length > *limit {
                break;
            }
            at += length;
            characters.next();
        }
        spread.push(begin..at);
    }
    characters.peek().is_none().then_some(spread)
}

/// The octets of units, behind a header.
pub(super) fn octets(header: &[u8], alphabet: Alphabet, units: &[u8]) -> Vec<u8> {
    let mut octets = header.to_vec();
    match alphabet {
        Alphabet::Gsm7Packed => octets.extend(gsm7::pack(header.len(), units)),
        _ => octets.extend_from_slice(units),
    }
    octets
}

/// Writes values into a PDU, with their lengths and its own. `None` where a value is longer than its length can tell.
pub(super) fn rewrite(mut pdu: Vec<u8>, mut edits: Vec<Edit>) -> Option<Vec<u8>> {
    // From the last to the first: the places of the others stay what they are.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.field.start));
    for Edit { field, tlv, value } in edits {
        let start = field.start;
        if tlv {
            let length = u16::try_from(value.len()).ok()?.to_be_bytes();
            pdu.get_mut(start.checked_sub(2)?..start)?.copy_from_slice(&length);
        } else {
            let length = u8::try_from(value.len()).ok().filter(|l| usize::from(*l) <= SHORT_MESSAGE)?;
            *pdu.get_mut(start.checked_sub(1)?)? = length;
        }
        pdu.splice(field, value);
    }
    pdu::set_length(&mut pdu);
    Some(pdu)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(units: usize) -> Place {
        Place { header: 6, tlv: false, units }
    }

    #[test]
    fn spread_evenly_and_not_over() {
        for (text, places, expected) in [
            ("x".repeat(10), vec![place(153), place(9)], Some(vec![0..5, 5..10])),
            ("x".repeat(306), vec![place(153), place(9)], Some(vec![0..153, 153..306])),
            ("x".repeat(307), vec![place(153), place(9)], None),
            // A character of two septets is not divided, and wastes one.
            ("x".repeat(152) + "[" + &"x".repeat(152), vec![place(1), place(1)], None),
            (
                "x".repeat(152) + "[" + &"x".repeat(151),
                vec![place(1), place(1)],
                Some(vec![0..152, 152..305]),
            ),
            ("[[[".to_owned(), vec![place(1), place(1)], Some(vec![0..4, 4..6])),
            ("x".to_owned(), vec![place(1), place(1), place(1)], Some(vec![0..1, 1..1, 1..1])),
            (String::new(), vec![place(1), place(1)], Some(vec![0..0, 0..0])),
            // One that was longer than a segment should be stays so.
            ("x".repeat(353), vec![place(200), place(1)], Some(vec![0..200, 200..353])),
            ("x".repeat(354), vec![place(200), place(1)], None),
        ] {
            let encoded = Alphabet::Gsm7.write(&text, false).unwrap();
            assert_eq!(spread(&encoded, Alphabet::Gsm7, &places), expected, "{}", text.len());
        }
    }

    #[test]
    fn lengths_are_set() {
        let pdu = b"....\x02AB\x01\x02\x00\x01C".to_vec();
        let edits = vec![
            Edit { field: 5..7, tlv: false, value: b"xyz".to_vec() },
            Edit { field: 11..12, tlv: true, value: vec![b'q'; 300] },
        ];
        let mut expected = b"\0\0\x01\x38\x03xyz\x01\x02\x01\x2c".to_vec();
        expected.resize(312, b'q');
        assert_eq!(rewrite(pdu.clone(), edits).unwrap(), expected);
        for (tlv, length) in [(false, 255), (true, 65_536)] {
            let edits = vec![Edit { field: 5..7, tlv, value: vec![0; length] }];
            assert!(rewrite(pdu.clone(), edits).is_none());
        }
    }
}
