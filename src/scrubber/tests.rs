//! The scrubber as a whole, on records.

use super::*;
use crate::policy::{Action, Rule};

fn scrub_with(policy: Policy, text: &str) -> String {
    let scrubber = Scrubber::new(Settings { policy, ..Settings::new() });
    let out = scrubber.scrub_text(text.as_bytes(), &mut Scratch::default()).unwrap();
    String::from_utf8(out).unwrap()
}

fn scrub(text: &str) -> String {
    scrub_with(Policy::default(), text)
}

#[test]
fn plain_lines() {
    let cases = [
        ("nothing to see", "nothing to see"),
        ("ssn 219-10-9999 here", "ssn [SSN] here"),
        ("219-10-9999", "[SSN]"),
        ("", ""),
    ];
    for (text, want) in cases {
        assert_eq!(scrub(text), want);
    }
}

#[test]
fn rules_decide() {
    let rule = |action| Policy {
        rules: vec![Rule { kinds: KindSet::ALL, path: None, min_confidence: 0.0, action }],
        ..Policy::default()
    };
    let text = "ssn 219-10-9999 here";
    assert_eq!(scrub_with(rule(Action::Keep), text), text);
    assert_eq!(scrub_with(rule(Action::Mask { keep_last: 4, with: '*' }), text), "ssn ***-**-9999 here");
    assert_eq!(scrub_with(rule(Action::Drop), text), "");
    assert_eq!(scrub_with(Policy { kinds: Some(KindSet::EMPTY), ..Policy::default() }, text), text);
}
