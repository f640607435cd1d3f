//! JSON with one spelling: members in the order they are written in, no blanks, and escapes for everything that
//! could disturb a terminal or the eye.

use std::fmt::Write;

use serde_json::Value;

/// Writes an object, member by member.
pub(super) struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Begins one.
    pub(super) fn new(out: &'a mut String) -> Object<'a> {
        out.push('{');
        Object { out, empty: true }
    }

    /// A member whose value is written by what is done to the string.
    pub(super) fn member(&mut self, name: &str) -> &mut String {
        if !std::mem::take(&mut self.empty) {
            self.out.push(',');
        }
        let _ = write!(self.out, "\"{name}\":");
        self.out
    }

    /// A string.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        push_string(self.member(name), text);
    }

    /// A string, where there is one.
    pub(super) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A number.
    pub(super) fn number(&mut self, name: &str, number: u64) {
        let _ = write!(self.member(name), "{number}");
    }

    /// A list whose items are written by `write`; nothing where there are none.
    pub(super) fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut String, &T)) {
        if items.is_empty() {
            return;
        }
        let out = self.member(name);
        for (i, item) in items.iter().enumerate() {
            out.push(if i == 0 { '[' } else { ',' });
            write(out, item);
        }
        out.push(']');
    }

    /// Ends it.
    pub(super) fn end(self) {
        self.out.push('}');
    }
}

/// A JSON string (RFC 8259, section 7). Beside what must be escaped, all control characters are, and those that
/// are invisible or change the direction of text: a log must read as it is.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if deceives(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Controls, line and paragraph separators, zero-width characters, and the marks of bidirectional text.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A whole value, with strings as [`push_string`] writes them.
pub(super) fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => push_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut object = Object::new(out);
            for (name, value) in members {
                push_value(object.member(name), value);
            }
            object.end();
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_reaches_a_terminal() {
        let mut out = String::new();
        push_string(&mut out, "a\"\\\n\r\t\u{1b}[2J\u{7f}\u{85}\u{9b}\u{202e}x\u{2028}\u{200b}é😀");
        assert_eq!(
            out,
            "\"a\\\"\\\\\\n\\u000d\\u0009\\u001b[2J\\u007f\\u0085\\u009b\\u202ex\\u2028\\u200bé😀\""
        );
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text: String, number: i64) {
            let value = serde_json::json!({ "a": [text, number, null, true], "b": { "c": {} } });
            let mut out = String::new();
            push_value(&mut out, &value);
            prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), value);
            prop_assert!(!out.chars().any(deceives));
        }
    }
}
