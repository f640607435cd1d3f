//! Where a document ends, and where it cannot go on: the tokens of JSON, checked line by line.

use memchr::memchr2;

use crate::codec::auto::{BOM, is_number};

/// What a line has done to the documents it carries on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum State {
    /// All that were begun are complete.
    Complete,
    /// One goes on in the next line.
    Open,
    /// A token stands where it cannot, or a string does not end on its line.
    Broken,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A document, or the comma of an array whose head came long before.
    Document,
    Value,
    /// A value, or the end of an empty array.
    ValueOrEnd,
    Key,
    /// A key, or the end of an empty object.
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// The brackets that are open, and what may come next.
pub(in crate::codec) struct Structure {
    open: Vec<u8>,
    expect: Expect,
}

impl Structure {
    pub(in crate::codec) fn new() -> Structure {
        Structure { open: Vec::new(), expect: Expect::Document }
    }

    /// Forgets what came before.
    pub(in crate::codec) fn reset(&mut self) {
        self.open.clear();
        self.expect = Expect::Document;
    }

    /// Takes the next line, without its end.
    pub(in crate::codec) fn line(&mut self, line: &[u8]) -> State {
        let mut at = 0;
        if self.open.is_empty() && line.starts_with(BOM) {
            at = BOM.len();
        }
        while let Some(&byte) = line.get(at) {
            let next = match byte {
                b' ' | b'\t' | b'\r' => Some(at + 1),
                b'"' => self.string(line, at),
                b'{' | b'[' => self.begin(byte).then_some(at + 1),
                b'}' | b']' => self.end(byte).then_some(at + 1),
                b',' => self.comma().then_some(at + 1),
                b':' if self.expect == Expect::Colon => {
                    self.expect = Expect::Value;
                    Some(at + 1)
                }
                _ => self.scalar(line, at),
            };
            match next {
                Some(next) => at = next,
                None => return State::Broken,
            }
        }
        if self.open.is_empty() { State::Complete } else { State::Open }
    }

    fn takes_value(&self) -> bool {
        matches!(self.expect, Expect::Value | Expect::ValueOrEnd)
    }

    fn string(&mut self, line: &[u8], at: usize) -> Option<usize> {
        self.expect = match self.expect {
            Expect::Key | Expect::KeyOrEnd => Expect::Colon,
            Expect::Value | Expect::ValueOrEnd => Expect::CommaOrEnd,
            _ => return None,
        };
        let mut from = at + 1;
        loop {
            let stop = from + memchr2(b'"', b'\\', line.get(from..)?)?;
            if line[stop] == b'"' {
                return Some(stop + 1);
            }
            from = stop + 2;
        }
    }

    fn begin(&mut self, bracket: u8) -> bool {
        if !self.takes_value() && self.expect != Expect::Document {
            return false;
        }
        self.open.push(bracket);
        self.expect = if bracket == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
        true
    }

    fn end(&mut self, bracket: u8) -> bool {
        let (opened, empty) =
            if bracket == b'}' { (b'{', Expect::KeyOrEnd) } else { (b'[', Expect::ValueOrEnd) };
        if self.expect != empty && self.expect != Expect::CommaOrEnd || self.open.pop() != Some(opened) {
            return false;
        }
        self.expect = if self.open.is_empty() { Expect::Document } else { Expect::CommaOrEnd };
        true
    }

    fn comma(&mut self) -> bool {
        match self.expect {
            Expect::Document => {}
            Expect::CommaOrEnd if self.open.last() == Some(&b'{') => self.expect = Expect::Key,
            Expect::CommaOrEnd => self.expect = Expect::Value,
            _ => return false,
        }
        true
    }

    fn scalar(&mut self, line: &[u8], at: usize) -> Option<usize> {
        let rest = &line[at..];
        let bare = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        let len = rest.iter().position(|b| !bare(b)).unwrap_or(rest.len());
        let token = &rest[..len];
        if !self.takes_value() || !(matches!(token, b"true" | b"false" | b"null") || is_number(token)) {
            return None;
        }
        self.expect = Expect::CommaOrEnd;
        Some(at + len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_documents_end_and_break() {
        use State::{Broken, Complete, Open};
        let cases: &[(&[&str], State)] = &[
            (&["{}"], Complete),
            (&["\u{feff}{\"a\": [1, true, null, \"x\\\"\"], \"b\": {}}"], Complete),
            (&["[]", "{}"], Complete),
            (&["{}{} []"], Complete),
            (&["{\"a\":1},"], Complete),
            (&["{"], Open),
            (&["{", "  \"a\": [", "    1,", "    -2.5e3", "  ]", "}\r"], Complete),
            (&["[", "{", "}", ","], Open),
            (&["{\"a\"", ":", "1", "}"], Complete),
            (&["{\"a\": \"x"], Broken),
            (&["{\"a\": \"x\\"], Broken),
            (&["{\"a\": \"x\\\""], Broken),
            (&["{", "{"], Broken),
            (&["{\"a\":1", "{"], Broken),
            (&["{\"a\":1,", "}"], Broken),
            (&["[1,", "]"], Broken),
            (&["[}"], Broken),
            (&["{]"], Broken),
            (&["}"], Broken),
            (&["{\"a\" 1}"], Broken),
            (&["{a:1}"], Broken),
            (&["[", "INFO started"], Broken),
            (&["[truth]"], Broken),
            (&["[1.2.3]"], Broken),
            (&["{} text"], Broken),
            (&["{\"a\"::1}"], Broken),
        ];
        for (lines, want) in cases {
            let mut s = Structure::new();
            let mut state = Complete;
            for line in *lines {
                state = s.line(line.as_bytes());
                if state == Broken {
                    break;
                }
            }
            assert_eq!(state, *want, "{lines:?}");
        }
    }
}
