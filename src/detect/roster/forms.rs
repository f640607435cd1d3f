//! What is written in many forms, brought into one: the same for a patient's values and for the text that is read.

pub(super) use super::super::names::Folded;
use super::PHONE_DIGITS;

/// Small words inside of surnames, which say nothing by themselves.
const PARTICLES: &[&[u8]] = &[
    b"al", b"bin", b"da", b"de", b"del", b"della", b"den", b"der", b"di", b"do", b"dos", b"du", b"el",
    b"ibn", b"la", b"las", b"le", b"los", b"of", b"san", b"st", b"ten", b"ter", b"the", b"van", b"von", b"y",
    b"zu",
];
/// What may follow a name and is none.
const SUFFIXES: &[&[u8]] = &[b"jr", b"sr", b"ii", b"iii", b"iv", b"md", b"phd", b"mr", b"mrs", b"ms", b"dr"];
/// Between a house number and its street.
pub(super) const DIRECTIONS: &[&[u8]] =
    &[b"n", b"s", b"e", b"w", b"ne", b"nw", b"se", b"sw", b"north", b"south", b"east", b"west"];
/// What street names end in, as abbreviated and in full.
pub(super) const STREETS: &[&[u8]] = &[
    b"st",
    b"street",
    b"ave",
    b"avenue",
    b"rd",
    b"road",
    b"dr",
    b"drive",
    b"ln",
    b"lane",
    b"blvd",
    b"boulevard",
    b"ct",
    b"court",
    b"pl",
    b"place",
    b"way",
    b"ter",
    b"terrace",
    b"cir",
    b"circle",
    b"pkwy",
    b"parkway",
    b"hwy",
    b"highway",
    b"trl",
    b"trail",
    b"sq",
    b"square",
    b"loop",
    b"aly",
    b"alley",
    b"xing",
    b"crossing",
];

/// Whether a byte belongs to a word: letters, and all of UTF-8 outside ASCII.
pub(super) fn is_letter(b: u8) -> bool {
    b.is_ascii_alphabetic() || b >= 0x80
}

/// A word as hashes know it: lower case, without accents and apostrophes, and of a long one the first letters. Bytes that
/// are no UTF-8 are read as ISO 8859-1. `None` if nothing is left.
pub(super) fn folded(word: &[u8]) -> Option<Folded> {
    let mut f = Folded::new();
    if word.is_ascii() {
        f.fold(word);
    } else {
        for chunk in word.utf8_chunks() {
            f.fold(chunk.valid().as_bytes());
            for b in chunk.invalid() {
                f.fold(char::from(*b).encode_utf8(&mut [0; 2]).as_bytes());
            }
        }
    }
    (!f.head().is_empty()).then_some(f)
}

/// Whether `word`, folded, stands beside names and is none.
pub(super) fn is_title(word: &[u8]) -> bool {
    SUFFIXES.contains(&word)
}

/// Whether `word`, folded, is one of those that stand inside of surnames.
pub(super) fn is_particle(word: &[u8]) -> bool {
    PARTICLES.contains(&word)
}

/// The length of an apostrophe inside of a word, at `at`.
fn apostrophe(text: &[u8], at: usize) -> usize {
    match text[at..] {
        [b'\'' | b'`', b, ..] if is_letter(b) => 1,
        [0xE2, 0x80, 0x99, b, ..] if is_letter(b) => 3,
        _ => 0,
    }
}

/// The length of a mark outside ASCII that is no letter: blanks, dashes, quotes, arrows, pictures.
pub(super) fn mark(text: &[u8], at: usize) -> usize {
    match text[at..] {
        [0xC2, 0x80..=0xBF, ..] | [0xC3, 0x97 | 0xB7, ..] => 2,
        // U+2000 to U+2BFF, U+3000 to U+303F, variation selectors, full-width marks.
        [0xE2, 0x80..=0xAF, 0x80..=0xBF, ..] | [0xE3, 0x80, 0x80..=0xBF, ..] => 3,
        [0xEF, 0xB8, 0x80..=0x8F, ..] | [0xEF, 0xBC, 0x81..=0x8F, ..] | [0xEF, 0xBF, 0xBD, ..] => 3,
        [0xF0, 0x9F, 0x80..=0xBF, 0x80..=0xBF, ..] => 4,
        _ => 0,
    }
}

/// No word is longer, in bytes; what stands behind is read as another one.
const LONGEST_WORD: usize = 96;

/// The end of the word at `at`, which may be `at` itself.
pub(super) fn word_end(text: &[u8], mut at: usize) -> usize {
    let start = at;
    while at < text.len() && at - start < LONGEST_WORD {
        if is_letter(text[at]) && (text[at].is_ascii() || mark(text, at) == 0) {
            at += 1;
        } else if at > start && apostrophe(text, at) > 0 {
            at += apostrophe(text, at);
        } else {
            break;
        }
    }
    at
}

/// The words of a text, folded: runs of letters.
pub(super) fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let end = word_end(text, at);
        if end == at {
            at += mark(text, at).max(1);
            continue;
        }
        all.extend(folded(&text[at..end]).map(|f| f.head().to_vec()));
        at = end;
    }
    all
}

/// The words of a name that say whose it is: no initials, no small words unless there is nothing else.
pub(super) fn name_words(text: &[u8]) -> Vec<Vec<u8>> {
    let mut all = words(text);
    all.retain(|w| w.len() >= 2 && !is_title(w));
    if all.iter().any(|w| !is_particle(w)) {
        all.retain(|w| !is_particle(w));
    }
    all
}

/// The same, and what they are when they are written as one word: `maryann`, `obrien`, `delacruz`.
pub(super) fn name_readings(text: &[u8]) -> Vec<Vec<u8>> {
    let mut all = name_words(text);
    let mut parts = words(text);
    parts.retain(|w| !is_title(w));
    // An initial is no part of a name that would be written so.
    let joined = parts.len() >= 2 && parts[1..].iter().all(|w| w.len() >= 2);
    if let Some(one) = joined.then(|| folded(&parts.concat())).flatten() {
        all.push(one.head().to_vec());
    }
    all
}

/// What people write in front of record numbers of digits, and what is no part of them.
const NUMBER_HEADS: [&[u8]; 5] = [b"MRN", b"MR", b"PATIENT", b"PAT", b"PT"];

/// A record number: letters and digits only, in capitals; zeros in front of digits alone count for nothing.
pub(super) fn record_number(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase));
    let digits = |rest: &[u8]| rest.iter().all(u8::is_ascii_digit);
    let head = NUMBER_HEADS
        .iter()
        .find(|h| out.strip_prefix(**h).is_some_and(|rest| !rest.is_empty() && digits(rest)));
    out.drain(..head.map_or(0, |h| h.len()));
    if digits(out) {
        let zeros = out.len() - without_zeros(out).len();
        out.drain(..zeros);
    }
}

/// Digits without the zeros in front.
pub(super) fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    &digits[zeros..]
}

/// What telephone numbers are told apart by: the ten digits of a North American one, whatever stands in front; of
/// any other the last nine, since what stands before them depends on where it is dialled from. `abroad` says that it is
/// not a North American one. `None` for fewer than nine digits, which could be anything.
pub(super) fn phone_key(digits: &[u8], abroad: bool) -> Option<&[u8]> {
    if !(PHONE_DIGITS..=15).contains(&digits.len()) {
        return None;
    }
    let here = match digits {
        [b'1', rest @ ..] if rest.len() == 10 => Some(rest),
        [b'2'..=b'9', ..] if digits.len() == 10 && !abroad => Some(digits),
        _ => None,
    };
    here.or_else(|| digits.last_chunk::<PHONE_DIGITS>().map(|d| d.as_slice()))
}

/// The digits of a telephone number in a file, and whether it says that it is from abroad.
pub(super) fn phone(text: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    out.extend(text.iter().filter(|b| b.is_ascii_digit()));
    let mut abroad = text.trim_ascii().starts_with(b"+");
    if out.starts_with(b"00") {
        out.drain(..2);
        abroad = true;
    }
    abroad
}

/// House number and street word of an address.
pub(super) fn street(text: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let text = text.trim_ascii();
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=6).contains(&digits) {
        return None;
    }
    let found = words(&text[digits..]).into_iter();
    let word = found.skip_while(|w| DIRECTIONS.contains(&w.as_slice())).find(|w| w.len() >= 3)?;
    Some((&text[..digits], word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart() {
        let cases: &[(&str, &[&str])] = &[
            ("Mary-Ann O\u{2019}Brien", &["mary", "ann", "obrien"]),
            ("de la Cru\u{301}z, Jr.", &["cruz"]),
            ("Van", &["van"]),
            ("J. R\u{fc}diger", &["rudiger"]),
            ("", &[]),
        ];
        for (text, want) in cases {
            let got = name_words(text.as_bytes());
            assert_eq!(got, want.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn numbers_and_streets() {
        let mut out = Vec::new();
        for (text, want) in
            [("00-123 456", "123456"), ("mrn00123", "123"), ("MX-0012", "MX0012"), ("a-1", "A1"), ("000", "")]
        {
            record_number(text.as_bytes(), &mut out);
            assert_eq!(out, want.as_bytes());
        }
        for (text, want) in [
            ("+1 (415) 555-2671", Some("4155552671")),
            ("14155552671", Some("4155552671")),
            ("001 415 555 2671", Some("4155552671")),
            ("0044 20 7946 0958", Some("079460958")),
            ("+44 (0)20 7946 0958", Some("079460958")),
            ("020 7946 0958", Some("079460958")),
            ("555-2671", None),
        ] {
            let abroad = phone(text.as_bytes(), &mut out);
            assert_eq!(phone_key(&out, abroad), want.map(str::as_bytes), "{text}");
        }
        let cases = [
            ("12 N. Elm St", Some(("12", "elm"))),
            ("4B Oak", Some(("4", "oak"))),
            ("PO Box 7", None),
            ("7", None),
        ];
        for (text, want) in cases {
            let got = street(text.as_bytes());
            let want = want.map(|(n, w)| (n.as_bytes(), w.as_bytes().to_vec()));
            assert_eq!(got, want, "{text}");
        }
    }
}
