//! Predicts for any text: offsets are code points of it, in order, and those of the bytes that a scrubber would act on.

#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scrubjay::eval::{Document, Predictor};
use scrubjay::policy::{Action, Policy, Profile};
use scrubjay::record::Batch;
use scrubjay::{Scratch, Scrubber, Settings};

static SCRUBBER: LazyLock<Scrubber> = LazyLock::new(|| {
    let policy = Policy { profile: Profile::SafeHarbor, ..Policy::default() };
    Scrubber::new(Settings { policy, ..Settings::new() })
});

thread_local! {
    /// By whether the text is cut into lines first.
    static PREDICTORS: RefCell<[Predictor<'static>; 2]> =
        RefCell::new([false, true].map(|by_line| Predictor::new(&SCRUBBER, by_line)));
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fuzz_target!(|text: &str| {
    let document = Document { id: String::new(), text: text.to_owned(), spans: Vec::new() };
    let length = text.chars().count();
    for by_line in [false, true] {
        let predicted = PREDICTORS.with_borrow_mut(|p| p[usize::from(by_line)].predict(&document));
        let Ok(found) = predicted else { continue };
        assert!(found.is_sorted(), "{found:?}");
        assert!(found.iter().all(|s| s.start < s.end && s.end <= length), "{found:?} of {length}");
        if by_line {
            continue;
        }
        let mut scratch = SCRATCH.take();
        let batch = Batch::from_lines([text.as_bytes()]);
        let mut wanted = Vec::new();
        SCRUBBER
            .scan(&batch, &batch.records()[0], &mut scratch, &mut |located| {
                if located.action == Action::Keep || located.payload.is_empty() {
                    return;
                }
                // A code point that is touched counts.
                let touched = text.char_indices().enumerate().filter(|(_, (at, c))| {
                    *at < located.payload.end() && at + c.len_utf8() > located.payload.start()
                });
                let touched: Vec<usize> = touched.map(|(n, _)| n).collect();
                let (first, last) = (touched[0], touched[touched.len() - 1]);
                wanted.push((first, last + 1, located.finding.kind.name().to_uppercase()));
            })
            .expect("predicted before");
        SCRATCH.set(scratch);
        wanted.sort();
        wanted.dedup();
        let found: Vec<_> = found.into_iter().map(|s| (s.start, s.end, s.label)).collect();
        assert_eq!(found, wanted);
    }
});
