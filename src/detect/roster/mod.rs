//! The roster: an organisation's own patients, held as keyed hashes only, found in text at line rate.
//!
//! ```text
//! CSV -> csv -> build -> file: sealed filters and hashes                 (scrubjay roster build)
//! file + key -> Roster
//! text -> places: words and numbers that a small filter lets through     (nanoseconds each)
//!      -> find:   their keyed hashes, looked up                          (only there)
//! ```
//!
//! Nothing here reads a file or a clock: bytes come in, bytes go out. The roster is not what keeps text from
//! going out: whatever it does not know, detectors still find.

mod build;
mod csv;
mod dates;
mod file;
mod find;
mod forms;
mod names;
mod numbers;
mod places;
mod sieve;
mod sip;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::kind::Kind;

pub use build::{Builder, Built};
pub use csv::{Column, CsvError, Problem, read_csv};
pub(crate) use find::{Hit, RosterScratch};

/// The detectors that a roster's findings carry, with what they find; in the order of [`find::What`].
pub(crate) const DETECTORS: [(&str, Kind); 6] = [
    ("roster-name", Kind::Name),
    ("roster-mrn", Kind::Mrn),
    ("roster-phone", Kind::Phone),
    ("roster-email", Kind::Email),
    ("roster-date", Kind::Date),
    ("roster-address", Kind::Address),
];

/// How sure a keyed hash makes, in log-odds.
pub(crate) const SURE: f32 = 5.0;

/// Why a roster cannot be used. It never says anything about a patient.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RosterError(pub(crate) String);

impl RosterError {
    fn new(text: &str) -> RosterError {
        RosterError(text.to_owned())
    }
}

/// What a roster's file says without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterInfo {
    /// The version of its format.
    pub version: u8,
    /// How many patients it was built from.
    pub patients: u64,
    /// Its size, which is its memory, too.
    pub bytes: u64,
}

/// A roster, opened.
pub struct Roster {
    layout: file::Layout,
    tables: [usize; 6],
    sip: sip::Sip,
    factor: u64,
    info: RosterInfo,
    /// The filters of words and numbers.
    words: Box<[u64]>,
    numbers: Box<[u64]>,
    /// No number of a patient's is shorter, in digits.
    shortest: u32,
    bytes: Vec<u8>,
}

impl Roster {
    /// Opens a file's bytes.
    ///
    /// # Errors
    /// When it is no roster, of another version, cut off, built with another key, or changed.
    pub fn open(file: Vec<u8>, key: &[u8; 32]) -> Result<Roster, RosterError> {
        file::open(file, key)
    }

    /// The bytes of a file's header.
    pub const HEADER_BYTES: u64 = file::HEADER as u64;

    /// How many bytes are left to read of a file of so many, by its header.
    ///
    /// # Errors
    /// When it is no roster, of another version, cut off, or larger than any.
    pub fn rest_of(header: &[u8], file_bytes: u64) -> Result<u64, RosterError> {
        file::header(header, file_bytes)?;
        Ok(file_bytes.saturating_sub(header.len() as u64))
    }

    /// What the header of a file of so many bytes says; nothing is checked but its form.
    ///
    /// # Errors
    /// When it is no roster, of another version, or cut off.
    pub fn info_of(header: &[u8], file_bytes: u64) -> Result<RosterInfo, RosterError> {
        file::header(header, file_bytes)
    }

    /// What its header says.
    pub fn info(&self) -> RosterInfo {
        self.info
    }

    fn holds(&self, hash: u64) -> bool {
        let (bucket, rest) = file::split(hash, self.layout.index_bits);
        let entry = |i: usize| {
            let at = self.tables[3] + 4 * i;
            let bytes = self.bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes) as usize
        };
        let at = |i: usize| self.tables[4] + file::REST * i;
        let bucket = self.bytes.get(at(entry(bucket))..at(entry(bucket + 1)));
        bucket.is_some_and(|b| b.as_chunks::<{ file::REST }>().0.contains(&rest))
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roster({} patients)", self.info.patients)
    }
}

/// What stands in a hash's text before the value, so that the same value of two kinds has two hashes.
mod domain {
    pub(super) const PAIR: &[u8] = b"n";
    pub(super) const WORD: &[u8] = b"w";
    pub(super) const NUMBER: &[u8] = b"m";
    pub(super) const PHONE: &[u8] = b"p";
    pub(super) const EMAIL: &[u8] = b"e";
    pub(super) const STREET: &[u8] = b"a";
    pub(super) const DAY: &[u8] = b"d";
    pub(super) const DAY_OF: &[u8] = b"o";
    pub(super) const INITIAL: &[u8] = b"i";
}

/// The hashes of everything that is looked up.
impl sip::Sip {
    /// Two words of a name, in either order.
    fn pair(self, a: &[u8], b: &[u8]) -> u64 {
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        self.hash(&[domain::PAIR, a, b" ", b])
    }

    /// An initial and a surname.
    fn initial(self, letter: u8, surname: &[u8]) -> u64 {
        self.hash(&[domain::INITIAL, &[letter], surname])
    }

    fn word(self, word: &[u8]) -> u64 {
        self.hash(&[domain::WORD, word])
    }

    fn number(self, number: &[u8]) -> u64 {
        self.hash(&[domain::NUMBER, number])
    }

    /// What [`forms::phone_key`] gives.
    fn phone(self, key: &[u8]) -> u64 {
        self.hash(&[domain::PHONE, key])
    }

    /// `address` in lower case.
    fn email(self, address: &[u8]) -> u64 {
        self.hash(&[domain::EMAIL, address])
    }

    fn street(self, number: &[u8], word: &[u8]) -> u64 {
        self.hash(&[domain::STREET, number, b" ", word])
    }

    fn day(self, (year, month, day): dates::Day) -> u64 {
        self.hash(&[domain::DAY, &year.to_le_bytes(), &[month, day]])
    }

    /// A day together with whom it belongs to: the hash of a name or a record number.
    fn day_of(self, owner: u64, (year, month, day): dates::Day) -> u64 {
        self.hash(&[domain::DAY_OF, &owner.to_le_bytes(), &year.to_le_bytes(), &[month, day]])
    }
}

/// What the filter of words says of a word, as bits.
mod is {
    pub(super) const NAME: u8 = 1;
    /// Alone it is a hit, if it is written with a capital.
    pub(super) const TELLING: u8 = 2;
    pub(super) const STREET: u8 = 4;
    /// A date of birth follows.
    pub(super) const CUE: u8 = 8;
}

/// Digits of a telephone number that the filter of numbers looks at; fewer are none.
const PHONE_DIGITS: usize = 9;
/// A date of birth stands at most so many bytes from the name or record number it belongs to; behind its cue half of that.
const NEAR: usize = 80;
/// No more bytes around a place have a say in what is found there: a name of six words, a date of birth on either side.
pub(crate) const REACH: usize = 800;
