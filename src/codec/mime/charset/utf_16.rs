//! UTF-16: two bytes a unit, in one order or the other.

use super::View;
use crate::span::Span;

/// Which byte of a unit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec::mime) enum Order {
    LittleFirst,
    BigFirst,
}

impl Order {
    /// What the byte order mark says.
    pub(super) fn marked(bytes: &[u8]) -> Option<Order> {
        match bytes {
            [0xff, 0xfe, ..] => Some(Order::LittleFirst),
            [0xfe, 0xff, ..] => Some(Order::BigFirst),
            _ => None,
        }
    }

    /// The only order in which there is any ASCII. If there is some in both or none in either, a guess could hide text.
    pub(super) fn guessed(bytes: &[u8]) -> Option<Order> {
        let ascii = |high: usize| {
            bytes.chunks_exact(2).any(|unit| unit[high] == 0 && matches!(unit[1 - high], 1..0x80))
        };
        match (ascii(1), ascii(0)) {
            (true, false) => Some(Order::LittleFirst),
            (false, true) => Some(Order::BigFirst),
            _ if bytes.is_empty() => Some(Order::LittleFirst),
            _ => None,
        }
    }

    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            Order::LittleFirst => u16::from_le_bytes(bytes),
            Order::BigFirst => u16::from_be_bytes(bytes),
        }
    }

    fn bytes(self, unit: u16) -> [u8; 2] {
        match self {
            Order::LittleFirst => unit.to_le_bytes(),
            Order::BigFirst => unit.to_be_bytes(),
        }
    }
}

/// Whether some unit is two ASCII characters to those who do not take the bytes for UTF-16.
pub(super) fn holds_ascii_pairs(bytes: &[u8]) -> bool {
    bytes.chunks_exact(2).any(|unit| unit.iter().all(|b| matches!(b, b' '..=b'~')))
}

/// Whether several units in a row are two ASCII characters each: text that is in UTF-16 by its label only, in its midst.
pub(in crate::codec::mime) fn holds_ascii(bytes: &[u8]) -> bool {
    let printable = |b: &u8| matches!(b, b' '..=b'~');
    bytes.split(|b| !printable(b)).any(|run| run.len() >= 8)
}

/// Each character is one indivisible run: nothing may get between the bytes of a unit. Lone surrogates and a last byte
/// without its second are replacement characters.
pub(super) fn view(bytes: &[u8], order: Order) -> View {
    let mut view = View::default();
    let mut at = if Order::marked(bytes) == Some(order) { 2 } else { 0 };
    let units = bytes[at..].chunks_exact(2).map(|unit| order.unit([unit[0], unit[1]]));
    for c in char::decode_utf16(units) {
        let len = c.as_ref().map_or(2, |c| 2 * c.len_utf16());
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        view.push_decoded(c.encode_utf8(&mut [0; 4]).as_bytes(), Span::at(at, at + len));
        at += len;
    }
    if at < bytes.len() {
        view.push_decoded("\u{fffd}".as_bytes(), Span::at(at, bytes.len()));
    }
    view
}

/// Appends the units of a text.
pub(super) fn encode(text: &str, order: Order, out: &mut Vec<u8>) {
    out.extend(text.encode_utf16().flat_map(|unit| order.bytes(unit)));
}
