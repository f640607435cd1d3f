//! Whether a short text goes out, and how: an SMS, a push notification.
//!
//! It has no subject that could be replaced and a body that could be redacted: it is read at a glance, on a locked screen, by whoever holds the
//! telephone. So the whole of it is replaced, unless the policy says to put markers.

use crate::kind::Kind;
use crate::scrubber::{About, DROPPED, Message, Scratch, Scrubber};

/// What stands for a message that may not be shown.
pub(super) const SAFE_TEXT: &str = "You have a new message. Sign in to read it.";

/// What is done with a short text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPolicy {
    /// PHI in it.
    pub phi: TextAction,
    /// What stands for it under [`TextAction::Template`].
    pub template: String,
    /// Every text goes out as it came; what would have been done is counted.
    pub dry_run: bool,
}

impl Default for TextPolicy {
    fn default() -> TextPolicy {
        TextPolicy { phi: TextAction::default(), template: SAFE_TEXT.to_owned(), dry_run: false }
    }
}

/// What is done with PHI in a short text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TextAction {
    /// The template takes the place of all of it.
    #[default]
    Template,
    /// Markers take the place of what was found.
    Redact,
    /// It is refused.
    Refuse,
}

impl TextAction {
    /// All of them by their configuration names.
    pub const NAMES: &'static [(&'static str, TextAction)] =
        &[("template", TextAction::Template), ("redact", TextAction::Redact), ("refuse", TextAction::Refuse)];
}

/// What becomes of a short text, and what was found in it.
#[derive(Debug, PartialEq, Eq)]
pub struct TextDecision {
    /// What becomes of it.
    pub fate: TextFate,
    /// Findings that were acted upon, by kind; in a dry run those that would have been.
    pub findings: Box<[u64; Kind::COUNT]>,
}

/// What becomes of a short text.
#[derive(PartialEq, Eq)]
pub enum TextFate {
    /// It goes out as it is.
    Unchanged,
    /// This goes out in its place.
    Replace(String),
    /// It does not go out, and why: a fixed phrase.
    Refuse(&'static str),
    /// It cannot be told now, and why: the sender is to try later.
    TryLater(&'static str),
}

/// Only what was decided: the text is not for showing.
impl std::fmt::Debug for TextFate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TextFate::Unchanged => f.write_str("Unchanged"),
            TextFate::Replace(text) => write!(f, "Replace({} bytes)", text.len()),
            TextFate::Refuse(why) => write!(f, "Refuse({why})"),
            TextFate::TryLater(why) => write!(f, "TryLater({why})"),
        }
    }
}

/// How markers are written, from what says most to what is shortest. None has characters that take two places in the GSM 7-bit alphabet, as
/// brackets do (3GPP TS 23.038, 6.2.1.1).
#[derive(Clone, Copy)]
enum Style {
    /// `(NAME)`
    Named,
    /// `***`
    Stars,
    /// `*`
    Star,
}

impl TextPolicy {
    /// Decides on a text. Of its redacted forms the first that `fits` is taken, else the shortest.
    pub fn decide(
        &self,
        scrubber: &Scrubber,
        text: &str,
        about: About<'_>,
        fits: &dyn Fn(&str) -> bool,
        scratch: &mut Scratch,
    ) -> TextDecision {
        let (fate, findings) = match scrubber.scrub_message(text, about, scratch) {
            Err(halt) if halt.for_all => (TextFate::TryLater(halt.reason), [0; Kind::COUNT]),
            Err(halt) => (TextFate::Refuse(halt.reason), [0; Kind::COUNT]),
            Ok(message) => (self.fate(text, &message, fits), message.findings),
        };
        let fate = if self.dry_run { TextFate::Unchanged } else { fate };
        TextDecision { fate, findings: Box::new(findings) }
    }

    fn fate(&self, text: &str, message: &Message, fits: &dyn Fn(&str) -> bool) -> TextFate {
        if message.dropped {
            return TextFate::Refuse(DROPPED);
        }
        if message.edits.is_empty() {
            return TextFate::Unchanged;
        }
        match self.phi {
            TextAction::Refuse => TextFate::Refuse("it holds what may not go out"),
            TextAction::Template => TextFate::Replace(self.template.clone()),
            TextAction::Redact => {
                let [named, stars, star] =
                    [Style::Named, Style::Stars, Style::Star].map(|style| rendered(text, message, style));
                let fitting = [named, stars].into_iter().find(|text| fits(text));
                TextFate::Replace(fitting.unwrap_or(star))
            }
        }
    }
}

/// The text with its edits in place, markers in this style.
fn rendered(text: &str, message: &Message, style: Style) -> String {
    let styled = |replacement: &String| {
        // A token stays whole, or nothing could lead back from it.
        let marker = Some(replacement).filter(|text| Kind::is_marker(text.as_bytes()));
        let marker = marker.and_then(|text| text.strip_prefix('[')?.strip_suffix(']'));
        match (style, marker) {
            // What a date or an age was generalised to is short already.
            (_, None) => replacement.clone(),
            // An underscore has a place in the alphabet, but telephones show it as they like.
            (Style::Named, Some(kind)) => format!("({})", kind.replace('_', " ")),
            (Style::Stars, Some(_)) => "***".to_owned(),
            (Style::Star, Some(_)) => "*".to_owned(),
        }
    };
    let edits = message.edits.iter().map(|(span, replacement)| (*span, styled(replacement))).collect();
    Message { edits, ..message.clone() }.apply(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, Profile};
    use crate::scrubber::Settings;

    fn decide(policy: &TextPolicy, text: &str, fits: &dyn Fn(&str) -> bool) -> TextFate {
        let notification = Policy { profile: Profile::Notification, ..Policy::default() };
        let scrubber = Scrubber::new(Settings { policy: notification, ..Settings::new() });
        policy.decide(&scrubber, text, About::default(), fits, &mut Scratch::default()).fate
    }

    #[test]
    fn the_policy_says_what_goes_out() {
        let policy = |phi| TextPolicy { phi, ..TextPolicy::default() };
        let text = "Lab result for SSN 219-10-9999 is in";
        let replaced = |text: &str| TextFate::Replace(text.to_owned());
        let upto = |n: usize| move |text: &str| text.len() <= n;
        for (policy, text, most, want) in [
            (policy(TextAction::Template), text, 160, replaced(SAFE_TEXT)),
            (policy(TextAction::Redact), text, 160, replaced("Lab result for SSN (SSN) is in")),
            (policy(TextAction::Redact), text, 29, replaced("Lab result for SSN *** is in")),
            (policy(TextAction::Redact), text, 3, replaced("Lab result for SSN * is in")),
            (policy(TextAction::Refuse), text, 160, TextFate::Refuse("it holds what may not go out")),
            (policy(TextAction::Template), "The clinic opens at nine", 160, TextFate::Unchanged),
            (TextPolicy { dry_run: true, ..TextPolicy::default() }, text, 160, TextFate::Unchanged),
        ] {
            assert_eq!(decide(&policy, text, &upto(most)), want);
        }
    }

    #[test]
    fn markers_of_several_words_have_no_underscores() {
        let policy = TextPolicy { phi: TextAction::Redact, ..TextPolicy::default() };
        let text = "Member ID: XQW123456789, call back";
        let TextFate::Replace(out) = decide(&policy, text, &|_| true) else { panic!() };
        assert!(!out.contains(['_', '[', ']']) && !out.contains("123456789"), "{out}");
    }

    #[test]
    fn what_goes_out_is_clean() {
        let policy = TextPolicy { phi: TextAction::Redact, ..TextPolicy::default() };
        for text in [
            "Dear Maria Lopez, MRN 4471902, born 03/14/1962, ZIP 90210",
            "Call Dr. Ann Smith at 212-555-0187",
        ] {
            for most in [200, 60, 0] {
                let TextFate::Replace(out) = decide(&policy, text, &|t| t.len() <= most) else { panic!() };
                let again = decide(&policy, &out, &|_| true);
                assert_eq!(again, TextFate::Unchanged, "{out}");
            }
        }
    }
}
