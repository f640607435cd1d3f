//! What stands between two words, as far as it says what they are to each other.

/// Words further apart than this know nothing of each other.
pub(super) const FAR: usize = 12;

/// What stands before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Glue {
    /// The text or the line begins here, or nothing near stands before it.
    Start,
    Space,
    Hyphen,
    Comma,
    /// The end of a sentence, or of something shortened.
    Period,
    Colon,
    Equals,
    Quote,
    Open,
    /// A bracket right behind a word, as in a call.
    Call,
    Close,
    Slash,
    /// A point with no blank behind it: `java.util`.
    Dot,
    At,
    Bar,
    And,
    /// Nothing at all: a change of script, say.
    None,
    Other,
}

/// What stands between two words.
pub(super) fn glue(gap: &[u8]) -> Glue {
    match gap {
        b" " => return Glue::Space,
        b"." => return Glue::Dot,
        b"" => return Glue::None,
        _ => {}
    }
    if gap.len() > FAR {
        return Glue::Start;
    }
    // Of several marks the one that says most counts.
    let rank = gap.iter().map(|b| RANKS[usize::from(*b)]).min().unwrap_or(u8::MAX);
    if rank == 0 {
        return Glue::Start;
    }
    match gap {
        b"  " | b"\xC2\xA0" => Glue::Space,
        b"-" | b"\xE2\x80\x90" | b"\xE2\x80\x91" => Glue::Hyphen,
        b"::" | b"->" => Glue::Dot,
        [b'(' | b'[', ..] => Glue::Call,
        _ => MARKS.get(usize::from(rank)).map_or(Glue::Other, |(_, glue)| *glue),
    }
}

/// Marks between words, those that say most first.
const MARKS: [(&[u8], Glue); 13] = [
    (b"\n\r", Glue::Start),
    (b"@", Glue::At),
    (b"|\t;^", Glue::Bar),
    (b"=", Glue::Equals),
    (b"\"\xAB\xBB\x9C\x9D\x9E`", Glue::Quote),
    (b"([{<", Glue::Open),
    (b")]}>", Glue::Close),
    (b":", Glue::Colon),
    (b",", Glue::Comma),
    (b"/\\", Glue::Slash),
    (b"&+", Glue::And),
    (b".!?", Glue::Period),
    (b"'", Glue::Quote),
];

/// By byte: the first of [`MARKS`] that has it.
static RANKS: [u8; 256] = {
    let mut ranks = [u8::MAX; 256];
    let mut rank = MARKS.len();
    while rank > 0 {
        rank -= 1;
        let (bytes, mut i) = (MARKS[rank].0, 0);
        while i < bytes.len() {
            ranks[bytes[i] as usize] = rank as u8;
            i += 1;
        }
    }
    ranks
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_that_says_most_counts() {
        let cases: [(&[u8], Glue); 16] = [
            (b" ", Glue::Space),
            (b"\n ", Glue::Start),
            (b" -- ", Glue::Other),
            (b", \"", Glue::Quote),
            (b": ", Glue::Colon),
            (b". (", Glue::Open),
            (b"(", Glue::Call),
            (b"[\"", Glue::Call),
            (b" [", Glue::Open),
            (b") - ", Glue::Close),
            (b"=\"", Glue::Equals),
            (b"\xE2\x80\x9C", Glue::Quote),
            (b"... ", Glue::Period),
            (b" '", Glue::Quote),
            (b" | ", Glue::Bar),
            (b"              ", Glue::Start),
        ];
        for (gap, want) in cases {
            assert_eq!(glue(gap), want, "{:?}", String::from_utf8_lossy(gap));
        }
    }
}
