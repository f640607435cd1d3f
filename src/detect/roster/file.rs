//! A roster as bytes: a header in the open, and a sealed body of filters and sorted hashes.
//!
//! ```text
//! header  16 magic and version | 32 salt | 16 key check | 8 patients | 8 bytes of the body
//! body    sealed with AES-256-GCM, the header as additional data:
//!         shapes | filter of words | what words are | filter of numbers | index of the hashes | the hashes
//! tag     16
//! ```
//!
//! All numbers are little-endian. Everything secret is derived from the operator's key and the file's own random salt
//! with HKDF-SHA256 (RFC 5869), so that two files have nothing in common, not even hashes of the same patient; and
//! a nonce is never used twice under one key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, hkdf};

use super::sip::Sip;
use super::{PHONE_DIGITS, Roster, RosterError, RosterInfo};

const MAGIC: &[u8; 15] = b"SCRUBJAY-ROSTER";
const VERSION: u8 = 1;
pub(super) const HEADER: usize = 16 + 32 + 16 + 8 + 8;
const TAG: usize = 16;
/// Bytes of a salt.
pub(super) const SALT: usize = 32;
/// Bytes of a hash in the file: the other bits are where it stands.
pub(super) const REST: usize = 5;
/// Bytes of the body before its tables.
const SHAPES: usize = 48;
const INFO: &[u8] = b"scrubjay roster v1";

/// What is derived from the operator's key.
pub(super) struct Secrets {
    seal: [u8; 32],
    nonce: [u8; 12],
    check: [u8; 16],
    pub(super) sip: Sip,
    /// Odd: what words and numbers are multiplied with for the filters.
    pub(super) factor: u64,
}

impl Secrets {
    pub(super) fn derive(key: &[u8; 32], salt: &[u8]) -> Result<Secrets, RosterError> {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                84
            }
        }
        let failed = |_| RosterError::new("its keys cannot be derived");
        let mut all = [0; 84];
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
        extracted.expand(&[INFO], Length).map_err(failed)?.fill(&mut all).map_err(failed)?;
        let secrets = Secrets {
            seal: part(&all, 0),
            nonce: part(&all, 32),
            check: part(&all, 44),
            sip: Sip::new(part(&all, 60)),
            factor: u64::from_le_bytes(part(&all, 76)) | 1,
        };
        zeroize::Zeroize::zeroize(&mut all);
        Ok(secrets)
    }

    fn cipher(&self) -> Result<(LessSafeKey, Nonce), RosterError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.seal);
        let key = key.map_err(|_| RosterError::new("its keys cannot be derived"))?;
        Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(self.nonce)))
    }
}

fn part<const N: usize>(all: &[u8], from: usize) -> [u8; N] {
    std::array::from_fn(|i| all.get(from + i).copied().unwrap_or(0))
}

/// Where the tables of a body stand, and what it knows of its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Lengths of record numbers of digits alone, one bit each.
    pub(super) digits: u64,
    /// Lengths of record numbers with letters.
    pub(super) mixed: u64,
    /// Those among the former two that tell a patient without a cue.
    pub(super) sparse_digits: u64,
    pub(super) sparse_mixed: u64,
    pub(super) word_bits: u8,
    pub(super) number_bits: u8,
    pub(super) index_bits: u8,
    pub(super) hashes: u64,
}

impl Layout {
    fn write(&self, out: &mut Vec<u8>) {
        for n in [self.digits, self.mixed, self.sparse_digits, self.sparse_mixed, self.hashes] {
            out.extend(n.to_le_bytes());
        }
        out.extend([self.word_bits, self.number_bits, self.index_bits, 0, 0, 0, 0, 0]);
    }

    fn read(body: &[u8]) -> Option<Layout> {
        let number = |i: usize| u64::from_le_bytes(part(body, 8 * i));
        let head = body.get(..SHAPES)?;
        let layout = Layout {
            digits: number(0),
            mixed: number(1),
            sparse_digits: number(2),
            sparse_mixed: number(3),
            hashes: number(4),
            word_bits: head[40],
            number_bits: head[41],
            index_bits: head[42],
        };
        let fits = (7..=26).contains(&layout.word_bits)
            && (7..=30).contains(&layout.number_bits)
            && layout.index_bits <= 24
            && layout.hashes <= u64::from(u32::MAX);
        fits.then_some(layout)
    }

    /// The bytes of the filters: of words, of what they are, and of numbers.
    pub(super) fn filters(&self) -> [usize; 3] {
        [(1 << self.word_bits) / 8, (1 << self.word_bits) / 8, (1 << self.number_bits) / 8]
    }

    /// Where each table begins, and where the last one ends.
    pub(super) fn tables(&self) -> [usize; 6] {
        let [words, what, numbers] = self.filters();
        let lengths = [words, what, numbers, 4 * ((1 << self.index_bits) + 1), REST * self.hashes as usize];
        let mut at = SHAPES;
        let mut tables = [at; 6];
        for (table, len) in tables[1..].iter_mut().zip(lengths) {
            at += len;
            *table = at;
        }
        tables
    }
}

/// Where a hash belongs, and what of it is written there.
pub(super) fn split(hash: u64, index_bits: u8) -> (usize, [u8; REST]) {
    let bucket = if index_bits == 0 { 0 } else { (hash >> (64 - index_bits)) as usize };
    let rest = (hash << index_bits) >> (64 - 8 * REST);
    (bucket, part(&rest.to_be_bytes(), 8 - REST))
}

/// The body of these parts; the hashes must be sorted.
pub(super) fn body(layout: &Layout, filters: &[Vec<u8>; 3], hashes: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(layout.tables()[5] + TAG);
    layout.write(&mut out);
    filters.iter().for_each(|f| out.extend_from_slice(f));
    let mut next = 0usize;
    for (i, hash) in hashes.iter().enumerate() {
        let (bucket, _) = split(*hash, layout.index_bits);
        while next <= bucket {
            out.extend((i as u32).to_le_bytes());
            next += 1;
        }
    }
    while next <= 1 << layout.index_bits {
        out.extend((hashes.len() as u32).to_le_bytes());
        next += 1;
    }
    hashes.iter().for_each(|h| out.extend(split(*h, layout.index_bits).1));
    out
}

/// The file.
pub(super) fn seal(
    key: &[u8; 32],
    salt: &[u8; SALT],
    patients: u64,
    mut body: Vec<u8>,
) -> Result<Vec<u8>, RosterError> {
    let secrets = Secrets::derive(key, salt)?;
    if (HEADER + body.len() + TAG) as u64 > MOST_BYTES {
        return Err(RosterError(format!(
            "it would be larger than {MOST_BYTES} bytes; build it from fewer patients"
        )));
    }
    let mut file = Vec::with_capacity(HEADER + body.len() + TAG);
    file.extend_from_slice(MAGIC);
    file.push(VERSION);
    file.extend_from_slice(salt);
    file.extend_from_slice(&secrets.check);
    file.extend(patients.to_le_bytes());
    file.extend((body.len() as u64).to_le_bytes());
    let (cipher, nonce) = secrets.cipher()?;
    let failed = |_| RosterError::new("it cannot be sealed");
    cipher.seal_in_place_append_tag(nonce, Aad::from(&file), &mut body).map_err(failed)?;
    file.append(&mut body);
    Ok(file)
}

/// No roster is larger: some forty million patients.
const MOST_BYTES: u64 = 4 << 30;

/// What the header says.
pub(super) fn info(file: &[u8]) -> Result<RosterInfo, RosterError> {
    header(file, file.len() as u64)
}

/// The same, of a file of which at least the header has been read.
pub(super) fn header(file: &[u8], file_bytes: u64) -> Result<RosterInfo, RosterError> {
    if file.len() < 16 || !file.starts_with(MAGIC) {
        return Err(RosterError::new("it is no roster; `scrubjay roster build` makes one"));
    }
    if file[15] != VERSION {
        let text = format!("it has version {} of the format, and this build reads {VERSION}", file[15]);
        return Err(RosterError(format!("{text}; build it again, or use the scrubjay that built it")));
    }
    let cut = || RosterError::new("it is cut off; copy it again, or build it again");
    let header = file.get(..HEADER).ok_or_else(cut)?;
    let body_bytes = u64::from_le_bytes(part(header, HEADER - 8));
    let want = body_bytes.checked_add((HEADER + TAG) as u64);
    match want {
        Some(want) if want == file_bytes => {}
        Some(want) if want > file_bytes => return Err(cut()),
        _ => return Err(RosterError::new("it was changed after it was built; build it again")),
    }
    if file_bytes > MOST_BYTES {
        return Err(RosterError(format!(
            "it is larger than {MOST_BYTES} bytes; build it from fewer patients"
        )));
    }
    Ok(RosterInfo {
        version: VERSION,
        patients: u64::from_le_bytes(part(header, HEADER - 16)),
        bytes: file_bytes,
    })
}

/// Opens a file in its own memory.
pub(super) fn open(mut file: Vec<u8>, key: &[u8; 32]) -> Result<Roster, RosterError> {
    let about = info(&file)?;
    let secrets = Secrets::derive(key, &file[16..16 + SALT])?;
    if constant_time::verify_slices_are_equal(&secrets.check, &file[48..64]).is_err() {
        return Err(RosterError::new("it was built with another key; give the key it was built with"));
    }
    let (cipher, nonce) = secrets.cipher()?;
    let (header, sealed) = file.split_at_mut(HEADER);
    let changed = || RosterError::new("it was changed after it was built; build it again");
    cipher.open_in_place(nonce, Aad::from(&*header), sealed).map_err(|_| changed())?;
    // Sealed by the right key, and yet it may be anything: another version's, or a hand's.
    let body = &file[HEADER..file.len() - TAG];
    let layout = Layout::read(body).ok_or_else(changed)?;
    let tables = layout.tables().map(|t| t + HEADER);
    if tables[5] != file.len() - TAG {
        return Err(changed());
    }
    let (mut last, mut first) = (0, true);
    for entry in file[tables[3]..tables[4]].as_chunks::<4>().0 {
        let entry = u32::from_le_bytes(*entry);
        if entry < last || first && entry != 0 {
            return Err(changed());
        }
        (last, first) = (entry, false);
    }
    if u64::from(last) != layout.hashes {
        return Err(changed());
    }
    let filter = |from: usize, to: usize| {
        file[tables[from]..tables[to]].as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect()
    };
    Ok(Roster {
        layout,
        tables,
        sip: secrets.sip,
        factor: secrets.factor,
        info: about,
        words: filter(0, 1),
        numbers: filter(2, 3),
        shortest: match layout.mixed {
            0 => (layout.digits | 1 << PHONE_DIGITS).trailing_zeros(),
            // Its letters may stand apart.
            _ => 1,
        },
        bytes: file,
    })
}
