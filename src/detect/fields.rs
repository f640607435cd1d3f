//! What the name of a field says about its value.

use std::collections::HashMap;

use super::keywords::Keywords;
use crate::codec::Path;
use crate::kind::Kind;

/// How many keys of a path are looked at, innermost first.
const KEYS: usize = 3;
/// Slots of a worker's cache; a power of two.
const SLOTS: usize = 1024;

/// Names that are longer together are not remembered: comparing them again and again would cost more than reading them.
const LONGEST: usize = 512;
/// Bytes of a key that are read: the last ones, for they say what it holds.
const READ: usize = 128;

/// What a field's name says to detectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FieldInfo {
    /// Detectors one of whose fields this is, with the index of the field.
    pub(super) named: Vec<(u16, u16)>,
    /// Detectors that never act here.
    pub(super) barred: Vec<u16>,
    /// Keywords that stand in the name.
    pub(super) keywords: Vec<u16>,
}

impl FieldInfo {
    /// The field of this detector that the name matches.
    pub(super) fn field_of(&self, detector: u16) -> Option<u16> {
        self.named.iter().find(|(d, _)| *d == detector).map(|(_, f)| *f)
    }
}

/// All fields of all detectors, by their letters and digits alone: `patient_name` as `patientname`.
#[derive(Default)]
pub(super) struct Fields {
    named: HashMap<String, Vec<(u16, u16)>>,
    barred: HashMap<String, Vec<u16>>,
}

/// A worker's memory of names seen.
pub(crate) struct FieldCache {
    slots: Vec<Option<Known>>,
    /// The slot that was asked for last, and by slot the one that was asked for after it: records of one shape have their
    /// members in one order.
    last: usize,
    next: Vec<u16>,
    /// What names say that are too long to be remembered.
    odd: FieldInfo,
}

impl Default for FieldCache {
    fn default() -> FieldCache {
        FieldCache { slots: vec![None; SLOTS], last: 0, next: vec![0; SLOTS], odd: FieldInfo::default() }
    }
}

/// The innermost keys of a path as [`Path::innermost`] gives them, and what they say.
#[derive(Clone)]
struct Known {
    names: Box<[u8]>,
    starts: [u32; KEYS],
    info: FieldInfo,
}

static NOTHING: FieldInfo = FieldInfo { named: Vec::new(), barred: Vec::new(), keywords: Vec::new() };

impl Fields {
    /// Adds a detector's fields.
    pub(super) fn add(&mut self, detector: u16, fields: &[String], not_fields: &[String]) {
        let joined = |f: &String| f.replace('_', "");
        for (i, f) in fields.iter().enumerate() {
            self.named.entry(joined(f)).or_default().push((detector, i as u16));
        }
        for f in not_fields {
            self.barred.entry(joined(f)).or_default().push(detector);
        }
    }

    /// What the innermost keys of `path` say. Answers are remembered: logs repeat their keys.
    pub(super) fn look_up<'c>(
        &self,
        path: Path<'_>,
        keywords: &Keywords,
        cache: &'c mut FieldCache,
    ) -> &'c FieldInfo {
        let (names, starts) = path.innermost::<KEYS>();
        if names.is_empty() {
            return &NOTHING;
        }
        if names.len() > LONGEST {
            cache.odd = self.work_out(path, keywords);
            return &cache.odd;
        }
        let known = |k: &Option<Known>| k.as_ref().is_some_and(|k| k.starts == starts && *k.names == *names);
        let FieldCache { slots, last, next, .. } = cache;
        let mut slot = *last;
        if !known(&slots[slot]) {
            slot = usize::from(next[*last]);
            if !known(&slots[slot]) {
                slot = slot_of(names);
                next[*last] = slot as u16;
                if !known(&slots[slot]) {
                    let info = self.work_out(path, keywords);
                    slots[slot] = Some(Known { names: names.into(), starts, info });
                }
            }
            *last = slot;
        }
        slots[slot].as_ref().map_or(&NOTHING, |k| &k.info)
    }

    #[cold]
    #[inline(never)]
    fn work_out(&self, path: Path<'_>, keywords: &Keywords) -> FieldInfo {
        let keys: Vec<&[u8]> = path.keys_inward_out().take(KEYS).collect();
        let tokens: Vec<String> = keys.iter().rev().flat_map(|k| tokens(k)).collect();
        // `phone2` and `address_1` say what `phone` and `address` say.
        let is_number = |t: &String| t.bytes().all(|b| b.is_ascii_digit());
        let unnumbered = tokens.iter().rposition(|t| !is_number(t)).map_or(0, |i| i + 1);
        let mut info = FieldInfo::default();
        let lengths =
            if unnumbered < tokens.len() { vec![tokens.len(), unnumbered] } else { vec![tokens.len()] };
        for len in lengths {
            let mut suffix = String::new();
            for token in tokens[..len].iter().rev() {
                suffix.insert_str(0, token);
                info.named.extend(self.named.get(&suffix).into_iter().flatten());
                info.barred.extend(self.barred.get(&suffix).into_iter().flatten());
            }
        }
        info.named.sort_unstable();
        let own = keys.first().map(|k| self::tokens(k).join(" ")).unwrap_or_default();
        info.keywords = keywords.all_in(own.as_bytes());
        info
    }
}

/// Eight bytes at a time; names that share a slot only take turns in it.
fn slot_of(names: &[u8]) -> usize {
    let (words, rest) = names.as_chunks::<8>();
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let hash = words.iter().fold(names.len() as u64, |hash, w| mix(hash, u64::from_le_bytes(*w)));
    let tail = rest.iter().fold(0, |word, b| word << 8 | u64::from(*b));
    (mix(hash, tail) >> 32) as usize & (SLOTS - 1)
}

/// Splits a name into its words: `patientName`, `patient-name`, `PATIENT_NAME` and `patient.name` are all
/// `patient`, `name`; `patientSSN` is `patient`, `ssn`; `MRNNumber` is `mrn`, `number`. One of our own markers is a
/// `*`, which no field's name holds: a key that was redacted must not say more about its value than the key did.
pub(super) fn tokens(name: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    let mut word = String::new();
    let mut marker_end = 0;
    let name = &name[name.len().saturating_sub(READ)..];
    for (i, &b) in name.iter().enumerate() {
        let len = Kind::marker_len(&name[i..]);
        if i >= marker_end && len > 0 {
            marker_end = i + len;
            flush(&mut word, &mut all);
            all.push("*".to_string());
        }
        if i < marker_end || !b.is_ascii_alphanumeric() {
            flush(&mut word, &mut all);
            continue;
        }
        let before = i.checked_sub(1).map(|j| name[j]);
        let after = name.get(i + 1);
        let camel = b.is_ascii_uppercase()
            && before.is_some_and(|p| {
                p.is_ascii_lowercase() || p.is_ascii_uppercase() && after.is_some_and(u8::is_ascii_lowercase)
            });
        let number = before.is_some_and(|p| p.is_ascii_digit() != b.is_ascii_digit());
        if camel || number {
            flush(&mut word, &mut all);
        }
        word.push(b.to_ascii_lowercase() as char);
    }
    flush(&mut word, &mut all);
    all
}

fn flush(word: &mut String, all: &mut Vec<String>) {
    if !word.is_empty() {
        all.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::PathBuf;

    #[test]
    fn names_come_apart() {
        let cases = [
            ("patientName", "patient name"),
            ("patient-name", "patient name"),
            ("PATIENT_NAME", "patient name"),
            ("patientSSN", "patient ssn"),
            ("MRNNumber", "mrn number"),
            ("phone2", "phone 2"),
            ("x.y/z", "x y z"),
            ("[SSN]", "*"),
            ("call [PHONE] now", "call * now"),
            ("[SSN] [x][MRN]2", "* x * 2"),
            ("[ssn]", "ssn"),
            ("", ""),
        ];
        for (name, want) in cases {
            assert_eq!(tokens(name.as_bytes()).join(" "), want, "{name}");
        }
    }

    #[test]
    fn fields_match_by_their_last_words() {
        let mut f = Fields::default();
        f.add(7, &["ssn".into(), "patient_name".into()], &["host_name".into()]);
        let keywords = Keywords::new(vec!["ssn".into()]);
        let mut cache = FieldCache::default();
        let mut ask = |keys: &[&str]| {
            let mut p = PathBuf::default();
            keys.iter().for_each(|k| p.push_key(k.as_bytes()));
            f.look_up(p.as_path(), &keywords, &mut cache).clone()
        };
        for keys in [&["ssn"][..], &["patientSSN"], &["a", "primary-ssn"], &["ssn2"], &["ssn_1"]] {
            assert_eq!(ask(keys).field_of(7), Some(0), "{keys:?}");
        }
        for keys in [&["patientname"][..], &["patient", "name"], &["x", "the_patientName"]] {
            assert_eq!(ask(keys).field_of(7), Some(1), "{keys:?}");
        }
        for keys in [&["name"][..], &["assn"], &["patient"], &[]] {
            assert_eq!(ask(keys).field_of(7), None, "{keys:?}");
        }
        let long = "x-".repeat(LONGEST);
        assert_eq!(ask(&[&format!("{long}patientSSN")]).field_of(7), Some(0), "the end of a long key counts");
        assert_eq!(ask(&[&format!("ssn{long}")]).field_of(7), None);
        assert_eq!(ask(&["hostName"]).barred, [7]);
        assert_eq!(ask(&["ssn_text"]).keywords, [0]);
    }
}
