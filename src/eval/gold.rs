//! Labelled texts, one JSON object a line.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use super::json::Value;

/// A labelled part of a text; offsets in code points, half-open.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Labelled {
    /// First code point.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// What it is.
    pub label: String,
}

/// One text with its labels.
#[derive(Clone)]
pub struct Document {
    /// Its name, unique in its file.
    pub id: String,
    /// Its text, one whole record.
    pub text: String,
    /// Its labels, in the order of the file; they may overlap.
    pub spans: Vec<Labelled>,
}

/// Texts may be PHI.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes, {} spans)", self.text.len(), self.spans.len())
    }
}

/// What is wrong in a gold file. It says where and why and quotes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct GoldError {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what is right.
    pub reason: String,
}

/// What every line looks like.
const SHAPE: &str = r#"{"id":"...","text":"...","spans":[[START,END,"LABEL"],...]}"#;

/// Reads a gold file; blank lines are passed over, members beyond `id`, `text` and `spans` too.
///
/// # Errors
/// Everything that is wrong with it, at most one a line.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<Document>, Vec<GoldError>> {
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    let mut lines_by_id: HashMap<String, usize> = HashMap::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (number, line) in (1..).zip(bytes.split(|b| *b == b'\n')) {
        let fault = match std::str::from_utf8(line) {
            Err(e) => {
                let valid = String::from_utf8_lossy(&line[..e.valid_up_to()]);
                Some((valid.chars().count(), "not UTF-8; save the file as UTF-8".to_owned()))
            }
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) => match document(text) {
                Ok(document) => {
                    let before = lines_by_id.insert(document.id.clone(), number);
                    documents.push(document);
                    before.map(|n| (0, format!("the id of line {n} once more; every document has its own")))
                }
                Err((at, reason)) => {
                    let before = text.get(..at).unwrap_or(text);
                    Some((before.chars().count(), reason))
                }
            },
        };
        if let Some((column, reason)) = fault {
            errors.push(GoldError { file: file.to_owned(), line: number, column: column + 1, reason });
        }
    }
    if errors.is_empty() { Ok(documents) } else { Err(errors) }
}

/// One line; what is wrong comes with the byte it stands at.
fn document(line: &str) -> Result<Document, (usize, String)> {
    let value = Value::parse(line).map_err(|e| (e.at, format!("no JSON: {}", e.reason)))?;
    let members = value.members().ok_or((value.at, format!("a line is one object: {SHAPE}")))?;
    let member = |name: &str| {
        let found = members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
        found.ok_or((value.at, format!("there is no \"{name}\"; a line is {SHAPE}")))
    };
    let string = |name: &str| {
        let value = member(name)?;
        value.string().ok_or((value.at, format!("\"{name}\" must be a string")))
    };
    let (id, text) = (string("id")?, string("text")?);
    let list = member("spans")?;
    let spans = list.elements().ok_or((list.at, "\"spans\" must be a list".to_owned()))?;
    let length = text.chars().count();
    let spans: Result<Vec<Labelled>, _> = spans.into_iter().map(|s| span(s, length)).collect();
    Ok(Document { id, text, spans: spans? })
}

/// One span of a text of `length` code points.
fn span(value: Value<'_>, length: usize) -> Result<Labelled, (usize, String)> {
    let shape = || (value.at, "a span is [START, END, \"LABEL\"]".to_owned());
    let parts = value.elements().ok_or_else(shape)?;
    let [start, end, label, ..] = parts[..] else { return Err(shape()) };
    let offset = |part: Value<'_>| {
        part.whole_number().ok_or((part.at, "an offset is a whole number of code points".to_owned()))
    };
    let (from, to) = (offset(start)?, offset(end)?);
    let label =
        label.string().filter(|l| !l.is_empty()).ok_or((label.at, "a label is a string".to_owned()))?;
    if to > length {
        let reason =
            format!("the span ends at {to}, and the text at {length}; offsets are code points, not bytes");
        return Err((end.at, reason));
    }
    if from >= to {
        return Err((start.at, format!("the span begins at {from} and ends at {to}: it holds nothing")));
    }
    Ok(Labelled { start: from, end: to, label })
}

/// Writes a document in the same shape, with other spans.
///
/// # Errors
/// When it cannot be written.
pub fn write(document: &Document, spans: &[Labelled], out: &mut dyn Write) -> io::Result<()> {
    let string = |text: &str| serde_json::Value::from(text).to_string();
    write!(out, "{{\"id\": {}, \"text\": {}, \"spans\": [", string(&document.id), string(&document.text))?;
    for (i, s) in spans.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(out, "{comma}[{}, {}, {}]", s.start, s.end, string(&s.label))?;
    }
    out.write_all(b"]}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong(text: &str) -> Vec<String> {
        read("g", text.as_bytes()).err().unwrap_or_default().iter().map(GoldError::to_string).collect()
    }

    #[test]
    fn reads_documents() {
        let text = "\u{feff}{\"id\":\"a\",\"text\":\"\\u00e9 \\ud83d\\ude00 Ann\",\"spans\":[[4,7,\"NAME\",\"extra\"]],\"tags\":[1]}\r\n\n\
                    {\"spans\":[],\"text\":\"\",\"id\":\"b\"}\n";
        let got = read("g", text.as_bytes()).unwrap();
        assert_eq!((got.len(), &*got[0].text, &*got[1].id), (2, "é 😀 Ann", "b"));
        assert_eq!(got[0].spans, [Labelled { start: 4, end: 7, label: "NAME".into() }]);
        assert_eq!(format!("{:?}", got[0]), "Document(11 bytes, 1 spans)");
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (line, want) in [
            ("{\"id\":\"a\"", "g:1:9: no JSON: EOF while parsing an object"),
            ("[]", "g:1:1: a line is one object: {\"id\":"),
            ("{\"text\":\"x\",\"spans\":[]}", "g:1:1: there is no \"id\"; a line is {"),
            ("{\"id\":\"a\",\"spans\":[]}", "g:1:1: there is no \"text\""),
            ("{\"id\":\"a\",\"text\":\"x\"}", "g:1:1: there is no \"spans\""),
            ("{\"id\":7,\"text\":\"x\",\"spans\":[]}", "g:1:7: \"id\" must be a string"),
            ("{\"id\":\"a\",\"text\":null,\"spans\":[]}", "g:1:18: \"text\" must be a string"),
            ("{\"id\":\"é\",\"text\":\"x\",\"spans\":{}}", "g:1:30: \"spans\" must be a list"),
            ("{\"id\":\"a\",\"text\":\"x\",\"spans\":[3]}", "g:1:31: a span is [START, END, \"LABEL\"]"),
            ("{\"id\":\"a\",\"text\":\"x\",\"spans\":[[0,1]]}", "g:1:31: a span is"),
            (
                "{\"id\":\"a\",\"text\":\"xy\",\"spans\":[[0,1,\"A\"],[-1,1,\"A\"]]}",
                "g:1:43: an offset is a whole number",
            ),
            ("{\"id\":\"a\",\"text\":\"x\",\"spans\":[[0,1.5,\"A\"]]}", "g:1:34: an offset is"),
            ("{\"id\":\"a\",\"text\":\"x\",\"spans\":[[0,1,2]]}", "g:1:36: a label is a string"),
            (
                "{\"id\":\"a\",\"text\":\"xé\",\"spans\":[[0,3,\"A\"]]}",
                "g:1:35: the span ends at 3, and the text at 2; offsets are code points",
            ),
            (
                "{\"id\":\"a\",\"text\":\"x\",\"spans\":[[1,1,\"A\"]]}",
                "g:1:32: the span begins at 1 and ends at 1",
            ),
        ] {
            let got = wrong(line);
            assert!(got.len() == 1 && got[0].starts_with(want), "{line}: {got:?}");
        }
        let twice =
            "{\"id\":\"a\",\"text\":\"x\",\"spans\":[]}\n\n{\"id\":\"a\",\"text\":\"x\",\"spans\":[]}\nx\n";
        assert_eq!(
            wrong(twice),
            [
                "g:3:1: the id of line 1 once more; every document has its own",
                "g:4:1: no JSON: expected value"
            ]
        );
        let got = read("g", b"\n{\"\xc3\xa9\xff\"}").unwrap_err();
        assert_eq!(got[0].to_string(), "g:2:4: not UTF-8; save the file as UTF-8");
    }

    #[test]
    fn errors_quote_nothing() {
        for line in [
            "219-10-9999",
            "{\"id\":219109999,\"text\":\"219-10-9999\",\"spans\":[]}",
            "\"219-10-9999\"",
            "{219-10-9999}",
        ] {
            assert!(!wrong(line).concat().contains("219"), "{line}: {:?}", wrong(line));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(id in ".*", text in ".+", label in "[A-Z_]{1,9}") {
            let spans = vec![Labelled { start: 0, end: text.chars().count(), label }];
            let document = Document { id, text, spans: Vec::new() };
            let mut out = Vec::new();
            write(&document, &spans, &mut out).unwrap();
            let got = read("g", &out).unwrap();
            prop_assert_eq!(got.len(), 1);
            prop_assert!(got[0].id == document.id && got[0].text == document.text && got[0].spans == spans);
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), line in "[\\[\\]{}\",:a0\\\\ ]{0,40}") {
            let _ = read("g", &bytes);
            let _ = read("g", line.as_bytes());
        }
    }
}
