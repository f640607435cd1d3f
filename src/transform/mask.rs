//! Masks: letters and digits become a mask character, punctuation stays.

/// Appends the masked form of `text` to `out`. The last `keep_last` letters and digits stay, but never more than
/// half of them: a mask that shows most of a value masks nothing. What has been masked already counts
/// as letters, so that masking twice changes nothing.
pub(crate) fn mask(text: &[u8], keep_last: u8, with: char, out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    let with = with.encode_utf8(&mut buffer).as_bytes();
    let mut places = 0;
    walk(text, with, |what, _| places += usize::from(what != Piece::Other));
    let masked = places - usize::from(keep_last).min(places / 2);
    let mut seen = 0;
    walk(text, with, |what, bytes| {
        seen += usize::from(what != Piece::Other);
        match what {
            Piece::Letter if seen <= masked => out.extend_from_slice(with),
            _ => out.extend_from_slice(bytes),
        }
    });
}

#[derive(PartialEq)]
enum Piece {
    Letter,
    Masked,
    Other,
}

/// Goes through the characters: ASCII letters and digits and every character outside ASCII are letters.
fn walk<'t>(text: &'t [u8], with: &[u8], mut visit: impl FnMut(Piece, &'t [u8])) {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (what, len) = if rest.starts_with(with) {
            (Piece::Masked, with.len())
        } else if rest[0] < 0x80 {
            (if rest[0].is_ascii_alphanumeric() { Piece::Letter } else { Piece::Other }, 1)
        } else {
            let more = rest[1..].iter().take_while(|b| **b & 0xc0 == 0x80).count();
            (Piece::Letter, 1 + more)
        };
        visit(what, &rest[..len]);
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        let cases = [
            ("219-10-9999", 4, '*', "***-**-9999"),
            ("219-10-9999", 0, 'X', "XXX-XX-XXXX"),
            ("1234", 4, '*', "**34"),
            ("ab", 9, '*', "*b"),
            ("Zo\u{eb}", 1, '*', "**\u{eb}"),
            ("219-10-9999", 4, '\u{2022}', "\u{2022}\u{2022}\u{2022}-\u{2022}\u{2022}-9999"),
            ("", 4, '*', ""),
            ("--", 4, '*', "--"),
        ];
        for (text, keep, with, want) in cases {
            let mut once = Vec::new();
            mask(text.as_bytes(), keep, with, &mut once);
            assert_eq!(String::from_utf8_lossy(&once), want);
            let mut twice = Vec::new();
            mask(&once, keep, with, &mut twice);
            assert_eq!(twice, once, "{text} masked twice");
        }
        let mut out = Vec::new();
        mask(b"\xff\xfe1", 0, '*', &mut out);
        assert_eq!(out, b"***");
    }
}
