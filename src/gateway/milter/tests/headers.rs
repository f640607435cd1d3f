//! Changes of a header, against two models of what an MTA makes of them.

use proptest::collection::vec;
use proptest::prelude::*;

use super::fields::{Edit, Field, Inexpressible, MOST_FIELDS, diff, fields};

type Line = (Vec<u8>, Vec<u8>);

/// Makes the edits. MTAs do not agree on whether a field that was removed is `counted` in the index of those behind it.
fn apply(old: &[Line], edits: &[Edit<'_>], counted: bool) -> Vec<Line> {
    let mut lines: Vec<(Line, bool)> = old.iter().map(|l| (l.clone(), true)).collect();
    let mut added = Vec::new();
    for edit in edits {
        let find = |lines: &[(Line, bool)], name: &[u8], index: u32| {
            let mut of_name = lines
                .iter()
                .enumerate()
                .filter(|(_, ((n, _), there))| (*there || counted) && n.eq_ignore_ascii_case(name));
            of_name.nth(index as usize - 1).expect("such a field").0
        };
        match *edit {
            Edit::Change { name, index, value } => {
                let at = find(&lines, name, index);
                lines[at].0 = (name.to_vec(), value.to_vec());
            }
            Edit::Delete { name, index } => {
                let at = find(&lines, name, index);
                lines[at].1 = false;
            }
            Edit::Insert { at, name, value } => {
                lines.insert(at as usize, ((name.to_vec(), value.to_vec()), true));
            }
            Edit::Add { name, value } => added.push((name.to_vec(), value.to_vec())),
        }
    }
    let there = lines.into_iter().filter_map(|(line, there)| there.then_some(line));
    there.chain(added).collect()
}

fn text(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|(n, v)| [n, &b":"[..], v, b"\r\n"].concat()).collect()
}

fn lines(spec: &str) -> Vec<Line> {
    let line = |l: &str| l.split_once(':').map(|(n, v)| (n.into(), v.into()));
    spec.split(' ').filter_map(line).collect()
}

#[test]
fn the_edits_are_few() {
    for (old, new, expected) in [
        ("", "", "[]"),
        ("A:1 B:2", "A:1 B:2", "[]"),
        ("A:1 B:2", "A:1 B:3", "[Change(1)]"),
        ("A:1 a:2 A:3", "A:1 a:9 A:3", "[Change(2)]"),
        ("D:1 S:1 D:2 T:1", "S:1 T:1", "[Delete(2), Delete(1)]"),
        ("D:1 S:1 D:2 T:1", "S:9 T:1", "[Delete(2), Change(1), Delete(1)]"),
        ("D:1 D:2 D:3", "D:2", "[Delete(3), Delete(1)]"),
        ("A:1 B:2", "A:1 X:0 B:2", "[Insert(1)]"),
        ("A:1 B:2", "A:1 A:0 B:2 A:9", "[Insert(1), Add]"),
        ("A:1 B:2", "A:7 A:0 B:2", "[Insert(1), Change(1)]"),
        ("A:1", "B:1", "[Delete(1), Add]"),
        ("A:1 B:2 C:3", "C:3 A:1 B:2", "[Insert(0), Delete(2)]"),
        ("A:1 B:2", "", "[Delete(1), Delete(1)]"),
        ("", "A:1 B:2", "[Add, Add]"),
    ] {
        let (old, new) = (lines(old), lines(new));
        let (old_text, new_text) = (text(&old), text(&new));
        let edits = diff(&fields(&old_text).unwrap(), &fields(&new_text).unwrap()).unwrap();
        assert_eq!(format!("{edits:?}"), expected);
        assert_eq!(apply(&old, &edits, true), new);
        assert_eq!(apply(&old, &edits, false), new);
    }
}

#[test]
fn what_was_altered_is_always_changed() {
    let text = b"A: 1\r\nB: 2\r\nB: 2\r\n";
    let new = fields(text).unwrap();
    let mut old = new.clone();
    old[1].altered = true;
    let edits = diff(&old, &new).unwrap();
    assert!(edits == [Edit::Change { name: b"B", index: 1, value: b" 2" }]);
}

#[test]
fn what_cannot_be_expressed_is_an_error() {
    for (header, expected) in [
        ("no field\r\n", Inexpressible::NoField),
        (" folded: first\r\n", Inexpressible::NoField),
        (": x\r\n", Inexpressible::NoField),
        ("a b: x\r\n", Inexpressible::NoField),
        ("A: x\r\nnone\r\n", Inexpressible::NoField),
        ("A : x\r\n", Inexpressible::NoField),
        (&"A:\r\n".repeat(MOST_FIELDS + 1), Inexpressible::TooMany),
    ] {
        assert_eq!(fields(header.as_bytes()).unwrap_err(), expected, "{}", header.escape_debug());
    }
    let one = |value: Vec<u8>| diff(&[], &[Field { name: b"A", value: &value, altered: false }]).map(|_| ());
    assert_eq!(one(b"a\0".to_vec()), Err(Inexpressible::Nul));
    assert_eq!(one(vec![b'x'; 65_527]), Ok(()));
    assert_eq!(one(vec![b'x'; 65_528]), Err(Inexpressible::TooLong));
    let many = vec![Field { name: b"A", value: b"", altered: false }; MOST_FIELDS + 1];
    assert_eq!(diff(&many, &[]).unwrap_err(), Inexpressible::TooMany);
}

#[test]
fn fields_are_read_with_their_folds() {
    let header = b"A: 1\r\n\tb\r\n \r\nB:\r\nC:x";
    let got: Vec<_> = fields(header).unwrap().iter().map(|f| (f.name, f.value)).collect();
    assert_eq!(got, [(&b"A"[..], &b" 1\r\n\tb\r\n "[..]), (b"B", b""), (b"C", b"x")]);
    assert!(!format!("{:?}", fields(header).unwrap()).contains("tb"));
}

/// A header as long as may be that is new from one end to the other: it takes a moment, not minutes.
#[test]
fn the_longest_headers_are_compared() {
    let line = |n: usize, tail: &str| format!("A: {}{n}{tail}\r\n", "x".repeat(2_000));
    let old: String = (0..MOST_FIELDS).map(|n| line(n, "")).collect();
    let new: String = (0..MOST_FIELDS).map(|n| line(n, "!")).collect();
    let edits = diff(&fields(old.as_bytes()).unwrap(), &fields(new.as_bytes()).unwrap()).unwrap();
    assert_eq!(edits.len(), MOST_FIELDS);
}

fn header() -> impl Strategy<Value = Vec<Line>> {
    let name = prop::sample::select(vec![&b"A"[..], b"a", b"B", b"DKIM-Signature"]);
    let value = prop::sample::select(vec![&b" 1"[..], b" 2", b"", b" 3\r\n\tfolded"]);
    vec((name, value).prop_map(|(n, v)| (n.to_vec(), v.to_vec())), 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn any_header_becomes_any_other(old in header(), new in header()) {
        let (old_text, new_text) = (text(&old), text(&new));
        let edits = diff(&fields(&old_text).unwrap(), &fields(&new_text).unwrap()).unwrap();
        prop_assert_eq!(&apply(&old, &edits, true), &new);
        prop_assert_eq!(&apply(&old, &edits, false), &new);
        prop_assert!(edits.len() <= old.len() + new.len());
    }
}
