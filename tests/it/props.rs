//! What holds for every text: properties of the whole scrubber, on generated mixtures of identifiers, cues, markers,
//! JSON and garbage.

use std::io::{Cursor, Read, Write};
use std::iter::Cycle;
use std::sync::{Arc, LazyLock, Mutex};
use std::vec::IntoIter;

use arc_swap::ArcSwap;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use scrubjay::codec::{Codec, Format, Framer};
use scrubjay::pipeline::{Line, run};
use scrubjay::policy::{Action, Policy, Profile};
use scrubjay::record::Batch;
use scrubjay::scrubber::{Scratch, Scrubber, Settings};
use scrubjay::sink::StreamSink;
use scrubjay::source::StreamSource;

static LOGS: LazyLock<Scrubber> = LazyLock::new(|| scrubber(Profile::Logs));
static SAFE_HARBOR: LazyLock<Scrubber> = LazyLock::new(|| scrubber(Profile::SafeHarbor));

fn scrubber(profile: Profile) -> Scrubber {
    Scrubber::new(Settings { policy: Policy { profile, ..Policy::default() }, ..Settings::new() })
}

fn scrub(scrubber: &Scrubber, text: &[u8]) -> Vec<u8> {
    scrubber.scrub_text(text, &mut Scratch::default()).unwrap()
}

/// Bits of what streams through in practice, and of what was written to slip past.
const PIECES: &[&str] = &[
    // identifiers, with and without what gives them away
    "219-10-9999",
    "219 10 9999",
    "219109999",
    "SSN 219-10-9999",
    "ssn=219109999",
    "123-45-6709",
    "(415) 555-2671",
    "+1 415 555 0134",
    "4155550199",
    "call 415-555-0123 ext. 4",
    "jo.doe@example.org",
    "jo%40example.org",
    "MRN 12345678",
    "mrn: 0099-1234",
    "Patient: John Smith",
    "Dr. Maria Gonzalez-Ruiz",
    "Dear Mrs. O'Neil,",
    "SMITH, JOHN Q",
    "DOB 03/14/1962",
    "1962-03-14",
    "14 Mar 1962",
    "20240314",
    "admitted 3/4/24 at 10:32",
    "2024-03-14T10:32:07.123Z",
    "10.0.0.12",
    "203.0.113.77",
    "2001:db8::7334",
    "https://jo:pw@example.org/p/12345678?ssn=219-10-9999",
    "ZIP 94110",
    "San Francisco, CA 94110-1234",
    "4111 1111 1111 1111",
    "card 5500-0055-5555-5559",
    // markers, real and feigned
    "[SSN]",
    "[NAME]",
    "[DATE]",
    "[HEALTH_PLAN_ID]",
    "[SSN",
    "SSN]",
    "[SSN:v1:219-10-9999]",
    "[NAME:John Smith]",
    "[UNREADABLE]",
    "{\"scrubjay\":\"unreadable\"}",
    "[[SSN]]",
    "XXX-XX-9999",
    // cues on their own
    "Patient:",
    "MRN",
    "SSN:",
    "DOB",
    "dob=",
    "name=",
    "phone:",
    "Dr.",
    "born",
    "tel",
    "mailto:",
    // what makes a log a log
    "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
    "550e8400-e29b-41d4-a716-446655440000",
    "v1.2.3",
    "Foo.java:123",
    "INFO",
    "HTTP/1.1 200",
    "duration_ms=1234",
    "0xdeadbeef",
    "thread-12",
    // glue and traps
    " ",
    " ",
    " ",
    ", ",
    "; ",
    "\t",
    "|",
    "=",
    ": ",
    "\"",
    "'",
    "\\",
    "\\u0031",
    "\\n",
    "%20",
    "&#49;",
    "<b>",
    "</b>",
    "\u{200b}",
    "\u{a0}",
    "é",
    "１２３",
    "—",
    "😀",
    "ﬁ",
    "{",
    "}",
    "[",
    "]",
    "{\"a\":1}",
    "\0",
];

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(PIECES).prop_map(str::to_owned),
        1 => "[ -~]{0,12}",
        1 => "\\PC{0,6}",
        1 => "[0-9]{1,12}",
        1 => "[0-9]{3}[- .]?[0-9]{2}[- .]?[0-9]{4}",
    ]
}

/// One line of text, any mixture.
fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat().replace(['\n', '\r'], " "))
}

/// A line of bytes that need not be UTF-8.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    (line(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)).prop_map(
        |(line, changes)| {
            let mut bytes = line.into_bytes();
            for (at, byte) in changes {
                if !bytes.is_empty() && byte != b'\n' {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            bytes
        },
    )
}

/// A JSON document as text: written by hand, so that escapes and number forms vary as no serialiser would have it.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        6 => string(),
        1 => select(vec!["219109999", "4155550199", "12345678", "-1.50e+3", "0", "1e5", "94110", "20240314"]).prop_map(str::to_owned),
        1 => select(vec!["true", "false", "null"]).prop_map(str::to_owned),
    ];
    let tree = scalar.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            2 => prop::collection::vec((key(), inner.clone(), blank()), 0..5).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(k, v, b)| format!("{b}{k}{b}:{b}{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
            1 => prop::collection::vec((inner.clone(), blank()), 0..5).prop_map(|items| {
                let items: Vec<_> = items.into_iter().map(|(v, b)| format!("{b}{v}{b}")).collect();
                format!("[{}]", items.join(","))
            }),
            // A document inside a string.
            1 => inner.prop_map(|v| format!("{{\"body\":{}}}", serde_json::to_string(&v).unwrap())),
        ]
    });
    (key(), tree).prop_map(|(k, v)| format!("{{{k}:{v}}}"))
}

/// The same documents, and some in which members are called alike.
fn twice(one: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (one, any::<bool>()).prop_map(|(text, double)| {
        let inner = &text[1..text.len() - 1];
        if double { format!("{{{inner}, {inner}}}") } else { text }
    })
}

/// What is left of a document without its texts and numbers: a marker may stand for either.
fn shape(json: &[u8]) -> String {
    let (mut out, mut text, mut escaped, mut scalar) = (String::new(), false, false, false);
    for b in json {
        match (text, *b) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => text = false,
            (true, _) => {}
            (false, b'"') => {
                text = true;
                out.push('v');
            }
            (false, b'-' | b'0'..=b'9') => {
                if !scalar {
                    out.push('v');
                }
            }
            // The rest of a number.
            (false, b'.' | b'e' | b'E' | b'+') if scalar => {}
            (false, b) => out.push(b as char),
        }
        scalar = !text && matches!(b, b'-' | b'0'..=b'9' | b'.' | b'+' | b'e' | b'E') && out.ends_with('v');
    }
    out
}

fn blank() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " ", "\t", "  "])
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(vec![
            "msg", "patient_name", "name", "ssn", "mrn", "phone", "dob", "id", "ts", "219-10-9999", "call 415-555-2671", "a",
        ]).prop_map(|k| format!("\"{k}\"")),
        1 => string(),
    ]
}

/// A JSON string, each character written plainly or as one of its escapes.
fn string() -> impl Strategy<Value = String> {
    (line(), prop::collection::vec(any::<u8>(), 16)).prop_map(|(text, choices)| {
        let mut out = String::from("\"");
        for (i, c) in text.chars().enumerate() {
            let choice = choices[i % choices.len()];
            let mut units = [0; 2];
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '/' if choice < 64 => out.push_str("\\/"),
                c if c < ' ' || choice < 24 => {
                    for unit in c.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
        out
    })
}

/// What a record is changed at: spans in its payload, of findings that are acted on.
fn acted(scrubber: &Scrubber, payload: &[u8]) -> Vec<(usize, usize)> {
    let batch = Batch::from_lines([payload]);
    let mut spans = Vec::new();
    let mut scratch = Scratch::default();
    scrubber
        .scan(&batch, &batch.records()[0], &mut scratch, &mut |located| {
            if located.action > Action::Keep {
                spans.push((located.payload.start(), located.payload.end()));
            }
        })
        .unwrap();
    spans
}

/// Payload ranges of backslash escapes, `\uXXXX` pairs of surrogates as one. Only for valid JSON.
fn escapes(json: &[u8]) -> Vec<(usize, usize)> {
    let unit = |i: usize| {
        let hex = (json.get(i..i + 2)? == b"\\u").then(|| json.get(i + 2..i + 6))??;
        u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
    };
    let (mut found, mut i) = (Vec::new(), 0);
    while i < json.len() {
        let mut length = 1;
        if json[i] == b'\\' {
            length = match (unit(i), unit(i + 6)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
                (Some(_), _) => 6,
                (None, _) => 2,
            };
            found.push((i, i + length));
        }
        i += length;
    }
    found
}

/// Some hundred cases a property, or as many as `PROPTEST_CASES` says.
fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn without_findings_the_bytes_stay(text in bytes()) {
        for scrubber in [&*LOGS, &*SAFE_HARBOR] {
            let out = scrub(scrubber, &text);
            if acted(scrubber, &text).is_empty() {
                prop_assert_eq!(&out, &text);
            } else {
                prop_assert_ne!(&out, &text);
            }
        }
    }

    #[test]
    fn json_stays_json(text in json()) {
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "the generator made broken JSON: {text}");
        for scrubber in [&*LOGS, &*SAFE_HARBOR] {
            let out = scrub(scrubber, text.as_bytes());
            let read = serde_json::from_slice::<serde_json::Value>(&out);
            prop_assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(&out));
            let second = simd_json::to_owned_value(&mut out.clone());
            prop_assert!(second.is_ok(), "{second:?}: {}", String::from_utf8_lossy(&out));
        }
    }

    /// Scrubbing changes texts, and nothing of what holds them: not which members there are in which order, twice or
    /// once, nor any value that is not found.
    #[test]
    fn the_shape_of_json_stays(text in twice(json())) {
        for scrubber in [&*LOGS, &*SAFE_HARBOR] {
            let out = scrub(scrubber, text.as_bytes());
            prop_assert_eq!(shape(&out), shape(text.as_bytes()), "{}", String::from_utf8_lossy(&out));
        }
    }

    /// JSON without its end, or with something after it, has the same done to it: as much of it is read as there is.
    #[test]
    fn broken_json_is_scrubbed(text in json(), tail in select(vec!["}", ",", "]", "\"", "{", " x", ",,}", "\\u00"])) {
        let plain = "{\"ssn\":\"219-10-9999\",";
        let broken = format!("{plain}{}{tail}", &text[1..text.len() - 1]);
        for scrubber in [&*LOGS, &*SAFE_HARBOR] {
            let out = scrub(scrubber, broken.as_bytes());
            prop_assert!(out.starts_with(b"{\"ssn\":\"[SSN]\","), "{}", String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn utf8_stays_utf8(text in prop_oneof![line(), json()], cut in any::<prop::sample::Index>()) {
        // Cut anywhere, it is a broken record; it must still be read without splitting a character.
        let mut cut = cut.index(text.len() + 1);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        for text in [text.as_str(), &text[..cut]] {
            let out = scrub(&LOGS, text.as_bytes());
            prop_assert!(std::str::from_utf8(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
            for (start, end) in acted(&LOGS, text.as_bytes()) {
                prop_assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{start}..{end}");
            }
        }
    }

    #[test]
    fn edits_take_escapes_whole(text in json()) {
        let escapes = escapes(text.as_bytes());
        for (start, end) in acted(&LOGS, text.as_bytes()) {
            for &(from, to) in &escapes {
                let inside = |at: usize| from < at && at < to;
                prop_assert!(!inside(start) && !inside(end), "{start}..{end} cuts the escape {from}..{to}");
            }
        }
    }

    #[test]
    fn scrubbing_twice_is_scrubbing_once(text in prop_oneof![line(), json()]) {
        for scrubber in [&*LOGS, &*SAFE_HARBOR] {
            let once = scrub(scrubber, text.as_bytes());
            let twice = scrub(scrubber, &once);
            prop_assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once));
        }
    }
}

/// Text where JSON wants quotes: the marker stands without them, and is no array of text to be found anew.
#[test]
fn markers_without_quotes_stay() {
    for (text, want) in [
        (r#"{"patient_name": Smith}"#, r#"{"patient_name": [NAME]}"#),
        (
            r#"{"patient_name": Smith, "ssn": x 219-10-9999 y}"#,
            r#"{"patient_name": [NAME], "ssn": x [SSN] y}"#,
        ),
        (
            r#"{"names": [[NAME], [1, [SSN]]], "ssn": 219-10-9999}"#,
            r#"{"names": [[NAME], [1, [SSN]]], "ssn": [SSN]}"#,
        ),
    ] {
        let once = scrub(&LOGS, text.as_bytes());
        assert_eq!(String::from_utf8_lossy(&once), want);
        assert_eq!(String::from_utf8_lossy(&scrub(&LOGS, &once)), want, "a second time");
    }
    for kind in scrubjay::Kind::ALL {
        let text = format!("{{\"ssn\": {}, \"ssn\": 219-10-9999}}", kind.marker());
        let want = format!("{{\"ssn\": {}, \"ssn\": [SSN]}}", kind.marker());
        assert_eq!(String::from_utf8_lossy(&scrub(&LOGS, text.as_bytes())), want);
    }
}

/// A reader that gives these many bytes at a time, over and over.
struct Chunked {
    text: Cursor<Vec<u8>>,
    sizes: Cycle<IntoIter<usize>>,
}

impl Read for Chunked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().unwrap_or(1).clamp(1, buffer.len().max(1));
        let size = size.min(buffer.len());
        self.text.read(&mut buffer[..size])
    }
}

/// What was written, kept.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How a stream is run through the whole line.
#[derive(Debug, Clone)]
struct Run {
    format: Format,
    limit: usize,
    sizes: Vec<usize>,
    threads: usize,
}

impl Run {
    fn of(&self, text: &[u8]) -> Vec<u8> {
        let codec = Codec::new(self.format);
        let settings = Settings { codec, max_record_bytes: self.limit, ..Settings::new() };
        let framer = Framer::new(self.format, self.limit, settings.engine.reach());
        let reader =
            Chunked { text: Cursor::new(text.to_vec()), sizes: self.sizes.clone().into_iter().cycle() };
        let out = Written::default();
        run(Line {
            source: Box::new(StreamSource::new(vec![("the test".to_owned(), Box::new(reader))], framer)),
            sink: Box::new(StreamSink::new(out.clone(), "the test")),
            scrubber: Arc::new(ArcSwap::from_pointee(Scrubber::new(settings))),
            threads: self.threads,
            stop: Arc::default(),
        })
        .unwrap();
        let written = out.0.lock().unwrap();
        written.clone()
    }
}

/// Many lines of all sorts, with all sorts of ends.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let record = prop_oneof![3 => bytes(), 3 => json().prop_map(String::into_bytes), 1 => pretty().prop_map(String::into_bytes)];
    let end = select(vec!["\n", "\n", "\n", "\r\n", "\n\n", "\r"]);
    (prop::collection::vec((record, end), 0..20), any::<bool>()).prop_map(|(records, last_end)| {
        let mut all = Vec::new();
        let count = records.len();
        for (i, (record, end)) in records.into_iter().enumerate() {
            all.extend(record);
            if i + 1 < count || last_end {
                all.extend(end.bytes());
            }
        }
        all
    })
}

/// A document over several lines.
fn pretty() -> impl Strategy<Value = String> {
    json().prop_map(|text| {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    })
}

fn format() -> impl Strategy<Value = Format> {
    select(Format::NAMES).prop_map(|(_, format)| format)
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn reads_and_threads_change_nothing(
        text in stream(),
        format in format(),
        sizes in prop::collection::vec(prop_oneof![1usize..4, 1usize..200, 1000usize..100_000], 1..6),
        threads in select(vec![1usize, 2, 4]),
    ) {
        let whole = Run { format, limit: 16 << 20, sizes: vec![usize::MAX], threads: 1 };
        let cut = Run { sizes, threads, ..whole.clone() };
        let expected = whole.of(&text);
        let got = cut.of(&text);
        prop_assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected));
    }
}

proptest! {
    #![proptest_config(config(30))]

    /// Where a line that is longer than the limit is cut into windows does not show.
    #[test]
    fn windows_change_nothing(
        pieces in prop::collection::vec(bytes(), 300..900),
        before in line(),
        after in line(),
        sizes in prop::collection::vec(1000usize..100_000, 1..4),
    ) {
        let reach = Settings::new().engine.reach();
        let long = pieces.concat();
        prop_assume!(long.len() > 5 * reach);
        let text = [before.as_bytes(), b"\n", &long, b"\n", after.as_bytes(), b"\n"].concat();
        let large = Run { format: Format::Plain, limit: 5 * reach, sizes: vec![usize::MAX], threads: 1 };
        let small = Run { limit: 3 * reach, sizes, ..large.clone() };
        let (expected, got) = (large.of(&text), small.of(&text));
        let differ = expected.iter().zip(&got).position(|(a, b)| a != b).unwrap_or(expected.len().min(got.len()));
        let around = |t: &[u8]| {
            String::from_utf8_lossy(&t[differ.saturating_sub(80)..(differ + 80).min(t.len())]).into_owned()
        };
        prop_assert!(expected == got, "at {differ}: large windows {:?}, small {:?}", around(&expected), around(&got));
    }
}

/// The generators must make what the properties are about, or these would hold for nothing.
#[test]
fn the_generators_make_both_kinds() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut found, mut clean) = (0, 0);
    for strategy in [line().boxed(), json().boxed()] {
        for _ in 0..200 {
            let text = strategy.new_tree(&mut runner).unwrap().current();
            if acted(&LOGS, text.as_bytes()).is_empty() { clean += 1 } else { found += 1 }
        }
    }
    assert!(found > 50 && clean > 20, "{found} with findings, {clean} without");
}
