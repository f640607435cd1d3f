//! Leaves: where text stands in a record, and how to get back to the payload's bytes.

use std::fmt::Write as _;

use crate::span::Span;

/// What kind of place a leaf is; it decides how a replacement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Plain text: a line, a header value, a Kafka key, or bytes between the tokens of a broken document.
    Text,
    /// The inside of a JSON string value.
    String,
    /// The inside of a JSON object key.
    Key,
    /// A JSON number, whole: it is replaced whole.
    Number,
}

/// A run of decoded text and the payload bytes it came from.
///
/// A run of equal lengths is byte for byte the same on both sides; any other run (an escape, an inserted
/// marker) is indivisible: a span that touches it covers all of its payload bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First decoded byte.
    pub text: u32,
    /// Decoded length.
    pub text_len: u32,
    /// First payload byte.
    pub raw: u32,
    /// Payload length.
    pub raw_len: u32,
    /// Whether both sides are the same bytes.
    pub verbatim: bool,
}

/// The way from a leaf's text back to the payload.
#[derive(Clone, Copy, Debug)]
pub enum Map<'a> {
    /// The text is the payload from this offset on.
    Direct(u32),
    /// The text was decoded: segments in order, without gaps in the text.
    Segments(&'a [Segment]),
}

impl Map<'_> {
    /// The payload bytes behind `span` of the text. An escape that the span touches is covered whole.
    pub fn to_payload(self, span: Span) -> Span {
        match self {
            Map::Direct(base) => span.shifted(base as usize),
            Map::Segments(segments) => {
                let start = segments.partition_point(|s| (s.text + s.text_len) as usize <= span.start());
                let end = segments.partition_point(|s| (s.text as usize) < span.end());
                let (Some(first), Some(last)) = (segments.get(start), segments.get(end.wrapping_sub(1)))
                else {
                    let at = segments.last().map_or(0, |s| s.raw + s.raw_len);
                    return Span::new(at, at);
                };
                let from =
                    if first.verbatim { first.raw + span.start() as u32 - first.text } else { first.raw };
                let to = if last.verbatim {
                    last.raw + (span.end() as u32 - last.text)
                } else {
                    last.raw + last.raw_len
                };
                Span::new(from, to)
            }
        }
    }

    /// Where the text begins in the payload.
    pub fn base(self) -> usize {
        match self {
            Map::Direct(base) => base as usize,
            Map::Segments(s) => s.first().map_or(0, |s| s.raw as usize),
        }
    }
}

/// The way from the record's root to a leaf: object keys and array positions.
///
/// Printed as `$.patient.name[0].given`, a long one as `$.a.b….y.z`; a JSON document inside a string continues the
/// path of that string.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    names: &'a [u8],
    steps: &'a [Step],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Key(u32, u32),
    Index(u32),
}

impl<'a> Path<'a> {
    /// The path of a record that has no inner structure.
    pub const ROOT: Path<'static> = Path { names: &[], steps: &[] };

    /// The keys on the way, innermost first; array positions are left out.
    pub fn keys_inward_out(self) -> impl Iterator<Item = &'a [u8]> {
        self.steps.iter().rev().filter_map(move |s| match *s {
            Step::Key(a, b) => Some(&self.names[a as usize..b as usize]),
            Step::Index(_) => None,
        })
    }

    /// The innermost keys, `N` at most, as they stand side by side, and where each begins, innermost first.
    #[inline]
    pub(crate) fn innermost<const N: usize>(self) -> (&'a [u8], [u32; N]) {
        let mut starts = [u32::MAX; N];
        if let [Step::Key(a, b)] = *self.steps {
            starts[0] = 0;
            return (&self.names[a as usize..b as usize], starts);
        }
        let (mut found, mut end) = (0, 0);
        for s in self.steps.iter().rev() {
            if let Step::Key(a, b) = *s {
                end = end.max(b);
                starts[found] = a;
                found += 1;
                if found == N {
                    break;
                }
            }
        }
        let Some(first) = found.checked_sub(1).map(|i| starts[i]) else { return (&[], starts) };
        starts[..found].iter_mut().for_each(|s| *s -= first);
        (&self.names[first as usize..end as usize], starts)
    }

    /// A copy that stays.
    pub(crate) fn to_buf(self) -> PathBuf {
        PathBuf { names: self.names.to_vec(), steps: self.steps.to_vec() }
    }

    /// Number of keys and positions on the way.
    pub fn depth(self) -> usize {
        self.steps.len()
    }

    /// The step at `index`, counted from the root.
    pub fn step(self, index: usize) -> Option<PathStep<'a>> {
        self.steps.get(index).map(|s| match *s {
            Step::Key(a, b) => PathStep::Key(&self.names[a as usize..b as usize]),
            Step::Index(i) => PathStep::Index(i),
        })
    }

    /// A key longer than this is printed as `…`, and a step in print is never much longer.
    pub const MAX_PRINTED_KEY_BYTES: usize = 100;
    /// A path in print is at most this long: of a longer one stand the first and the last steps, with `…` between.
    pub const MAX_PRINTED_BYTES: usize = 256;
    /// What the first and the last steps of a longer path may take each.
    const END_BYTES: usize = 120;

    /// Appends the printed form to `out`; bytes that are not UTF-8 become U+FFFD. The time it takes does not grow
    /// with the depth.
    pub fn print(self, out: &mut String) {
        self.print_with(out, &mut |_| None);
    }

    /// The same, but what `instead` gives for a key stands in the key's place.
    pub fn print_with(self, out: &mut String, instead: &mut dyn FnMut(&[u8]) -> Option<&'static str>) {
        let start = out.len();
        out.push('$');
        let whole = out.len() - start + self.steps.len() <= Path::MAX_PRINTED_BYTES;
        // Every step takes a byte at least, so that deep paths are not walked.
        let (mut head, mut all) = (out.len(), whole);
        for step in &self.steps[..self.steps.len().min(Path::MAX_PRINTED_BYTES)] {
            self.print_step(*step, out, instead);
            if out.len() - start <= Path::END_BYTES {
                head = out.len();
            }
            if out.len() - start > Path::MAX_PRINTED_BYTES {
                all = false;
                break;
            }
        }
        if all {
            return;
        }
        out.truncate(head);
        out.push('…');
        let (mut tail, mut bytes, mut text) = (Vec::new(), 0, String::new());
        for step in self.steps.iter().rev() {
            text.clear();
            self.print_step(*step, &mut text, instead);
            bytes += text.len();
            if bytes > Path::END_BYTES {
                break;
            }
            tail.push(text.clone());
        }
        tail.iter().rev().for_each(|t| out.push_str(t));
    }

    fn print_step(
        self,
        step: Step,
        out: &mut String,
        instead: &mut dyn FnMut(&[u8]) -> Option<&'static str>,
    ) {
        match step {
            Step::Index(i) => {
                let _ = write!(out, "[{i}]");
            }
            Step::Key(a, b) if (b - a) as usize > Path::MAX_PRINTED_KEY_BYTES => out.push_str(".…"),
            Step::Key(a, b) => {
                out.push('.');
                let key = &self.names[a as usize..b as usize];
                match (instead(key), String::from_utf8_lossy(key)) {
                    (Some(other), _) => out.push_str(other),
                    // Bytes that are not UTF-8 take three in print.
                    (None, text) if text.len() > Path::MAX_PRINTED_KEY_BYTES => out.push('…'),
                    (None, text) => out.push_str(&text),
                }
            }
        }
    }
}

impl std::fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Path({} steps)", self.steps.len())
    }
}

/// One step of a [`Path`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PathStep<'a> {
    /// Into the value of an object's key (decoded).
    Key(&'a [u8]),
    /// Into an element of an array.
    Index(u32),
}

/// A path that grows and shrinks as a codec walks a record; its memory is kept.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct PathBuf {
    names: Vec<u8>,
    steps: Vec<Step>,
}

impl std::fmt::Debug for PathBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PathBuf({} steps)", self.steps.len())
    }
}

impl PathBuf {
    /// Back to the root.
    pub fn clear(&mut self) {
        self.names.clear();
        self.steps.clear();
    }

    /// Steps into the value of `key` (decoded).
    pub fn push_key(&mut self, key: &[u8]) {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(key);
        self.steps.push(Step::Key(start, self.names.len() as u32));
    }

    /// Steps into the element at `index`.
    pub fn push_index(&mut self, index: u32) {
        self.steps.push(Step::Index(index));
    }

    /// Steps on to the next element of the array stepped into last.
    pub fn next_index(&mut self) {
        if let Some(Step::Index(index)) = self.steps.last_mut() {
            *index += 1;
        }
    }

    /// Steps out again.
    pub fn pop(&mut self) {
        if let Some(Step::Key(start, _)) = self.steps.pop() {
            self.names.truncate(start as usize);
        }
    }

    /// Steps out until `depth` steps are left.
    pub fn truncate(&mut self, depth: usize) {
        while self.steps.len() > depth {
            self.pop();
        }
    }

    /// The path as it stands.
    pub fn as_path(&self) -> Path<'_> {
        Path { names: &self.names, steps: &self.steps }
    }
}

/// A place in a record where text stands.
#[derive(Clone, Copy)]
pub struct Leaf<'a> {
    /// The text, escapes decoded.
    pub text: &'a [u8],
    /// The way back to payload offsets.
    pub map: Map<'a>,
    /// The way to it. The path of a key leaf is that of the object it stands in.
    pub path: Path<'a>,
    /// What kind of place it is.
    pub place: Place,
    /// How many JSON strings the document it stands in is nested in: 0 for the record itself.
    pub depth: u8,
}

impl std::fmt::Debug for Leaf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leaf({:?}, {} bytes)", self.place, self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_map_back_whole_escapes() {
        // text `a/b`, payload `"a\/b"`
        let s = [
            Segment { text: 0, text_len: 1, raw: 1, raw_len: 1, verbatim: true },
            Segment { text: 1, text_len: 1, raw: 2, raw_len: 2, verbatim: false },
            Segment { text: 2, text_len: 1, raw: 4, raw_len: 1, verbatim: true },
        ];
        let m = Map::Segments(&s);
        for (text, raw) in
            [((0, 1), (1, 2)), ((1, 2), (2, 4)), ((0, 2), (1, 4)), ((2, 3), (4, 5)), ((0, 3), (1, 5))]
        {
            assert_eq!(m.to_payload(Span::new(text.0, text.1)), Span::new(raw.0, raw.1), "{text:?}");
        }
        assert_eq!(Map::Direct(7).to_payload(Span::new(1, 3)), Span::new(8, 10));
    }

    #[test]
    fn paths_print_and_shrink() {
        let mut p = PathBuf::default();
        p.push_key(b"patient");
        p.push_key(b"name");
        p.push_index(0);
        p.push_key(b"given");
        let mut s = String::new();
        p.as_path().print(&mut s);
        assert_eq!(s, "$.patient.name[0].given");
        assert_eq!(
            p.as_path().keys_inward_out().collect::<Vec<_>>(),
            [b"given".as_slice(), b"name", b"patient"]
        );
        p.truncate(1);
        s.clear();
        p.as_path().print(&mut s);
        assert_eq!(s, "$.patient");
    }

    #[test]
    fn long_paths_print_their_ends() {
        let printed = |steps: &[&str]| {
            let mut path = PathBuf::default();
            for s in steps {
                match s.parse() {
                    Ok(i) => path.push_index(i),
                    Err(_) => path.push_key(s.as_bytes()),
                }
            }
            let mut text = String::new();
            path.as_path().print(&mut text);
            text
        };
        let k100 = "k".repeat(100);
        let long = "k".repeat(101);
        for (steps, want) in [
            (vec![&*k100, "a"], format!("$.{k100}.a")),
            (vec![&*long, "a"], "$.….a".to_string()),
            (vec!["a"; 127], format!("${}", ".a".repeat(127))),
            (vec!["a"; 128], format!("${}…{}", ".a".repeat(59), ".a".repeat(60))),
            (vec![""; 255], format!("${}", ".".repeat(255))),
            (vec![""; 256], format!("${}…{}", ".".repeat(119), ".".repeat(120))),
            (vec![&*k100, &k100, &k100, "3"], format!("$.{k100}….{k100}[3]")),
        ] {
            let got = printed(&steps);
            assert_eq!(got, want);
            assert!(got.len() <= Path::MAX_PRINTED_BYTES);
        }
        let mut path = PathBuf::default();
        path.push_key(&[0xff; 40]);
        let mut text = String::new();
        path.as_path().print(&mut text);
        assert_eq!(text, "$.…");
    }

    #[test]
    fn printing_a_deep_path_looks_at_few_of_its_steps() {
        let mut path = PathBuf::default();
        for _ in 0..100_000 {
            path.push_key(b"a");
        }
        let (mut text, mut looked_at) = (String::new(), 0);
        path.as_path().print_with(&mut text, &mut |_| {
            looked_at += 1;
            Some("[NAME]")
        });
        assert!(looked_at < 100, "{looked_at}");
        let (head, tail) = (".[NAME]".repeat(17), ".[NAME]".repeat(17));
        assert_eq!(text, format!("${head}…{tail}"));
    }
}
