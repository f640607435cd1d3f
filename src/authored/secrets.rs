//! Secrets that were written into a file although they are only to be named there.

/// Whether a key is one whose value is secret, or names a secret.
pub(crate) fn is_secret_name(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let parts = ["password", "secret", "token", "jaas", ".pem"];
    key == "key" || key == "hmac" || parts.iter().any(|p| key.contains(p))
}

/// The same text, with every secret that was written into it by mistake turned into `*`, byte for byte: errors
/// show the line they are about.
pub(crate) fn blank_secrets(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    for (equals, _) in text.match_indices('=') {
        let key = text[..equals].trim_end().trim_end_matches(['"', '\'']);
        let key = key.rsplit(['"', '\'', ' ', '\t', '\n', '{', ',', '[']).next().unwrap_or_default();
        let after = &text[equals + 1..];
        let value = after.trim_start_matches([' ', '\t']);
        let Some(quote) = value.chars().next().filter(|c| is_secret_name(key) && matches!(c, '"' | '\''))
        else {
            continue;
        };
        let fence = match value.get(..3) {
            Some(three) if three.chars().all(|c| c == quote) => three,
            _ => &value[..1],
        };
        let inner = &value[fence.len()..];
        if inner.starts_with("env:") || inner.starts_with("file:") {
            continue;
        }
        let end = inner.find(fence).or_else(|| inner.find('\n')).unwrap_or(inner.len());
        let start = equals + 1 + (after.len() - value.len()) + fence.len();
        out[start..start + end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b'*');
    }
    // Only whole characters have been replaced, by ASCII.
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blanked_and_offsets_stay() {
        for (text, want) in [
            ("key = \"hunter2\"", "key = \"*******\""),
            ("key = \"env:KEY\"", "key = \"env:KEY\""),
            ("hmac='abc' # x", "hmac='***' # x"),
            ("\"sasl.password\" = \"p=é\"\nx = 1", "\"sasl.password\" = \"****\"\nx = 1"),
            (
                "p = { \"ssl.key.pem\" = '''a\nb''', q = \"r\" }",
                "p = { \"ssl.key.pem\" = '''*\n*''', q = \"r\" }",
            ),
            ("sasl_password = \"open\nnext", "sasl_password = \"****\nnext"),
            ("group = \"keys\"", "group = \"keys\""),
            ("key = 5", "key = 5"),
        ] {
            let got = blank_secrets(text);
            assert_eq!(got, want);
            assert_eq!(got.len(), text.len());
        }
    }
}
