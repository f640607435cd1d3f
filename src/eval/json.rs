//! Values of JSON that is known to be valid, with the places they stand at: an error in a gold file names its column.

use serde_json::from_str;

/// A value, and its offset in the line.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    text: &'a str,
    /// Bytes of the line before it.
    pub(super) at: usize,
}

/// Why a line is no JSON: the byte where that shows, and a reason that quotes nothing of the line.
pub(super) struct Invalid {
    pub(super) at: usize,
    pub(super) reason: String,
}

impl<'a> Value<'a> {
    /// The value that a line holds.
    pub(super) fn parse(line: &'a str) -> Result<Value<'a>, Invalid> {
        // A full parse, so that what is walked below is known to be sound. Its errors of syntax quote nothing.
        from_str::<serde_json::Value>(line).map_err(|e| {
            let text = e.to_string();
            let reason = text.split(" at line ").next().unwrap_or_default().to_owned();
            Invalid { at: e.column().saturating_sub(1).min(line.len()), reason }
        })?;
        let start = line.len() - line.trim_start().len();
        Ok(Value { text: line.trim(), at: start })
    }

    /// The members of an object; of those with the same name the last one counts, as for most readers.
    pub(super) fn members(self) -> Option<Vec<(String, Value<'a>)>> {
        let inside = self.inside(b'{')?;
        let pairs = inside.chunks_exact(2).filter_map(|pair| Some((pair[0].string()?, pair[1])));
        Some(pairs.collect())
    }

    /// The elements of an array.
    pub(super) fn elements(self) -> Option<Vec<Value<'a>>> {
        self.inside(b'[')
    }

    /// A string, its escapes undone.
    pub(super) fn string(self) -> Option<String> {
        self.text.starts_with('"').then(|| from_str(self.text).ok()).flatten()
    }

    /// A number without sign, fraction or exponent.
    pub(super) fn whole_number(self) -> Option<usize> {
        let digits = self.text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| self.text.parse().ok()).flatten()
    }

    /// What stands in a container that begins with `open`: its elements, or names and values by turns.
    fn inside(self, open: u8) -> Option<Vec<Value<'a>>> {
        let bytes = self.text.as_bytes();
        if bytes.first() != Some(&open) {
            return None;
        }
        let (mut found, mut at) = (Vec::new(), 1);
        while at + 1 < bytes.len() {
            if matches!(bytes[at], b' ' | b'\t' | b'\r' | b'\n' | b',' | b':') {
                at += 1;
                continue;
            }
            let end = end(bytes, at);
            found.push(Value { text: self.text.get(at..end)?, at: self.at + at });
            at = end.max(at + 1);
        }
        Some(found)
    }
}

/// Where the value that begins at `at` ends.
fn end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            // The bracket of what is around it.
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn members_with_their_places() {
        let line = " {\"a\" : [1, 23 ,\"x,]\\\"\" ],\"é\":{\"b\":[]},\"\\u0061\":-1.5e3}";
        let value = Value::parse(line).ok().unwrap();
        let members = value.members().unwrap();
        let shown: Vec<_> = members.iter().map(|(k, v)| (k.as_str(), v.text, v.at)).collect();
        let at = |part: &str| line.find(part).unwrap();
        assert_eq!(
            shown,
            [
                ("a", "[1, 23 ,\"x,]\\\"\" ]", at("[1")),
                ("é", "{\"b\":[]}", at("{\"b")),
                ("a", "-1.5e3", at("-1.5"))
            ]
        );
        let elements = members[0].1.elements().unwrap();
        let shown: Vec<_> = elements.iter().map(|v| (v.whole_number(), v.string(), v.at)).collect();
        assert_eq!(
            shown,
            [(Some(1), None, at("1,")), (Some(23), None, at("23")), (None, Some("x,]\"".into()), at("\"x,"))]
        );
        assert!(value.elements().is_none() && members[2].1.whole_number().is_none());
        assert!(members[2].1.members().is_none());
    }

    #[test]
    fn what_is_no_json() {
        for (line, at) in
            [("{\"a\":1,}", 7), ("{\"a\" 1}", 5), ("{\"a\":\"\\ud800\"}", 12), ("", 0), ("[1] x", 4)]
        {
            let e = Value::parse(line).err().unwrap();
            assert!(e.at.abs_diff(at) <= 1, "{line}: {} is not {at}", e.at);
            assert!(!e.reason.contains("line") && !e.reason.is_empty(), "{}", e.reason);
        }
    }

    proptest! {
        /// Walking finds what a reader that builds a tree does.
        #[test]
        fn walks_like_a_tree(strings in prop::collection::vec(".*", 0..5), numbers in prop::collection::vec(any::<u32>(), 0..5), pretty: bool) {
            let tree = json!([strings, numbers, {"k": strings, "n": {}}, null, true, -0.5]);
            let line = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) }.unwrap();
            let parts = Value::parse(&line).ok().unwrap().elements().unwrap();
            prop_assert_eq!(parts.len(), 6);
            for (part, want) in parts.iter().zip(tree.as_array().unwrap()) {
                prop_assert_eq!(&from_str::<serde_json::Value>(part.text).unwrap(), want);
                prop_assert!(line[part.at..].starts_with(part.text));
            }
            let got: Vec<_> = parts[0].elements().unwrap().iter().map(|v| v.string().unwrap()).collect();
            prop_assert_eq!(got, strings);
            let got: Vec<_> = parts[1].elements().unwrap().iter().map(|v| v.whole_number().unwrap() as u32).collect();
            prop_assert_eq!(got, numbers);
        }
    }
}
