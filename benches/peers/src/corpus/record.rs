//! A record as it is written, and where identifiers were planted in it.

use std::ops::Range;

macro_rules! kinds {
    ($($variant:ident $name:literal)*) => {
        /// What was planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($variant,)* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    Name "name"
    City "city"
    Address "address"
    Zip "zip"
    Dob "dob"
    Phone "phone"
    Email "email"
    Ssn "ssn"
    Mrn "mrn"
    Member "member_id"
    Account "account"
    Card "card"
    Npi "npi"
    Dea "dea"
    Vin "vin"
    Device "device"
    Url "url"
    Ip "ip"
    Neutral "neutral"
}

impl Kind {
    /// Words, which need a dictionary; all others have a form or a label.
    pub fn is_word(self) -> bool {
        matches!(self, Kind::Name | Kind::City)
    }

    /// Whether it counts: what is neutral (times, appointments, facilities) is neither missed nor wrongly removed.
    pub fn counts(self) -> bool {
        self != Kind::Neutral
    }
}

/// A span of a record's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
    /// Where the value stands, without escapes, among the record's values.
    value: Range<usize>,
}

/// One record under construction. It is cleared and used again.
#[derive(Default)]
pub struct Record {
    /// What is written, without the end of the line.
    pub text: String,
    pub planted: Vec<Planted>,
    values: String,
    /// Write everything beyond ASCII as `\u` escapes, as some JSON writers do.
    pub ascii: bool,
}

impl Record {
    pub fn clear(&mut self) {
        self.text.clear();
        self.planted.clear();
        self.values.clear();
        self.ascii = false;
    }

    /// A planted value as it is without escapes.
    pub fn value(&self, planted: &Planted) -> &str {
        &self.values[planted.value.clone()]
    }

    /// Whether anything stands in it that counts.
    #[cfg(test)]
    pub fn has_phi(&self) -> bool {
        self.planted.iter().any(|p| p.kind.counts())
    }

    /// Appends text, escaped for a JSON string `level` times.
    pub fn push(&mut self, text: &str, level: u8) {
        let plain = |c: char| !(c == '"' || c == '\\' || c < ' ' || (self.ascii && !c.is_ascii()));
        if level == 0 || text.chars().all(plain) {
            self.text.push_str(text);
            return;
        }
        let mut escaped = text.to_string();
        for _ in 0..level {
            escaped = escape(&escaped, self.ascii);
        }
        self.text.push_str(&escaped);
    }

    /// Begins a sentence with a capital, unless it begins with a value.
    pub fn capitalise(&mut self, at: usize) {
        if self.planted.iter().all(|p| p.start != at) {
            let first = self.text[at..].chars().next().filter(char::is_ascii_lowercase);
            let upper = first.map(|c| c.to_ascii_uppercase().to_string());
            self.text
                .replace_range(at..at + upper.as_ref().map_or(0, String::len), &upper.unwrap_or_default());
        }
    }

    /// Appends a value and remembers where it stands.
    pub fn plant(&mut self, kind: Kind, value: &str, level: u8) {
        let start = self.text.len();
        self.push(value, level);
        let at = self.values.len();
        self.values.push_str(value);
        self.planted.push(Planted { start, end: self.text.len(), kind, value: at..self.values.len() });
    }
}

/// Once through what a JSON writer does to a string.
pub fn escape(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || (ascii && !c.is_ascii()) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}
