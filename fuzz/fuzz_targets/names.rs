//! Reads any bytes for names and towns: places are in order and where words begin, what is found lies in the text and
//! does not depend on what was read before, and a window of a long text gives what the whole text gives there.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use scrubjay::Span;
use scrubjay::detect::probe::Words;

thread_local! {
    static KEPT: RefCell<Words> = RefCell::default();
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    text: &'a [u8],
    /// A piece, repeated on either side of the text: long enough for windows.
    before: &'a [u8],
    after: &'a [u8],
    from: u16,
    trim: (u16, u16),
}

fuzz_target!(|input: Input<'_>| {
    let text = input.text;
    let mut fresh = Words::default();
    let places = fresh.places(text);
    assert!(places.is_sorted_by(|a, b| a < b) && places.iter().all(|at| *at < text.len()), "{places:?}");
    let found = fresh.find(text, &places, 0.0);
    for f in &found {
        assert!(!f.span.is_empty() && f.span.end() <= text.len() && f.score >= 0.0, "{f:?}");
    }
    KEPT.with_borrow_mut(|kept| {
        assert_eq!(kept.places(text), places, "depends on what was read before");
        assert_eq!(kept.find(text, &places, 0.0), found, "depends on what was read before");
    });

    let at = |n: u16| usize::from(n) % (text.len() + 1);
    let span = Span::at(at(input.trim.0).min(at(input.trim.1)), at(input.trim.0).max(at(input.trim.1)));
    let trimmed = Words::trim(text, span);
    assert!(span.contains(trimmed) && trimmed.start() == span.start(), "{span:?} became {trimmed:?}");

    windows(&input);
});

fn windows(input: &Input<'_>) {
    if input.before.is_empty() || input.after.is_empty() || input.text.len() > 400 {
        return;
    }
    const AROUND: usize = Words::REACH + 200;
    let mut whole: Vec<u8> = input.before.iter().copied().cycle().take(AROUND).collect();
    whole.extend_from_slice(input.text);
    whole.extend(input.after.iter().copied().cycle().take(AROUND));
    let from = usize::from(input.from) % 200;
    let to = whole.len() - usize::from(input.from) % 171;
    let (inner_from, inner_to) = (from + Words::REACH, to - Words::REACH);
    if inner_from >= inner_to {
        return;
    }
    // What is found, as far as it lies where the window sees all that counts.
    let inner = |text: &[u8], shift: usize| {
        let mut words = Words::default();
        let places = words.places(text);
        let mut bytes = vec![[false; 2]; inner_to - inner_from];
        let found = words.find(text, &places, 0.0);
        for f in &found {
            for at in f.span.start() + shift..f.span.end() + shift {
                if (inner_from..inner_to).contains(&at) {
                    bytes[at - inner_from][usize::from(f.town)] = true;
                }
            }
        }
        (bytes, found)
    };
    let (all, window) = (inner(&whole, 0), inner(&whole[from..to], from));
    let differs = all.0.iter().zip(&window.0).position(|(a, b)| a != b);
    assert!(
        differs.is_none(),
        "a window from {from} to {to} of {} bytes differs at {}: {:?}, {:?}",
        whole.len(),
        inner_from + differs.unwrap_or_default(),
        all.1,
        window.1,
    );
}
