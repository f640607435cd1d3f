//! Transfer encodings, RFC 2045 section 6: what a body of 8-bit text looked like on its way through 7-bit relays.
//!
//! Everything is read as leniently as mail clients read it, so that what a reader would see is seen here too. Where
//! clients differ, the result says so (`whole` is false): a body that was not whole must not be sent on as it came. It
//! is either refused, or written anew from what was decoded here, so that every client shows what was scanned.

mod base64;
mod quoted_printable;
mod uuencode;

pub(super) use base64::{base64, has_words, is_in_lines, write_base64};
pub(super) use quoted_printable::{quoted_printable, wrap_quoted_printable, write_quoted_printable};
pub(super) use uuencode::{uudecode, write_uuencode};

/// The line end in use: that of the first line.
fn line_end(bytes: &[u8]) -> &'static [u8] {
    match memchr::memchr(b'\n', bytes) {
        Some(at) if at == 0 || bytes[at - 1] != b'\r' => b"\n",
        _ => b"\r\n",
    }
}

/// A line without its line end.
fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
