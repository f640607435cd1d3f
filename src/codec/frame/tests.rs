use proptest::prelude::*;

use super::*;

/// A record as it was cut.
#[derive(Clone, Debug, PartialEq)]
struct Cut {
    number: String,
    payload: Vec<u8>,
    terminator: Vec<u8>,
    head: u32,
    tail: u32,
    left_out: u64,
}

/// Frames `input` in chunks that end at `ends`, each third one into a new batch as a source would.
fn frame(format: Format, limit: usize, overlap: usize, input: &[u8], ends: &[usize]) -> Vec<Cut> {
    frame_with(Framer::new(format, limit, overlap), input, ends)
}

fn frame_with(mut framer: Framer, input: &[u8], ends: &[usize]) -> Vec<Cut> {
    let (mut batch, mut cuts) = (Batch::new(), Vec::new());
    let (mut from, mut at) = (0, 0);
    for (i, end) in ends.iter().copied().chain([input.len()]).enumerate() {
        let end = end.max(at);
        batch.append(&input[at..end]);
        at = end;
        from = framer.frame(&mut batch, from, false);
        while framer.has_more() {
            from = next_batch(&mut batch, from, &mut cuts);
            from = framer.frame(&mut batch, from, false);
        }
        if i % 3 == 2 {
            from = next_batch(&mut batch, from, &mut cuts);
        }
    }
    from = framer.frame(&mut batch, from, true);
    while framer.has_more() {
        from = next_batch(&mut batch, from, &mut cuts);
        from = framer.frame(&mut batch, from, true);
    }
    assert_eq!(from, batch.bytes(), "nothing is left at the end");
    next_batch(&mut batch, from, &mut cuts);
    cuts
}

fn next_batch(batch: &mut Batch, from: usize, cuts: &mut Vec<Cut>) -> usize {
    for record in batch.records() {
        let payload = record.payload.unwrap();
        cuts.push(Cut {
            number: record.origin().to_string(),
            payload: batch.slice(payload).to_vec(),
            terminator: batch.arena[payload.end()..record.frame_end as usize].to_vec(),
            head: record.piece.head,
            tail: record.piece.tail,
            left_out: record.left_out,
        });
    }
    let left = batch.arena[from..].to_vec();
    *batch = Batch::new();
    batch.append(&left);
    0
}

/// What the records add up to.
fn joined(cuts: &[Cut]) -> Vec<u8> {
    let mut all = Vec::new();
    for c in cuts {
        all.extend_from_slice(&c.payload[c.head as usize..c.payload.len() - c.tail as usize]);
        all.extend_from_slice(&c.terminator);
    }
    all
}

fn payloads(cuts: &[Cut]) -> Vec<String> {
    cuts.iter().map(|c| String::from_utf8_lossy(&c.payload).into_owned()).collect()
}

#[test]
fn records_of_streams() {
    use Format::{Auto, Json, Plain};
    let cases: &[(Format, &str, &[&str])] = &[
        (Plain, "", &[]),
        (Plain, "a\nb\r\n\r\n\nc", &["a", "b", "", "", "c"]),
        (Plain, "a\rb\r", &["a\rb\r"]),
        (Plain, "{\n}\n", &["{", "}"]),
        // NDJSON, and its broken lines
        (Auto, "{\"a\":1}\n{\"b\":{\n{\"c\":2}\n", &["{\"a\":1}", "{\"b\":{", "{\"c\":2}"]),
        (Auto, "starting\n{\"a\":1}\n\nplain\n{\n", &["starting", "{\"a\":1}", "", "plain", "{"]),
        (Auto, "{\"a\":1}\r\n{\"b\":2}\r\n", &["{\"a\":1}", "{\"b\":2}"]),
        // documents over lines
        (Auto, "{\n \"a\": 1\n}\n{\n \"b\": {}\n}\n", &["{\n \"a\": 1\n}", "{\n \"b\": {}\n}"]),
        (Auto, "{\r\n \"a\": 1\r\n}\r\nnext\r\n", &["{\r\n \"a\": 1\r\n}", "next"]),
        (Auto, "[\n1,\n2\n]\n{\"a\":1}\n[\n]\nx", &["[\n1,\n2\n]", "{\"a\":1}", "[\n]", "x"]),
        (Auto, "{\n\"a\":{}}{\n}\n", &["{\n\"a\":{}}{\n}"]),
        (Json, "{\n\"a\": 1}\n12\n\"x\"\n[\n]\n", &["{\n\"a\": 1}", "12", "\"x\"", "[\n]"]),
        (Auto, "\u{feff}{\n\"a\": 1}\n", &["\u{feff}{\n\"a\": 1}"]),
        // broken documents swallow nothing
        (Auto, "{\"a\":\"cut\n{\n\"b\":1}\n", &["{\"a\":\"cut", "{\n\"b\":1}"]),
        (Auto, "{\"a\":{\n{\n\"b\":1}\n", &["{\"a\":{", "{\n\"b\":1}"]),
        (Auto, "{\"a\":[\n{\"b\":1}\n{\"c\":1}\n", &["{\"a\":[", "{\"b\":1}", "{\"c\":1}"]),
        (Auto, "{\n  host = x\n}\n", &["{", "  host = x", "}"]),
        (Auto, "[\n\n  1,\nINFO ready\n", &["[", "", "  1,", "INFO ready"]),
        // cut off at the end
        (Auto, "{\n\"a\": 1,\n", &["{\n\"a\": 1,"]),
        (Auto, "{\n\"a\": \"x", &["{", "\"a\": \"x"]),
        (Auto, "{\n\"a\": 1}", &["{\n\"a\": 1}"]),
        (Auto, "{\"a\":1", &["{\"a\":1"]),
        // lines of text that begin with a bracket
        (Auto, "[INFO] a\n[1] b\n[x\n", &["[INFO] a", "[1] b", "[x"]),
    ];
    for (format, input, want) in cases {
        let cuts = frame(*format, 1 << 20, 0, input.as_bytes(), &[]);
        assert_eq!(&payloads(&cuts), want, "{input:?}");
        assert_eq!(String::from_utf8(joined(&cuts)).unwrap(), *input);
        let numbers: Vec<_> = cuts.iter().map(|c| c.number.clone()).collect();
        assert_eq!(numbers, (1..=want.len()).map(|n| format!("record {n}")).collect::<Vec<_>>());
    }
}

#[test]
fn a_line_is_handed_out_when_it_is_complete() {
    let mut framer = Framer::new(Format::Auto, 1 << 20, 100);
    let mut batch = Batch::new();
    for (chunk, records, left) in
        [("INFO up\nIN", 1, 8), ("FO\n{\"a\":", 2, 13), ("1}\n", 3, 21), ("x", 3, 21)]
    {
        batch.append(chunk.as_bytes());
        let from = batch.records().last().map_or(0, |r| r.frame_end as usize);
        assert_eq!(framer.frame(&mut batch, from, false), left);
        assert_eq!(batch.records().len(), records);
    }
}

#[test]
fn the_next_stream_starts_anew() {
    let mut framer = Framer::new(Format::Auto, 1 << 20, 100);
    let mut batch = Batch::new();
    batch.append(b"{\"a\":1}\nlast");
    let end = framer.frame(&mut batch, 0, true);
    batch.append(b"{\n}");
    framer.frame(&mut batch, end, true);
    let mut cuts = Vec::new();
    next_batch(&mut batch, 0, &mut cuts);
    assert_eq!(payloads(&cuts), ["{\"a\":1}", "last", "{\n}"]);
    assert_eq!(cuts[2].number, "record 3");
}

#[test]
fn long_lines_come_in_windows() {
    // limit 10, overlap 2: windows of 6.
    let cuts = frame(Format::Plain, 10, 2, b"abcdefghijklmno\r\nshort\n", &[]);
    let got: Vec<_> =
        cuts.iter().map(|c| (String::from_utf8_lossy(&c.payload).into(), c.head, c.tail)).collect();
    let want = [("abcdefgh", 0, 2), ("efghijklmn", 2, 2), ("klmno", 2, 0), ("short", 0, 0)];
    assert_eq!(got, want.map(|(t, h, l)| (String::from(t), h, l)));
    assert_eq!(cuts[2].terminator, b"\r\n");
    assert_eq!(cuts[2].number, "record 1");
    // A line of just the limit is whole.
    assert_eq!(payloads(&frame(Format::Plain, 10, 2, b"abcdefghij\r\n", &[11])), ["abcdefghij"]);
}

#[test]
fn long_json_is_cut_and_counted() {
    let input = format!("{{\"a\":\"{}\"}}\r\n{{\"b\":1}}\n", "x".repeat(100));
    for ends in [vec![], (0..input.len()).collect()] {
        let cuts = frame(Format::Auto, 10, 2, input.as_bytes(), &ends);
        assert_eq!(payloads(&cuts), ["{\"a\":\"xxxx", "{\"b\":1}"]);
        assert_eq!((cuts[0].left_out, cuts[1].left_out), (98, 0));
        assert_eq!(cuts[0].terminator, b"\r\n");
    }
}

#[test]
fn memory_stays_within_the_limit() {
    for (format, byte) in [(Format::Auto, b"{\"a\""), (Format::Plain, b"abcd")] {
        let mut framer = Framer::new(format, 1000, 100);
        let (mut batch, mut from, mut most) = (Batch::new(), 0, 0);
        for _ in 0..10_000 {
            batch.append(byte);
            from = framer.frame(&mut batch, from, false);
            most = most.max(batch.bytes() - from);
            if !batch.is_empty() {
                from = next_batch(&mut batch, from, &mut Vec::new());
            }
        }
        assert!(most <= 1000 + 2, "{most}");
    }
}

#[test]
fn framing_is_linear() {
    let unit = 4 << 20;
    let one = |s: &str| s.repeat(unit / s.len());
    let cases =
        [one("x"), one("["), one("[\n"), one("{\"a\":\n"), one("\n"), one("{\"a\":[\n{}\n"), one("\"\\\n")];
    for input in cases {
        // Byte by byte would take long for the test's own sake; small odd chunks show the same.
        let ends: Vec<_> = (0..input.len()).step_by(97).collect();
        let mut framer = Framer::new(Format::Auto, 1 << 20, 1000);
        let (mut batch, mut from, mut at) = (Batch::new(), 0, 0);
        let start = std::time::Instant::now();
        for end in ends {
            batch.append(&input.as_bytes()[at..end]);
            at = end;
            from = framer.frame(&mut batch, from, false);
        }
        framer.frame(&mut batch, from, true);
        assert!(start.elapsed().as_secs() < 5, "{:?}: {:?}", &input[..5], start.elapsed());
    }
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        4 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r"), 2 => Just("{"), 2 => Just("}"), 1 => Just("["), 1 => Just("]"),
        1 => Just("\"a\""), 1 => Just(":"), 1 => Just(","), 1 => Just("1"), 1 => Just("\""), 1 => Just(" "), 1 => Just("\\"),
        3 => Just("{\"a\":1}"), 2 => Just("{\n\"a\":"), 2 => Just("INFO some text of a line"), 1 => Just("\u{feff}"),
        1 => Just("{\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"),
    ];
    prop::collection::vec(token, 0..40).prop_map(|t| t.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_do_not_depend_on_chunks(
        input in stream(),
        mut ends in prop::collection::vec(0..400usize, 0..20),
        every_byte in any::<bool>(),
        most_records in prop_oneof![Just(usize::MAX), 1..5usize],
        format in prop_oneof![Just(Format::Auto), Just(Format::Json), Just(Format::Plain)],
        (limit, overlap) in prop_oneof![Just((1 << 20, 100)), Just((30, 5)), Just((12, 4)), Just((7, 0)), Just((1, 0))],
    ) {
        if every_byte {
            ends = (0..input.len()).collect();
        }
        ends.iter_mut().for_each(|e| *e = (*e).min(input.len()));
        ends.sort_unstable();
        let whole = frame(format, limit, overlap, &input, &[]);
        let chunked = frame_with(Framer::new(format, limit, overlap).with_most_records(most_records), &input, &ends);
        prop_assert_eq!(&whole, &chunked);
        for cut in &whole {
            prop_assert!(cut.payload.len() <= limit);
        }
        if whole.iter().all(|c| c.left_out == 0) {
            prop_assert_eq!(joined(&whole), input);
        } else {
            let out: u64 = whole.iter().map(|c| c.left_out).sum();
            prop_assert_eq!(joined(&whole).len() as u64 + out, input.len() as u64);
        }
    }

    #[test]
    fn windows_overlap_as_told(len in 0..300usize, more in 1..60usize, overlap in 0..20usize) {
        let limit = 3 * overlap + more;
        let input: Vec<u8> = (0..len).map(|i| b'a' + (i % 26) as u8).collect();
        let cuts = frame(Format::Plain, limit, overlap, &input, &[]);
        prop_assert_eq!(joined(&cuts), input.clone());
        for pair in cuts.windows(2) {
            prop_assert_eq!(pair[1].head as usize, overlap);
            prop_assert!(pair[0].tail as usize == overlap || pair[1].tail == 0);
        }
    }
}
