//! Makes the dictionary and the weights: `./dev train`.
//!
//! The dictionary is what public word lists say of words. The weights are learnt from texts that a generator writes:
//! templates, filled with names and other things from the lists. All of it follows from the lists, the templates
//! and a seed, to the bit.

mod generate;
mod learn;
mod lists;
mod phrases;

use super::dictionary::{self, Dictionary};

/// How many texts the weights are learnt from.
const TEXTS: usize = 2_400_000;
const SEED: u64 = 20_261_123;

/// A file: its name, for messages, and its text.
pub type File = (String, String);

/// What comes of it: the bytes of `dictionary.bin` and of `weights.bin`.
pub struct Trained {
    /// The dictionary of words.
    pub dictionary: Vec<u8>,
    /// The weights of the model.
    pub weights: Vec<u8>,
}

/// Trains. `tables` are the word lists with figures, TSV; `written` the ones that people wrote, a word a line; a list is called as its
/// file. `templates` are the texts to be filled.
///
/// # Errors
/// Says which file is missing or wrong, and where.
pub fn run(
    tables: &[File],
    written: &[File],
    templates: &[File],
    say: &mut dyn FnMut(&str),
) -> Result<Trained, String> {
    let lists = lists::Lists::read(tables, written)?;
    let words = lists.entries();
    let bytes = dictionary::write(&words);
    say(&format!("dictionary.bin: {} words, {} bytes", words.len(), bytes.len()));
    let dictionary = Dictionary::read(&bytes).ok_or("the dictionary cannot be read back")?;
    let generator = generate::Generator::new(templates, &lists)?;
    say(&format!("{} templates", generator.len()));
    let weights = learn::learn(&generator, &dictionary, TEXTS, SEED, say);
    Ok(Trained { dictionary: bytes, weights })
}

/// Makes this process use what was trained, to try it out without a build; only before anything was scrubbed.
pub fn adopt(trained: Trained) -> Result<(), Trained> {
    super::ADOPTED.set(trained)
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
