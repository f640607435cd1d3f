//! Words as the dictionary holds them: lower case, without accents, apostrophes and points.

/// What a letter from U+00C0 to U+024F is without its accent: a base letter, `S A O T` for `ss ae oe th`, `.` for none.
const BASE: &[u8; 400] = b"\
    aaaaaaAceeeeiiiidnooooo.ouuuuyTSaaaaaaAceeeeiiiidnooooo.ouuuuyTyaaaaaaccccccccdd\
    ddeeeeeeeeeegggggggghhhhiiiiiiiiii..jjkk.llllll..llnnnnnn.nnooooooOOrrrrrrssssss\
    ssttttttuuuuuuuuuuuuwwyyyzzzzzz.................................oo.............u\
    u............................aaiioouuuuuuuuuu.aaaa....ggkkoooo..j...gg..nnaa....\
    aaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy............................";

/// The longest word that is looked up, in bytes once folded.
pub(super) const LONGEST: usize = 32;

/// A folded word.
pub(crate) struct Folded {
    bytes: [u8; LONGEST],
    len: usize,
    whole: bool,
}

impl Folded {
    pub(crate) const fn new() -> Folded {
        Folded { bytes: [0; LONGEST], len: 0, whole: true }
    }

    /// The word, or `None` if it is longer than any in the dictionary.
    pub(crate) fn word(&self) -> Option<&[u8]> {
        self.whole.then(|| &self.bytes[..self.len])
    }

    /// The word, or as much of it as there is room for.
    pub(crate) fn head(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, b: u8) {
        match self.bytes.get_mut(self.len) {
            Some(slot) => {
                *slot = b;
                self.len += 1;
            }
            None => self.whole = false,
        }
    }

    /// Appends a word, folded.
    pub(crate) fn fold(&mut self, word: &[u8]) {
        if word.is_ascii() {
            word.iter()
                .filter(|b| !matches!(b, b'\'' | b'.'))
                .for_each(|b| self.push(b.to_ascii_lowercase()));
            return;
        }
        for chunk in word.utf8_chunks() {
            chunk.valid().chars().for_each(|c| self.letter(c));
            chunk.invalid().iter().for_each(|b| self.push(*b));
        }
    }

    fn letter(&mut self, c: char) {
        let base = (c as usize).checked_sub(0xC0).and_then(|i| BASE.get(i));
        match (c, base) {
            ('\'' | '.' | '`' | '\u{b4}' | '\u{2019}', _) => {}
            (_, Some(b'S')) => b"ss".iter().for_each(|b| self.push(*b)),
            (_, Some(b'A')) => b"ae".iter().for_each(|b| self.push(*b)),
            (_, Some(b'O')) => b"oe".iter().for_each(|b| self.push(*b)),
            (_, Some(b'T')) => b"th".iter().for_each(|b| self.push(*b)),
            (_, Some(b)) if *b != b'.' => self.push(*b),
            // A combining accent behind its letter.
            ('\u{300}'..='\u{36f}', _) => {}
            // A capital outside of the table may be one of a letter in it: U+1E9E is the capital of U+00DF.
            _ => c.to_lowercase().for_each(|lower| match lower {
                _ if lower != c => self.letter(lower),
                _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| self.push(b)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words() {
        let cases = [
            ("John", "john"),
            ("O'Brien", "obrien"),
            ("O\u{2019}Brien", "obrien"),
            ("GARC\u{cd}A", "garcia"),
            ("Garci\u{301}a", "garcia"),
            ("Stra\u{df}e", "strasse"),
            ("STRA\u{1e9e}E", "strasse"),
            ("\u{212b}sa", "asa"),
            ("\u{c6}r\u{f8}", "aero"),
            ("\u{141}\u{f3}d\u{17a}", "lodz"),
            ("St.", "st"),
            ("\u{418}\u{432}\u{430}\u{43d}", "\u{438}\u{432}\u{430}\u{43d}"),
        ];
        for (given, want) in cases {
            let mut f = Folded::new();
            f.fold(given.as_bytes());
            assert_eq!(f.word(), Some(want.as_bytes()), "{given}");
        }
        let mut f = Folded::new();
        f.fold(&[b'a'; LONGEST + 1]);
        assert_eq!(f.word(), None);
    }

    fn folded(word: &[u8]) -> Option<Vec<u8>> {
        let mut f = Folded::new();
        f.fold(word);
        f.word().map(<[u8]>::to_vec)
    }

    proptest! {
        #[test]
        fn what_is_folded_stays(word in "\\PC{0,20}") {
            if let Some(once) = folded(word.as_bytes()) {
                prop_assert_eq!(folded(&once), Some(once.clone()), "{:?}", word);
            }
        }

        #[test]
        fn any_bytes_fold(word in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(folded(&word).is_none_or(|f| f.len() <= LONGEST));
        }
    }
}
