//! What detectors find that ask the model of names; and a name that was found once in a record, found again in it: its surname
//! alone, its capitals.

use memchr::memmem;

use super::fields::FieldInfo;
use super::fold::Folded;
use super::keywords::KeywordHits;
use super::names::{Names, NamesScratch, Topic, Word};
use super::prefilter::{Candidate, NAME};
use super::query::Query;
use super::scan::{DetectScratch, MatchScratch, Scene};
use super::{DetectorId, Engine, Finding, fold, protected};
use crate::codec::{Leaf, Map};
use crate::kind::KindSet;
use crate::span::Span;

/// More words of names than this in one record are not looked for again.
const MOST: usize = 64;

/// Bytes of the longest escape that is looked for before a word: `\\x20` with the backslash doubled.
const ESCAPE: usize = 5;

/// The words of the names found in a record.
#[derive(Default)]
pub(crate) struct Known {
    words: Vec<Word>,
}

impl Known {
    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a word may stand somewhere in `bytes` where nothing is `taken` yet.
    pub(crate) fn may_stand_in(&self, bytes: &[u8], taken: impl Fn(Span) -> bool) -> bool {
        // Where it could be written with an escape or in disguise only a second look tells.
        let hidden = || {
            let disguises = bytes.iter().any(|b| *b >= 0x80 || matches!(b, b'%' | 0x1b));
            disguises || memmem::find(bytes, b"\\u").is_some()
        };
        let free = |at: usize, len: usize| !taken(Span::at(at, at + len));
        let is_word = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let begins = |at: usize| {
            // The letters before may be those of an escape.
            let low = at.saturating_sub(ESCAPE);
            !is_word(bytes[low..at].last()) || bytes[low..at].contains(&b'\\')
        };
        let stands = |w: &Word| {
            let first = w.folded.first().copied().unwrap_or(0);
            memchr::memchr2_iter(first, first.to_ascii_uppercase(), bytes).any(|at| {
                let len = spelled(&bytes[at..], &w.folded);
                len.is_some_and(|len| begins(at) && !is_word(bytes.get(at + len)) && free(at, len))
            })
        };
        !self.is_empty() && (hidden() || self.words.iter().any(stands))
    }
}

/// The length of a word at the head of some bytes, whatever its case and with or without apostrophes.
fn spelled(bytes: &[u8], folded: &[u8]) -> Option<usize> {
    let mut left = folded;
    for (i, b) in bytes.iter().enumerate() {
        match left {
            [first, rest @ ..] if b.to_ascii_lowercase() == *first => left = rest,
            [] => return Some(i),
            _ if matches!(b, b'\'' | b'\\') => {}
            _ => return None,
        }
    }
    left.is_empty().then_some(bytes.len())
}

impl Engine {
    /// Takes out what the model found in campaign parameters of URLs, from the finding `first` on.
    pub(super) fn leave_campaigns(&self, text: &[u8], first: usize, out: &mut Vec<Finding>) {
        let asks_model = |d: DetectorId| self.rules[d.0 as usize].detector.model.is_some();
        let mut seen = 0;
        out.retain(|f| {
            seen += 1;
            seen <= first || !(asks_model(f.detector) && protected::is_campaign(text, f.span))
        });
    }

    /// Detectors that ask the model of names.
    pub(super) fn wanted_models(&self, kinds: KindSet) -> impl Iterator<Item = (Topic, u16)> {
        let wanted = move |number: u16| kinds.contains(self.rules[number as usize].detector.kind);
        self.models.iter().copied().filter(move |(_, number)| wanted(*number))
    }

    /// Asks the model of names.
    pub(super) fn names(
        &self,
        scene: &Scene<'_>,
        candidates: &[Candidate],
        base: usize,
        scratch: &mut MatchScratch,
        out: &mut Vec<Finding>,
    ) {
        let MatchScratch { keywords, names, .. } = scratch;
        let places = candidates.iter().filter(|c| c.pattern == NAME).map(|c| c.at as usize - base);
        // What a field's name may add, and what a detector starts from.
        let bonus = |number: u16| {
            let w = &self.rules[number as usize].detector.weights;
            w.base + scene.field.field_of(number).map_or(0.0, |_| w.field.max(0.0))
        };
        let most =
            self.wanted_models(scene.query.kinds).map(|(_, n)| bonus(n)).fold(f32::NEG_INFINITY, f32::max);
        Names::builtin().find(scene.text, places, scene.query.least - most, names, |found| {
            for (topic, number) in self.wanted_models(scene.query.kinds) {
                if topic == found.topic {
                    out.extend(self.weigh(scene, number, found.span, Some(found.score), keywords));
                }
            }
        });
    }

    /// What looking for known names needs of a worker's memory.
    fn for_known<'s>(
        &self,
        leaf: &Leaf<'_>,
        scratch: &'s mut DetectScratch,
    ) -> (&'s FieldInfo, &'s mut NamesScratch, &'s mut KeywordHits, &'s mut Folded) {
        self.adopt(scratch);
        let DetectScratch { matching: MatchScratch { keywords, names, .. }, fields, folded, .. } = scratch;
        (self.fields.look_up(leaf.path, &self.keywords, fields), names, keywords, folded)
    }

    /// Remembers the words of a name.
    pub(crate) fn remember(&self, text: &[u8], name: Span, known: &mut Known, scratch: &mut DetectScratch) {
        if self.again.is_none() {
            return;
        }
        Names::builtin().words(text, name, &mut scratch.matching.names, |word| {
            if known.words.len() < MOST && known.words.iter().all(|w| w.folded != word.folded) {
                known.words.push(word);
            }
        });
    }

    /// Finds the words of names that the record is known to hold.
    pub(crate) fn find_known(
        &self,
        leaf: &Leaf<'_>,
        known: &Known,
        query: Query,
        scratch: &mut DetectScratch,
        out: &mut Vec<Finding>,
    ) {
        let Some(number) = self.again.filter(|_| !known.is_empty()) else { return };
        let (field, names, keywords, folded) = self.for_known(leaf, scratch);
        let mut look = |text: &[u8], out: &mut Vec<Finding>| {
            let scene = Scene { text, field, query };
            keywords.clear();
            Names::builtin().find_again(text, &known.words, names, |span| {
                out.extend(self.weigh(&scene, number, span, Some(0.0), keywords));
            });
        };
        look(leaf.text, out);
        if fold::fold(leaf.text, folded) {
            let first = out.len();
            look(&folded.text, out);
            let map = Map::Segments(&folded.segments);
            out[first..].iter_mut().for_each(|f| f.span = map.to_payload(f.span));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::{Path, Place};

    fn known() -> Known {
        let (mut known, mut scratch) = (Known::default(), DetectScratch::default());
        for name in ["Marlowe", "O'Brien"] {
            let text = format!("seen by {name}");
            Engine::builtin().remember(text.as_bytes(), Span::at(8, text.len()), &mut known, &mut scratch);
        }
        assert_eq!(known.words.len(), 2);
        known
    }

    #[test]
    fn where_a_known_name_may_stand() {
        let cases = [
            ("and Marlowe, too", true),
            ("marlowe", true),
            ("MARLOWE's", true),
            ("o'brien=1", true),
            ("xmarlowe", false),
            ("marlowes", false),
            ("Marlow e", false),
            ("OBRIEN", true),
            ("O Brien", false),
            ("", false),
            // The letter before is that of an escape.
            (r"\nMarlowe", true),
            (r"\\tMarlowe", true),
            (r"\\x20Marlowe", true),
            // Who knows what that says.
            ("m%61rlowe", true),
            (r"m\u0061rlowe", true),
            ("\x1b[1mMarlowe", true),
            ("caf\u{e9}", true),
        ];
        for (text, want) in cases {
            assert_eq!(known().may_stand_in(text.as_bytes(), |_| false), want, "{text}");
        }
        assert!(!known().may_stand_in(b"by Marlowe", |word| word == Span::new(3, 10)));
        assert!(!Known::default().may_stand_in(b"100%", |_| false));
    }

    proptest! {
        /// Where a known name is found it is not said before that none can stand, however often the text was quoted.
        #[test]
        fn nothing_found_is_ruled_out(
            parts in proptest::collection::vec(
                prop_oneof![
                    3 => prop_oneof!["Marlowe", "marlowe", "MARLOWE", "O'Brien", "OBRIEN's", r"O\\'Brien", "Marlo\u{301}we"],
                    4 => r#"[ ,;:='"\\/_+.|<-]"#,
                    1 => "[\n\t\r\u{8}\u{1b}\u{a0}\u{2019}]",
                    2 => prop_oneof![r"\\n", r"\\x20", "%20", "\u{1b}\\[31m", r"\\u0020"],
                    1 => "[a-z0-9]{1,2}",
                ],
                1..10,
            ),
        ) {
            let (text, known) = (parts.concat(), known());
            let leaf =
                Leaf { text: text.as_bytes(), map: Map::Direct(0), path: Path::ROOT, place: Place::Text, depth: 0 };
            let (mut scratch, mut found) = (DetectScratch::default(), Vec::new());
            let query = Query::new(KindSet::ALL, 0.0);
            Engine::builtin().find_known(&leaf, &known, query, &mut scratch, &mut found);
            let mut payload = text.clone();
            for _ in 0..3 {
                prop_assert!(found.is_empty() || known.may_stand_in(payload.as_bytes(), |_| false), "{payload:?}");
                payload = serde_json::to_string(&payload).unwrap();
            }
        }
    }
}
