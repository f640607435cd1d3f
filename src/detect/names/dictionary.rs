//! What is known about words: how many people bear one as a given name or a surname, how common it is in plain English,
//! whether it is a town, a month, a drug.
//!
//! The dictionary is a table of fingerprints that stands in the binary as it is on disk: nothing is unpacked at the
//! start, and a look-up reads one cache line for most words. It holds no text, so a word that is not in it is taken for one
//! that is about once in ten thousand times.
//!
//! ```text
//! "SJN2", buckets: u32 | sieve | buckets x 8 fingerprints: u16 | buckets x 8 entries: u32      (little endian)
//! ```
//!
//! The sieve has a bit for the length and first letters of each word that is taken for a name in lower case, too: it rules
//! out most words of a text at the cost of one load.

use super::fold::Folded;

/// Words of a bucket.
const SLOTS: usize = 8;
const MAGIC: &[u8; 4] = b"SJN2";
const HEADER: usize = 8;
/// Bytes of the sieve; a power of two.
const SIEVE: usize = 1 << 13;

/// What the dictionary says of a word; all zero for a word that it does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry(pub(super) u32);

/// Things a word may be beside a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Flag {
    /// A month or a day of the week, or short for one.
    Calendar = 1 << 16,
    /// A country, a state, a region or a people.
    Region = 1 << 17,
    /// A medical eponym or something else that the ICD writes with a capital. The model sees it as [`Entry::flag`] says.
    #[cfg_attr(not(any(test, feature = "train")), expect(dead_code))]
    Eponym = 1 << 18,
    /// A drug or a brand of one.
    Drug = 1 << 19,
    /// A technical term or a product.
    Technical = 1 << 20,
    /// A word that names of organisations end in.
    Organisation = 1 << 21,
    /// A title before a name, or a credential after one.
    Title = 1 << 22,
    /// A word of the ICD in lower case.
    Medical = 1 << 23,
    /// The first word of a town of two words or more.
    TownBegins = 1 << 24,
    /// A small word inside names: `van`, `de`, `bin`.
    Particle = 1 << 25,
}

#[cfg(feature = "train")]
impl Flag {
    /// All of them by the names that the word lists have.
    pub(crate) const ALL: [(&'static str, Flag); 10] = [
        ("calendar", Flag::Calendar),
        ("regions", Flag::Region),
        ("eponyms", Flag::Eponym),
        ("drugs", Flag::Drug),
        ("technical", Flag::Technical),
        ("organisations", Flag::Organisation),
        ("titles", Flag::Title),
        ("medical", Flag::Medical),
        ("towns_begin", Flag::TownBegins),
        ("particles", Flag::Particle),
    ];
}

impl Entry {
    /// Levels from 0, none, to 15; each is twice as many people as the one below, from about 100.
    pub(crate) fn new(given: u8, surname: u8, common: u8, town: u8) -> Entry {
        let level = |n: u8, shift: u32| u32::from(n.min(15)) << shift;
        Entry(level(given, 0) | level(surname, 4) | level(common, 8) | level(town, 12))
    }

    #[cfg(any(test, feature = "train"))]
    pub(crate) fn with(self, flag: Flag) -> Entry {
        Entry(self.0 | flag as u32)
    }

    /// The same, known as a town of at least this level.
    pub(crate) fn with_town(self, level: u8) -> Entry {
        let town = self.town().max(level);
        Entry(self.0 & !(15 << 12) | Entry::new(0, 0, 0, town).0)
    }

    /// Hardly anything but a name, though it be in lower case.
    pub(crate) fn is_lower_name(self) -> bool {
        let thing =
            [Flag::Technical, Flag::Calendar, Flag::Drug, Flag::Organisation].iter().any(|f| self.is(*f));
        self.given() >= 9 && self.common() <= 2 && !thing
    }

    /// As a given name.
    pub(crate) fn given(self) -> u8 {
        (self.0 & 15) as u8
    }

    /// As a surname.
    pub(crate) fn surname(self) -> u8 {
        (self.0 >> 4 & 15) as u8
    }

    /// As a word in lower case.
    pub(crate) fn common(self) -> u8 {
        (self.0 >> 8 & 15) as u8
    }

    /// As a town: by its people.
    pub(crate) fn town(self) -> u8 {
        (self.0 >> 12 & 15) as u8
    }

    pub(crate) fn is(self, flag: Flag) -> bool {
        self.0 & flag as u32 != 0
    }

    /// The first thing it may be beside a name.
    pub(crate) fn flag(self) -> u8 {
        (self.0 >> 16).trailing_zeros().min(15) as u8
    }

    pub(crate) fn is_known(self) -> bool {
        self.0 != 0
    }
}

/// The dictionary, read where it stands.
pub(crate) struct Dictionary<'d> {
    sieve: &'d [u8; SIEVE],
    fingerprints: &'d [[u8; 2 * SLOTS]],
    entries: &'d [[u8; 4 * SLOTS]],
}

static BUILTIN: &[u8] = include_bytes!("../../../detectors/names/dictionary.bin");

impl Dictionary<'static> {
    /// The one in the binary.
    #[expect(clippy::panic, reason = "a build that ships a broken dictionary must not scrub without it")]
    pub(crate) fn builtin() -> Dictionary<'static> {
        Dictionary::read(BUILTIN).unwrap_or_else(|| panic!("the built-in dictionary of names is broken"))
    }
}

impl<'d> Dictionary<'d> {
    /// Reads a dictionary where it stands; `None` if these bytes are none.
    pub(crate) fn read(bytes: &'d [u8]) -> Option<Dictionary<'d>> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (buckets, rest) = rest.split_first_chunk::<{ HEADER - 4 }>()?;
        let buckets = u32::from_le_bytes(*buckets) as usize;
        let (sieve, rest) = rest.split_first_chunk::<SIEVE>()?;
        let (fingerprints, entries) = rest.split_at_checked(buckets.checked_mul(2 * SLOTS)?)?;
        let (fingerprints, _) = fingerprints.as_chunks();
        let (entries, left) = entries.as_chunks();
        (entries.len() == buckets && left.is_empty()).then_some(Dictionary { sieve, fingerprints, entries })
    }

    /// Whether a word of `len` ASCII letters that begins so may be one that is taken for a name in lower case.
    #[inline]
    pub(crate) fn may_be_lower_name(&self, first: [u8; 4], len: u32) -> bool {
        let bit = sieve_bit(first, len);
        self.sieve[bit / 8] >> (bit % 8) & 1 == 1
    }

    /// What is known about a word.
    #[cfg(test)]
    pub(crate) fn look_up(&self, word: &[u8]) -> Entry {
        let mut folded = Folded::new();
        folded.fold(word);
        folded.word().map_or(Entry::default(), |w| self.look_up_folded(w))
    }

    /// The same for several words as one: `San`, `Diego`.
    pub(crate) fn look_up_phrase<'w>(&self, words: impl Iterator<Item = &'w [u8]>) -> Entry {
        let mut folded = Folded::new();
        for (i, word) in words.enumerate() {
            if i > 0 {
                folded.fold(b" ");
            }
            folded.fold(word);
        }
        folded.word().map_or(Entry::default(), |w| self.look_up_folded(w))
    }

    pub(super) fn look_up_folded(&self, word: &[u8]) -> Entry {
        let Some(buckets) = std::num::NonZeroUsize::new(self.fingerprints.len()) else {
            return Entry::default();
        };
        let (mut bucket, fingerprint) = place(word, buckets.get());
        for _ in 0..buckets.get() {
            let mut full = true;
            for (slot, bytes) in self.fingerprints[bucket].as_chunks::<2>().0.iter().enumerate() {
                let found = u16::from_le_bytes(*bytes);
                if found == fingerprint {
                    let entry = self.entries[bucket].as_chunks::<4>().0[slot];
                    return Entry(u32::from_le_bytes(entry));
                }
                full &= found != 0;
            }
            if !full {
                break;
            }
            bucket = (bucket + 1) % buckets;
        }
        Entry::default()
    }
}

/// The bit of the sieve for words of `len` letters that begin with `first`, zero behind the end.
fn sieve_bit(first: [u8; 4], len: u32) -> usize {
    let key = u32::from_le_bytes(first) ^ len << 27;
    (key.wrapping_mul(0x9e37_79b1) >> (32 - (8 * SIEVE).trailing_zeros())) as usize
}

/// The bucket a word belongs to, and its fingerprint, which is never 0.
fn place(word: &[u8], buckets: usize) -> (usize, u16) {
    let hash = hash(word);
    let bucket = ((hash & 0xffff_ffff) * buckets as u64) >> 32;
    (bucket as usize, ((hash >> 48) as u16).max(1))
}

/// Eight bytes at a time.
pub(super) fn hash(word: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |h: u64, w: u64| {
        let m = u128::from(h ^ w) * u128::from(K);
        (m as u64) ^ ((m >> 64) as u64)
    };
    let (chunks, rest) = word.as_chunks::<8>();
    let h = chunks.iter().fold(K ^ word.len() as u64, |h, c| mix(h, u64::from_le_bytes(*c)));
    let mut tail = [0; 8];
    tail[..rest.len()].copy_from_slice(rest);
    mix(mix(h, u64::from_le_bytes(tail)), K)
}

/// Writes a dictionary of folded words. Deterministic: the same words in the same order give the same bytes.
#[cfg(any(test, feature = "train"))]
pub(crate) fn write(words: &[(Vec<u8>, Entry)]) -> Vec<u8> {
    let buckets = (words.len() * 100 / (SLOTS * 84)).max(1);
    let mut fingerprints = vec![0u16; buckets * SLOTS];
    let mut entries = vec![0u32; buckets * SLOTS];
    for (word, entry) in words {
        let (mut bucket, fingerprint) = place(word, buckets);
        loop {
            let slots = bucket * SLOTS..(bucket + 1) * SLOTS;
            // Two words of one fingerprint in one bucket are told apart by nobody: what both are, the one word is.
            let slot = slots.clone().find(|s| fingerprints[*s] == fingerprint || fingerprints[*s] == 0);
            if let Some(slot) = slot {
                fingerprints[slot] = fingerprint;
                entries[slot] |= entry.0;
                break;
            }
            bucket = (bucket + 1) % buckets;
        }
    }
    let mut sieve = [0u8; SIEVE];
    for (word, _) in words.iter().filter(|(w, e)| e.is_lower_name() && w.iter().all(u8::is_ascii_lowercase)) {
        let mut first = [0; 4];
        first.iter_mut().zip(word).for_each(|(f, b)| *f = *b);
        let bit = sieve_bit(first, word.len() as u32);
        sieve[bit / 8] |= 1 << (bit % 8);
    }
    let mut out = MAGIC.to_vec();
    out.extend((buckets as u32).to_le_bytes());
    out.extend(sieve);
    out.extend(fingerprints.iter().flat_map(|f| f.to_le_bytes()));
    out.extend(entries.iter().flat_map(|e| e.to_le_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_found() {
        let words: Vec<(Vec<u8>, Entry)> = (0..5000u32)
            .map(|i| {
                (
                    format!("word{i}").into_bytes(),
                    Entry::new((i % 16) as u8, (i / 16 % 16) as u8, 3, 0).with(Flag::Drug),
                )
            })
            .collect();
        let bytes = write(&words);
        let d = Dictionary::read(&bytes).unwrap();
        let wrong = words.iter().filter(|(w, e)| d.look_up(w) != *e).count();
        assert!(wrong <= 3, "{wrong} words share a fingerprint");
        let taken = (0..100_000).filter(|i| d.look_up(format!("other{i}").as_bytes()).is_known()).count();
        assert!(taken < 40, "{taken} of 100,000 unknown words are found");
    }

    #[test]
    fn what_is_no_dictionary() {
        for bytes in [&b""[..], b"SJN2", b"SJN1\xff\xff\xff\xff", b"SJN2\0\0\0\0", b"SJN1\x01\0\0\0...."] {
            assert!(Dictionary::read(bytes).is_none(), "{bytes:?}");
        }
        let empty = [&b"SJN2\0\0\0\0"[..], &[0; SIEVE]].concat();
        assert!(!Dictionary::read(&empty).unwrap().look_up(b"john").is_known());
    }

    #[test]
    fn the_one_in_the_binary() {
        let d = Dictionary::builtin();
        let is =
            |word: &str, what: &dyn Fn(Entry) -> bool| assert!(what(d.look_up(word.as_bytes())), "{word}");
        is("John", &|e| e.given() >= 14 && e.common() <= 3);
        is("SMITH", &|e| e.surname() >= 14);
        is("Nu\u{f1}ez", &|e| e.surname() >= 8);
        is("Will", &|e| e.common() >= 12 && e.given() > 5);
        is("patient", &|e| e.common() >= 10);
        is("Denver", &|e| e.town() >= 8);
        is("Monday", &|e| e.is(Flag::Calendar));
        is("ibuprofen", &|e| e.is(Flag::Drug));
        is("Crohn", &|e| e.is(Flag::Eponym));
        is("Kubernetes", &|e| e.is(Flag::Technical));
        let san_diego = d.look_up_phrase([&b"San"[..], b"Diego"].into_iter());
        assert!(san_diego.town() >= 8 && d.look_up(b"San").is(Flag::TownBegins));
    }
}
