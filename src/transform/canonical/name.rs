//! Names, word by word: which word is a surname, which a given name, which stands beside a name and is none.
//!
//! What this must not do is take two people for one. So an initial counts where no given name is written out, and a word that is a
//! credential in one name and a surname in another (`DO` and `Do`, `PA` and `Pa`) counts as a name unless its spelling says otherwise.
//! The other way round, one person may be taken for two: `J Smith`, `John Smith` and `Smith` are three.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::{folded, is_unseen};

/// What stands before a name and is none.
const TITLES: [&str; 8] = ["dr", "mr", "mrs", "ms", "mx", "miss", "prof", "rev"];

/// What stands behind a name and is nobody's.
const SUFFIXES: [&str; 18] = [
    "jr", "sr", "ii", "iii", "iv", "phd", "dds", "dmd", "dpm", "dvm", "esq", "pharmd", "aprn", "crna", "fnp",
    "lpn", "cnm", "pa-c",
];

/// Credentials that are given names or initials of some (`Md Rahman`, `Smith RN`), but hardly anybody's surname.
const CREDENTIALS: [&str; 3] = ["md", "rn", "np"];

/// Credentials that are surnames of many.
const SURNAMES_TOO: [&str; 2] = ["do", "pa"];

/// What a word of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transform) enum Part {
    Title,
    Given,
    Family,
    /// A generation or a credential.
    Suffix,
}

/// A word of a name.
pub(in crate::transform) struct Word {
    /// Where it stands, without punctuation around it.
    pub(in crate::transform) at: Range<usize>,
    /// NFKC, case folded, without dots. Never empty.
    pub(in crate::transform) folded: String,
    pub(in crate::transform) part: Part,
    /// How many commas and carets stand before it.
    pub(in crate::transform) segment: usize,
    /// It stands right behind a comma.
    behind_comma: bool,
    /// Single letters, with dots between them if there is more than one.
    initials: bool,
}

/// Appends `surname|given`: the last of the surnames, and the first given name; where there are only initials, all of them; where
/// there is neither, what stands behind the name.
pub(super) fn canonical(text: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(text);
    let seen: String = match text.is_ascii() {
        true => text.into_owned(),
        false => text.nfkc().filter(|c| !is_unseen(*c)).map(straight).collect(),
    };
    let words = read(&seen);
    let of = |part: Part| words.iter().filter(move |w| w.part == part);
    let family = of(Part::Family).rfind(|w| !w.initials).or_else(|| of(Part::Family).next_back());
    out.extend_from_slice(family.map_or(&[], |w| w.folded.as_bytes()));
    out.push(b'|');
    match of(Part::Given).find(|w| !w.initials) {
        Some(given) => out.extend_from_slice(given.folded.as_bytes()),
        None => {
            let start = out.len();
            of(Part::Given).for_each(|w| out.extend_from_slice(w.folded.as_bytes()));
            if out.len() == start {
                out.extend_from_slice(of(Part::Suffix).next().map_or(&[], |w| w.folded.as_bytes()));
            }
        }
    }
}

fn straight(c: char) -> char {
    if c == '\u{2019}' { '\'' } else { c }
}

/// The words of a name in their order.
pub(in crate::transform) fn read(text: &str) -> Vec<Word> {
    let mut words = split(text);
    mark_titles(&mut words);
    mark_suffixes(text, &mut words);
    let is_name = |w: &Word| matches!(w.part, Part::Given | Part::Family);
    // `KELLER, ANA`: the surname comes first.
    if words.iter().any(|w| is_name(w) && w.segment > 0) {
        for word in words.iter_mut().filter(|w| is_name(w) && w.segment == 0) {
            word.part = Part::Family;
        }
        return words;
    }
    // `Ana M. Keller`, `Keller A`: the surname is last, but for initials.
    let whole = words.iter().rposition(|w| is_name(w) && !w.initials);
    if let Some(last) = whole.or_else(|| words.iter().rposition(is_name)) {
        words[last].part = Part::Family;
    }
    words
}

/// All words, each of them a given name as yet.
fn split(text: &str) -> Vec<Word> {
    let in_word =
        |c: char| c.is_alphanumeric() || matches!(c, '\'' | '-' | '.') || !c.is_ascii() && !c.is_whitespace();
    let mut words = Vec::new();
    let (mut segment, mut comma, mut from) = (0, false, None);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if in_word(c) {
            from.get_or_insert(at);
            continue;
        }
        if let Some(start) = from.take() {
            for at in pieces(text, start..at) {
                words.extend(word(text, at, segment, comma));
                comma = false;
            }
        }
        if matches!(c, ',' | '^') {
            segment += 1;
            comma = c == ',';
        }
    }
    words
}

/// What stands between blanks: one word, unless a dot without a blank parts two, as in `A.Keller`.
fn pieces(text: &str, at: Range<usize>) -> Vec<Range<usize>> {
    let whole = &text[at.clone()];
    let letters = |piece: &str| piece.chars().filter(|c| c.is_alphanumeric()).count();
    let one = !whole.contains('.')
        || whole.split('.').all(|piece| letters(piece) < 2)
        || SUFFIXES.contains(&folded_word(whole).as_str());
    if one {
        return vec![at];
    }
    let mut start = at.start;
    let piece = |piece: &str| {
        let from = start;
        start += piece.len();
        from..start
    };
    whole.split_inclusive('.').map(piece).collect()
}

fn word(text: &str, at: Range<usize>, segment: usize, behind_comma: bool) -> Option<Word> {
    let raw = &text[at.clone()];
    let bare = raw.trim_start_matches(|c: char| !c.is_alphanumeric());
    let start = at.end - bare.len();
    let bare = bare.trim_end_matches(|c: char| !c.is_alphanumeric());
    let folded = folded_word(bare);
    if folded.is_empty() {
        return None;
    }
    // What has no capitals is written with single characters that are names: 王.
    let is_letter = |c: char| c.is_lowercase() && c.to_uppercase().next() != Some(c);
    let initials = bare.split('.').all(|piece| piece.chars().count() < 2) && folded.chars().all(is_letter);
    let at = start..start + bare.len();
    Some(Word { at, folded, part: Part::Given, segment, behind_comma, initials })
}

fn folded_word(word: &str) -> String {
    folded(word.as_bytes()).replace('.', "")
}

/// Titles stand first in a text or behind a comma, and not alone.
fn mark_titles(words: &mut [Word]) {
    for i in 0..words.len() {
        let leads = i == 0 || words[i - 1].part == Part::Title || words[i].segment > words[i - 1].segment;
        let is_title = leads && TITLES.contains(&words[i].folded.as_str());
        let another = words.iter().enumerate().any(|(k, w)| {
            k != i && w.part != Part::Title && (words[i].segment > 0 || w.segment == words[i].segment)
        });
        if is_title && another {
            words[i].part = Part::Title;
        }
    }
}

/// Suffixes stand last in a text or before a comma, and not alone.
fn mark_suffixes(text: &str, words: &mut [Word]) {
    let mixed = text.chars().any(char::is_lowercase);
    for i in (1..words.len()).rev() {
        let last =
            words.get(i + 1).is_none_or(|next| next.part == Part::Suffix || next.segment > words[i].segment);
        let left = words.iter().filter(|w| w.part != Part::Suffix).count() - 1;
        if last && left > 0 && words[i].part != Part::Title && is_suffix(text, &words[i], mixed, left) {
            words[i].part = Part::Suffix;
        }
    }
}

/// Whether a word in the place of a suffix is one. `mixed` says that not all of the text is in capitals, `left` how many words there
/// are beside.
fn is_suffix(text: &str, word: &Word, mixed: bool, left: usize) -> bool {
    let (raw, folded) = (&text[word.at.clone()], word.folded.as_str());
    let dotted = raw.contains('.');
    if SUFFIXES.contains(&folded) {
        // `Smith J.R.` is no `Smith Jr.`
        return !(dotted && matches!(folded, "jr" | "sr"));
    }
    let upper = raw.chars().filter(|c| c.is_uppercase()).count();
    if CREDENTIALS.contains(&folded) {
        // `Rahman Md` writes a name as names are written.
        return upper != 1;
    }
    // In `KIM ANH DO` capitals tell nothing.
    SURNAMES_TOO.contains(&folded)
        && left > 1
        && upper != 1
        && (word.behind_comma || dotted || upper == 2 && mixed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> String {
        let mut out = Vec::new();
        canonical(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms() {
        let cases: &[(&str, &[&str])] = &[
            (
                "keller|ana",
                &[
                    "Ana Keller",
                    "KELLER, ANA",
                    "Keller, Ana M.",
                    "Ana M. Keller",
                    "Ana Maria Keller",
                    "Dr. Ana Keller",
                    "Prof. Dr. Ana Keller",
                    "Keller, Dr. Ana",
                    "KELLER^ANA",
                    "KELLER^ANA^M^^DR^MD",
                    "Keller,Ana",
                    "ana keller",
                    "\u{ff21}na Keller",
                ],
            ),
            // Initials count where they are all there is, however they are written.
            ("smith|j", &["J Smith", "J. Smith", "J.Smith", "Smith, J", "Smith, J.", "Smith J", "SMITH^J"]),
            (
                "smith|jr",
                &["J. R. Smith", "J.R. Smith", "JR Smith", "Smith, J. R.", "Smith J.R.", "Smith J R"],
            ),
            ("smith|k", &["K Smith", "SMITH, K.", "Dr. K. Smith, MD"]),
            ("smith|robert", &["J. Robert Smith", "Robert J. Smith"]),
            ("smith|", &["Smith", "SMITH", "Dr. Smith", "Mrs. Smith"]),
            ("k|j", &["J K", "K, J"]),
            // Credentials and generations behind a given name and a surname.
            (
                "keller|ana",
                &[
                    "Ana Keller, MD",
                    "Ana Keller MD",
                    "ANA KELLER MD",
                    "ana keller md",
                    "Ana Keller, M.D., Ph.D.",
                    "Ana Keller, DO",
                    "ana keller, do",
                    "ANA KELLER, DO",
                    "Ana Keller DO",
                    "Ana Keller D.O.",
                    "Ana Keller, PA-C",
                    "Ana Keller PA",
                    "Ana Keller Jr.",
                    "ana keller jr",
                    "Keller Jr, Ana",
                    "Keller, Ana, DO",
                    "Keller, Ana PA",
                    "Keller, MD, Ana",
                ],
            ),
            ("smith|j", &["J Smith DO", "J. Smith, PA"]),
            // Names that look like them.
            (
                "do|kim",
                &["Kim Do", "KIM DO", "Kim DO", "kim do", "Do, Kim", "DO^KIM", "Kim Anh Do", "KIM ANH DO"],
            ),
            ("do|kim", &["Kim Do, DO", "Kim Do, MD"]),
            ("pa|chue", &["Chue Pa", "PA, CHUE", "Chue Pa, PA-C", "Dr. Chue Pa"]),
            ("kim|do", &["Kim, Do", "KIM, DO", "Do Kim"]),
            ("do|", &["Do", "DO", "Mr. Do"]),
            ("rahman|md", &["Md Rahman", "MD RAHMAN", "Rahman, Md", "Rahman, MD"]),
            ("md|karim", &["Karim Md", "Karim Abdul Md"]),
            // With nothing but a surname left it counts what stands behind.
            ("smith|md", &["Smith, MD", "Smith MD"]),
            ("smith|jr", &["Smith Jr.", "Smith, Jr"]),
            ("jr|", &["Jr."]),
            // Characters that are words.
            ("小明|王", &["王 小明"]),
            ("明|李", &["李 明"]),
            ("|ana", &["^ANA", ", Ana"]),
            ("|", &["", " ", "-.-", ",^"]),
        ];
        for (want, spellings) in cases {
            for text in *spellings {
                assert_eq!(of(text), *want, "{text}");
            }
        }
    }

    #[test]
    fn what_differs_stays_apart() {
        for (a, b) in [
            ("J Smith", "K Smith"),
            ("J Smith", "Smith"),
            ("J Smith", "John Smith"),
            ("J. R. Smith", "J. Smith"),
            ("Kim Do", "Kim Pa"),
            ("Kim Do", "Kim"),
            ("Dr. Ana Keller", "Dr. Ina Keller"),
            ("王 小明", "李 小明"),
        ] {
            assert_ne!(of(a), of(b), "{a}, {b}");
        }
    }

    proptest! {
        /// Case, order and a title tell nothing of whom a name names.
        #[test]
        fn order_case_and_titles(
            given in "[A-Z][a-z]{2,8}|[A-Z]\\.?",
            family in "(O'|Mc)?[A-Z][a-z]{2,8}(-[A-Z][a-z]{2,5})?|Do|Pa",
        ) {
            prop_assume!(!is_listed(&given) && (!is_listed(&family) || family.len() == 2));
            let want = of(&format!("{given} {family}"));
            for text in [
                format!("{family}, {given}"),
                format!("{family}^{given}"),
                format!("Dr. {given} {family}"),
                format!("{given} {family}, MD"),
            ] {
                prop_assert_eq!(of(&text), want.clone(), "{}", text);
                prop_assert_eq!(of(&text.to_uppercase()), want.clone(), "{} in capitals", text);
                prop_assert_eq!(of(&text.to_lowercase()), want.clone(), "{} in small letters", text);
            }
        }

        #[test]
        fn words_stand_where_they_say(text in "\\PC{0,30}|[A-Za-z.,' ^-]{0,30}") {
            let mut end = 0;
            for word in read(&text) {
                prop_assert!(end <= word.at.start && word.at.start < word.at.end && !word.folded.is_empty());
                prop_assert!(text.get(word.at.clone()).is_some());
                end = word.at.end;
            }
        }
    }

    fn is_listed(word: &str) -> bool {
        let word = folded_word(word);
        [&TITLES[..], &SUFFIXES, &CREDENTIALS, &SURNAMES_TOO].concat().contains(&word.as_str())
    }
}
