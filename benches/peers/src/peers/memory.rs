//! What memory allows: a copy of the text, and a look at each byte of it.

use super::{Contestant, Finds, NAMES};
use crate::corpus::Labelled;
use crate::recall::Removed;

#[derive(Default)]
pub struct Memcpy {
    out: Vec<u8>,
}

impl Contestant for Memcpy {
    fn name(&self) -> &'static str {
        NAMES[8]
    }

    fn version(&self) -> String {
        "the whole text at once".into()
    }

    fn finds(&self) -> Finds {
        Finds::Nothing
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        self.out.clear();
        self.out.extend_from_slice(&labelled.text);
        self.out.len()
    }

    fn removed(&mut self, _: &Labelled) -> Option<Removed> {
        None
    }
}

pub struct NewlineScan;

impl Contestant for NewlineScan {
    fn name(&self) -> &'static str {
        NAMES[9]
    }

    fn version(&self) -> String {
        format!("memchr {}; counts ends of lines, writes nothing", version!("memchr"))
    }

    fn finds(&self) -> Finds {
        Finds::Nothing
    }

    fn redact(&mut self, labelled: &Labelled) -> usize {
        memchr::memchr_iter(b'\n', &labelled.text).map(std::hint::black_box).count()
    }

    fn removed(&mut self, _: &Labelled) -> Option<Removed> {
        None
    }
}
