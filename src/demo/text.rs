//! Text with identifiers planted in it, each remembered.

use std::ops::Range;

use crate::kind::Kind;

/// A text and what was planted in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    /// The text.
    pub(crate) text: String,
    /// What stands in it that must not come out, in order.
    pub(crate) planted: Vec<Planted>,
}

/// An identifier in a [`Text`].
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it is written.
    pub(crate) at: Range<usize>,
    /// The value itself, where it is not written as such but escaped.
    pub(crate) value: Option<String>,
}

impl Text {
    /// Adds text that may come out.
    pub(super) fn say(mut self, text: &str) -> Text {
        self.text += text;
        self
    }

    /// Adds an identifier.
    pub(super) fn plant(mut self, kind: Kind, value: &str) -> Text {
        let start = self.text.len();
        self.text += value;
        self.planted.push(Planted { kind, at: start..self.text.len(), value: None });
        self
    }

    /// Adds an identifier as it is written inside a JSON string by writers that escape what they need not: `/` and
    /// everything outside ASCII.
    pub(super) fn plant_escaped(mut self, kind: Kind, value: &str) -> Text {
        let start = self.text.len();
        for c in value.chars() {
            match c {
                '/' => self.text += "\\/",
                c if c.is_ascii() => self.text.push(c),
                c => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.text += &format!("\\u{unit:04x}");
                    }
                }
            }
        }
        self.planted.push(Planted { kind, at: start..self.text.len(), value: Some(value.to_string()) });
        self
    }

    /// The identifiers as they are written.
    pub(super) fn written(&self) -> impl Iterator<Item = (&Planted, &str)> {
        self.planted.iter().map(|p| (p, &self.text[p.at.clone()]))
    }

    /// The text with markers in place of all that was planted: what the best of scrubbers would make of it.
    #[cfg(test)]
    pub(super) fn ideal(&self) -> String {
        let (mut out, mut from) = (String::new(), 0);
        for planted in &self.planted {
            out += &self.text[from..planted.at.start];
            out += planted.kind.marker();
            from = planted.at.end;
        }
        out + &self.text[from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_where_things_stand() {
        let text = Text::default().say("for ").plant(Kind::Name, "Ana Souza").say(", born ");
        let text = text.plant_escaped(Kind::Date, "03/14/1962").say(".");
        assert_eq!(text.text, "for Ana Souza, born 03\\/14\\/1962.");
        assert_eq!(text.ideal(), "for [NAME], born [DATE].");
        assert_eq!(text.written().map(|(_, w)| w).collect::<Vec<_>>(), ["Ana Souza", "03\\/14\\/1962"]);
        assert_eq!(Text::default().plant_escaped(Kind::Name, "Zoë").text, "Zo\\u00eb");
    }
}
