//! The fast way finds all that the slow way finds, which tries every pattern at every place: with profile
//! `safe-harbor`, in any bytes.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scrubjay::codec::{CodecScratch, Map};
use scrubjay::detect::{DetectScratch, Query};
use scrubjay::policy::{Policy, Profile};
use scrubjay::record::Batch;
use scrubjay::{KindSet, Scratch, Scrubber, Settings, Span};

/// More makes it slower and tells no more: what is looked at stands close together.
const MAX_BYTES: usize = 200;

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| {
    let policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
    Scrubber::new(Settings { policy, ..Settings::new() })
});

fuzz_target!(|payload: &[u8]| {
    if payload.len() > MAX_BYTES {
        return;
    }
    let batch = Batch::from_lines([payload]);
    let mut fast = Vec::new();
    let record = &batch.records()[0];
    SCRUBBER
        .scan(&batch, record, &mut Scratch::default(), &mut |located| fast.push(located.payload))
        .expect("nothing halts");
    fast.sort_unstable();
    // What lies side by side covers as much as what lies in one.
    let mut covered: Vec<Span> = Vec::new();
    for span in fast {
        match covered.last_mut() {
            Some(last) if span.start() <= last.end() => *last = last.union(span),
            _ => covered.push(span),
        }
    }
    let Settings { engine, codec, policy, .. } = SCRUBBER.settings();
    let query = Query::new(KindSet::ALL, policy.threshold());
    let (mut detect, mut slow) = (DetectScratch::default(), Vec::new());
    codec.leaves(payload, &mut CodecScratch::default(), &mut |leaf| {
        slow.clear();
        if engine.find_slow(leaf, query, &mut detect, &mut slow).is_err() {
            return;
        }
        for finding in &slow {
            let span = leaf.map.to_payload(finding.span);
            let id = &engine.detectors()[usize::from(finding.detector.0)].id;
            assert!(
                covered.iter().any(|c| c.contains(span)),
                "{id} at {span:?} is found the slow way only, in a leaf that is {}; found: {covered:?}",
                if matches!(leaf.map, Map::Direct(_)) { "as it came" } else { "decoded" },
            );
        }
    });
});
