//! Makes the dictionary and the weights: `./dev train`.
//!
//! The dictionary is what public word lists say of words. The weights are learnt from texts that a generator writes:
//! templates, filled with names and other things from the lists. All of it follows from the lists, the templates
//! and a seed, to the bit.

mod generate;
mod learn;
mod lists;

use std::path::Path;

use super::dictionary::{self, Dictionary};

/// How many texts the weights are learnt from.
const TEXTS: usize = 2_400_000;
const SEED: u64 = 20_261_123;

/// Builds `dictionary.bin` and `weights.bin` in `out` from the word lists in `lists`, one TSV each, and
/// from `lists/*.txt` and `templates/*.txt` in `out`.
///
/// # Errors
/// Says which file is missing or wrong, and where.
pub fn run(lists: &Path, out: &Path, say: &mut dyn FnMut(&str)) -> Result<(), String> {
    let lists = lists::Lists::read(lists, &out.join("lists"))?;
    let words = lists.entries();
    let bytes = dictionary::write(&words);
    write(&out.join("dictionary.bin"), &bytes)?;
    say(&format!("dictionary.bin: {} words, {} bytes", words.len(), bytes.len()));
    let dictionary = Dictionary::read(&bytes).ok_or("the dictionary cannot be read back")?;
    let generator = generate::Generator::new(&out.join("templates"), &lists)?;
    say(&format!("{} templates", generator.len()));
    let weights = learn::learn(&generator, &dictionary, TEXTS, SEED, say);
    write(&out.join("weights.bin"), &weights)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// A small generator of numbers, the same everywhere (splitmix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// From 0 up to, without, `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// True `percent` times in a hundred.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn of<'a, T: ?Sized>(&mut self, all: &'a [&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}
