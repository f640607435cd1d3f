//! The kinds of protected health information, after 45 CFR 164.514(b)(2)(i).

use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($variant:ident $name:literal $letter:literal $marker:literal $about:literal;)*) => {
        /// What a finding is. The letters are the items of 45 CFR 164.514(b)(2)(i), "Safe Harbor".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $(#[doc = concat!("`", $name, "`, item ", $letter, ": ", $about, ".")] $variant,)*
        }

        impl Kind {
            /// Every kind, in the order of the rule.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// The name used in configuration, packs, metrics and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// The item of 164.514(b)(2)(i), one letter.
            pub const fn letter(self) -> char {
                match self { $(Kind::$variant => $letter,)* }
            }

            /// What takes the place of a redacted value: the name in capitals, in brackets.
            pub const fn marker(self) -> &'static str {
                match self { $(Kind::$variant => $marker,)* }
            }

            /// One line on what it covers.
            pub const fn about(self) -> &'static str {
                match self { $(Kind::$variant => $about,)* }
            }
        }
    };
}

kinds! {
    Name "name" 'A' "[NAME]" "names of patients, relatives, employers, household members and providers";
    Address "address" 'B' "[ADDRESS]" "street lines, units and post office boxes";
    Facility "facility" 'B' "[FACILITY]" "hospitals and clinics as places";
    City "city" 'B' "[CITY]" "city, county and precinct";
    Zip "zip" 'B' "[ZIP]" "ZIP and ZIP+4 codes";
    Geo "geo" 'B' "[GEO]" "coordinates";
    Date "date" 'C' "[DATE]" "every element of a date but the year, and times of day on patient events";
    Age "age" 'C' "[AGE]" "ages over 89";
    Phone "phone" 'D' "[PHONE]" "telephone numbers, with extensions";
    Fax "fax" 'E' "[FAX]" "fax numbers";
    Email "email" 'F' "[EMAIL]" "e-mail addresses";
    Ssn "ssn" 'G' "[SSN]" "Social Security and taxpayer numbers";
    Mrn "mrn" 'H' "[MRN]" "medical record numbers";
    HealthPlanId "health_plan_id" 'I' "[HEALTH_PLAN_ID]" "health plan beneficiary, member and policy numbers";
    Account "account" 'J' "[ACCOUNT]" "account, card and bank numbers";
    License "license" 'K' "[LICENSE]" "certificate and licence numbers, NPI and DEA among them";
    Vehicle "vehicle" 'L' "[VEHICLE]" "vehicle identifiers and plates";
    Device "device" 'M' "[DEVICE]" "device identifiers and serial numbers";
    Url "url" 'N' "[URL]" "web addresses";
    Ip "ip" 'O' "[IP]" "IP addresses";
    Biometric "biometric" 'P' "[BIOMETRIC]" "finger and voice prints";
    Photo "photo" 'Q' "[PHOTO]" "full-face photographs and comparable images";
    UniqueId "unique_id" 'R' "[UNIQUE_ID]" "any other unique identifying number, characteristic or code";
}

impl Kind {
    /// Number of kinds.
    pub const COUNT: usize = Kind::ALL.len();

    /// Whether `text` is exactly one marker, such as `[HEALTH_PLAN_ID]`. Markers have this one grammar, so that
    /// clean text is recognised when it passes again.
    ///
    /// ```
    /// use scrubjay::Kind;
    /// assert!(Kind::is_marker(b"[SSN]"));
    /// assert!(!Kind::is_marker(b"[SSN:v1:219-10-9999]"));
    /// assert!(!Kind::is_marker(b"[ssn]"));
    /// ```
    pub fn is_marker(text: &[u8]) -> bool {
        text.first() == Some(&b'[') && Kind::ALL.iter().any(|k| k.marker().as_bytes() == text)
    }

    /// Bytes of the marker that `text` begins with, or of what has the form of a token, such as `[SSN:p1:7z0q]`; 0 if it begins with
    /// neither. It tells text from structure, and says nothing of what may stay: a token that counts is told by its check.
    ///
    /// ```
    /// use scrubjay::Kind;
    /// assert_eq!(Kind::marker_len(b"[SSN] of"), 5);
    /// assert_eq!(Kind::marker_len(b"[SSN:p1:7z0q]]"), 13);
    /// assert_eq!(Kind::marker_len(b"[SSN, 1]"), 0);
    /// ```
    pub fn marker_len(text: &[u8]) -> usize {
        let close = match text.first() {
            Some(b'[') => b']',
            Some(b'(') => b')',
            _ => return 0,
        };
        let word = text[1..].iter().take_while(|b| b.is_ascii_uppercase() || **b == b'_').count();
        let Some(kind) =
            Kind::ALL.iter().find(|k| k.marker().as_bytes()[1..].strip_suffix(b"]") == Some(&text[1..=word]))
        else {
            return 0;
        };
        let rest = &text[word + 1..];
        if close == b']' && rest.first() == Some(&close) {
            return kind.marker().len();
        }
        let Some([letter, rest @ ..]) = rest.strip_prefix(b":") else { return 0 };
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let Some(body) = rest[digits..].strip_prefix(b":") else { return 0 };
        let len = body.iter().take_while(|b| b.is_ascii_digit() || b.is_ascii_lowercase()).count();
        let whole = letter.is_ascii_lowercase() && digits > 0 && len > 0 && body.get(len) == Some(&close);
        if whole { word + 1 + 2 + digits + 1 + len + 1 } else { 0 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(s: &str) -> Result<Kind, UnknownKind> {
        Kind::ALL.iter().copied().find(|k| k.name() == s).ok_or(UnknownKind)
    }
}

/// A name that is no kind. It does not hold the name: what was written may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown kind; the kinds are ")?;
        for (i, k) in Kind::ALL.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, k.name())?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownKind {}

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct KindSet(u32);

impl KindSet {
    /// Every kind.
    pub const ALL: KindSet = KindSet((1 << Kind::COUNT) - 1);
    /// No kind.
    pub const EMPTY: KindSet = KindSet(0);

    /// Whether `kind` is in it.
    #[inline]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 >> (kind as u8) & 1 == 1
    }

    /// The same set with `kind`.
    #[must_use]
    pub const fn with(self, kind: Kind) -> KindSet {
        KindSet(self.0 | 1 << (kind as u8))
    }

    /// The same set without `kind`.
    #[must_use]
    pub const fn without(self, kind: Kind) -> KindSet {
        KindSet(self.0 & !(1 << (kind as u8)))
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in it, in the order of the rule.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().filter(move |k| self.contains(*k))
    }
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> KindSet {
        kinds.into_iter().fold(KindSet::EMPTY, KindSet::with)
    }
}

impl fmt::Debug for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Kind::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_markers_and_letters_agree() {
        for &k in Kind::ALL {
            assert_eq!(k.name().parse(), Ok(k));
            assert_eq!(k.marker(), format!("[{}]", k.name().to_uppercase()));
            assert!(('A'..='R').contains(&k.letter()));
            assert!(Kind::is_marker(k.marker().as_bytes()));
        }
        for letter in 'A'..='R' {
            assert!(Kind::ALL.iter().any(|k| k.letter() == letter), "{letter} has no kind");
        }
    }

    #[test]
    fn markers_and_tokens_are_measured() {
        for (text, len) in [
            ("[HEALTH_PLAN_ID]x", 16),
            ("[HEALTH_PLAN_ID:t12:0az]x", 24),
            ("(MRN:s1:0az)", 12),
            ("(MRN)", 0),
            ("[MRN", 0),
            ("[MRN:", 0),
            ("[MRN:p", 0),
            ("[MRN:p1", 0),
            ("[MRN:p1:", 0),
            ("[MRN:p1:]", 0),
            ("[MRN:p:0]", 0),
            ("[MRN:p1:0)", 0),
            ("[MRN:p1:0A]", 0),
            ("[mrn]", 0),
            ("[]", 0),
            ("", 0),
        ] {
            assert_eq!(Kind::marker_len(text.as_bytes()), len, "{text}");
        }
    }

    #[test]
    fn sets() {
        let s = KindSet::EMPTY.with(Kind::Ssn).with(Kind::Name);
        assert!(s.contains(Kind::Ssn) && !s.contains(Kind::Mrn));
        assert_eq!(s.iter().collect::<Vec<_>>(), [Kind::Name, Kind::Ssn]);
        assert_eq!(KindSet::ALL.iter().count(), Kind::COUNT);
        assert!(s.without(Kind::Ssn).without(Kind::Name).is_empty());
    }
}
