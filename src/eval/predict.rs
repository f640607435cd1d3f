//! What would be found in a document.

use super::gold::{Document, Labelled};
use crate::codec::{self, Framer};
use crate::policy::Action;
use crate::record::Batch;
use crate::scrubber::{Scratch, Scrubber};

/// A document could not be scanned; nothing can be said about it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unscanned(pub &'static str);

/// Finds in whole documents what a scrubber would act on.
pub struct Predictor<'s> {
    scrubber: &'s Scrubber,
    by_line: bool,
    scratch: Scratch,
}

impl<'s> Predictor<'s> {
    /// With `by_line` texts are first cut into records as a stream would be; else each is one record.
    pub fn new(scrubber: &'s Scrubber, by_line: bool) -> Predictor<'s> {
        Predictor { scrubber, by_line, scratch: Scratch::default() }
    }

    /// What would not be forwarded as it stands, in order; labels are kinds in capitals.
    ///
    /// # Errors
    /// When the document cannot be scanned.
    pub fn predict(&mut self, document: &Document) -> Result<Vec<Labelled>, Unscanned> {
        let settings = self.scrubber.settings();
        let mut batch = Batch::new();
        let payload = batch.append(document.text.as_bytes());
        if self.by_line {
            let (limit, overlap) = (settings.max_record_bytes, settings.engine.reach());
            Framer::new(settings.codec.format, limit, overlap).frame(&mut batch, 0, true);
        } else {
            batch.push_line(1, payload, payload.end());
        }
        let places = CodePoints::of(&document.text);
        let mut found = Vec::new();
        for record in batch.records() {
            let Some(payload) = record.payload else { continue };
            if record.left_out > 0 {
                return Err(Unscanned("a record in it is larger than max_record_bytes"));
            }
            if let Some(reason) = codec::unscannable(batch.slice(payload)) {
                return Err(Unscanned(reason));
            }
            // A window of a long line has what starts in its own part.
            let own =
                payload.start() + record.piece.head as usize..payload.end() - record.piece.tail as usize;
            let scanned = self.scrubber.scan(&batch, record, &mut self.scratch, &mut |located| {
                let span = located.payload.shifted(payload.start());
                if located.action == Action::Keep || span.is_empty() || !own.contains(&span.start()) {
                    return;
                }
                let (start, end) = places.range(span.start(), span.end());
                found.push(Labelled { start, end, label: located.finding.kind.name().to_uppercase() });
            });
            scanned.map_err(|halt| Unscanned(halt.reason))?;
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// From bytes to code points.
struct CodePoints {
    /// Where each code point begins; empty if all are one byte long.
    starts: Vec<usize>,
}

impl CodePoints {
    fn of(text: &str) -> CodePoints {
        let starts =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        CodePoints { starts }
    }

    /// The code points that have a byte in the range.
    fn range(&self, start: usize, end: usize) -> (usize, usize) {
        if self.starts.is_empty() {
            return (start, end);
        }
        let from = self.starts.partition_point(|s| *s <= start);
        (from.saturating_sub(1), self.starts.partition_point(|s| *s < end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, Format};
    use crate::policy::{Policy, Profile};
    use crate::scrubber::Settings;

    fn predicted(text: &str, by_line: bool, format: Format) -> Vec<String> {
        let policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
        let settings = Settings { policy, codec: Codec::new(format), ..Settings::new() };
        let scrubber = Scrubber::new(settings);
        let document = Document { id: String::new(), text: text.to_owned(), spans: Vec::new() };
        let chars: Vec<char> = text.chars().collect();
        let found = Predictor::new(&scrubber, by_line).predict(&document).unwrap();
        found
            .iter()
            .map(|s| format!("{} {}", s.label, chars[s.start..s.end].iter().collect::<String>()))
            .collect()
    }

    #[test]
    fn offsets_are_code_points_of_the_text() {
        for by_line in [false, true] {
            let text = "é😀 SSN 219-10-9999\r\n\n{\"ssn\":\"219\\u002d10-9998\"}\nüü MRN 12345678";
            let got = predicted(text, by_line, Format::Auto);
            assert!(got.contains(&"SSN 219-10-9999".to_owned()), "{got:?}");
            assert!(got.contains(&"MRN 12345678".to_owned()), "{got:?}");
            assert!(got.iter().any(|s| s.contains("9998")), "{got:?}");
        }
        let got = predicted("ü {\n\"ssn\":\"219\\u002d10-9998\"}", true, Format::Plain);
        assert!(got.iter().any(|s| s.contains("9998")), "{got:?}");
    }

    /// As one record a text that begins as plain goes on as plain; cut into lines each line is read for itself.
    #[test]
    fn by_line_reads_each_line_for_itself() {
        let text = "started\n{\"patient_name\":\"\\u004ana\",\"ssn\":219109999}";
        assert!(predicted(text, true, Format::Auto).contains(&"SSN 219109999".to_owned()));
    }

    #[test]
    fn what_cannot_be_scanned_is_told() {
        let scrubber = Scrubber::new(Settings { max_record_bytes: 64, ..Settings::new() });
        let document = |text: String| Document { id: String::new(), text, spans: Vec::new() };
        for (text, by_line) in [
            ("x".repeat(65), false),
            (format!("{{\"a\":\"{}\"}}", "x".repeat(65)), true),
            ("a\0".repeat(20), false),
        ] {
            assert!(Predictor::new(&scrubber, by_line).predict(&document(text.clone())).is_err(), "{text:?}");
        }
    }

    #[test]
    fn windows_find_each_once() {
        let scrubber = Scrubber::new(Settings { max_record_bytes: 40_000, ..Settings::new() });
        let text = "a SSN 219-10-9999 b ".repeat(10_000);
        let document = Document { id: String::new(), text, spans: Vec::new() };
        assert_eq!(Predictor::new(&scrubber, true).predict(&document).unwrap().len(), 10_000);
    }

    /// A name is looked for again in a record, but not in a window of a long line: what is told is what scrubbing does.
    #[test]
    fn windows_find_names_as_scrubbing_does() {
        let scrubber = Scrubber::new(Settings { max_record_bytes: 40_000, ..Settings::new() });
        let names = |text: String| {
            let document = Document { id: String::new(), text, spans: Vec::new() };
            let found = Predictor::new(&scrubber, true).predict(&document).unwrap();
            found.iter().filter(|f| f.label == "NAME").count()
        };
        let line = "Patient: Dana Whitcomb is in. queue of whitcomb is empty. ";
        assert_eq!(names(line.to_owned()), 2);
        assert_eq!(names(format!("{line}{}", "a b ".repeat(50_000))), 1);
    }

    #[test]
    fn bytes_become_code_points() {
        let c = CodePoints::of("aé😀b");
        for (bytes, want) in
            [((0, 1), (0, 1)), ((1, 3), (1, 2)), ((3, 7), (2, 3)), ((7, 8), (3, 4)), ((2, 4), (1, 3))]
        {
            assert_eq!(c.range(bytes.0, bytes.1), want);
        }
        assert_eq!(CodePoints::of("abc").range(1, 3), (1, 3));
    }
}
