//! Character sets in which ASCII bytes mean other characters after a shift: ISO-2022-JP and UTF-7.
//!
//! A shifted run is one indivisible part of the view, from the shift to the return from it: what replaces it is ASCII
//! and leaves the rest as it was. Whatever readers do not agree on is refused: a wrong guess of the state could show
//! other text than there is.

use encoding_rs::EUC_JP;

use super::{Unreadable, View};
use crate::codec::mime::transfer;
use crate::span::Span;

const ESCAPE: u8 = 0x1b;

/// Whether text that no label speaks of switches to Japanese.
pub(super) fn switches_to_japanese(bytes: &[u8]) -> bool {
    memchr::memchr_iter(ESCAPE, bytes)
        .any(|at| matches!(bytes[at + 1..], [b'$', b'@' | b'B', ..] | [b'(', b'I', ..]))
}

/// Whether text may switch to something else than ASCII, as ISO 2022 has it: by a designation, or by shift-out.
pub(super) fn may_switch(bytes: &[u8]) -> bool {
    memchr::memchr_iter(ESCAPE, bytes).any(|at| matches!(bytes[at + 1..], [b' '..=b'/', ..]))
        || bytes.contains(&0x0e)
        || bytes.windows(2).any(|pair| pair == b"~{")
}

/// RFC 1468, with the half-width katakana that many send.
///
/// In the Roman set, too, digits and letters are those of ASCII, so that only its yen sign and its overline differ.
pub(super) fn iso_2022_jp(bytes: &[u8]) -> Result<View, Unreadable> {
    if !bytes.is_ascii() {
        // Some readers take it for Shift_JIS then.
        return Err(Unreadable);
    }
    let (mut view, mut at, mut roman) = (View::default(), 0, false);
    while at < bytes.len() {
        let plain = memchr::memchr3(ESCAPE, 0x0e, 0x0f, &bytes[at..]).unwrap_or(bytes.len() - at);
        for (i, b) in bytes[at..at + plain].iter().enumerate() {
            match b {
                b'\\' if roman => view.push_decoded("¥".as_bytes(), Span::at(at + i, at + i + 1)),
                b'~' if roman => view.push_decoded("‾".as_bytes(), Span::at(at + i, at + i + 1)),
                b => view.push_verbatim(&[*b], at + i),
            }
        }
        at += plain;
        match bytes[at..] {
            [] => break,
            [ESCAPE, b'(', b'B', ..] => (roman, at) = (false, at + 3),
            [ESCAPE, b'(', b'J', ..] => (roman, at) = (true, at + 3),
            [ESCAPE, b'$', b'@' | b'B', ..] | [ESCAPE, b'(', b'I', ..] => {
                let mut run = japanese(&bytes[at..])?;
                if run.returns_to.is_some_and(|set| roman != (set == b'J')) {
                    // It does not return to what was before, and what comes after must still be read in the new set.
                    run.len -= 3;
                }
                view.push_decoded(run.text.as_bytes(), Span::at(at, at + run.len));
                at += run.len;
            }
            _ => return Err(Unreadable),
        }
    }
    Ok(view)
}

struct Run {
    text: String,
    /// Its bytes, the escape sequence that ends it included.
    len: usize,
    /// The last character of that: `B` for ASCII, `J` for Roman. None at the end of the text.
    returns_to: Option<u8>,
}

/// Reads from the escape sequence that leaves ASCII to the one that returns to it. A line end must not come before
/// that: some readers return to ASCII by themselves there.
fn japanese(bytes: &[u8]) -> Result<Run, Unreadable> {
    // EUC-JP has the same characters at the same places.
    let (mut euc, mut at, mut returns_to) = (Vec::new(), 0, None);
    loop {
        let katakana = match bytes[at..] {
            [] => break,
            [ESCAPE, b'$', b'@' | b'B', ..] => false,
            [ESCAPE, b'(', b'I', ..] => true,
            [ESCAPE, b'(', set @ (b'B' | b'J'), ..] => {
                (at, returns_to) = (at + 3, Some(set));
                break;
            }
            _ => return Err(Unreadable),
        };
        at += 3;
        let len = bytes[at..].iter().take_while(|b| matches!(b, 0x21..=0x7e)).count();
        if !katakana && len % 2 == 1 {
            return Err(Unreadable);
        }
        for b in &bytes[at..at + len] {
            if katakana {
                euc.push(0x8e);
            }
            euc.push(b | 0x80);
        }
        at += len;
    }
    let text = EUC_JP.decode_without_bom_handling_and_without_replacement(&euc).ok_or(Unreadable)?;
    Ok(Run { text: text.into_owned(), len: at, returns_to })
}

/// RFC 2152. What is not well-formed is refused; so a phone number behind `+` is, in text that is no UTF-7 at all.
pub(super) fn utf_7(bytes: &[u8]) -> Result<View, Unreadable> {
    if !bytes.is_ascii() {
        return Err(Unreadable);
    }
    let (mut view, mut at) = (View::default(), 0);
    while at < bytes.len() {
        let direct = memchr::memchr(b'+', &bytes[at..]).unwrap_or(bytes.len() - at);
        view.push_verbatim(&bytes[at..at + direct], at);
        at += direct;
        if at == bytes.len() {
            break;
        }
        let digit = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        let mut end = at + 1 + bytes[at + 1..].iter().take_while(digit).count();
        let mut text = shifted_utf_16(&bytes[at + 1..end])?;
        match bytes.get(end) {
            Some(b'-') if text.is_empty() => {
                text.push('+');
                end += 1;
            }
            _ if text.is_empty() => return Err(Unreadable),
            Some(b'-') => end += 1,
            Some(b' ' | b'\t' | b'\r' | b'\n') | None => {}
            // It ends the run, which would go on with the letters of what replaced it. So it goes with the run.
            Some(b) => {
                text.push(char::from(*b));
                end += 1;
            }
        }
        view.push_decoded(text.as_bytes(), Span::at(at, end));
        at = end;
    }
    Ok(view)
}

/// The characters of a run: Base64 without padding, of UTF-16.
fn shifted_utf_16(digits: &[u8]) -> Result<String, Unreadable> {
    const PADDING: [&[u8]; 4] = [b"", b"===", b"==", b"="];
    let decoded = transfer::base64(&[digits, PADDING[digits.len() % 4]].concat());
    if !decoded.whole || decoded.bytes.len() % 2 == 1 {
        return Err(Unreadable);
    }
    let units = decoded.bytes.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| Unreadable)
}

/// Appends a text; each character that may not stand for itself is a run.
pub(super) fn encode_utf_7(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        match c {
            '+' => out.extend_from_slice(b"+-"),
            '\t' | '\r' | '\n' | ' '..='[' | ']'..='}' => out.push(c as u8),
            c => {
                let bytes: Vec<u8> =
                    c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()).collect();
                let start = out.len();
                out.push(b'+');
                transfer::write_base64(&bytes, b"", out);
                while out.len() > start && out.last() == Some(&b'=') {
                    out.pop();
                }
                out.push(b'-');
            }
        }
    }
}
