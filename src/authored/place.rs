//! Places inside of strings.

use std::ops::Range;

/// Where the bytes `inner` of a string's value stand in the file, of which the string is `outer`, quotes included.
/// An escape is covered whole; at the end of the value it is the closing quote. `None` if that cannot be told.
pub(crate) fn inside_string(
    file: &str,
    outer: Range<usize>,
    value: &str,
    inner: Range<usize>,
) -> Option<Range<usize>> {
    let written = file.get(outer.clone())?;
    let quote = written.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let long = [quote; 3].iter().collect::<String>();
    let fence = if written.len() >= 6 && written.starts_with(&long) { 3 } else { 1 };
    let mut at = fence;
    // A line end right after the opening quotes is none of the value's.
    if fence == 3 {
        at += ["\r\n", "\n"].iter().find(|end| written[at..].starts_with(**end)).map_or(0, |end| end.len());
    }
    let end = written.len().checked_sub(fence).filter(|end| *end >= at)?;
    // Byte for byte: where each byte of the value begins, and where the last one ends.
    let mut starts = Vec::with_capacity(value.len() + 1);
    while at < end {
        let (taken, given) = piece(&written[at..end], quote == '"')?;
        starts.extend((0..given).map(|i| at + if taken == given { i } else { 0 }));
        at += taken;
    }
    starts.push(end);
    if starts.len() != value.len() + 1 {
        return None;
    }
    let from = *starts.get(inner.start)?;
    // Up to where the next piece begins.
    let to = starts.iter().skip(inner.end).find(|next| **next > from).map_or(end + 1, |next| *next);
    Some(outer.start + from..outer.start + to)
}

/// The next piece of a string as it is written: how many bytes it takes there, and how many the value has of it.
fn piece(written: &str, escapes: bool) -> Option<(usize, usize)> {
    let first = written.chars().next()?;
    if first != '\\' || !escapes {
        return Some((first.len_utf8(), first.len_utf8()));
    }
    let coded = |digits: usize| {
        let code = u32::from_str_radix(written.get(2..2 + digits)?, 16).ok()?;
        Some((2 + digits, char::from_u32(code)?.len_utf8()))
    };
    match written.chars().nth(1)? {
        'b' | 't' | 'n' | 'f' | 'r' | 'e' | '"' | '\\' => Some((2, 1)),
        'x' => coded(2),
        'u' => coded(4),
        'U' => coded(8),
        // A backslash at the end of a line: what is blank after it does not count.
        c if c.is_ascii_whitespace() => {
            let rest = written[1..].trim_start_matches([' ', '\t', '\r', '\n']);
            Some((written.len() - rest.len(), 0))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_strings_of_every_form() {
        for (written, part, want) in [
            (r#""abc""#, "b", r"b"),
            (r"'a\dc'", r"\d", r"\d"),
            (r#""a\\dc""#, "\\", r"\\"),
            (r#""a\\dc""#, "d", "d"),
            (r#""a\u00e9z""#, "é", r"\u00e9"),
            (r#""a\u00e9z""#, "z", "z"),
            (r#""a\U0001F600z""#, "z", "z"),
            (r#""a\x41z""#, "z", "z"),
            (r#""aéz""#, "z", "z"),
            ("'''\nab'c'''", "'c", "'c"),
            ("'''ab'c'''", "b'", "b'"),
            ("\"\"\"\r\na\\\n   bc\"\"\"", "c", "c"),
            (r#""""#, "", r#"""#),
        ] {
            let file = format!("x = {written} # \"\n");
            let outer = 4..4 + written.len();
            let table: toml::Table = toml::from_str(&file).unwrap();
            let value = table["x"].as_str().unwrap();
            let at = value.find(part).unwrap();
            let got = inside_string(&file, outer.clone(), value, at..at + part.len());
            let got = got.map(|span| &file[span]);
            assert_eq!(got, Some(want), "{written}");
            // Every place of a value is one of the file.
            for start in 0..=value.len() {
                let span = inside_string(&file, outer.clone(), value, start..start).unwrap();
                assert!(
                    outer.contains(&span.start) && span.end <= outer.end && !span.is_empty(),
                    "{written} {start}"
                );
            }
        }
        // What does not add up is not guessed at.
        assert_eq!(inside_string("x = 'abc'", 4..9, "ab", 0..1), None);
        assert_eq!(inside_string("x = abc", 4..7, "abc", 0..1), None);
    }
}
