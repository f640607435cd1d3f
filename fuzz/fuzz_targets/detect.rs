//! Finds in any bytes, in any place and under any keys: what is found lies in the text, does not depend on what was
//! read before, nor on what else is looked for; and the slow way, which tries every pattern at every place, finds the same.

#![no_main]

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scrubjay::codec::{Leaf, Map, PathBuf, Place};
use scrubjay::detect::{DetectScratch, Engine, Finding, Query, probe};
use scrubjay::{Kind, KindSet, Span};

/// Longer texts are not tried the slow way.
const MAX_SLOW_BYTES: usize = 80;
const LEAST: f32 = 0.3;

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(Engine::builtin);

thread_local! {
    /// Goes from text to text, as a worker's does.
    static KEPT: RefCell<DetectScratch> = RefCell::default();
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    place: u8,
    kind: u8,
    keys: Vec<&'a str>,
    text: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let places = [Place::Text, Place::String, Place::Key, Place::Number];
    let mut path = PathBuf::default();
    input.keys.iter().take(4).for_each(|key| path.push_key(key.as_bytes()));
    let place = places[usize::from(input.place) % places.len()];
    let leaf = Leaf { text: input.text, map: Map::Direct(0), path: path.as_path(), place, depth: 0 };
    let query = Query::new(KindSet::ALL, LEAST);
    let find = |query, scratch: &mut DetectScratch| {
        let mut out = Vec::new();
        probe::find(&ENGINE, &leaf, query, scratch, &mut out).map(|()| out)
    };

    let kept = KEPT.with_borrow_mut(|scratch| find(query, scratch));
    // New memory takes long to make.
    if input.kind.is_multiple_of(8) {
        let fresh = find(query, &mut DetectScratch::default());
        assert_eq!(fresh, kept, "depends on what was read before");
    }
    let Ok(found) = kept else { return };

    let detectors = ENGINE.detectors();
    for f in &found {
        assert!(!f.span.is_empty() && f.span.end() <= input.text.len(), "{f:?} is no part of the text");
        assert!(f.confidence > LEAST - 1e-3 && f.confidence <= 1.0, "{f:?}");
        assert_eq!(detectors[usize::from(f.detector.0)].kind, f.kind);
    }
    KEPT.with_borrow_mut(|scratch| {
        for f in found.iter().take(4) {
            let evidence = ENGINE.explain(&leaf, f, scratch);
            assert!(
                evidence.iter().all(|e| e.weight.is_finite()) && !evidence.is_empty(),
                "{f:?}: {evidence:?}"
            );
        }
        // Who does not ask how sure a finding is learns of the same ones.
        let hasty = find(query.up_to(0.5), scratch).expect("found before");
        let which = |all: &[Finding]| all.iter().map(|f| (f.span, f.detector)).collect::<Vec<_>>();
        assert_eq!(which(&hasty), which(&found), "in haste");
        let kinds = Kind::ALL;
        let kind = kinds[usize::from(input.kind / 8) % kinds.len()];
        let alone = find(Query::new(KindSet::EMPTY.with(kind), LEAST), scratch).expect("found before");
        let of_kind: Vec<_> = found.iter().filter(|f| f.kind == kind).copied().collect();
        assert_eq!(covered(&alone), covered(&of_kind), "{kind:?} alone");
    });

    if input.text.len() <= MAX_SLOW_BYTES {
        let mut slow = Vec::new();
        let done = KEPT.with_borrow_mut(|scratch| ENGINE.find_slow(&leaf, query, scratch, &mut slow));
        assert!(done.is_ok(), "the slow way takes more steps");
        let (fast_covers, slow_covers) = (covered(&found), covered(&slow));
        assert_eq!(fast_covers, slow_covers, "fast {found:?}, slow {slow:?}");
    }
});

/// What is covered; what lies side by side covers as much as what lies in one.
fn covered(found: &[Finding]) -> Vec<Span> {
    let mut spans: Vec<Span> = found.iter().map(|f| f.span).collect();
    spans.sort_unstable();
    let mut all: Vec<Span> = Vec::new();
    for span in spans {
        match all.last_mut() {
            Some(last) if span.start() <= last.end() => *last = last.union(span),
            _ => all.push(span),
        }
    }
    all
}
