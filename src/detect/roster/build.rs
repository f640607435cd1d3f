//! From patients to the file.

use std::collections::{BTreeSet, HashMap};

use zeroize::Zeroize;

use super::super::names::Names;
use super::csv::Column;
use super::file::{self, Layout, SALT, Secrets};
use super::{PHONE_DIGITS, RosterError, dates, forms, is, sieve};

/// A word alone is a hit if at most so many patients bear it,
const TELLING_MOST: u32 = 5;
/// and at most one in so many: below so many patients no word alone is.
const TELLING_SHARE: u64 = 1000;
/// and it has so many letters or more.
const TELLING_LETTERS: usize = 5;
/// A record number without a cue is a hit if at most one in so many of the numbers of its form are in use.
const SPARSE: f64 = 1000.0;
/// Words that say that a date of birth follows.
const CUES: &[&[u8]] =
    &[b"dob", b"birth", b"birthdate", b"birthday", b"dateofbirth", b"born", b"bday", b"patientdob"];

/// Collects patients. What it holds are their keyed hashes, and the words of their names, which it wipes when it goes.
pub struct Builder {
    secrets: Secrets,
    key: [u8; 32],
    salt: [u8; SALT],
    patients: u64,
    hashes: Vec<u64>,
    /// By word of a name: how many patients bear it, and what else it is.
    words: HashMap<Vec<u8>, (u32, u8)>,
    /// Features of numbers, for the filter.
    numbers: Vec<u64>,
    layout: Layout,
    /// By length, of digits and of others: how many record numbers, and the fewest digits in one.
    forms: [[(u64, u32); 64]; 2],
}

/// A finished roster.
pub struct Built {
    /// The file.
    pub file: Vec<u8>,
    /// Patients in it.
    pub patients: u64,
    /// Keyed hashes in it.
    pub hashes: u64,
    /// Words that are hits alone.
    pub telling: u64,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Builder({} patients)", self.patients)
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.key.zeroize();
        self.words.drain().for_each(|(mut word, _)| word.zeroize());
    }
}

impl Builder {
    /// Begins a roster under `key`. `salt` must be random, and new for each roster.
    ///
    /// # Errors
    /// When no keys can be derived.
    pub fn new(key: &[u8; 32], salt: [u8; 32]) -> Result<Builder, RosterError> {
        Ok(Builder {
            secrets: Secrets::derive(key, &salt)?,
            key: *key,
            salt,
            patients: 0,
            hashes: Vec::new(),
            words: HashMap::new(),
            numbers: Vec::new(),
            layout: Layout::default(),
            forms: [[(0, u32::MAX); 64]; 2],
        })
    }

    /// Adds a patient. Values that cannot be used are told to `bad` by their index, with the reason.
    pub fn add(&mut self, values: &[(Column, &[u8])], bad: &mut dyn FnMut(usize, &'static str)) {
        let sip = self.secrets.sip;
        let (mut given, mut surnames, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut owners, mut days) = (Vec::new(), Vec::new());
        let mut out = Vec::new();
        for (i, (column, value)) in values.iter().enumerate() {
            match column {
                Column::First | Column::Middle | Column::Preferred => {
                    given.extend(forms::name_readings(value))
                }
                Column::Last | Column::Maiden => surnames.extend(forms::name_readings(value)),
                Column::Full => full_name(value, &mut given, &mut surnames),
                Column::Birth => match dates::date_at(value.trim_ascii(), 0) {
                    // A time may stand behind the date.
                    Some((end, read))
                        if ends_date(&value.trim_ascii()[end..]) && read.iter().any(Option::is_some) =>
                    {
                        days.extend(read.into_iter().flatten());
                    }
                    _ => bad(
                        i,
                        "not a date of birth, such as 1962-03-14 or 03/14/1962; correct it, or pass it over with --lenient",
                    ),
                },
                Column::Mrn => match self.record_number(value, &mut out) {
                    Some(hash) => owners.push(hash),
                    None => bad(
                        i,
                        "not a record number: it has fewer than four or more than thirty letters and digits; correct it, or pass it over with --lenient",
                    ),
                },
                Column::Phone => {
                    let abroad = forms::phone(value, &mut out);
                    match forms::phone_key(&out, abroad) {
                        Some(key) => {
                            self.hashes.push(sip.phone(key));
                            self.numbers.push(sieve::number(&key[..PHONE_DIGITS]));
                        }
                        None => bad(
                            i,
                            "not a telephone number of nine to fifteen digits, the area code among them; correct it, or pass it over with --lenient",
                        ),
                    }
                }
                Column::Email => {
                    let lower = value.trim_ascii().to_ascii_lowercase();
                    match lower.iter().position(|b| *b == b'@') {
                        Some(at) if at > 0 && lower[at..].contains(&b'.') && !lower.contains(&b' ') => {
                            self.hashes.push(sip.email(&lower));
                        }
                        _ => bad(i, "not an e-mail address; correct it, or pass it over with --lenient"),
                    }
                }
                // A post office box has no street.
                Column::Address => {
                    if let Some((number, word)) = forms::street(value) {
                        self.hashes.push(sip.street(number, &word));
                        self.words.entry(word).or_default().1 |= is::STREET;
                    }
                }
            }
        }
        for a in &given {
            surnames.iter().filter(|b| *b != a).for_each(|b| pairs.push(sip.pair(a, b)));
        }
        let initials: BTreeSet<u8> = given.iter().filter_map(|g| g.first().copied()).collect();
        for letter in initials.into_iter().filter(u8::is_ascii_lowercase) {
            pairs.extend(surnames.iter().map(|s| sip.initial(letter, s)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut own: Vec<Vec<u8>> = given;
        own.append(&mut surnames);
        own.sort();
        own.dedup();
        // What stands behind an apostrophe is seen by itself first.
        for (_, value) in values.iter().filter(|(c, _)| (*c as u8) < Column::Birth as u8) {
            let pieces = value.split(|b| matches!(b, b'\'' | b'`' | 0x99)).skip(1);
            for piece in pieces.flat_map(|p| forms::words(p).into_iter().next()) {
                self.words.entry(piece).or_default().1 |= is::NAME;
            }
        }
        for word in own {
            let entry = self.words.entry(word).or_default();
            entry.0 += 1;
            entry.1 |= is::NAME;
        }
        owners.extend(&pairs);
        days.sort_unstable();
        days.dedup();
        for day in days {
            self.hashes.push(sip.day(day));
            self.hashes.extend(owners.iter().map(|o| sip.day_of(*o, day)));
        }
        self.hashes.append(&mut pairs);
        self.patients += 1;
    }

    fn record_number(&mut self, value: &[u8], out: &mut Vec<u8>) -> Option<u64> {
        forms::record_number(value, out);
        let mut whole = value.to_vec();
        whole.retain(u8::is_ascii_alphanumeric);
        if !(4..=30).contains(&whole.len()) || out.is_empty() {
            return None;
        }
        let digits = out.iter().filter(|b| b.is_ascii_digit()).count();
        let mixed = usize::from(digits < out.len());
        let form = &mut self.forms[mixed][out.len()];
        *form = (form.0 + 1, form.1.min(digits as u32));
        match mixed {
            0 => self.layout.digits |= 1 << out.len(),
            _ => self.layout.mixed |= 1 << out.len(),
        }
        self.numbers.push(sieve::number(out));
        let hash = self.secrets.sip.number(out);
        self.hashes.push(hash);
        Some(hash)
    }

    /// The file.
    ///
    /// # Errors
    /// When it cannot be sealed, or has more hashes than a file may have.
    pub fn finish(mut self) -> Result<Built, RosterError> {
        let sip = self.secrets.sip;
        let mut telling = 0;
        let (patients, hashes) = (self.patients, &mut self.hashes);
        for (word, (count, what)) in &mut self.words {
            let rare = (1..=TELLING_MOST).contains(count) && u64::from(*count) * TELLING_SHARE <= patients;
            if *what & is::NAME != 0 && rare && word.len() >= TELLING_LETTERS && Names::tells(word) {
                *what |= is::TELLING;
                hashes.push(sip.word(word));
                telling += 1;
            }
        }
        CUES.iter().for_each(|w| self.words.entry(w.to_vec()).or_default().1 |= is::CUE);
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.numbers.sort_unstable();
        self.numbers.dedup();
        if u32::try_from(self.hashes.len()).is_err() {
            return Err(RosterError::new("it has more than four thousand million hashes; split it"));
        }
        let mut layout = self.layout;
        for (mixed, lengths) in self.forms.iter().enumerate() {
            for (len, (count, digits)) in lengths.iter().enumerate() {
                let space = 10f64.powi(*digits as i32);
                if *count > 0 && len >= 5 && *count as f64 * SPARSE <= space {
                    *[&mut layout.sparse_digits, &mut layout.sparse_mixed][mixed] |= 1 << len;
                }
            }
        }
        let bits = |count: usize, of_each: usize| {
            (count * of_each).max(128).next_power_of_two().trailing_zeros() as u8
        };
        layout.word_bits = bits(self.words.len(), 8).min(23);
        layout.number_bits = bits(self.numbers.len(), 12).min(28);
        layout.index_bits = bits(self.hashes.len() / 8, 1).min(24);
        layout.hashes = self.hashes.len() as u64;
        let filters = self.filters(&layout);
        let body = file::body(&layout, &filters, &self.hashes);
        let file = file::seal(&self.key, &self.salt, self.patients, body)?;
        Ok(Built { file, patients: self.patients, hashes: layout.hashes, telling })
    }

    fn filters(&self, layout: &Layout) -> [Vec<u8>; 3] {
        let product = |feature: u64| feature.wrapping_mul(self.secrets.factor);
        let [word_bytes, what_bytes, number_bytes] = layout.filters();
        let (mut words, mut numbers) = (vec![0u64; word_bytes / 8], vec![0u64; number_bytes / 8]);
        let mut what = vec![0; what_bytes];
        for (word, (_, bits)) in &self.words {
            let product = product(sieve::word(word));
            sieve::insert(&mut words, product, layout.word_bits);
            let (at, shift) = sieve::nibble(product, layout.word_bits);
            what[at] |= bits << shift;
        }
        for feature in &self.numbers {
            sieve::insert(&mut numbers, product(*feature), layout.number_bits);
        }
        let bytes = |filter: Vec<u64>| filter.into_iter().flat_map(u64::to_le_bytes).collect();
        [bytes(words), what, bytes(numbers)]
    }
}

fn ends_date(rest: &[u8]) -> bool {
    rest.is_empty() || matches!(rest[0], b'T' | b' ') && rest.get(1).is_some_and(u8::is_ascii_digit)
}

/// `Last, First Middle` or `First Middle Last`.
fn full_name(value: &[u8], given: &mut Vec<Vec<u8>>, surnames: &mut Vec<Vec<u8>>) {
    if let Some(comma) = value.iter().position(|b| *b == b',') {
        let first = forms::name_words(&value[comma + 1..]);
        if !first.is_empty() {
            surnames.extend(forms::name_words(&value[..comma]));
            given.extend(first);
            return;
        }
    }
    // Nobody can say where the surname begins: any of them goes with the words before it.
    let words = forms::name_words(value);
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            surnames.push(word.clone());
        }
        if i + 1 < words.len() {
            given.push(word.clone());
        }
    }
}
