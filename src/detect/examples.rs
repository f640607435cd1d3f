//! Runs the examples that packs carry, as they stand and in the forms text takes in logs.

use super::{DetectScratch, Engine, Finding, Known, Query};
use crate::codec::{Codec, CodecScratch, Format};
use crate::kind::{Kind, KindSet};
use crate::policy::Profile;
use crate::span::Span;

/// An example that did not hold.
#[derive(Clone, Debug)]
pub struct ExampleFailure {
    /// The detector.
    pub detector: String,
    /// What went wrong, with the example (which is the pack's text, not data).
    pub message: String,
}

/// The forms an example is wrapped in: a name, what comes before and after, how the text is written.
type Wrapping = (&'static str, &'static str, &'static str, fn(&str) -> String);

const WRAPPINGS: &[Wrapping] = &[
    ("JSON string", r#"{"level":"info","msg":""#, r#""}"#, json_escape),
    ("JSON, escaped", r#"{"level":"info","msg":""#, r#""}"#, json_escape_all),
    ("key=\"value\"", "level=info msg=\"", "\" took=3ms", str::to_string),
    ("URL-encoded", "GET /x?q=", " HTTP/1.1", url_encode),
    ("XML", "<entry><text>", "</text></entry>", str::to_string),
    ("stack trace", "java.lang.IllegalStateException: ", "\tat com.acme.App.run(App.java)", str::to_string),
];

fn json_escape(s: &str) -> String {
    s.chars().map(|c| if matches!(c, '"' | '\\') { format!("\\{c}") } else { c.to_string() }).collect()
}

fn json_escape_all(s: &str) -> String {
    let unit = |u: &u16| format!("\\u{u:04x}");
    s.encode_utf16().collect::<Vec<_>>().iter().map(unit).collect()
}

fn url_encode(s: &str) -> String {
    let keep = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._~".contains(c);
    s.chars().map(|c| if keep(c) { c.to_string() } else { format!("%{:02X}", c as u32) }).collect()
}

/// An example taken apart: the text, and what must be found in it.
fn parse(example: &str) -> (String, Vec<Span>) {
    let (mut text, mut spans, mut start) = (String::new(), Vec::new(), 0);
    for c in example.chars() {
        match c {
            '«' => start = text.len(),
            '»' => spans.push(Span::at(start, text.len())),
            c => text.push(c),
        }
    }
    (text, spans)
}

impl Engine {
    /// Runs all examples and counter-examples, plain and wrapped, and returns those that do not hold.
    pub fn test_examples(&self) -> Vec<ExampleFailure> {
        let mut failures = Vec::new();
        let mut scratch = DetectScratch::default();
        for (number, d) in self.detectors().iter().enumerate() {
            let mut fail = |message| failures.push(ExampleFailure { detector: d.id.clone(), message });
            for example in &d.examples {
                let (text, want) = parse(example);
                let got = self.spans(number, text.as_bytes(), &mut scratch);
                if got != want {
                    fail(format!("{example:?} gives {}", mark(&text, &got)));
                    continue;
                }
                for (form, before, after, write) in WRAPPINGS {
                    // A whole field stands alone; and an example that is a record of its own has no other form.
                    if text.starts_with(['{', '[', '<']) {
                        continue;
                    }
                    let wrapped = format!("{before}{}{after}", write(&text));
                    let got = self.spans(number, wrapped.as_bytes(), &mut scratch);
                    if got.len() < want.len() {
                        fail(format!("{example:?} is not found as {form}: {wrapped}"));
                    }
                }
            }
            for example in &d.counter_examples {
                let got = self.spans(number, example.as_bytes(), &mut scratch);
                if !got.is_empty() {
                    fail(format!("counter-example gives {}", mark(example, &got)));
                }
            }
        }
        failures
    }

    /// What one detector finds in a record, at the threshold of profile `safe-harbor`, in payload offsets.
    fn spans(&self, detector: usize, record: &[u8], scratch: &mut DetectScratch) -> Vec<Span> {
        let query = Query::new(KindSet::ALL, Profile::SafeHarbor.threshold());
        let mut spans = Vec::new();
        let mut found: Vec<Finding> = Vec::new();
        Codec::new(Format::Auto).leaves(record, &mut CodecScratch::default(), &mut |leaf| {
            found.clear();
            if self.find(leaf, None, query, scratch, &mut found).is_ok() {
                let mut known = Known::default();
                let names = found.iter().filter(|f| f.kind == Kind::Name);
                names.for_each(|f| self.remember(leaf.text, f.span, &mut known, scratch));
                self.find_known(leaf, &known, query, scratch, &mut found);
                let own = found.iter().filter(|f| f.detector.0 as usize == detector);
                spans.extend(own.map(|f| leaf.map.to_payload(f.span)));
            }
        });
        spans.sort();
        let mut united: Vec<Span> = Vec::new();
        for s in spans {
            match united.last_mut() {
                Some(last) if last.overlaps(s) => *last = last.union(s),
                _ => united.push(s),
            }
        }
        united
    }
}

fn mark(text: &str, spans: &[Span]) -> String {
    let mut out = String::new();
    for (i, c) in text.char_indices() {
        out.extend(spans.iter().filter(|s| s.end() == i).map(|_| '»'));
        out.extend(spans.iter().filter(|s| s.start() == i).map(|_| '«'));
        out.push(c);
    }
    out.extend(spans.iter().filter(|s| s.end() == text.len()).map(|_| '»'));
    if spans.is_empty() { format!("{out:?}, nothing") } else { format!("{out:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_packs_hold() {
        let failures = Engine::builtin().test_examples();
        let shown: Vec<String> = failures.iter().map(|f| format!("{}: {}", f.detector, f.message)).collect();
        assert!(shown.is_empty(), "{}", shown.join("\n"));
    }
}
