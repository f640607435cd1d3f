//! What follows from the built-in packs alone, worked out beforehand.
//!
//! How long a pattern's matches are, what may stand in them before the part that is looked for, and the automaton over all heads:
//! to find that out takes most of a start. It stands in `detectors/facts.bin` instead, which `./dev facts` writes and a test
//! compares with what the packs say now. The file says of which packs it is: of others it is not used, and everything is
//! worked out as for a pack of one's own, with the same outcome.

mod code;

use super::fold;
use super::nfa::Nfa;
#[cfg(test)]
use super::pack::Pattern;
use super::starts::{Inner, Lengths};
use code::{Bytes, read_nfa};

/// The file.
static BUILTIN: &[u8] = include_bytes!("../../detectors/facts.bin");

/// What is known of some packs.
pub(super) struct Facts<'f> {
    /// In the order of the packs, and there in that of their patterns, that of a detector's value last.
    pub(super) patterns: Vec<PatternFacts>,
    heads: &'f [u8],
}

/// What is known of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PatternFacts {
    pub(super) max_len: usize,
    pub(super) look_around: bool,
    pub(super) inner: Option<Inner>,
    /// The lengths of the word that it begins with; none if it is not looked for by its head.
    pub(super) words: Lengths,
}

impl PatternFacts {
    #[cfg(test)]
    fn of(pattern: &Pattern) -> PatternFacts {
        PatternFacts {
            max_len: pattern.max_len,
            look_around: pattern.places.needs_look_around(),
            inner: pattern.places.inner().copied(),
            words: pattern.places.starts(&pattern.text).map_or(0, |s| s.words),
        }
    }
}

impl Facts<'static> {
    /// Those of the packs that are part of the binary, each with its name and text; `None` if the file is about others.
    pub(super) fn builtin(packs: &[(&str, &str)]) -> Option<Facts<'static>> {
        Facts::read(BUILTIN, packs)
    }
}

impl<'f> Facts<'f> {
    fn read(file: &'f [u8], packs: &[(&str, &str)]) -> Option<Facts<'f>> {
        let mut bytes = Bytes(file);
        if bytes.u64()? != key(packs) {
            return None;
        }
        let patterns = (0..bytes.number()?).map(|_| pattern(&mut bytes)).collect::<Option<_>>()?;
        Some(Facts { patterns, heads: bytes.0 })
    }

    /// By head, that of folding first, the lengths of the word that it begins with.
    pub(super) fn words(&self) -> Vec<Lengths> {
        let own = self.patterns.iter().map(|p| p.words).filter(|words| *words != 0);
        std::iter::once(fold::starts().words).chain(own).collect()
    }

    /// The automaton over the heads of all patterns.
    pub(super) fn heads(&self) -> Option<Nfa> {
        read_nfa(&mut Bytes(self.heads))
    }
}

fn pattern(bytes: &mut Bytes<'_>) -> Option<PatternFacts> {
    let max_len = bytes.number()?;
    let flags = bytes.number()?;
    let inner = match flags & 2 {
        0 => None,
        _ => Some(Inner::of(bytes.number()?, bytes.number()?)),
    };
    let words = bytes.number()? as Lengths;
    Some(PatternFacts { max_len, look_around: flags & 1 == 1, inner, words })
}

/// Tells packs from others: a change of a byte is seen.
fn key(packs: &[(&str, &str)]) -> u64 {
    // Changes whenever the file is to be read in another way.
    const FORM: u64 = 4;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    packs.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]).fold(FORM, |hash, bytes| {
        let (words, rest) = bytes.as_chunks::<8>();
        let hash = words.iter().fold(mix(hash, bytes.len() as u64), |h, w| mix(h, u64::from_le_bytes(*w)));
        rest.iter().fold(hash, |h, b| mix(h, u64::from(*b)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::engine::{BUILTIN as PACKS, Engine};
    use super::super::pack::{Pack, Places};
    use super::code::{Writer, write_nfa};
    use super::*;

    /// The packs, linted, as a pack of one's own is.
    fn linted() -> Vec<Pack> {
        PACKS.iter().map(|(file, text)| Pack::parse(file, text).unwrap()).collect()
    }

    fn patterns(packs: &[Pack]) -> impl Iterator<Item = &Pattern> {
        packs.iter().flat_map(|p| &p.detectors).flat_map(|d| d.patterns.iter().chain(&d.value))
    }

    /// The file as it has to be.
    fn written() -> Vec<u8> {
        let packs = linted();
        let mut w = Writer::default();
        w.0.extend(key(PACKS).to_le_bytes());
        w.number(patterns(&packs).count());
        for facts in patterns(&packs).map(PatternFacts::of) {
            w.number(facts.max_len);
            w.number(usize::from(facts.look_around) | usize::from(facts.inner.is_some()) << 1);
            if let Some(inner) = facts.inner {
                w.number(inner.parts());
                w.number(inner.max_before);
            }
            w.number(facts.words as usize);
        }
        write_nfa(Engine::new(&packs).unwrap().prefilter.heads.as_ref().unwrap().nfa(), &mut w);
        w.0
    }

    /// With `SCRUBJAY_WRITE_FACTS` set this writes the file instead: `./dev facts`.
    #[test]
    fn the_file_holds_what_the_packs_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/detectors/facts.bin");
        if std::env::var_os("SCRUBJAY_WRITE_FACTS").is_some() {
            std::fs::write(path, written()).unwrap();
        }
        let same = std::fs::read(path).unwrap() == written();
        assert!(same, "detectors/facts.bin is not about the packs as they are: run ./dev facts");
    }

    #[test]
    fn what_is_read_is_what_was_worked_out() {
        let (packs, file) = (linted(), written());
        let facts = Facts::read(&file, PACKS).unwrap();
        let want: Vec<PatternFacts> = patterns(&packs).map(PatternFacts::of).collect();
        assert_eq!(facts.patterns, want);
        let engine = Engine::new(&packs).unwrap();
        let nfa = engine.prefilter.heads.as_ref().unwrap().nfa();
        let read = facts.heads().unwrap();
        assert!(read == *nfa, "another automaton");
    }

    /// Beside another pack the built-in ones are worked out when they are needed.
    #[test]
    fn what_was_left_out_is_made_good() {
        let known = Engine::builtin_packs();
        let linted = linted();
        let all = patterns(&known).zip(patterns(&linted));
        let mut count = 0;
        for (known, linted) in all {
            count += 1;
            assert_eq!((&known.text, known.max_len), (&linted.text, linted.max_len));
            let starts = |p: &Pattern| format!("{:?}", p.places.starts(&p.text));
            // The pattern of a value is never looked for.
            if !matches!(linted.places, Places::Whole) {
                assert!(matches!(known.places, Places::Known { .. } | Places::LookAround), "stale facts");
                assert_eq!(starts(known), starts(linted), "{}", known.text);
            }
        }
        assert_eq!(count, patterns(&linted).count());
    }

    #[test]
    fn of_other_packs_nothing_is_known() {
        let file = written();
        assert!(Facts::read(&file, PACKS).is_some());
        assert!(Facts::read(&file, &PACKS[1..]).is_none());
        let mut changed = PACKS.to_vec();
        let text = changed[3].1.replace("base = ", "base =  ");
        changed[3].1 = &text;
        assert!(Facts::read(&file, &changed).is_none());
        for len in 0..file.len().min(4000) {
            let cut = Facts::read(&file[..len], PACKS);
            assert!(cut.is_none_or(|facts| facts.heads().is_none()));
        }
    }
}
