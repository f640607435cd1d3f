//! Patterns with look-around, on a backtracking engine with a step limit.

use fancy_regex::{BytesMode, Regex, RegexBuilder};

use crate::span::Span;

/// Steps one search may take. A text that needs more is not scanned, and so not forwarded.
const STEP_LIMIT: usize = 1_000_000;

/// Bytes that the compiled form of a part without look-around may take. Such parts run on an engine that counts no steps, in
/// time proportional to their size.
const PART_BYTES: usize = 64 << 10;

/// The text took more steps than allowed: it counts as unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a look-around pattern took more than {STEP_LIMIT} steps")]
pub struct StepLimit;

pub(super) struct SlowPattern {
    regex: Regex,
}

impl SlowPattern {
    pub(super) fn new(pattern: &str, case_insensitive: bool) -> Result<SlowPattern, fancy_regex::Error> {
        RegexBuilder::new(pattern)
            .bytes_mode(BytesMode::Ascii)
            .unicode_mode(false)
            .case_insensitive(case_insensitive)
            .backtrack_limit(STEP_LIMIT)
            .delegate_size_limit(PART_BYTES)
            .build()
            .map(|regex| SlowPattern { regex })
    }

    /// Every match, or that it takes too long.
    pub(super) fn find(&self, text: &[u8], visit: &mut dyn FnMut(Span, Span)) -> Result<(), StepLimit> {
        let mut at = 0;
        while at <= text.len() {
            let Some(c) = self.regex.captures_from_pos(text, at).map_err(|_| StepLimit)? else { break };
            let Some(whole) = c.get(0) else { break };
            let phi = c.name("phi").unwrap_or(whole);
            if whole.end() > whole.start() {
                visit(Span::at(whole.start(), whole.end()), Span::at(phi.start(), phi.end()));
            }
            at = whole.end().max(at + 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_around_and_its_limit() {
        let p = SlowPattern::new(r"(?<!\d)\d{4}(?!\d)", false).unwrap();
        let mut found = Vec::new();
        p.find(b"12345 6789 \xff 1234", &mut |_, s| found.push(s)).unwrap();
        assert_eq!(found, [Span::new(6, 10), Span::new(13, 17)]);
        let p = SlowPattern::new(r"(?<=a)(?:(a|aa)+)\1b", false).unwrap();
        assert_eq!(p.find(&[b'a'; 400], &mut |_, _| {}), Err(StepLimit));
        assert!(SlowPattern::new(r"(?<!Q)(?:a{0,30}a{0,30}){0,30}X9", false).is_err(), "slow without a step");
    }
}
