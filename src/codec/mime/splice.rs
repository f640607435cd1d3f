//! Writes a mail with its edits.

use super::html;
use super::structure::{Document, Item, Markup, TextItem, Transfer, Write};
use super::{charset::Charset, header::Whole, transfer, words};
use crate::codec::Edit;
use crate::span::Span;

/// A line of quoted-printable is at most so long (RFC 2045 section 6.7).
const MAX_LINE: usize = 76;

/// Bytes that take the place of others.
struct Patch {
    span: Span,
    bytes: Vec<u8>,
}

/// Writes a document with those of the edits that are of its texts; whether any was.
pub(super) fn write(
    bytes: &[u8],
    document: &Document,
    edits: &[Edit],
    text: &[u8],
    out: &mut Vec<u8>,
) -> bool {
    let line_end: &[u8] = match memchr::memchr(b'\n', bytes) {
        Some(at) if at == 0 || bytes[at - 1] != b'\r' => b"\n",
        _ => b"\r\n",
    };
    let mut patches = Vec::new();
    for item in &document.items {
        match item {
            Item::Text(item) => {
                let base = item.base as usize;
                let own = Span::at(base, base + item.view.text.len());
                let first = edits.partition_point(|e| e.span.start() < own.start());
                let edits: Vec<(Span, &[u8])> = edits[first..]
                    .iter()
                    .take_while(|e| e.span.start() < own.end())
                    .map(|e| {
                        (Span::at(e.span.start() - base, e.span.end() - base), &text[e.replacement.range()])
                    })
                    .collect();
                if !edits.is_empty() {
                    patch(item, &edits, bytes, line_end, &mut patches);
                }
            }
            Item::Encoded { span, how, bytes: decoded, document } => {
                let mut changed = Vec::with_capacity(decoded.len());
                if write(decoded, document, edits, text, &mut changed) {
                    let mut encoded = Vec::with_capacity(span.len());
                    let before = &bytes[span.range()];
                    match how {
                        Transfer::Base64 => transfer::write_base64(&changed, before, &mut encoded),
                        Transfer::Uuencode => transfer::write_uuencode(&changed, before, &mut encoded),
                        Transfer::QuotedPrintable => quote_lines(&changed, &mut encoded),
                    }
                    patches.push(Patch { span: *span, bytes: encoded });
                }
            }
        }
    }
    patches.sort_by_key(|p| p.span.start());
    let mut at = 0;
    for patch in &patches {
        // Two values may have stood in what can only go as a whole.
        if patch.span.start() >= at {
            out.extend_from_slice(&bytes[at..patch.span.start()]);
        }
        out.extend_from_slice(&patch.bytes);
        at = at.max(patch.span.end());
    }
    out.extend_from_slice(&bytes[at..]);
    !patches.is_empty()
}

/// Writes a document as quoted-printable, its line ends as they are.
fn quote_lines(document: &[u8], out: &mut Vec<u8>) {
    let mut quoted = Vec::with_capacity(document.len());
    for line in document.split_inclusive(|b| *b == b'\n') {
        let bare = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
        transfer::write_quoted_printable(bare, &mut quoted);
        quoted.extend_from_slice(&line[bare.len()..]);
    }
    out.extend_from_slice(&transfer::wrap_quoted_printable(&quoted));
}

fn patch(item: &TextItem, edits: &[(Span, &[u8])], bytes: &[u8], line_end: &[u8], patches: &mut Vec<Patch>) {
    match &item.write {
        Write::Body { markup, charset, quoted_printable } => {
            for (span, replacement) in edits {
                let pieces: Vec<Span> = item.view.pieces(*span).collect();
                // What is there, not what only parts it.
                let main = pieces.iter().position(|p| !p.is_empty()).unwrap_or(0);
                let before =
                    pieces.get(main).map_or(&[][..], |p| &bytes[p.start().saturating_sub(2)..p.start()]);
                let written = in_body(replacement, *markup, *charset, quoted_printable.then_some(before));
                for (i, piece) in pieces.iter().enumerate() {
                    let mut new = Vec::new();
                    if i == main {
                        match quoted_printable {
                            true => soften(bytes, *piece, &written, line_end, &mut new),
                            false => new.extend_from_slice(&written),
                        }
                    }
                    patches.push(Patch { span: *piece, bytes: new });
                }
            }
        }
        Write::Field(Whole::Words) => word_by_word(item, edits, bytes, line_end, patches),
        Write::Field(whole) => {
            let (mut text, mut at) = (Vec::new(), 0);
            for (span, replacement) in edits {
                text.extend_from_slice(&item.view.text[at..span.start()]);
                text.extend_from_slice(replacement);
                at = span.end();
            }
            text.extend_from_slice(&item.view.text[at..]);
            let mut new = Vec::new();
            let span = whole.write(&text, line_end, &mut new);
            patches.push(Patch { span, bytes: new });
            if let Whole::Parameter { more, .. } = whole {
                patches.extend(more.iter().map(|span| Patch { span: *span, bytes: Vec::new() }));
            }
        }
    }
}

/// A replacement as it stands in a body; in quoted-printable with the bytes that stand before it.
fn in_body(replacement: &[u8], markup: Markup, charset: Charset, before: Option<&[u8]>) -> Vec<u8> {
    let mut marked_up = Vec::new();
    match markup {
        Markup::Html(place) => html::escape(place, replacement, &mut marked_up),
        Markup::Card => replacement.iter().for_each(|b| match b {
            b',' | b';' | b'\\' => marked_up.extend_from_slice(&[b'\\', *b]),
            b'\n' => marked_up.extend_from_slice(b"\\n"),
            b => marked_up.push(*b),
        }),
        Markup::None => marked_up.extend_from_slice(replacement),
    }
    let mut characters = Vec::new();
    charset.encode(&marked_up, &mut characters);
    let Some(before) = before else { return characters };
    let mut written = before.to_vec();
    transfer::write_quoted_printable(&characters, &mut written);
    written.split_off(before.len())
}

/// Puts soft line breaks around what would make its line too long.
fn soften(bytes: &[u8], piece: Span, written: &[u8], line_end: &[u8], out: &mut Vec<u8>) {
    // No further than matters: a line may be as long as the body, and have an edit in every other word.
    let before = &bytes[piece.start().saturating_sub(MAX_LINE + 1)..piece.start()];
    let start = piece.start() - before.len() + memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let after = &bytes[piece.end()..(piece.end() + MAX_LINE + 1).min(bytes.len())];
    let end = piece.end() + memchr::memchr(b'\n', after).unwrap_or(after.len());
    if (end - start).saturating_sub(piece.len()) + written.len() <= MAX_LINE {
        return out.extend_from_slice(written);
    }
    let soft = |out: &mut Vec<u8>| {
        out.push(b'=');
        out.extend_from_slice(line_end);
    };
    if piece.start() > start {
        soft(out);
    }
    let mut rest = written;
    while rest.len() >= MAX_LINE {
        // Not within `=XX`.
        let cut = (MAX_LINE - 3..MAX_LINE).find(|i| !rest[i - 2..*i].contains(&b'=')).unwrap_or(MAX_LINE - 1);
        out.extend_from_slice(&rest[..cut]);
        soft(out);
        rest = &rest[cut..];
    }
    out.extend_from_slice(rest);
    if !matches!(bytes.get(piece.end()), None | Some(b'\r' | b'\n')) {
        soft(out);
    }
}

/// A field's value: what stands in clear is replaced where it stands, an encoded word is written anew.
fn word_by_word(
    item: &TextItem,
    edits: &[(Span, &[u8])],
    bytes: &[u8],
    line_end: &[u8],
    patches: &mut Vec<Patch>,
) {
    // Where the segment before ends.
    let mut before = item.view.segments.first().map_or(0, |s| s.raw as usize);
    let mut written = vec![false; edits.len()];
    let mut done = 0;
    for segment in &item.view.segments {
        let (start, end) = (segment.text as usize, (segment.text + segment.text_len) as usize);
        let raw = Span::at(segment.raw as usize, (segment.raw + segment.raw_len) as usize);
        let (mut text, mut at, mut touched) = (Vec::new(), start, false);
        while edits.get(done).is_some_and(|(span, _)| span.end() <= start) {
            done += 1;
        }
        let here = edits[done..].iter().take_while(|(span, _)| span.start() < end);
        for (i, (span, replacement)) in (done..).zip(here) {
            touched = true;
            text.extend_from_slice(&item.view.text[at..span.start().max(start)]);
            // What spans several is written in the first.
            if !std::mem::replace(&mut written[i], true) {
                text.extend_from_slice(replacement);
            }
            at = span.end().min(end);
        }
        let gap = Span::at(std::mem::replace(&mut before, raw.end()), raw.start());
        if !touched {
            continue;
        }
        text.extend_from_slice(&item.view.text[at..end]);
        if text.is_empty() {
            // Nor may a line be left of which only blanks remain: it would end the header.
            let blanks = bytes[gap.range()].iter().rev().take_while(|b| b.is_ascii_whitespace()).count();
            patches.push(Patch { span: Span::at(raw.start() - blanks, raw.end()), bytes: text });
            continue;
        }
        let mut new = Vec::new();
        // A line that goes on begins with a blank, and so it has to.
        let is_blank = |b: u8| matches!(b, b' ' | b'\t');
        if bytes[..raw.start()].ends_with(b"\n")
            && bytes.get(raw.start()).copied().is_some_and(is_blank)
            && !is_blank(text[0])
        {
            new.push(b' ');
        }
        // Where UTF-8 stands in clear (RFC 6532) more of it may.
        if segment.verbatim && (text.is_ascii() || !item.view.text[start..end].is_ascii()) {
            new.extend_from_slice(&text);
        } else {
            words::write(&text, line_end, &mut new);
        }
        patches.push(Patch { span: raw, bytes: new });
    }
}
