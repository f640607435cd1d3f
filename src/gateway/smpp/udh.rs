//! The header in front of a text (3GPP TS 23.040, 9.2.3.24): how long it is, and which segment of which message it says
//! this is.

/// Elements that tell the segment, with a reference of 8 and of 16 bits.
const CONCATENATED_8: u8 = 0x00;
const CONCATENATED_16: u8 = 0x08;
/// Elements that put another table in the place of the GSM 7-bit ones: single shift and locking shift.
const NATIONAL_SINGLE: u8 = 0x24;
const NATIONAL_LOCKING: u8 = 0x25;

/// Says that this is a segment of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Segment {
    /// What all segments of the message share, and whether it is a reference of 8 bits, of 16, or a TLV's.
    pub(super) reference: (Numbering, u16),
    /// How many there are: 1 or more.
    pub(super) total: u8,
    /// Which one this is: from 1 to `total`.
    pub(super) number: u8,
}

/// Where a reference comes from: the same number in two of them is not the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Numbering {
    /// An element with 8 bits.
    Udh8,
    /// An element with 16 bits.
    Udh16,
    /// SMPP's own TLVs (SMPP 3.4, 5.3.2.22).
    Sar,
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its octets, with the one that tells its length.
    pub(super) length: usize,
    /// Which segment this is.
    pub(super) segment: Option<Segment>,
    /// It announces a national language's tables.
    pub(super) national: bool,
}

impl Segment {
    /// `None` where the numbers make no sense.
    pub(super) fn new(numbering: Numbering, reference: u16, total: u8, number: u8) -> Option<Segment> {
        (1..=total).contains(&number).then_some(Segment { reference: (numbering, reference), total, number })
    }
}

/// Reads the header at the beginning of a text. `None` where it is broken, tells two segments at once, or one that cannot
/// be: a handset's reading of it may be another than ours.
pub(super) fn parse(octets: &[u8]) -> Option<Header> {
    let (length, rest) = octets.split_first()?;
    let mut elements = rest.get(..usize::from(*length))?;
    let mut header = Header { length: 1 + usize::from(*length), segment: None, national: false };
    while let [id, length, rest @ ..] = elements {
        let (data, behind) = rest.split_at_checked(usize::from(*length))?;
        let segment = match (*id, data) {
            (CONCATENATED_8, &[reference, total, number]) => {
                Some(Segment::new(Numbering::Udh8, u16::from(reference), total, number)?)
            }
            (CONCATENATED_16, &[high, low, total, number]) => {
                Some(Segment::new(Numbering::Udh16, u16::from_be_bytes([high, low]), total, number)?)
            }
            (CONCATENATED_8 | CONCATENATED_16, _) => return None,
            (NATIONAL_SINGLE | NATIONAL_LOCKING, _) => {
                header.national = true;
                None
            }
            _ => None,
        };
        if segment.is_some() && header.segment.is_some() {
            return None;
        }
        header.segment = segment.or(header.segment);
        elements = behind;
    }
    elements.is_empty().then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let segment = |numbering, reference, total, number| Segment::new(numbering, reference, total, number);
        for (octets, length, expected, national) in [
            (&[5, 0, 3, 7, 2, 1, b'x'][..], 6, segment(Numbering::Udh8, 7, 2, 1), false),
            (&[6, 8, 4, 1, 2, 3, 3], 7, segment(Numbering::Udh16, 0x102, 3, 3), false),
            (&[6, 5, 4, 0, 80, 0, 80], 7, None, false),
            (&[3, 0x25, 1, 1], 4, None, true),
            (&[8, 0x24, 1, 1, 0, 3, 7, 2, 1], 9, segment(Numbering::Udh8, 7, 2, 1), true),
            (&[0, 5], 1, None, false),
        ] {
            assert_eq!(parse(octets), Some(Header { length, segment: expected, national }), "{octets:?}");
        }
        for broken in [
            &[][..],
            &[1],
            &[5, 0, 3, 7, 2],
            &[1, 0],
            &[2, 0, 3],
            &[5, 0, 3, 7, 0, 0],
            &[5, 0, 3, 7, 2, 0],
            &[5, 0, 3, 7, 2, 3],
            &[4, 0, 2, 7, 2],
            &[10, 0, 3, 7, 2, 1, 0, 3, 7, 2, 1],
            &[6, 5, 4, 0, 80, 0, 80, 0][..6],
        ] {
            assert_eq!(parse(broken), None, "{broken:?}");
        }
    }
}
