//! Writing a replacement where a view's text stood.

use super::Place;

/// Appends a replacement as it is to stand in a place: it comes out as itself, and makes no markup, whatever stands around it.
///
/// What stands before it is not known here: a `<` or `&` may, and would make a tag or reference of a letter. So of a
/// replacement that begins with one, the first letter is written as a reference; an empty one is a space. What begins
/// like `[SSN]` stays as it is.
pub(in super::super) fn escape(place: Place, replacement: &[u8], out: &mut Vec<u8>) {
    let replacement = if replacement.is_empty() { b" " } else { replacement };
    match place {
        Place::Name => {
            // Always part of a name that no element has.
            out.extend_from_slice(b"x_");
            out.extend(replacement.iter().map(|b| match b {
                b if super::is_space(*b) => b'_',
                b'/' | b'>' | b'<' | b'=' | b'"' | b'\'' | b'&' | b'-' => b'_',
                other => *other,
            }));
        }
        Place::Raw => {
            // There is no way to write `</` or `-->` there: they are kept from coming about.
            if matches!(replacement[0], b'/' | b'!') {
                out.push(b' ');
            }
            let mut after_dash = true;
            for b in replacement {
                if after_dash && *b == b'-' {
                    out.push(b' ');
                }
                after_dash = *b == b'-';
                out.push(match b {
                    b'<' => b'[',
                    b'>' => b']',
                    other => *other,
                });
            }
            if after_dash {
                out.push(b' ');
            }
        }
        Place::Text | Place::Attribute { .. } | Place::Comment => {
            for (i, b) in replacement.iter().enumerate() {
                match b {
                    b'&' => out.extend_from_slice(b"&amp;"),
                    b'<' => out.extend_from_slice(b"&lt;"),
                    b'>' => out.extend_from_slice(b"&gt;"),
                    // In shown text, too: a quote may be open that never closes.
                    b'"' => out.extend_from_slice(b"&quot;"),
                    b'\'' => out.extend_from_slice(b"&#39;"),
                    b if i == 0 && completes_markup(*b) || is_unsafe(place, *b) => {
                        out.extend_from_slice(format!("&#{b};").as_bytes());
                    }
                    b => out.push(*b),
                }
            }
        }
    }
}

/// Whether the byte makes something else of a `<`, `</`, `<!`, `&`, `&#` or `&lt` before it.
fn completes_markup(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'/' | b'!' | b'?' | b'#' | b';' | b'=')
}

/// Whether the byte would end its place.
fn is_unsafe(place: Place, b: u8) -> bool {
    match place {
        // Hidden HTML has attributes, too.
        Place::Attribute { quote: None, .. } | Place::Comment => {
            super::is_space(b) || matches!(b, b'=' | b'`') || b == b'-' && place == Place::Comment
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;

    fn escaped(place: Place, replacement: &str) -> String {
        let mut out = Vec::new();
        escape(place, replacement.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replacements_are_written_for_their_place() {
        let name = Span::at(3, 8);
        let quoted = Place::Attribute { quote: Some(b'"'), name };
        let unquoted = Place::Attribute { quote: None, name };
        for (place, replacement, want) in [
            (Place::Text, "[SSN]", "[SSN]"),
            (Place::Text, "<a & \"b\">", "&lt;a &amp; &quot;b&quot;&gt;"),
            (Place::Text, "lt;", "&#108;t;"),
            (Place::Text, "José", "&#74;osé"),
            (Place::Text, "*** 9", "*** 9"),
            (Place::Text, "", " "),
            (quoted, "[a 'b' \"c\"=]", "[a &#39;b&#39; &quot;c&quot;=]"),
            (unquoted, "[a 'b'=\"`\n>]", "[a&#32;&#39;b&#39;&#61;&quot;&#96;&#10;&gt;]"),
            (unquoted, "", "&#32;"),
            (Place::Comment, "--!>", "&#45;&#45;!&gt;"),
            (Place::Comment, "", "&#32;"),
            (Place::Raw, "</script>", "[/script]"),
            (Place::Raw, "/script>", " /script]"),
            (Place::Raw, "\"[SSN]\"", "\"[SSN]\""),
            (Place::Raw, "--x--", " - -x- - "),
            (Place::Raw, "1-2", "1-2"),
            (Place::Name, "[E MAIL]", "x_[E_MAIL]"),
            (Place::Name, "script>", "x_script_"),
        ] {
            assert_eq!(escaped(place, replacement), want, "{place:?} {replacement:?}");
        }
    }
}
