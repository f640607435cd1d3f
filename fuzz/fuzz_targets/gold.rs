//! Reads any bytes as labelled texts; what is read is written, read again, and measured against itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scrubjay::eval::{Rules, Score, read, write};

fuzz_target!(|bytes: &[u8]| {
    let documents = match read("gold", bytes) {
        Ok(documents) => documents,
        Err(errors) => {
            assert!(!errors.is_empty());
            let lines = bytes.split(|b| *b == b'\n').count();
            for e in errors {
                assert!(
                    e.line >= 1 && e.line <= lines && e.column >= 1 && e.column <= bytes.len() + 1,
                    "{e}"
                );
            }
            return;
        }
    };
    let mut out = Vec::new();
    let mut score =
        Score::new(Rules { neutral: Default::default(), neutral_prefix: String::new(), ..Rules::default() });
    for d in &documents {
        let length = d.text.chars().count();
        assert!(d.spans.iter().all(|s| s.start < s.end && s.end <= length));
        write(d, &d.spans, &mut out).expect("memory");
        score.add(d, &d.spans);
    }
    let again = read("again", &out).expect("what was written can be read");
    assert_eq!(documents.len(), again.len());
    for (a, b) in documents.iter().zip(&again) {
        assert!(a.id == b.id && a.text == b.text && a.spans == b.spans);
    }
    // Found as labelled, everything is covered, and nothing is found in vain.
    let (gold, found) = (score.all_gold(), score.all_predicted());
    assert_eq!((gold.full, gold.chars_hit), (gold.n, gold.chars));
    assert_eq!((found.good, found.chars_good), (found.n, found.chars));
    assert_eq!((score.totals.docs_covered, score.totals.docs_flagged), (score.totals.docs_with_phi, 0));
});
