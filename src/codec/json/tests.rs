use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::codec::{Codec, CodecScratch, Edit, Format, Place};
use crate::span::Span;

/// A leaf, owned.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    path: String,
    text: Vec<u8>,
    place: Place,
    depth: u8,
    payload: Span,
}

fn leaves_of(payload: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    Codec::new(Format::Json).leaves(payload, &mut CodecScratch::default(), &mut |leaf| {
        let mut path = String::new();
        leaf.path.print(&mut path);
        let payload = leaf.map.to_payload(Span::at(0, leaf.text.len()));
        seen.push(Seen { path, text: leaf.text.to_vec(), place: leaf.place, depth: leaf.depth, payload });
    });
    seen
}

/// `path place text` of each leaf, keys as `#`, strings `"`, numbers `0`, text `~`; nested ones with their depth.
fn drawn(payload: &[u8]) -> Vec<String> {
    let draw = |s: Seen| {
        let place = match s.place {
            Place::Key => "#",
            Place::String => "\"",
            Place::Number => "0",
            Place::Text => "~",
        };
        let depth = if s.depth > 0 { s.depth.to_string() } else { String::new() };
        format!("{} {depth}{place}{}", s.path, String::from_utf8_lossy(&s.text))
    };
    leaves_of(payload).into_iter().map(draw).collect()
}

#[test]
fn leaves_of_json() {
    let cases: &[(&str, &[&str])] = &[
        (
            r#"{"a":"x","b":[1,-1.5e3,{"c":"y"}],"d":true}"#,
            &["$ #a", "$.a \"x", "$ #b", "$.b[0] 01", "$.b[1] 0-1.5e3", "$.b[2] #c", "$.b[2].c \"y", "$ #d"],
        ),
        ("[null,false,\"z\"]", &["$[2] \"z"]),
        (r#"{"\u0061\/b":"\u004a\u006fhn"}"#, &["$ #a/b", "$.a/b \"John"]),
        ("{\n  \"n\" : 2191099990 ,\n  \"m\" : 7\n}", &["$ #n", "$.n 02191099990", "$ #m", "$.m 07"]),
        ("219109999", &["$ 0219109999"]),
        ("\"John\"", &["$ \"John"]),
        ("\u{feff}{\"a\":\"b\"}", &["$ #a", "$.a \"b"]),
        // several documents
        (r#"{"a":"x"}{"b":"y"} ["z"]"#, &["$ #a", "$.a \"x", "$ #b", "$.b \"y", "$[0] \"z"]),
        ("1\n2", &["$ 01", "$ 02"]),
        // nested
        (
            r#"{"m":"{\"n\":\"John\",\"k\":[5]}"}"#,
            &["$ #m", "$.m 1#n", "$.m.n 1\"John", "$.m 1#k", "$.m.k[0] 105"],
        ),
        (r#"{"m":"[\"{\\\"a\\\":\\\"x\\\\u002dy\\\"}\"]"}"#, &["$ #m", "$.m[0] 2#a", "$.m[0].a 2\"x-y"]),
        (r#"{"m":"[1, 2]"}"#, &["$ #m", "$.m[0] 101", "$.m[1] 102"]),
        (r#"{"m":"[INFO] John"}"#, &["$ #m", "$.m \"[INFO] John"]),
        (r#"{"{\"a\":1}":2}"#, &["$ #{\"a\":1}", "$.{\"a\":1} 02"]),
    ];
    for (payload, want) in cases {
        assert_eq!(&drawn(payload.as_bytes()), want, "{payload}");
    }
}

#[test]
fn broken_json_is_read_on() {
    let cases: &[(&str, &[&str])] = &[
        (r#"{"a":"\u004aohn"#, &["$ #a", "$.a \"John"]),
        (r#"{"a":"x\"#, &["$ #a", "$.a \"x\\"]),
        (r#"{"a": John Smith, 219-10-9999}"#, &["$ #a", "$.a ~John Smith", "$ ~219-10-9999"]),
        (r#"{"ssn": 219-10-9999, "n": 1}"#, &["$ #ssn", "$.ssn ~219-10-9999", "$ #n", "$.n 01"]),
        (r#"{"ssn": 219 10 9999}"#, &["$ #ssn", "$.ssn ~219 10 9999"]),
        (
            r#"{"a":1, name: John, 'city': 'Dayton'}"#,
            &["$ #a", "$.a 01", "$ ~name", "$.name ~John", "$ ~'city'", "$.city ~'Dayton'"],
        ),
        (r#"{"a":"x" "b":"y" "c"}"#, &["$ #a", "$.a \"x", "$ #b", "$.b \"y", "$.b \"c"]),
        (r#"{"at": 10:30:00}"#, &["$ #at", "$.at ~10:30:00"]),
        (r#"{"a": true story}"#, &["$ #a", "$.a ~true story"]),
        (r#"{"a": \u004aohn}"#, &["$ #a", "$.a ~John"]),
        (r#"{"zip": 02139}"#, &["$ #zip", "$.zip 002139"]),
        (
            r#"{"a":1} Patient: Smith, John (MRN 1234)"#,
            &["$ #a", "$.a 01", "$ ~Patient: Smith, John (MRN 1234)"],
        ),
        (r#"{"a":1}}]] then "q" {"b":"x"}"#, &["$ #a", "$.a 01", "$ ~then", "$ \"q", "$ #b", "$.b \"x"]),
        (r#"[1,"a"}, John"#, &["$[0] 01", "$[1] \"a", "$ ~John"]),
        (r#"{"a":{"b":"x"#, &["$ #a", "$.a #b", "$.a.b \"x"]),
        (r#"{"m":"{\"a\": John"}"#, &["$ #m", "$.m 1#a", "$.m.a 1~John"]),
        ("{\"a\":\"x\ny\"}", &["$ #a", "$.a \"x\ny"]),
        ("[INFO] John said {hm}", &["$ ~[INFO] John said {hm}"]),
        ("{\"a\": \0John\0}", &["$ #a", "$.a ~\0John\0"]),
        ("{,,:::\"x\"]]}", &["$ ~{,,:::", "$ \"x"]),
    ];
    for (payload, want) in cases {
        assert_eq!(&drawn(payload.as_bytes()), want, "{payload}");
    }
    let invalid = b"{\"a\":\"J\xffn\", \xfe\xfd }";
    let texts: Vec<_> = leaves_of(invalid).into_iter().map(|s| s.text).collect();
    assert_eq!(texts, [b"a".as_slice(), b"J\xffn", b"\xfe\xfd"]);
}

#[test]
fn maps_lead_back_through_every_string() {
    let payload = br#"{"m":"{\"a\":\"x\\u002dy 219\\/10\"}"}"#;
    let last = leaves_of(payload).pop().unwrap();
    assert_eq!(last.text, b"x-y 219/10");
    assert_eq!(&payload[last.payload.range()], br"x\\u002dy 219\\/10");
    // Each byte of the text, one by one.
    let mut got = Vec::<String>::new();
    Codec::new(Format::Json).leaves(payload, &mut CodecScratch::default(), &mut |leaf| {
        if leaf.text.starts_with(b"x-y") {
            let raw = |i| leaf.map.to_payload(Span::at(i, i + 1));
            got = (0..leaf.text.len())
                .map(|i| String::from_utf8_lossy(&payload[raw(i).range()]).into())
                .collect();
        }
    });
    let want: [String; 10] = ["x", r"\\u002d", "y", " ", "2", "1", "9", r"\\/", "1", "0"].map(String::from);
    assert_eq!(got, want);
}

#[test]
fn nesting_ends_at_its_limit() {
    let mut text = "John".to_string();
    for _ in 0..MAX_NESTED + 2 {
        text = serde_json::to_string(&[text]).unwrap();
    }
    let deepest = leaves_of(text.as_bytes()).pop().unwrap();
    assert_eq!(deepest.depth, MAX_NESTED);
    assert_eq!(deepest.text, b"[\"John\"]");
    assert_eq!(deepest.place, Place::String);
}

/// Replaces every leaf whose text is `what`.
fn replaced(payload: &str, what: &str, with: &str, number: NumberStyle) -> String {
    let edits: Vec<Edit> = leaves_of(payload.as_bytes())
        .into_iter()
        .filter(|s| s.text == what.as_bytes())
        .map(|s| Edit {
            span: s.payload,
            replacement: Span::at(0, with.len()),
            place: s.place,
            depth: s.depth,
        })
        .collect();
    assert!(!edits.is_empty(), "{payload}");
    let mut out = b"#".to_vec();
    let codec = Codec { format: Format::Json, number };
    codec.encode(payload.as_bytes(), &edits, with.as_bytes(), &mut CodecScratch::default(), &mut out);
    String::from_utf8(out[1..].to_vec()).unwrap()
}

#[test]
fn replacements_are_escaped_for_their_place() {
    use NumberStyle::{Null, String, Zero};
    let cases = [
        (r#"{"a":"John"}"#, "John", "[NAME]", String, r#"{"a":"[NAME]"}"#),
        (r#"{"a":"John"}"#, "John", "\"\\\n\u{1}", String, r#"{"a":"\"\\\n\u0001"}"#),
        (r#"{"a": 5 }"#, "5", "[X]", String, r#"{"a": "[X]" }"#),
        (r#"{"a": 5 }"#, "5", "[X]", Null, r#"{"a": null }"#),
        (r#"{"a": 5 }"#, "5", "[X]", Zero, r#"{"a": 0 }"#),
        (r#"{"a":"{\"b\":\"John\"}"}"#, "John", "\"", String, r#"{"a":"{\"b\":\"\\\"\"}"}"#),
        (r#"{"a":"[5]"}"#, "5", "[X]", String, r#"{"a":"[\"[X]\"]"}"#),
        (r#"{"a":"[5]"}"#, "5", "[X]", Zero, r#"{"a":"[0]"}"#),
        (r#"{"a":"[\"[5]\"]"}"#, "5", "x", String, r#"{"a":"[\"[\\\"x\\\"]\"]"}"#),
        (r#"{"a": John}"#, "John", "[NAME]", String, r#"{"a": [NAME]}"#),
        (r#"{"a":"{\"b\": John"}"#, "John", "\"", String, r#"{"a":"{\"b\": \""}"#),
    ];
    for (payload, what, with, number, want) in cases {
        assert_eq!(replaced(payload, what, with, number), want, "{payload} {number:?}");
    }
}

#[test]
fn keys_that_became_equal_are_numbered() {
    // `K` stands for a key that is edited into `[N]`.
    let cases = [
        (r#"{"K":1,"K":2}"#, r#"{"[N]":1,"[N]_2":2}"#),
        (r#"{"K":1,"K":2,"K":3,"x":{"K":4}}"#, r#"{"[N]":1,"[N]_2":2,"[N]_3":3,"x":{"[N]":4}}"#),
        (r#"{"K":1,"[N]":2}"#, r#"{"[N]_2":1,"[N]":2}"#),
        (r#"{"[N]_2":0,"K":1,"[N]":2}"#, r#"{"[N]_2":0,"[N]_3":1,"[N]":2}"#),
        (r#"{"a":1,"a":2,"K":3}"#, r#"{"a":1,"a":2,"[N]":3}"#),
        (r#"{"K":{"K":1,"K":{"K":2}},"K":2}"#, r#"{"[N]":{"[N]":1,"[N]_2":{"[N]":2}},"[N]_2":2}"#),
        (r#"{"\u005bN]":1,"K":2}"#, r#"{"\u005bN]":1,"[N]_2":2}"#),
        (r#"{"m":"{\"K\":1,\"K\":2}","K":1}"#, r#"{"m":"{\"[N]\":1,\"[N]_2\":2}","[N]":1}"#),
        (r#"[{"K":1},{"K":2}]"#, r#"[{"[N]":1},{"[N]":2}]"#),
        (r#"{"K":1,"K":2"#, r#"{"[N]":1,"[N]_2":2"#),
    ];
    for (payload, want) in cases {
        assert_eq!(replaced(payload, "K", "[N]", NumberStyle::String), want, "{payload}");
    }
    // Many equal keys must not cost quadratic time.
    let many = format!("{{{}}}", vec!["\"K\":0"; 100_000].join(","));
    assert!(replaced(&many, "K", "[N]", NumberStyle::String).contains("\"[N]_100000\":0"));
}

/// How long the leaves of `payload` take, and how many there are.
fn timed(payload: &[u8]) -> (std::time::Duration, usize) {
    let mut n = 0;
    let start = std::time::Instant::now();
    Codec::new(Format::Json).leaves(payload, &mut CodecScratch::default(), &mut |_| n += 1);
    (start.elapsed(), n)
}

#[test]
fn hostile_input_costs_linear_time() {
    let unit = 10 << 20;
    let repeat = |s: &str| s.repeat(unit / s.len()).into_bytes();
    let deep = [vec![b'['; 100_000], b"\"John\"".to_vec(), vec![b']'; 100_000]].concat();
    let cases = [
        ("deep", deep),
        ("[", repeat("[")),
        ("quotes", repeat("\"")),
        ("backslashes", [b"[\"".to_vec(), repeat("\\")].concat()),
        ("objects", repeat("{\"a\":")),
        ("strings", repeat("[\"")),
        ("escaped quotes", [b"{\"a\":\"".to_vec(), repeat("\\\"")].concat()),
        ("nested brackets", [b"{\"a\":\"".to_vec(), repeat("[\\\"[")].concat()),
        ("text", repeat("x[1,1,1,")),
        ("scalars", repeat("1 ")),
        ("blank", [b"[1".to_vec(), repeat(" ")].concat()),
        ("commas", [b"[".to_vec(), repeat(",")].concat()),
        ("closed", repeat("]}")),
    ];
    for (name, payload) in cases {
        let (took, _) = timed(&payload);
        assert!(took.as_secs() < 10, "{name}: {took:?}");
    }
    // What stands at the bottom is found.
    let mut deep = b"[".repeat(100_000);
    deep.extend_from_slice(b"\"John\"");
    assert!(leaves_of(&deep).iter().any(|s| s.text == b"John"));
}

/// Whether a byte stands inside an escape of the payload, or directly behind a backslash.
fn in_escape(payload: &[u8], at: usize) -> bool {
    (1..=12).any(|back| at >= back && payload[at - back] == b'\\')
}

fn in_literal(payload: &[u8], at: usize) -> bool {
    [&b"true"[..], b"false", b"null"]
        .iter()
        .any(|l| (0..l.len()).any(|k| at >= k && payload[at - k..].starts_with(l)))
}

fn json_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-zA-Z \"\\\\/\n\t{}\\[\\],:é\u{1f600}]{0,8}",
        Just("John Smith".to_string()),
        Just("{\"a\": [1, \"x\"]}".to_string()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(text.clone(), inner.clone(), 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
            inner.prop_map(|v| Value::from(v.to_string())),
        ]
    })
}

/// Valid JSON written in many ways: spaces, and every character escaped at will.
fn json_text() -> impl Strategy<Value = String> {
    (json_value(), any::<bool>(), any::<u64>()).prop_map(|(value, pretty, mut seed)| {
        let plain = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }
            .unwrap();
        let (mut out, mut quoted, mut escaped) = (String::new(), false, false);
        for c in plain.chars() {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let was_escaped = std::mem::take(&mut escaped);
            match c {
                '"' if !was_escaped => quoted = !quoted,
                '\\' if quoted && !was_escaped => escaped = true,
                _ if quoted && !was_escaped && !c.is_ascii_digit() && seed >> 61 == 0 => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                    continue;
                }
                _ => {}
            }
            out.push(c);
        }
        out
    })
}

/// The texts that readers of JSON see: strings, keys and numbers, nested documents entered.
fn seen_by_serde(value: &Value, depth: u8, out: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(n) => out.push(n.to_string()),
        Value::String(s) => {
            let nested = depth < MAX_NESTED && crate::codec::auto::looks_like_json(s.as_bytes());
            match serde_json::from_str::<Value>(s) {
                Ok(inner) if nested => seen_by_serde(&inner, depth + 1, out),
                _ => out.push(s.clone()),
            }
        }
        Value::Array(items) => items.iter().for_each(|v| seen_by_serde(v, depth, out)),
        Value::Object(members) => {
            for (k, v) in members {
                out.push(k.clone());
                seen_by_serde(v, depth, out);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_letter_and_digit_is_in_a_leaf(
        tokens in prop::collection::vec(prop_oneof![
            Just("{".to_string()), Just("}".into()), Just("[".into()), Just("]".into()), Just("\"".into()),
            Just(":".into()), Just(",".into()), Just("\\".into()), Just("\\u0041".into()), Just("\\n".into()),
            Just("\n".into()), Just(" ".into()), Just("'".into()), Just("true".into()), Just("-1.5e3".into()),
            Just("{\"a\":\"".into()), Just("\"{\\\"".into()), Just("\u{feff}".into()),
            "[a-z0-9\u{0}é-]{1,6}",
        ], 0..40),
    ) {
        let payload = tokens.concat().into_bytes();
        let leaves = leaves_of(&payload);
        for (at, b) in payload.iter().enumerate() {
            if b.is_ascii_alphanumeric() && !in_escape(&payload, at) && !in_literal(&payload, at) {
                let here = Span::at(at, at + 1);
                prop_assert!(leaves.iter().any(|l| l.payload.contains(here)), "byte {at}: {leaves:?}");
            }
        }
        // In order, and never over one another.
        for pair in leaves.windows(2) {
            prop_assert!(pair[0].payload.end() <= pair[1].payload.start(), "{pair:?}");
        }
    }

    #[test]
    fn arbitrary_bytes_are_walked(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        for leaf in leaves_of(&payload) {
            prop_assert!(leaf.payload.end() <= payload.len());
        }
    }

    #[test]
    fn maps_keep_escapes_and_characters_whole(payload in json_text(), a in 0.0..1.0f64, b in 0.0..1.0f64) {
        let mut checked = Ok(());
        Codec::new(Format::Json).leaves(payload.as_bytes(), &mut CodecScratch::default(), &mut |leaf| {
            if !matches!(leaf.place, Place::String | Place::Key) {
                return;
            }
            let text = std::str::from_utf8(leaf.text).unwrap();
            let bounds: Vec<_> = text.char_indices().map(|c| c.0).chain([text.len()]).collect();
            let pick = |x: f64| bounds[(x * bounds.len() as f64) as usize];
            let (from, to) = (pick(a.min(b)), pick(a.max(b)));
            // The payload behind a part of the text, unescaped as often as it was escaped, is that part.
            let span = leaf.map.to_payload(Span::at(from, to));
            let mut part = payload[span.range()].to_string();
            for _ in 0..=leaf.depth {
                // A document in a string may hold control characters as they are, which strict readers refuse.
                let strict = |c: char| if c < ' ' { format!("\\u{:04x}", c as u32) } else { c.to_string() };
                let part_strict: String = part.chars().map(strict).collect();
                part = serde_json::from_str(&format!("\"{part_strict}\"")).unwrap_or_default();
            }
            if from < to && part != text[from..to] {
                checked = Err(format!("{text:?} {from}..{to}: {part:?}"));
            }
        });
        prop_assert!(checked.is_ok(), "{checked:?}");
    }

    #[test]
    fn no_edits_no_change(payload in prop_oneof![json_text().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..99)]) {
        let mut out = Vec::new();
        Codec::new(Format::Json).encode(&payload, &[], b"", &mut CodecScratch::default(), &mut out);
        prop_assert_eq!(out, payload);
    }

    #[test]
    fn sees_what_readers_see(payload in json_text()) {
        let mut want = Vec::new();
        seen_by_serde(&serde_json::from_str(&payload).unwrap(), 0, &mut want);
        let mut got: Vec<_> = leaves_of(payload.as_bytes()).into_iter().map(|l| String::from_utf8(l.text).unwrap()).collect();
        // A broken document inside a string may be seen in parts; members may come in another order.
        want.retain(|t| !t.is_empty());
        want.sort();
        got.sort();
        let has_broken = want.iter().any(|t| crate::codec::auto::looks_like_json(t.as_bytes()));
        prop_assert!(has_broken || got == want, "{got:?} {want:?}");
    }

    #[test]
    fn edited_json_is_json(
        payload in json_text(),
        choices in prop::collection::vec((any::<bool>(), 0.0..1.0f64, 0.0..1.0f64), 1..60),
        marker in prop_oneof![Just("[NAME]"), Just("a\"b\\c\n"), Just("*")],
        number in prop_oneof![Just(NumberStyle::String), Just(NumberStyle::Null), Just(NumberStyle::Zero)],
    ) {
        let codec = Codec { format: Format::Json, number };
        let mut scratch = CodecScratch::default();
        let (mut edits, mut texts, mut i) = (Vec::new(), Vec::new(), 0);
        codec.leaves(payload.as_bytes(), &mut scratch, &mut |leaf| {
            let (edit, a, b) = choices[i % choices.len()];
            i += 1;
            let text = std::str::from_utf8(leaf.text).unwrap();
            let bound = |x: f64| (0..=(x * text.len() as f64) as usize).rev().find(|n| text.is_char_boundary(*n)).unwrap();
            let (mut from, mut to) = (bound(a.min(b)), bound(a.max(b)));
            if leaf.place == Place::Number {
                (from, to) = (0, text.len());
            }
            if !edit || from == to {
                texts.push((text.to_string(), leaf.place));
                return;
            }
            texts.push((format!("{}{marker}{}", &text[..from], &text[to..]), leaf.place));
            edits.push(Edit {
                span: leaf.map.to_payload(Span::at(from, to)),
                replacement: Span::at(0, marker.len()),
                place: leaf.place,
                depth: leaf.depth,
            });
        });
        let mut out = Vec::new();
        codec.encode(payload.as_bytes(), &edits, marker.as_bytes(), &mut scratch, &mut out);
        let out = String::from_utf8(out).unwrap();
        let parsed: Result<Value, _> = serde_json::from_str(&out);
        prop_assert!(parsed.is_ok(), "{payload} -> {out}");
        // Strings that no edit touched, and the rest of those that one did, read as before.
        let now: Vec<_> = leaves_of(out.as_bytes());
        for ((text, place), seen) in texts.iter().zip(&now) {
            if *place == Place::Number || seen.place == Place::Number || texts.len() != now.len() {
                break;
            }
            let now = String::from_utf8(seen.text.clone()).unwrap();
            prop_assert!(now == *text || *place == Place::Key && now.starts_with(text.as_str()), "{text} -> {now}");
        }
    }
}
