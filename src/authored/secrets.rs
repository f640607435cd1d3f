//! Secrets that were written into a file although they are only to be named there.

use std::ops::Range;

use super::suggest::distance;

/// Whether a key is one whose value is secret, or names a secret.
pub(crate) fn is_secret_name(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let parts = ["password", "secret", "token", "jaas", ".pem"];
    key == "key" || key == "hmac" || parts.iter().any(|p| key.contains(p))
}

/// Whether a key may have been meant for such a one: its value is not to be shown either.
pub(super) fn may_be_secret_name(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let near = |part: &str| {
        let off = |word: &str| distance(part, word);
        ["key", "hmac", "token", "pass"].iter().any(|w| off(w) <= 1)
            || ["password", "passphrase", "secret", "credential"].iter().any(|w| off(w) <= 2)
    };
    is_secret_name(&lower)
        || ["passw", "pwd", "passphrase", "credential", "apikey"].iter().any(|p| lower.contains(p))
        || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(near)
}

/// The same text, with every secret that was written into it by mistake turned into `*`, byte for byte: errors
/// show the line they are about. `broken` says that it is no TOML, where a string may end elsewhere than it seems:
/// then the rest of the line goes too.
pub(super) fn blank_secrets(text: &str, broken: bool) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut done = 0;
    // As in other languages: it is no TOML then.
    let sets = |c| c == '=' || broken && c == ':';
    for (equals, _) in text.match_indices(sets) {
        if equals >= done && may_be_secret_name(key_before(&text[..equals])) {
            done = equals + 1 + blank_value(&text[equals + 1..], broken, &mut out[equals + 1..]);
        }
    }
    // Only whole characters have been replaced, by ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// The same text with the bytes of a value turned into `*`, but for its quotes and line ends. A reference to a secret
/// stays.
pub(super) fn blank(text: &str, span: Range<usize>) -> String {
    let mut out = text.as_bytes().to_vec();
    if let (Some(value), Some(bytes)) = (text.get(span.clone()), out.get_mut(span)) {
        let (from, to) = match value.chars().next() {
            Some('"' | '\'') => (fence(value).len(), value.len().saturating_sub(fence(value).len())),
            _ => (0, value.len()),
        };
        if from < to && !is_reference(&value[from..to]) {
            star(&mut bytes[from..to]);
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The key that an `=` belongs to, as it is written, without its first and last quote.
fn key_before(text: &str) -> &str {
    let line = text.rsplit(['\n', '{', ',']).next().unwrap_or_default();
    line.trim().trim_matches(['"', '\''])
}

/// Blanks the value that `text` begins with in `out`, which is the same; gives the bytes it has gone over.
fn blank_value(text: &str, broken: bool, out: &mut [u8]) -> usize {
    let start = text.len() - text.trim_start_matches([' ', '\t']).len();
    let value = &text[start..];
    let line_end = |from: usize| value[from..].find('\n').map_or(value.len(), |n| from + n);
    let end = match value.chars().next() {
        Some('"' | '\'') => {
            let (inner, end) = string(value);
            if !is_reference(&value[inner.clone()]) {
                star(&mut out[start + inner.start..start + inner.end]);
            }
            let rest = value[end..].trim_start_matches([' ', '\t', '\r']);
            let end = match rest.chars().next() {
                // A quote within the secret, and the rest of it would pass for a comment.
                Some('#') => line_end(end),
                _ if broken => lines_without_key(value, end),
                _ => return start + end,
            };
            star(&mut out[start + inner.end + fence(value).len().min(end - inner.end)..start + end]);
            end
        }
        Some('{' | '[') => blank_bracketed(value, &mut out[start..]),
        // No string, so this may be anything.
        _ => {
            let end = if broken { lines_without_key(value, 0) } else { line_end(0) };
            star(&mut out[start..start + end]);
            end
        }
    };
    start + end
}

/// The end of the line that `from` stands on, or of what follows up to a line that begins something new.
fn lines_without_key(value: &str, from: usize) -> usize {
    let mut end = from;
    for (i, line) in value[from..].split_inclusive('\n').enumerate() {
        if i > 0 && (line.contains('=') || line.trim_start().starts_with('[')) {
            break;
        }
        end += line.len();
    }
    end
}

/// Whether a string only names a secret.
fn is_reference(inner: &str) -> bool {
    match inner.strip_prefix("env:") {
        Some(name) => name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
        None => inner.starts_with("file:"),
    }
}

fn star(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|b| !matches!(b, b'\n' | b'\r')).for_each(|b| *b = b'*');
}

/// The quotes a string begins with: one or three.
fn fence(value: &str) -> &str {
    match ["\"\"\"", "'''"].iter().find(|three| value.starts_with(**three) && value.len() >= 6) {
        Some(three) => three,
        None => value.get(..1).unwrap_or_default(),
    }
}

/// The inside of the string that `value` begins with, and its end. One that is not closed ends with its line.
fn string(value: &str) -> (Range<usize>, usize) {
    let fence = fence(value);
    let from = fence.len();
    let (bytes, mut at) = (value.as_bytes(), from);
    while at < bytes.len() {
        if value[at..].starts_with(fence) {
            // Up to two quotes more belong to the text of a long string.
            let more = if from == 3 {
                bytes[at + 3..].iter().take(2).take_while(|b| **b == bytes[0]).count()
            } else {
                0
            };
            return (from..at + more, at + more + from);
        }
        if bytes[at] == b'\n' && from == 1 {
            break;
        }
        at += if bytes[at] == b'\\' && bytes[0] == b'"' { 2 } else { 1 };
        while at < bytes.len() && !value.is_char_boundary(at) {
            at += 1;
        }
    }
    let end = at.min(bytes.len());
    (from.min(end)..end, end)
}

/// Blanks all that the table or list that `value` begins with holds; gives its end, which without a bracket is that of
/// the text.
fn blank_bracketed(value: &str, out: &mut [u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(c) = value[at..].chars().next() {
        let end = at + c.len_utf8();
        match c {
            '"' | '\'' => {
                let (inner, end) = string(&value[at..]);
                star(&mut out[at + inner.start..at + inner.end]);
                at += end.max(1);
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '=' | ',' | ' ' | '\t' | '\r' | '\n' => {}
            _ => star(&mut out[at..end]),
        }
        at = end;
        if depth == 0 {
            return at;
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_blanked_and_offsets_stay() {
        for (text, want) in [
            ("key = \"hunter2\"", "key = \"*******\""),
            ("key = \"env:KEY\"", "key = \"env:KEY\""),
            ("key = \"env:KEY hunter2\"", "key = \"***************\""),
            ("hmac='abc' # x", "hmac='***'****"),
            ("\"sasl.password\" = \"p=é\"\nx = 1", "\"sasl.password\" = \"****\"\nx = 1"),
            (
                "p = { \"ssl.key.pem\" = '''a\nb''', q = \"r\" }",
                "p = { \"ssl.key.pem\" = '''*\n*''', q = \"r\" }",
            ),
            ("group = \"keys\"", "group = \"keys\""),
            ("p = { password = \"a\\\"b\", q = \"r\" }", "p = { password = \"****\", q = \"r\" }"),
            ("p = { password = '''a'''', q = 'r' }", "p = { password = '''**''', q = 'r' }"),
            ("token = \"\"\"a\\\"\"\"b\"\"\"\nx = 1", "token = \"\"\"******\"\"\"\nx = 1"),
            // Not a string.
            ("key = 5", "key = *"),
            ("key = [ \"a\", 'b]' ]\nx = 'y'", "key = [ \"*\", '**' ]\nx = 'y'"),
            ("key = { file = \"hunter}2\" }, x", "key = { **** = \"********\" }, x"),
            // Keys in several parts, and misspelt.
            ("on_error.key = 'abc'", "on_error.key = '***'"),
            ("sasl . \"password\" = 'abc'", "sasl . \"password\" = '***'"),
            ("{ hmca = 'abc', kye = 'abc' }", "{ hmca = '***', kye = '***' }"),
            ("\"sasl.pasword\" = 'abc'", "\"sasl.pasword\" = '***'"),
            ("\"sasl.passwd\" = 'abc'", "\"sasl.passwd\" = '***'"),
            ("keep_last = 4\ntopic = 'a'\nkind = ['b']", "keep_last = 4\ntopic = 'a'\nkind = ['b']"),
            ("key =", "key ="),
        ] {
            assert_eq!(blank_secrets(text, false), want);
        }
        for (text, want) in [
            ("sasl_password = \"open\nnext\"\nx = 1", "sasl_password = \"****\n*****\nx = 1"),
            ("p = { password = \"a\"b\", q = 1 }\n[x]", "p = { password = \"*\"***********\n[x]"),
            ("password = hunter2 # x\ny = 1", "password = ***********\ny = 1"),
            ("key: \"hunter2\"\nb = 1", "key: \"*******\"\nb = 1"),
            ("token = \"\"\"open\ny = 1", "token = \"\"\"****\n*****"),
            ("key = \"", "key = \""),
            ("key = {", "key = {"),
            ("key = { 'a", "key = { '*"),
        ] {
            assert_eq!(blank_secrets(text, true), want);
        }
    }

    #[test]
    fn a_value_is_blanked_where_it_stands() {
        for (value, want) in [
            ("\"abc\"", "\"***\""),
            ("'''a\nb'''", "'''*\n*'''"),
            ("'file:x'", "'file:x'"),
            ("17", "**"),
            ("''", "''"),
        ] {
            assert_eq!(blank(&format!("x = {value}\n"), 4..4 + value.len()), format!("x = {want}\n"));
        }
        assert_eq!(blank("short", 3..99), "short");
    }

    proptest! {
        /// Whatever a secret is made of, and however it is written.
        #[test]
        fn no_secret_is_shown(
            secret in "[a-z\"'\\\\#,={}\\[\\] é]{0,12}",
            key in prop::sample::select(vec!["key", "hmac", "\"sasl.password\"", "on_error.key", "client_secret"]),
            form in 0..5usize,
            inline in any::<bool>(),
        ) {
            let secret = format!("CANARY{secret}CANARY");
            let basic = secret.replace('\\', "\\\\").replace('"', "\\\"");
            let value = match form {
                0 => format!("\"{basic}\""),
                1 => format!("\"\"\"{basic}\"\"\""),
                2 => format!("'''{}'''", secret.replace("'''", "")),
                // Not TOML, perhaps.
                3 => format!("\"{secret}\""),
                _ => secret.clone(),
            };
            let text = match inline {
                true => format!("[t]\np = {{ a = 1, {key} = {value} }}\nz = 1\n"),
                false => format!("[t]\n{key} = {value}\nz = 1\n"),
            };
            let shown = blank_secrets(&text, text.parse::<toml::Table>().is_err());
            prop_assert!(!shown.contains("CANARY"), "{text}\n{shown}");
            prop_assert_eq!(shown.len(), text.len());
            prop_assert!(shown.ends_with("\nz = 1\n"), "{}\n{}", text, shown);
        }

        #[test]
        fn blanking_never_panics(text in "\\PC{0,40}", odd in "[key=\"'{}\\[\\]\\\\\n é]{0,40}") {
            for t in [text, format!("key{odd}")] {
                prop_assert_eq!(blank_secrets(&t, false).len(), t.len());
                prop_assert_eq!(blank_secrets(&t, true).len(), t.len());
            }
        }
    }
}
