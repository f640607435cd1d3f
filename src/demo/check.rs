//! The check at the end: nothing planted came out, in anything that came out.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::message::{Message, NUMBER_HEADER};
use super::text::Planted;
use crate::kind::Kind;

/// Shorter values can stand in another record by chance: they are looked for in their own record only.
const UNIQUE_BYTES: usize = 7;

/// A message read back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// `None` is a tombstone.
    pub(crate) payload: Option<Vec<u8>>,
    /// `None` is a null key.
    pub(crate) key: Option<Vec<u8>>,
    /// Names and values.
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

/// An identifier that came out. It says where, not what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leak {
    /// What it is.
    pub(crate) kind: Kind,
    /// The record it came out in, counted from 0.
    pub(crate) record: usize,
}

/// What the check found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Identifiers planted.
    pub(crate) planted: usize,
    /// Identifiers that came out: each kind once a record.
    pub(crate) leaks: Vec<Leak>,
    /// Records that came out at another place, or in another shape: the number of headers, or a null that is none.
    pub(crate) misplaced: usize,
    /// Records in which nothing was planted.
    pub(crate) clean: usize,
    /// Those of them that came out changed.
    pub(crate) clean_changed: usize,
}

impl Checked {
    /// Whether nothing came out that should not have, and all came out where it should.
    pub(crate) fn passed(&self) -> bool {
        self.leaks.is_empty() && self.misplaced == 0
    }
}

/// Compares what was written with what was read back, record by record. A missing record is an empty output.
pub(crate) fn check(written: &[Message], read: &[Output]) -> Checked {
    let mut checked = Checked { planted: written.iter().map(Message::planted).sum(), ..Checked::default() };
    let texts: Vec<Vec<u8>> = read.iter().map(everything).collect();
    for (record, ((message, output), text)) in written.iter().zip(read).zip(&texts).enumerate() {
        if !same_shape(message, output) {
            checked.misplaced += 1;
        }
        if message.planted() == 0 {
            checked.clean += 1;
            checked.clean_changed += usize::from(!unchanged(message, output));
        }
        for (planted, value) in message.texts().flat_map(|t| t.written()) {
            if comes_out(planted, value, text) {
                checked.leaks.push(Leak { kind: planted.kind, record });
            }
        }
    }
    checked.leaks.extend(strays(written, &texts));
    checked.leaks.sort();
    checked.leaks.dedup();
    checked
}

/// All bytes of a record that could show something.
fn everything(output: &Output) -> Vec<u8> {
    let mut all = Vec::new();
    let headers = output.headers.iter().flat_map(|(name, value)| [Some(name.as_bytes()), value.as_deref()]);
    for part in [output.payload.as_deref(), output.key.as_deref()].into_iter().chain(headers) {
        all.extend_from_slice(part.unwrap_or_default());
        all.push(b'\n');
    }
    all
}

fn same_shape(message: &Message, output: &Output) -> bool {
    let number = message.headers.first().map(|(_, value)| value.text.as_bytes());
    let names = message.headers.iter().map(|(name, _)| *name);
    output.payload.is_some() == message.payload.is_some()
        && output.key.is_some() == message.key.is_some()
        && output.headers.iter().map(|(name, _)| name.as_str()).eq(names)
        && output
            .headers
            .first()
            .is_some_and(|(name, value)| name == NUMBER_HEADER && value.as_deref() == number)
}

fn unchanged(message: &Message, output: &Output) -> bool {
    let same = |text: &Option<super::text::Text>, bytes: &Option<Vec<u8>>| {
        text.as_ref().map(|t| t.text.as_bytes()) == bytes.as_deref()
    };
    let headers = message.headers.iter().map(|(_, value)| Some(value.text.as_bytes()));
    same(&message.payload, &output.payload)
        && same(&message.key, &output.key)
        && output.headers.iter().map(|(_, value)| value.as_deref()).eq(headers)
}

/// Whether a value stands in its own record's output, whole or in a part that tells.
fn comes_out(planted: &Planted, written: &str, text: &[u8]) -> bool {
    let value = planted.value.as_deref().unwrap_or(written);
    let has = |needle: &str| memmem::find(text, needle.as_bytes()).is_some();
    has(written) || has(value) || telling_parts(planted.kind, value).any(has)
}

/// Parts of a value that must not come out either: a tail that an overlap left behind.
fn telling_parts(kind: Kind, value: &str) -> impl Iterator<Item = &str> {
    // The domain of an address is no secret; the words of a name are, however short.
    let value = value.split('@').next().unwrap_or(value);
    let least = if kind == Kind::Name { 3 } else { 5 };
    value.split(|c: char| !c.is_alphanumeric()).filter(move |part| part.chars().count() >= least)
}

/// Values that came out in a record they were not planted in: in the place of another, or out of turn.
fn strays(written: &[Message], texts: &[Vec<u8>]) -> Vec<Leak> {
    let mut values: HashMap<&str, Kind> = HashMap::new();
    for (planted, value) in written.iter().flat_map(Message::texts).flat_map(|t| t.written()) {
        if value.len() >= UNIQUE_BYTES {
            values.insert(value, planted.kind);
        }
    }
    let (needles, kinds): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    let mut leaks = Vec::new();
    // Millions of long patterns would be needed to go past its limits.
    let Ok(searcher) = AhoCorasick::new(&needles) else {
        return vec![Leak { kind: Kind::UniqueId, record: 0 }];
    };
    for (record, text) in texts.iter().enumerate() {
        for found in searcher.find_overlapping_iter(text) {
            let joined =
                |at: Option<usize>| at.and_then(|i| text.get(i)).is_some_and(u8::is_ascii_alphanumeric);
            // Eight digits may stand inside a trace id by chance.
            if !joined(found.start().checked_sub(1)) && !joined(Some(found.end())) {
                leaks.push(Leak { kind: kinds[found.pattern().as_usize()], record });
            }
        }
    }
    leaks
}

#[cfg(test)]
mod tests {
    use super::super::message::messages;
    use super::super::text::Text;
    use super::*;

    fn output(message: &Message, write: impl Fn(&Text) -> String) -> Output {
        let write = |text: &Text| write(text).into_bytes();
        Output {
            payload: message.payload.as_ref().map(write),
            key: message.key.as_ref().map(write),
            headers: message.headers.iter().map(|(n, v)| (n.to_string(), Some(write(v)))).collect(),
        }
    }

    fn ideal(written: &[Message]) -> Vec<Output> {
        written.iter().map(|m| output(m, Text::ideal)).collect()
    }

    #[test]
    fn the_ideal_passes_on_many_seeds() {
        for seed in 0..20 {
            let written = messages(seed, 2000);
            let checked = check(&written, &ideal(&written));
            assert!(checked.passed(), "seed {seed}: {checked:?}");
            assert_eq!(checked.clean_changed, 0);
            assert!(checked.planted > 2000 && checked.clean > 200);
        }
    }

    #[test]
    fn a_copy_leaks_everything() {
        let written = messages(1, 500);
        let read: Vec<_> = written.iter().map(|m| output(m, |t| t.text.clone())).collect();
        let checked = check(&written, &read);
        assert_eq!(checked.misplaced, 0);
        for (record, message) in written.iter().enumerate() {
            for planted in message.texts().flat_map(|t| &t.planted) {
                assert!(
                    checked.leaks.contains(&Leak { kind: planted.kind, record }),
                    "{} {record}",
                    planted.kind
                );
            }
        }
    }

    #[test]
    fn one_leak_anywhere_is_found() {
        let written = messages(5, 300);
        let all = ideal(&written);
        for (record, message) in written.iter().enumerate() {
            for (planted, value) in message.texts().flat_map(|t| t.written()) {
                let value = planted.value.as_deref().unwrap_or(value);
                let mut forms = vec![value.to_string()];
                forms.extend(telling_parts(planted.kind, value).map(String::from));
                for form in forms {
                    let mut read = all.clone();
                    read[record].headers[0].0 = format!("x {form}");
                    let checked = check(&written[record..=record], &read[record..=record]);
                    assert!(checked.leaks.contains(&Leak { kind: planted.kind, record: 0 }), "{form}");
                }
            }
        }
    }

    #[test]
    fn a_value_in_another_record_is_found() {
        let written = messages(5, 300);
        let mut read = ideal(&written);
        let email = |m: &Message| m.headers.iter().find(|h| h.0 == "reply-to").map(|h| h.1.text.clone());
        let (from, email) = written.iter().enumerate().find_map(|(i, m)| Some((i, email(m)?))).unwrap();
        let to = (from + 100) % 300;
        read[to].key = Some(format!("({email})").into_bytes());
        let leaks = check(&written, &read).leaks;
        assert!(leaks.contains(&Leak { kind: Kind::Email, record: to }), "{leaks:?}");
    }

    #[test]
    fn wrong_places_and_shapes_are_counted() {
        let written = messages(5, 300);
        let all = ideal(&written);
        let misplaced = |change: fn(&mut Vec<Output>)| {
            let mut read = all.clone();
            change(&mut read);
            check(&written, &read).misplaced
        };
        assert_eq!(misplaced(|_| ()), 0);
        assert_eq!(misplaced(|r| r.swap(3, 9)), 2);
        assert_eq!(misplaced(|r| r[3] = Output::default()), 1);
        assert_eq!(misplaced(|r| r[3].payload = None), 1);
        assert_eq!(misplaced(|r| r[3].headers.push(("x".into(), None))), 1);
        let clean = written.iter().position(|m| m.planted() == 0).unwrap();
        let mut read = all.clone();
        read[clean].payload = Some(b"[DATE]".to_vec());
        assert_eq!(check(&written, &read).clean_changed, 1);
    }
}
