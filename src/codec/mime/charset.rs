//! Character sets: a body's bytes as UTF-8, the way back, and replacements in the body's own character set.
//!
//! What a label means follows the Encoding Standard, as mail clients do: `iso-8859-1` is windows-1252, `gb2312` is GBK.
//! Where two clients could read the same bytes in two ways, of which one would hide digits from the scan, there is no
//! view: [`Unreadable`].

mod labels;
mod legacy;
mod shifted;
#[cfg(test)]
mod tests;
mod utf_16;

use encoding_rs::{Encoding, WINDOWS_1252};
use utf_16::Order;
pub(super) use utf_16::holds_ascii;

use super::view::View;

/// What a label means. Before text is written in it, it must be [`resolved`](Charset::resolved) for the text it
/// replaces some of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// ASCII, or no label at all: what it is shows in the bytes.
    Ascii,
    /// UTF-8; its view is its bytes, the byte order mark left out.
    Utf8,
    /// UTF-16; which byte comes first is not always said.
    Utf16(Option<Order>),
    /// Any other that holds all of ASCII and knows no states.
    Legacy(&'static Encoding),
    /// ISO-2022-JP: escape sequences switch between ASCII and others.
    Iso2022Jp,
    /// UTF-7, RFC 2152.
    Utf7,
    /// A label nobody knows: its view is its bytes, of which those of ASCII can be read.
    Unknown,
    /// One in which ASCII characters do not show as such, and that is not decoded here.
    Unreadable,
}

/// No view could be made that is sure to show what a reader sees, and that can be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Charset {
    /// What no replacement needs to be translated to.
    pub(super) const UTF_8: Charset = Charset::Utf8;

    /// What a `charset` parameter or an encoded word names: in any case, in quotes or not, with a language or not.
    pub(super) fn named(label: &[u8]) -> Charset {
        labels::named(label)
    }

    /// That of text whose character set nobody names: UTF-8 if it can be, else windows-1252.
    pub(super) fn of(bytes: &[u8]) -> Charset {
        Charset::Ascii.resolved(bytes)
    }

    /// What it is for these bytes: a byte order mark may say more than the label, and ASCII may be more than that. It
    /// is the same for what it came out as.
    pub(super) fn resolved(self, bytes: &[u8]) -> Charset {
        let utf_16 =
            |order: Option<Order>| order.map_or(Charset::Unreadable, |order| Charset::Utf16(Some(order)));
        match (self, bytes) {
            (Charset::Unreadable, _) => Charset::Unreadable,
            // UTF-32.
            (_, [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..]) => Charset::Unreadable,
            (_, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => {
                let order = Order::marked(bytes);
                match self {
                    Charset::Utf16(said) if said.is_none() || said == order => utf_16(order),
                    // Clients follow the one or the other: there must be no text to those who follow the label.
                    Charset::Ascii if !utf_16::holds_ascii_pairs(bytes) => utf_16(order),
                    _ => Charset::Unreadable,
                }
            }
            (Charset::Ascii | Charset::Legacy(_) | Charset::Unknown, [0xef, 0xbb, 0xbf, ..])
                if str::from_utf8(bytes).is_ok() =>
            {
                Charset::Utf8
            }
            (Charset::Utf16(None), _) => utf_16(Order::guessed(bytes)),
            (Charset::Ascii, _) => {
                let zeros = memchr::memchr_iter(0, bytes).count();
                if shifted::switches_to_japanese(bytes) {
                    // Clients tell it from its escape sequences.
                    Charset::Iso2022Jp
                } else if zeros > 0 && zeros >= bytes.len() / 4 {
                    utf_16(Order::guessed(bytes))
                } else if bytes.is_ascii() {
                    Charset::Ascii
                } else if str::from_utf8(bytes).is_ok() {
                    Charset::Utf8
                } else {
                    Charset::Legacy(WINDOWS_1252)
                }
            }
            (Charset::Unknown, _) if shifted::may_switch(bytes) || bytes.contains(&0) => Charset::Unreadable,
            _ => self,
        }
    }

    /// The bytes as UTF-8. Bytes that mean nothing stay as they are, so that nothing is lost that a client might show.
    ///
    /// A replacement [encoded](Charset::encode) in the [resolved](Charset::resolved) character set can take the place of
    /// any span's pieces; what stands around them is read as before.
    pub(super) fn view(self, bytes: &[u8]) -> Result<View, Unreadable> {
        match self.resolved(bytes) {
            Charset::Ascii | Charset::Unknown => Ok(View::verbatim(bytes, 0)),
            Charset::Utf8 => {
                let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
                Ok(View::verbatim(&bytes[mark..], mark))
            }
            Charset::Utf16(Some(order)) => Ok(utf_16::view(bytes, order)),
            Charset::Legacy(encoding) if encoding.is_single_byte() => {
                Ok(legacy::single_byte(encoding, bytes))
            }
            Charset::Legacy(encoding) => Ok(legacy::multi_byte(encoding, bytes)),
            Charset::Iso2022Jp => shifted::iso_2022_jp(bytes),
            Charset::Utf7 => shifted::utf_7(bytes),
            Charset::Utf16(None) | Charset::Unreadable => Err(Unreadable),
        }
    }

    /// Appends a replacement in this character set; whether all of it could be written. A character that it does not
    /// have becomes `?`, or `*` for one that masks.
    pub(super) fn encode(self, replacement: &[u8], out: &mut Vec<u8>) -> bool {
        let mut whole = true;
        for chunk in replacement.utf8_chunks() {
            whole &= self.encode_text(chunk.valid(), out);
            if !chunk.invalid().is_empty() {
                whole = false;
                self.encode_text("?", out);
            }
        }
        whole
    }

    fn encode_text(self, text: &str, out: &mut Vec<u8>) -> bool {
        match self {
            Charset::Utf8 => out.extend_from_slice(text.as_bytes()),
            Charset::Utf16(order) => utf_16::encode(text, order.unwrap_or(Order::LittleFirst), out),
            Charset::Legacy(encoding) => return legacy::encode(encoding, text, out),
            Charset::Utf7 => shifted::encode_utf_7(text, out),
            // In some of these an escape would change what all bytes after it mean.
            Charset::Ascii | Charset::Unknown | Charset::Iso2022Jp | Charset::Unreadable => {
                let fits = |c: &char| c.is_ascii() && !matches!(c, '\x0e' | '\x0f' | '\x1b');
                out.extend(text.chars().map(|c| if fits(&c) { c as u8 } else { stand_in(c) }));
                return text.chars().all(|c| fits(&c));
            }
        }
        true
    }
}

/// What is written for a character that a character set does not have.
fn stand_in(c: char) -> u8 {
    match c {
        // Bullets, blocks and crosses: what masks are made of.
        '\u{b7}'
        | '\u{d7}'
        | '\u{2020}'..='\u{2023}'
        | '\u{2219}'
        | '\u{2217}'
        | '\u{22c5}'
        | '\u{2580}'..='\u{27bf}'
        | '\u{ff0a}' => b'*',
        _ => b'?',
    }
}
