//! Uuencode: files in the midst of text, as it was before MIME, and as some senders still have it.

use super::{line_end, without_line_end};
use crate::span::Span;

/// Most lines hold so many bytes.
const LINE: usize = 45;

/// A file that stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::codec::mime) struct Uuencoded {
    /// Its name, in the line before.
    pub(in crate::codec::mime) name: Span,
    /// Its lines, from the one after `begin` to the empty one before `end`.
    pub(in crate::codec::mime) body: Span,
    /// What they decode to.
    pub(in crate::codec::mime) bytes: Vec<u8>,
    /// Whether all its lines are well-formed, and its end is there. If not, clients show different things, some of them
    /// the lines as they are: they must be scanned as text too, or the mail be refused.
    pub(in crate::codec::mime) whole: bool,
}

/// Finds the files in a text, in order.
///
/// A `begin` line in prose begins no file unless at least one line after it is what an encoder would have written.
pub(in crate::codec::mime) fn uudecode(text: &[u8]) -> Vec<Uuencoded> {
    let (mut found, mut open, mut at) = (Vec::new(), None::<Block>, 0);
    for line in text.split_inclusive(|b| *b == b'\n') {
        let content = without_line_end(line);
        if let Some(name) = begin(content) {
            // No line of data begins with a small letter: the end of the one before is missing.
            found.extend(open.take().and_then(|block| block.close(at, false)));
            let start = at + line.len();
            let file = Uuencoded {
                name: name.shifted(at),
                body: Span::at(start, start),
                bytes: Vec::new(),
                whole: true,
            };
            open = Some(Block { file, last_line: false, any: false });
        } else if content.trim_ascii_end() == b"end" {
            found.extend(open.take().and_then(|block| block.close(at, true)));
        } else if let Some(block) = &mut open {
            block.line(content);
        }
        at += line.len();
    }
    found.extend(open.and_then(|block| block.close(at, false)));
    found
}

/// The place of the name in a line like `begin 644 name.txt`.
fn begin(line: &[u8]) -> Option<Span> {
    let mode_and_name = line.strip_prefix(b"begin")?.trim_ascii_start();
    let mode = mode_and_name.iter().take_while(|b| matches!(b, b'0'..=b'7')).count();
    let name = mode_and_name.get(mode..)?.trim_ascii_start();
    let (parted, mode_parted) =
        (mode_and_name.len() < line.len() - 5, name.len() < mode_and_name.len() - mode);
    if !(3..=6).contains(&mode) || !parted || !mode_parted || name.is_empty() {
        return None;
    }
    let start = line.len() - name.len();
    Some(Span::at(start, start + name.trim_ascii_end().len()))
}

/// A file whose end has not come yet.
struct Block {
    file: Uuencoded,
    /// Whether the last line was the one without data.
    last_line: bool,
    /// Whether there was a well-formed line with data.
    any: bool,
}

impl Block {
    fn line(&mut self, line: &[u8]) {
        let (len, data) = match line.split_first() {
            Some((len, data)) => (usize::from(value(*len)), data),
            // The blank that says "no data" was cut off.
            None => (0, line),
        };
        let wanted = len.div_ceil(3) * 4;
        let legal = line.iter().all(|b| matches!(b, b' '..=b'`'));
        // Some encoders add a check digit.
        let well_formed = legal && (wanted..=wanted + 1).contains(&data.len());
        self.file.whole &= well_formed && !self.last_line;
        self.last_line = len == 0;
        self.any |= well_formed && len > 0;
        let start = self.file.bytes.len();
        // Blanks at the end, which are zeros, may have been cut off.
        for at in (0..wanted).step_by(4) {
            let bits =
                (at..at + 4).fold(0, |bits, i| bits << 6 | u32::from(data.get(i).map_or(0, |b| value(*b))));
            self.file.bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        self.file.bytes.truncate(start + len);
    }

    /// The file, unless it is none.
    fn close(self, at: usize, ended: bool) -> Option<Uuencoded> {
        let whole = self.file.whole && ended && self.last_line;
        let empty = whole && self.file.bytes.is_empty();
        let body = Span::at(self.file.body.start(), at);
        (self.any || empty).then_some(Uuencoded { body, whole, ..self.file })
    }
}

/// What a character stands for; clients do not look whether it may.
fn value(character: u8) -> u8 {
    character.wrapping_sub(b' ') & 63
}

/// Writes the lines of a file, with the line ends of those whose place they take.
pub(in crate::codec::mime) fn write_uuencode(decoded: &[u8], like: &[u8], out: &mut Vec<u8>) {
    // A blank would do for zero, but relays cut blanks off.
    let character = |value: u32| if value & 63 == 0 { b'`' } else { b' ' + (value & 63) as u8 };
    let end = line_end(like);
    for line in decoded.chunks(LINE) {
        out.push(character(line.len() as u32));
        for group in line.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|i| u32::from(group.get(i).copied().unwrap_or(0)));
            let bits = a << 16 | b << 8 | c;
            out.extend_from_slice(&[bits >> 18, bits >> 12, bits >> 6, bits].map(character));
        }
        out.extend_from_slice(end);
    }
    out.push(b'`');
    out.extend_from_slice(end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_found() {
        for (text, want) in [
            ("no file", vec![]),
            ("begin 644 cat.txt\n#0V%T\n`\nend\n", vec![("cat.txt", "Cat", true)]),
            ("begin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n", vec![("cat.txt", "Cat", true)]),
            ("Hi,\nbegin 0644 a cat.txt \n#0V%T\n \nend", vec![("a cat.txt", "Cat", true)]),
            (
                "begin 644 cat\n#0V%T\n\nend\nbegin 644 b\n`\nend\n",
                vec![("cat", "Cat", true), ("b", "", true)],
            ),
            // With a check digit, and two bytes of three.
            ("begin 644 cat\n#0V%T8\n\"0V$ \n`\nend\n", vec![("cat", "CatCa", true)]),
            // Blanks were cut off, or ends are missing, or there is more than an encoder writes.
            ("begin 644 cat\n#0V%T\n#0V\n`\nend\n", vec![("cat", "CatC`\0", false)]),
            ("begin 644 cat\n#0V%T\n`\n", vec![("cat", "Cat", false)]),
            ("begin 644 cat\n#0V%T\nend\n", vec![("cat", "Cat", false)]),
            ("begin 644 cat\n#0V%T\n`\n#0V%T\n`\nend\n", vec![("cat", "CatCat", false)]),
            (
                "begin 644 cat\n#0V%T\nbegin 644 dog\n#1&]G\n`\nend\n",
                vec![("cat", "Cat", false), ("dog", "Dog", true)],
            ),
            ("begin 644 cat\n#0V%T trailing words\n`\nend\n", vec![]),
            // Prose.
            ("begin 644 of the patients\nhave no SSN, and so\nend\n", vec![]),
            ("begin 64 x\n#0V%T\n`\nend\n", vec![]),
            ("begin 644\n#0V%T\n`\nend\n", vec![]),
            ("begin 648 x\n#0V%T\n`\nend\n", vec![]),
            (" begin 644 x\n#0V%T\n`\nend\n", vec![]),
            ("begin644 x\n#0V%T\n`\nend\n", vec![]),
        ] {
            let found = uudecode(text.as_bytes());
            let found: Vec<(String, String, bool)> = found
                .iter()
                .map(|f| {
                    (text[f.name.range()].to_owned(), String::from_utf8_lossy(&f.bytes).into_owned(), f.whole)
                })
                .collect();
            let want: Vec<(String, String, bool)> = want
                .into_iter()
                .map(|(name, bytes, whole)| (name.to_owned(), bytes.to_owned(), whole))
                .collect();
            assert_eq!(found, want, "{text:?}");
        }
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in ["begin 644 x\n", "begin 644 x\n#0V%T\n", "end\n", "\n", "M", "begin 644 ", "begin "] {
            let text = piece.repeat((1 << 20) / piece.len());
            uudecode(text.as_bytes());
            uudecode(format!("begin 644 x\n{text}").as_bytes());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), crlf: bool) {
            let end = if crlf { "\r\n" } else { "\n" };
            let mut text = format!("before{end}begin 644 name{end}").into_bytes();
            let start = text.len();
            let like = text.clone();
            write_uuencode(&bytes, &like, &mut text);
            let body = Span::at(start, text.len());
            text.extend_from_slice(format!("end{end}after").as_bytes());
            let found = uudecode(&text);
            prop_assert_eq!(found.len(), 1);
            prop_assert!(found[0].whole);
            prop_assert_eq!(found[0].body, body);
            prop_assert_eq!(&found[0].bytes, &bytes);
        }

        #[test]
        fn anything_is_read(text in "(begin 644 x\r?\n|end\n|[ -a]{0,20}\n|\n){0,20}", bytes: Vec<u8>) {
            let mut at = 0;
            for file in uudecode(text.as_bytes()) {
                prop_assert!(at <= file.name.start() && file.name.end() < file.body.start() && file.body.end() <= text.len());
                at = file.body.end();
            }
            uudecode(&bytes);
        }
    }
}
